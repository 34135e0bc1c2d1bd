"""Classification: one class of several; the network gives logits, the prediction is log-probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from modescape.errors import InputError
from modescape.plain import shown
from modescape.tasks.base import Field, Stored, constant, slope_of

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor

    from modescape import recipe

STORED = Stored(
    fields=(Field("log_prob", "nats", "log-probability"),),
    axis="class",
    target=Field("label", "1", "true class"),
    target_kind="int64",
)


@dataclass(frozen=True)
class Classification:
    """Cross-entropy, optionally with class weights.

    Targets are classes, int64 [..., example], or class probabilities, floating [..., example, class] (smoothed or
    mixed labels).
    """

    classes: int = 0
    weights: tuple[float, ...] | None = None  # of each class in the training loss; None: equal
    smoothing: float = 0.0  # label smoothing in the training loss

    @property
    def kind(self) -> str:
        """See `Task`."""
        return "classification"

    @property
    def column(self) -> str:
        """See `Task`."""
        return "accuracy"

    @property
    def stored(self) -> Stored:
        """Log-probabilities."""
        return STORED

    @classmethod
    def of(cls, about: Mapping[str, Any]) -> Classification:
        """The inverse of `as_dict`."""
        weights = about.get("weights")
        return cls(int(about["classes"]), None if weights is None else tuple(map(float, weights)))

    @classmethod
    def of_targets(cls, settings: recipe.Task, train: np.ndarray, names: tuple[str, ...]) -> Classification:
        """The task of a recipe, with what it takes from the training labels [example].

        Raises:
            InputError: on settings that do not fit the classes.
        """
        import numpy as np

        if not settings.variance:
            raise InputError("task.variance is for regression, and the targets are classes; leave it out")
        weights = settings.class_weights
        if weights is None:
            return cls(len(names))
        if weights == "balanced":
            return cls(len(names), balanced(train, len(names)))
        if len(weights) != len(names):
            raise InputError(
                f"task.class_weights has {len(weights)} numbers and there are {len(names)} classes "
                f"({shown(', '.join(names[:5]), 200)}); give one per class, or 'balanced'"
            )
        if not any(weights[number] for number in np.unique(train)):
            raise InputError("task.class_weights is 0 for every class that is trained on; give one a weight")
        return cls(len(names), tuple(map(float, weights)))

    def as_dict(self) -> dict[str, Any] | None:
        """See `Task`; without weights the manifest's number of classes says it all."""
        if self.weights is None:
            return None
        return {"kind": self.kind, "classes": self.classes, "weights": list(self.weights)}

    @property
    def width(self) -> int:
        """Logits of an example."""
        return self.classes

    @property
    def predicted(self) -> int:
        """Log-probabilities of an example."""
        return self.classes

    def check(self, target: np.ndarray, name: str) -> None:
        """Check that targets are classes.

        Raises:
            InputError: naming the row.
        """
        import numpy as np

        if target.ndim != 1 or not np.issubdtype(target.dtype, np.integer):
            raise InputError(f"{name}: labels are {target.dtype} {list(target.shape)}, expected whole numbers")
        wrong = np.flatnonzero((target < 0) | (target >= self.classes))
        if len(wrong):
            raise InputError(
                f"{name}: the label of row {wrong[0]} is {target[wrong[0]]}, expected 0 to {self.classes - 1}; "
                f"{len(wrong)} such rows"
            )

    def smoothed(self, share: float) -> Classification:
        """The same with smoothed targets (Szegedy et al. 2016, arXiv 1512.00567)."""
        return replace(self, smoothing=share)

    def seen(self, target: Tensor) -> Tensor:
        """As they are."""
        return target

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Cross entropy in nats, times the weight of the class; [..., example]."""
        from torch.nn.functional import cross_entropy

        flat = target.flatten(0, -2) if target.is_floating_point() else target.flatten()
        wide = _wide(output).flatten(0, -2)
        more = {"reduction": "none", "label_smoothing": self.smoothing}
        return cross_entropy(wide, flat, self._weight(wide), **more).view(output.shape[:-1])

    def mean_loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Mean cross entropy in nats; with weights sum(w l) / sum(w), as in torch."""
        if output.dim() == 2:  # the faster kernel
            from torch.nn.functional import cross_entropy

            wide = _wide(output)
            return cross_entropy(wide, target, self._weight(wide), label_smoothing=self.smoothing)
        loss, weight = self.loss(output, target), self._weight(output)
        if weight is None or target.is_floating_point():
            return loss.mean(-1)
        return loss.sum(-1) / weight[target].sum(-1)

    def slope(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """`mean_loss` of [example, class] and its gradient; without class weights by autograd's operations."""
        import torch

        if self.weights is not None or self.smoothing or target.is_floating_point() or output.dtype != torch.float32:
            return slope_of(lambda own: self.mean_loss(own, target), output)
        rows, mean, ignored = torch.log_softmax(output, 1), 1, -100  # torch's codes
        loss, total = torch.ops.aten.nll_loss_forward.default(rows, target, None, mean, ignored)
        back = torch.ops.aten.nll_loss_backward.default(loss.new_ones(()), rows, target, None, mean, ignored, total)
        return loss, torch.ops.aten._log_softmax_backward_data.default(back, rows, 1, output.dtype)

    def _weight(self, like: Tensor) -> Tensor | None:
        if self.weights is None:
            return None
        return constant(self.weights, like.device, _wide_kind(like.dtype))

    def tally(self, output: Tensor, target: Tensor) -> Tensor:
        """Correct predictions; of mixed labels, of the largest share."""
        label = target.argmax(-1) if target.is_floating_point() else target
        return (output.argmax(-1) == label).sum(-1)

    def tally_kind(self) -> torch.dtype:
        """Whole numbers."""
        import torch

        return torch.int64

    def told(self, mean: Tensor) -> Tensor:
        """The accuracy."""
        return mean

    def predictive(self, output: Tensor) -> Tensor:
        """Log-probabilities."""
        return output.log_softmax(-1)

    def probe(self, predictive: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Mean NLL in nats, whatever the weights of classes, and accuracy."""
        label = target.expand(len(predictive), -1)
        loss = -predictive.gather(2, label[..., None])[..., 0].double().mean(1)
        return loss, (predictive.argmax(-1) == label).double().mean(1)

    def nothing(self, examples: int) -> np.ndarray:
        """-1, int64 [example]."""
        import numpy as np

        return np.full(examples, -1, dtype=np.int64)

    @property
    def needs_validation(self) -> bool:
        """Never."""
        return False

    def completed(self, predictive: np.ndarray, validation: np.ndarray, target: np.ndarray) -> np.ndarray:
        """As it is."""
        return predictive


CLASSES = Classification()
"""For any number of classes: loss and prediction do not depend on it."""


def balanced(label: np.ndarray, classes: int) -> tuple[float, ...]:
    """Weights n / (K n_c), by which every class weighs the same in the training split; 0 of one without an example.

    Source: King and Zeng 2001, "Logistic regression in rare events data"; scikit-learn's ``class_weight="balanced"``.
    """
    import numpy as np

    count = np.bincount(label, minlength=classes)
    with np.errstate(divide="ignore"):
        weight = len(label) / ((count > 0).sum() * count)
    return tuple(np.where(count > 0, weight, 0.0).tolist())


def _wide(output: Tensor) -> Tensor:
    """At least float32."""
    return output.to(_wide_kind(output.dtype))


def _wide_kind(kind: torch.dtype) -> torch.dtype:
    import torch

    return torch.promote_types(kind, torch.float32)
