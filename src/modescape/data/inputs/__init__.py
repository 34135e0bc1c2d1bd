"""Kinds of inputs: what an example is, how it is checked, what is fitted on the training split, how a batch is made.

A kind is a frozen object that splits carry (`modescape.data.inputs.base.InputKind`), and a function that reads it.
"""

READERS = {
    "image": "modescape.data.images:read",
    "table": "modescape.data.features:read",
}
"""``data.inputs`` -> the function (section, report) -> (source, fingerprint of its content)."""
