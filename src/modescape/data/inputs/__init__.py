"""Kinds of inputs: what an example is, how it is checked, what is fitted on the training split, how a batch is made.

A kind is a frozen object that splits carry (`modescape.data.inputs.base.InputKind`), and a function that reads it.
"""

READERS = {
    "image": "modescape.data.images:read",
    "table": "modescape.data.features:read",
    "tokens": "modescape.data.sentences:read",
    "tree": "modescape.data.loaded:read",
}
"""``data.inputs`` -> the function (section, section on targets, report) -> (source, fingerprint of its content)."""
