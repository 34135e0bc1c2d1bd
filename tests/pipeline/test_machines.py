"""Members and the kind of machine they are trained on; memory of a worker."""

import re

import pytest
import torch
from contents import contents, differences

from modescape import data, pipeline, runtime
from modescape.pipeline.needs import PROCESS, numbers_given, worker_memory
from modescape.progress import Progress
from modescape.recipe import load
from modescape.study import Study, read_resume, write_resume
from modescape.study.layout import STATE, member_folder

SMALL = ["train.members=1", "train.epochs=3", "train.keep_last=3", "data.train=64", "data.test=20", "analyses=[]"]
SMALL += ["compute.engine=here", "model.arguments={channels: [2, 2, 2]}"]
ANOTHER = "Another processor, AVX, torch"


class Stopping(Progress):
    """Interrupts a run after two epochs of a member; records messages."""

    def __init__(self, stops=True):
        self.said, self.stops = [], stops

    def advance(self, amount, note=""):
        if self.stops and re.search(r"epoch 2/", note):
            raise KeyboardInterrupt

    def line(self, text):
        self.said.append(text)


@pytest.fixture
def begun(tmp_path):
    """A study whose member has finished two of three epochs."""
    with pytest.raises(KeyboardInterrupt):
        pipeline.train("digits", tmp_path / "begun", overrides=SMALL, progress=Stopping())
    return Study.open(tmp_path / "begun")


def spoil(study, **record):
    """Overwrite the resume state with nonsense in a valid file."""
    found = read_resume(study, 0)
    assert found is not None
    tensors = {name: torch.zeros_like(tensor) for name, tensor in found.tensors.items()}
    write_resume(study, 0, found.epoch, tensors, {**found.record, **record})
    return found.record


@pytest.mark.ci
def test_a_member_that_another_kind_of_machine_has_begun_is_trained_whole_on_this_one(begun, tmp_path):
    own = spoil(begun, machine=ANOTHER)["machine"]
    told = Stopping(stops=False)
    finished = pipeline.train(begun.path, progress=told)
    whole = pipeline.train("digits", tmp_path / "whole", overrides=SMALL)
    assert [line for line in told.said if "machine" in line] == [
        f"member 0 was started on another kind of machine ({ANOTHER}; here {own}): trained again here, from the start"
    ]
    assert differences(contents(finished.path), contents(whole.path)) == []
    assert finished.member(0).machine == whole.member(0).machine == own
    assert runtime.processor_name() in own


@pytest.mark.ci
@pytest.mark.parametrize("record", [{}, {"machine": ""}], ids=["of this kind", "of a version that did not say"])
def test_elsewhere_it_goes_on_from_its_last_epoch(begun, tmp_path, record):
    spoil(begun, **record)
    told = Stopping(stops=False)
    finished = pipeline.train(begun.path, progress=told)
    whole = pipeline.train("digits", tmp_path / "whole", overrides=SMALL)
    assert not [line for line in told.said if "machine" in line]
    assert differences(contents(finished.path), contents(whole.path)) != []  # it resumed from the nonsense


@pytest.mark.ci
def test_the_machine_of_a_member_is_kept_where_its_state_is_written_again(begun):
    (member_folder(begun.path, 0) / STATE).unlink()
    finished = pipeline.train(begun.path)
    assert finished.member(0).machine.startswith(f"{runtime.processor_name()}, ")


def test_what_the_layers_of_a_network_give_is_counted():
    recipe = load("table", ["model.arguments={widths: [5, 3], dropout: 0.0}"])
    dataset = data.load(recipe.data, recipe.seed, task=recipe.task)
    assert numbers_given(recipe, dataset) == (5 + 5) + (3 + 3) + 10  # dense layers, the layers after them, the last one


def test_a_worker_is_reckoned_by_its_batch_its_group_and_its_data():
    recipe = load("digits", ["train.batch_size=100"])
    dataset = data.load(recipe.data, recipe.seed, task=recipe.task)
    manifest = {"plan": {"device": "cpu", "group_size": 1}, "model": {"parameters": {"a": [1000]}, "buffers": {}}}
    said: list[str] = []
    one = worker_memory(recipe, manifest, said.append, dataset)
    larger = load("digits", ["train.batch_size=1128"])
    more = 1000 * 2 * 4 * numbers_given(recipe, dataset)  # floats of layer outputs and their gradients
    assert worker_memory(larger, manifest, said.append, dataset) - one == more
    stacked = {**manifest, "plan": {"device": "cpu", "group_size": 20}}
    assert worker_memory(recipe, stacked, said.append, dataset) > one > PROCESS
    lost = load("digits", ["data.source=nowhere.npz"])
    assert said == []
    assert PROCESS < worker_memory(lost, manifest, said.append) < one  # the data is missing
    assert said[0].startswith("The memory of a worker was estimated without data and layers")
