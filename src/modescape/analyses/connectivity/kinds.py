"""The axes along which results are made, and how their intervals were made."""

from __future__ import annotations

METRICS = ("loss", "error")
PATHS = ("straight", "aligned", "bezier", "polychain")
UNITS = {"classification": "nats (1 for error)", "regression": "nats (unit of the target for error)"}
INTERVALS = (
    "95 %. Of a barrier: these two networks (this path) on new examples, at the place where it is highest, by the "
    "standard error. Of a mean over pairs: new members on new examples; Student's t with Satterthwaite's degrees of "
    "freedom on the variance over test examples and that between networks, from leaving each out (pairs share "
    "networks), without what the same examples made of it; with 2 members, test examples alone"
)
