"""A study as a loss landscape: the losses are those of the study's own evaluator."""

import numpy as np
import pytest
import torch
from stand_ins import no_figures

from modescape import pipeline, tree
from modescape.analyses.field import field, loss_of, passes, point_of, tensors_of
from modescape.analyses.landing import losses
from modescape.analyses.sampling import neighbourhood
from modescape.batches import leaves
from modescape.context import StudyContext
from modescape.landscape import Landscape
from modescape.study import Study
from modescape.types import ModelState

pytestmark = pytest.mark.ci  # studies are trained for them


def lines(context: StudyContext) -> tuple[list[ModelState], np.ndarray]:
    """Three points between two solutions, and the losses that the evaluator gives them."""
    around, other = (neighbourhood(context, member) for member in (0, 1))
    one, two = around.trajectory[-1], other.trajectory[-1]
    weights = torch.stack([torch.lerp(one, two, t) for t in (0.0, 0.4, 1.0)])
    own = around.states[-1]
    points = [ModelState(tree.unravel(row, own.params), own.buffers) for row in weights]
    return points, losses(around, weights, context.dataset.test.first(300))


def test_losses_between_solutions_are_those_of_the_evaluator(networks: Study):
    context = StudyContext(networks)
    points, expected = lines(context)
    found = field(context, point_of(context, 0), context.dataset.test.first(300))
    np.testing.assert_allclose(found.values(points), expected, rtol=1e-5)


def test_recomputed_statistics_are_those_of_the_evaluator(tmp_path):
    small = ["data.train=300", "data.test=300", "train.members=2", "train.epochs=2", "compute.engine=here"]
    with no_figures():
        pipeline.train("digits", tmp_path / "study", overrides=[*small, "model.factory=resnet20"])
    context = StudyContext(Study.open(tmp_path / "study"))
    points, expected = lines(context)
    found = field(context, point_of(context, 0), context.dataset.test.first(300))
    np.testing.assert_allclose(found.values(points), expected, rtol=2e-4)


def test_examples_that_take_more_than_they_may_are_prepared_in_every_pass(regression: Study):
    context = StudyContext(regression)
    test, point = context.dataset.test, point_of(context, 0)
    size = sum(leaf.element_size() * leaf.numel() for leaf in leaves(context.preparation(test.inputs)))
    kept, made = (passes(context, test, dtype=torch.float32, held=held) for held in (size, size - 1))
    assert isinstance(kept, list)
    assert not isinstance(made, list)
    anew = Landscape(context.module, tensors_of(point), made, loss=loss_of(context))
    assert anew.value() == field(context, point, test).value()


def test_the_loss_of_a_regression_is_that_it_was_trained_on(regression: Study):
    context = StudyContext(regression)
    test, task = context.dataset.test, context.dataset.task
    point = point_of(context, 0)
    with torch.no_grad():
        model = regression.model()
        model.load_state_dict({**point.buffers, **point.params})
        output = model.eval()(context.preparation(test.inputs))
    expected = float(task.mean_loss(output, task.seen(test.label)))
    assert field(context, point, test).value() == pytest.approx(expected, rel=1e-5)
