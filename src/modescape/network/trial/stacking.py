"""Whether several networks can share one call, with the same results as alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from modescape import tree
from modescape.network.copies import SAME, close, stacked
from modescape.network.forward import forward_stacked
from modescape.network.habits import Habits
from modescape.network.member_ops import ComputePolicy
from modescape.network.trial.subject import KEYS, Subject, idle, reason
from modescape.types import ModelState

SAME_GRADIENT = 5e-2  # tolerance between stacked and single gradients: batch norm magnifies rounding
LONGEST = 200  # characters of a reason
OTHER_NUMBERS = "its outputs change when it is stacked with others"


def why_not(subject: Subject, module: nn.Module, states: Sequence[ModelState], habits: Habits) -> str:
    """Why networks cannot be stacked by `vmap`; "" if they can."""
    alone = [subject.stepped(module, [state], habits) for state in states] if habits.can_stack else []
    evaluated = subject.evaluated(module, states, habits) if habits.can_stack_in_evaluation else None
    try:
        if alone:
            together = subject.stepped(module, states, habits)
            for model, (gradients, loss, _) in enumerate(alone):
                names = [name for name in gradients if name in together.gradients]
                both = (tree.ravel(gradients, names), tree.ravel(tree.unstack(together.gradients, model), names))
                if not close(loss[0], together.loss[model], 10 * SAME) or not close(*both, SAME_GRADIENT):
                    return OTHER_NUMBERS
        if evaluated is not None:
            policy, (inputs, _) = ComputePolicy(memory_format=habits.memory_format), subject.batch(habits)
            with torch.no_grad():
                logits = forward_stacked(idle(module), stacked(states), inputs, KEYS[:2], policy).logits
            if not close(evaluated, logits, 10 * SAME):
                return OTHER_NUMBERS
    except Exception as error:  # whatever `vmap` does not support
        return f"vmap refuses it ({reason(error)})"[:LONGEST]
    return ""
