"""Members that start from one checkpoint: what they share, what is stored once, and how it is repaired."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from stand_ins import stacked
from torch import nn

from modescape import pipeline, recipe
from modescape.errors import InputError, WorkError
from modescape.models import read_start
from modescape.progress import Progress
from modescape.study import Study
from modescape.study.status import verify

pytestmark = pytest.mark.ci

SMALL = [
    *("train.members=2", "train.epochs=2", "train.trajectories=1", "train.keep_last=1", "data.train=60"),
    *("data.validation=40", "data.test=200", "compute.engine=here", "model.arguments={channels: [4, 4, 4]}"),
]


class Lines(Progress):
    """The recorded messages."""

    def __init__(self):
        self.lines = []

    def stage(self, name, total, unit):
        pass

    def advance(self, amount, note=""):
        pass

    def line(self, text):
        self.lines.append(text)


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Study:
    """A study of two members, whose first solution others start from."""
    return pipeline.train("digits", tmp_path_factory.mktemp("start") / "source", overrides=SMALL)


@pytest.fixture(scope="module")
def start(source, tmp_path_factory) -> Path:
    """The first member's solution without the last layer, which depends on the task."""
    tensors = load_file(source.path / "members/000/epoch-002.safetensors")
    path = tmp_path_factory.mktemp("file") / "start.safetensors"
    save_file({name: tensor for name, tensor in tensors.items() if not name.startswith("dense")}, path)
    return path


def train(out: Path, *overrides: str, progress: Progress | None = None) -> Study:
    return pipeline.train("digits", out, overrides=[*SMALL, *overrides], progress=progress)


@pytest.fixture(scope="module")
def tuned(start, tmp_path_factory) -> Study:
    return train(tmp_path_factory.mktemp("tuned") / "s", f"model.init={start}", "model.freeze=[conv1.*, conv2.weight]")


FROZEN = {"conv1.weight", "conv1.bias", "conv2.weight"}


def test_members_start_alike_where_the_file_says_and_draw_the_rest(tuned, start):
    given, names = load_file(start), tuned.manifest["start"]["taken"]
    states = [tuned.state(member, 0) for member in (0, 1)]
    first, second = ({**state.params, **state.buffers} for state in states)
    assert set(names) == set(given) == {name for name in first if torch.equal(first[name], second[name])}
    assert all(torch.equal(first[name], given[name]) for name in names)
    ends = [tuned.params(member, 2) for member in (0, 1)]
    assert all(not torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_what_is_frozen_is_stored_once_and_stays(tuned, start):
    given, folder = load_file(start), tuned.path / "members"
    assert set(load_file(folder / "shared.safetensors")) == FROZEN
    for file in [*folder.glob("*/epoch-*"), *folder.glob("*/resume.safetensors")]:
        assert not any(name.rpartition("/")[2] in FROZEN for name in load_file(file))
    for member in (0, 1):
        state = tuned.state(member, 2)
        assert not FROZEN & set(state.params)
        assert all(torch.equal(state.buffers[name], given[name]) for name in FROZEN)
    assert verify(tuned.path) == []


def test_frozen_studies_predict_as_those_of_torch(tuned):
    """Logits of the network, whose tensors are combined by hand."""
    module = tuned.model()
    module.load_state_dict(
        load_file(tuned.path / "members/shared.safetensors")
        | load_file(tuned.path / "members/001/epoch-002.safetensors")
    )
    images = torch.rand(5, *tuned.manifest["image_shape"])
    other = tuned.model()
    state = tuned.state(1, 2)
    other.load_state_dict({**state.params, **state.buffers})
    assert torch.equal(module.eval()(images), other.eval()(images))


def test_a_study_without_frozen_parameters_has_no_such_file(source):
    assert not (source.path / "members/shared.safetensors").exists()
    assert "shared" not in source.manifest["model"]
    assert "start" not in source.manifest
    assert "constant" not in source.manifest["network"]


def test_what_is_lost_comes_out_with_the_same_bytes(tuned, tmp_path):
    path = tmp_path / "s"
    shutil.copytree(tuned.path, path)
    shared, checkpoint = path / "members/shared.safetensors", path / "members/001/epoch-002.safetensors"
    before = [shared.read_bytes(), checkpoint.read_bytes()]
    shared.unlink()
    checkpoint.unlink()
    assert any("shared.safetensors' is missing" in line for line in verify(path))
    lines = Lines()
    pipeline.train(tuned.recipe, path, progress=lines)
    assert [shared.read_bytes(), checkpoint.read_bytes()] == before
    assert any("shared.safetensors' is missing; made again" in line for line in lines.lines)
    shared.write_bytes(before[0][:-1] + b"\0")
    assert any("shared.safetensors' is damaged" in line for line in verify(path))
    with pytest.raises(WorkError, match="is damaged"):
        Study.open(path).state(0, 2)
    pipeline.train(tuned.recipe, path)
    assert shared.read_bytes() == before[0]
    shutil.rmtree(path / "members/000")
    study = pipeline.train(tuned.recipe, path)
    assert (path / "members/000/epoch-002.safetensors").read_bytes() == (
        tuned.path / "members/000/epoch-002.safetensors"
    ).read_bytes()
    assert verify(study.path) == []


class Interrupting(Lines):
    """Interrupts the run after the given number of images."""

    def __init__(self, images):
        super().__init__()
        self.left = images

    def advance(self, amount, note=""):
        self.left -= amount
        if self.left < 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("size", [1, 2])
def test_an_interrupted_run_goes_on_without_what_is_shared_in_its_files(start, tmp_path, size):
    """With early stopping, whose stored best epoch omits shared tensors, too."""
    settings = [f"model.init={start}", "model.freeze=[conv1.*]", "train.epochs=8"]
    settings += ["train.early_stopping={patience: 1, score: validation_accuracy}"]
    with stacked([size]):
        whole = train(tmp_path / "whole", *settings)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "s", *settings, progress=Interrupting(8 * 60))
        again = train(tmp_path / "s", *settings)
    assert any(member.stopped for member in again.members)
    for file in sorted(whole.path.glob("members/**/*.safetensors")):
        assert file.read_bytes() == (again.path / file.relative_to(whole.path)).read_bytes(), file


def test_another_file_is_another_study(tuned, start, tmp_path):
    other = tmp_path / "other.safetensors"
    save_file({name: tensor + 1 for name, tensor in load_file(start).items()}, other)
    with pytest.raises(InputError, match=r"a study of another recipe: model\.init_digest is"):
        train(tuned.path, f"model.init={other}", "model.freeze=[conv1.*, conv2.weight]")
    moved = tmp_path / "moved.safetensors"
    shutil.copy(start, moved)
    study = train(tuned.path, f"model.init={moved}", "model.freeze=[conv1.*, conv2.weight]")
    assert study.recipe.model.init == str(moved)
    other.replace(moved)
    with pytest.raises(InputError, match="holds other tensors than the study was begun with"):
        pipeline.train(recipe.load(study.recipe, ["train.members=3"]), tuned.path)


def test_a_studys_folder_stands_for_its_first_solution(source, tuned, tmp_path):
    lines = Lines()
    study = train(tmp_path / "s", f"model.init={source.path}", progress=lines)
    assert study.recipe.model.init == str(source.path / "members/000/epoch-002.safetensors")
    solution = source.params(0, 2)
    assert all(
        torch.equal(tensor, solution[name]) for member in (0, 1) for name, tensor in study.params(member, 0).items()
    )
    assert any("tensors start as in" in line for line in lines.lines)
    again = train(tmp_path / "t", f"model.init={tuned.path}", "train.members=1")
    own = tuned.state(0, 2)
    for name, tensor in again.params(0, 0).items():
        assert torch.equal(tensor, {**own.params, **own.buffers}[name]), name
    with pytest.raises(InputError, match=r"model\.init: .* is not a study"):
        train(tmp_path / "u", f"model.init={tmp_path}")


def test_the_recipe_starts_all_members_from_the_letters(tmp_path):
    settings = ["train.members=2", "train.epochs=2", "data.test=200", "compute.engine=here"]
    settings += ["analyses=[solution_similarity, trajectory_similarity]", "variants.long_runs=0"]
    study = pipeline.run("finetune", tmp_path / "s", overrides=settings)
    letters = read_start(study.recipe.model) or {}
    for member in (0, 1):
        state = study.state(member, 0)
        assert all(torch.equal({**state.params, **state.buffers}[name], tensor) for name, tensor in letters.items())
    assert set(load_file(study.path / "members/shared.safetensors")) == {"conv1.weight", "conv1.bias"}
    moved = study.result("solution_similarity")["displacement_cosine"].sel(member=0, other_member=1)
    ends = [study.params(member, 2) for member in (0, 1)]
    names = [name for name in ends[0] if name in letters]
    assert names == ["conv2.weight", "conv2.bias", "conv3.weight", "conv3.bias"]
    one, two = (torch.cat([(end[name] - letters[name]).double().flatten() for name in names]) for end in ends)
    assert float(moved) == pytest.approx(float(one @ two / one.norm() / two.norm()), abs=1e-5)


class Adapted(nn.Module):
    """A frozen layer that is the same for all members, with a low-rank adapter beside it, as users write them."""

    def __init__(self, classes):
        super().__init__()
        self.base = nn.Linear(64, 32)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            nn.init.normal_(self.base.weight, std=0.1)
            nn.init.zeros_(self.base.bias)
        self.base.requires_grad_(False)
        self.down, self.up = nn.Linear(64, 2, bias=False), nn.Linear(2, 32, bias=False)
        self.head = nn.Linear(32, classes)

    def forward(self, x):
        x = x.flatten(1)
        return self.head(torch.relu(self.base(x) + self.up(self.down(x))))


def adapted(image_shape, num_classes):
    return Adapted(num_classes)


def drawn(image_shape, num_classes):
    """An `Adapted` network whose frozen layer differs between members."""
    net = Adapted(num_classes)
    nn.init.normal_(net.base.weight)
    return net


def test_of_an_adapted_network_the_trained_part_alone_is_kept_per_checkpoint(tmp_path):
    settings = [*SMALL[:-1], f"model.factory={__name__}:adapted"]
    study = pipeline.train("digits", tmp_path / "s", overrides=settings)
    assert set(load_file(study.path / "members/shared.safetensors")) == {"base.weight", "base.bias"}
    kept = load_file(study.path / "members/001/epoch-002.safetensors")
    assert set(kept) == {"down.weight", "up.weight", "head.weight", "head.bias"}


def test_frozen_parameters_that_each_member_draws_are_kept_with_each(tmp_path):
    settings = [*SMALL[:-1], f"model.factory={__name__}:drawn"]
    study = pipeline.train("digits", tmp_path / "s", overrides=settings)
    kept = [load_file(study.path / f"members/00{member}/epoch-002.safetensors") for member in (0, 1)]
    assert set(load_file(study.path / "members/shared.safetensors")) == {"base.bias"}
    assert not torch.equal(kept[0]["base.weight"], kept[1]["base.weight"])
