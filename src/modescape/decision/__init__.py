"""Whether to keep one network, calibrate it, train longer or wider, or average several: one rule over measured scores.

`budgets` says which candidates are allowed, `rules` chooses one and judges it, `words` states it.
"""

from __future__ import annotations

from modescape.decision.budgets import Budget
from modescape.decision.candidates import Candidate, Price, Table
from modescape.decision.rules import Decision, Rules, decide

__all__ = ["Budget", "Candidate", "Decision", "Price", "Rules", "Table", "decide"]
