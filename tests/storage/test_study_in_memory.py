"""A study in fsspec's memory: every stage, without a server, gives the bytes of a study in a folder."""

import pytest
from contents import contents, differences

import modescape as ms
from modescape.errors import InputError
from modescape.storage import place
from modescape.study import summary, verify

SMALL = [
    *("train.members=2", "train.epochs=2", "data.train=64", "data.validation=40", "data.test=60"),
    *("variants.members=1", "variants.epochs=1", "variants.cycles=2", "variants.long_runs=0", "subspace.samples=2"),
]


def fetched(url, folder):
    """All objects below a URL as files of a folder."""
    for name in url.below():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((url / name).read_bytes())
    return folder


@pytest.mark.ci
def test_a_study_has_the_bytes_of_one_in_a_folder_and_what_is_lost_is_made_again(tmp_path):
    few = [*SMALL, "analyses=[ensemble_size]", "compute.engine=here"]
    local, url = ms.run("digits", out=tmp_path / "local", overrides=few), place("memory://studies/digits")
    assert str(ms.run("digits", out=str(url), overrides=few).path) == str(url)
    copy = fetched(url, tmp_path / "copy")
    assert differences(contents(local.path), contents(copy)) == []
    assert (copy / "report.html").read_bytes() == (local.path / "report.html").read_bytes()
    assert (summary(str(url)).complete, verify(str(url))) == (True, [])
    assert summary(str(url)).predictions == summary(local.path).predictions
    names = ("members/001/epoch-001.safetensors", "predictions.zarr/test/log_prob/c/1/0/0", "results/ensemble_size.nc")
    before = [(url / name).read_bytes() for name in names]
    untouched = (url / "members/000/epoch-001.safetensors").stat()
    (url / names[0]).publish(before[0][:-1] + b"x")
    (url / names[1]).unlink()
    (url / names[2]).publish(before[2][:-9])
    assert len(verify(str(url))) == 2  # absent objects are missing, not damaged
    ms.run(str(url))
    assert ([(url / name).read_bytes() for name in names], verify(str(url))) == (before, [])
    assert (url / "members/000/epoch-001.safetensors").stat() == untouched


def test_other_processes_do_not_see_this_ones_memory(tmp_path):
    with pytest.raises(InputError, match="this process's memory, which other processes cannot see"):
        ms.run("digits", out="memory://studies/none", overrides=[*SMALL, "compute.engine=processes"])
    with pytest.raises(InputError, match="writes files beside a study"):
        ms.run("digits", out="memory://studies/none", overrides=[*SMALL, "compute.track=[wandb]"])
    assert place("memory://studies/none").names() == []
