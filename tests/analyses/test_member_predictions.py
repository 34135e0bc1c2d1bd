"""Predictions of members on examples: probabilities, order of examples, and pictures (none of private data)."""

import numpy as np
import pytest
from PIL import Image
from scipy.stats import entropy

from modescape import analyses
from modescape.analyses.member_predictions.measure import LEAST, NUMBERS, _spread
from modescape.analyses.shift.paired import PairedGains
from modescape.context import StudyContext
from modescape.metrics import SCORES
from modescape.offered import INDEPENDENT, stacked
from modescape.pipeline import run
from modescape.study import Study
from modescape.study.offering import offer

from .building import build_study


@pytest.mark.parametrize(
    ("examples", "members", "classes"), [(10, 2, 3), (1297, 10, 10), (50_000, 10, 1000), (1, 2, 2)]
)
def test_examples_are_evenly_spaced_as_many_as_there_is_room_for(examples, members, classes):
    place = _spread(examples, members, classes)
    assert len(place) == min(examples, max(LEAST, NUMBERS // (members * classes)))
    assert place[0] == 0
    assert place[-1] < examples
    steps = np.diff(place)
    assert not len(steps) or (steps.max() - steps.min() <= 1 and steps.min() >= 1)


def test_a_page_stays_small_however_many_classes_there_are():
    assert [len(_spread(1000, 10, classes)) for classes in (4000, 10_000, 100_000, 1_000_000)] == [24, 10, 1, 1]


def test_log_probabilities_are_those_of_solutions_and_the_most_disputed_come_first(tmp_path):
    study = build_study(tmp_path / "study", members=4)
    found = analyses.measure("member_predictions", study)
    predictions = offer(study).predictions["test"]
    every = stacked(predictions, predictions.groups[INDEPENDENT])
    place = [int(name) for name in found["example"].values]
    assert sorted(place) == list(range(every.shape[1]))
    np.testing.assert_allclose(found["log_prob"].values, every[:, place], rtol=1e-6)
    assert found["label"].values.tolist() == predictions.label[place].tolist()
    prob = np.exp(every[:, place].astype(float))
    information = entropy(prob.mean(0), axis=-1) - entropy(prob, axis=-1).mean(0)
    np.testing.assert_allclose(found["mutual_information"].values, information, atol=1e-6)
    assert (np.diff(found["mutual_information"].values) <= 1e-9).all()
    assert "picture" not in found  # the study's data is not available


@pytest.mark.ci
def test_pictures_are_the_examples_own_and_none_of_private_data_is_kept(tmp_path):
    settings = ["train.members=2", "train.epochs=1", "data.test=60", "analyses=[member_predictions]"]
    settings += ["compute.engine=here", "settings.member_predictions.pictures=7"]
    study = run("digits", out=tmp_path / "study", overrides=settings)
    found = study.result("member_predictions")
    images = StudyContext(study).loaded.test.images.numpy()
    place = [int(name) for name in found["example"].values[:7]]
    assert (found["picture"].values == images[place].transpose(0, 2, 3, 1)).all()
    page = (study.path / "report.html").read_text(encoding="utf-8")
    assert "data:image/png;base64," in page
    hidden = run(study.path, overrides=["data.private=true"])
    assert "picture" not in hidden.result("member_predictions")
    assert "data:image/png;base64," not in (study.path / "report.html").read_text(encoding="utf-8")
    assert Study.open(study.path).recipe_hash == study.recipe_hash  # the same study


@pytest.mark.ci
def test_a_private_page_counts_broken_files_and_does_not_name_them(tmp_path):
    random = np.random.default_rng(0)
    for kind in ("ant", "bee"):
        (tmp_path / "set" / kind).mkdir(parents=True)
        for number in range(30):
            picture = Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8))
            picture.save(tmp_path / "set" / kind / f"{number}.png")
    (tmp_path / "set" / "ant" / "smith (1).png").write_bytes(b"no picture")
    settings = [f"data.source={tmp_path / 'set'}", "data.skip_broken=true", "data.test=20", "data.validation=10"]
    settings += ["train.members=2", "train.epochs=1", "compute.engine=here", "analyses=[training]"]
    study = run("digits", out=tmp_path / "study", overrides=settings)
    assert "1 broken picture was left out (" in (page := study.path / "report.html").read_text(encoding="utf-8")
    assert "smith" in page.read_text(encoding="utf-8")
    run(study.path, overrides=["data.private=true"])
    assert "1 broken picture was left out." in page.read_text(encoding="utf-8")
    assert "smith" not in page.read_text(encoding="utf-8")


def test_paired_gains_are_those_by_hand_with_groups_as_what_is_drawn_anew():
    random = np.random.default_rng(3)
    label = random.integers(0, 3, 40)
    alone, method = (np.log(random.dirichlet(np.ones(3), (count, 40))) for count in (4, 2))
    part, group = np.arange(5, 35), np.repeat(np.arange(20), 2)
    for groups in (None, group):
        gains = PairedGains(SCORES, label, groups)
        gains.note(2, 0, alone, part)
        found = dict(zip(SCORES, gains.gain(2, 0, method, part), strict=True))
        assert np.isnan(gains.gain(1, 0, method, part)).all()  # the gain over one network is unknown there
        assert np.isnan(found["ece"]).all()
        truth = [
            -np.take_along_axis(one[:, part], label[part][None, :, None], -1)[..., 0].mean(0) for one in (method, alone)
        ]
        apart = truth[0] - truth[1]
        if groups is None:
            half = 2.0452 * apart.std(ddof=1) / np.sqrt(30)  # t of 29 degrees of freedom
        else:
            own = group[part]
            total = np.array([(apart - apart.mean())[own == one].sum() for one in np.unique(own)])
            units = len(total)
            half = 2.1314 * np.sqrt(units / (units - 1) * np.square(total).sum()) / 30  # t of 15 degrees of freedom
            assert units == 16
        np.testing.assert_allclose(found["nll"], [apart.mean(), apart.mean() - half, apart.mean() + half], rtol=1e-4)
