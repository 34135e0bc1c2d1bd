"""Reading a study with files missing, truncated, corrupted or overwritten gives what was written, or an error."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modescape.errors import InputError, ModescapeError
from modescape.pipeline.reporting import page_content
from modescape.study import Study, layout, read_resume, summary, verify

from .drawing import EXAMPLES, steady
from .hostile import copied, template
from .test_detection import hashed
from .test_properties import check_plain

pytestmark = pytest.mark.faults


def pieces():
    """Everything that can be read from a study, name -> function of the folder."""

    def of(folder):
        return Study(folder, manifest)

    manifest = Study.open(template()).manifest
    asked = {
        "manifest": lambda folder: Study.open(folder).manifest,
        "recipe": lambda folder: of(folder).recipe.content_hash("x"),
        "members": lambda folder: [(one.number, one.status, one.checksums) for one in of(folder).members],
        "summary": lambda folder: [(one.status, one.epochs_done) for one in summary(folder).members],
        "page": lambda folder: {name: str(value.to_dict()) for name, value in page_content(of(folder)).results.items()},
        "result": lambda folder: str(of(folder).result("confusion").to_dict()),
    }
    for member in (0, 1):
        asked[f"history {member}"] = lambda folder, member=member: {
            name: column.tolist() for name, column in of(folder).member(member).history().items()
        }
        asked[f"resume {member}"] = lambda folder, member=member: resumed(of(folder), member)
        for epoch in range(3):
            asked[f"state {member} {epoch}"] = lambda folder, member=member, epoch=epoch: [
                hashed(part) for part in of(folder).state(member, epoch)
            ]
    for split in layout.SPLITS:
        asked[f"labels {split}"] = lambda folder, split=split: of(folder).predictions(split).label.tolist()
        for member in (0, 1):
            asked[f"{split} {member}"] = lambda folder, split=split, member=member: predicted(of(folder), split, member)
    return asked


def resumed(study, member):
    found = read_resume(study, member)
    return found and (found.epoch, found.record, hashed(found.tensors))


def predicted(study, split, member):
    predictions = study.predictions(split)
    return np.asarray(predictions.log_prob(predictions.index(member, 2))).tobytes()


# readers that work on unfinished studies: a missing file means "not yet", which is not a wrong number
UNBEGUN = {
    "members": lambda got: all(status in ("trained", "missing") for _, status, _ in got),
    "summary": lambda got: all(status in ("trained", "missing", "damaged") for status, _ in got),
    "history 0": lambda got: got["epoch"] == [],
    "history 1": lambda got: got["epoch"] == [],
    "resume 0": lambda got: got is None,
    "resume 1": lambda got: got is None,
    "page": lambda got: got == {},
}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return copied(tmp_path_factory.mktemp("properties"))


def damaged(draw, data):
    """The bytes of the damaged file, or None if it is deleted."""
    place = draw(st.integers(0, max(0, len(data) - 1)))
    match draw(st.sampled_from(["gone", "cut", "flipped", "rubbish", "longer", "empty"])):
        case "gone":
            return None
        case "cut":
            return data[:place]
        case "flipped":
            return data[:place] + bytes([data[place] ^ (1 << draw(st.integers(0, 7)))]) + data[place + 1 :]
        case "rubbish":
            rubbish = draw(st.binary(max_size=40))
            return data[:place] + rubbish + data[place + len(rubbish) :]
        case "longer":
            return data + draw(st.binary(min_size=1, max_size=20))
        case _:
            return b""


def test_any_files_absent_or_damaged(study):
    asked = pieces()
    whole = {name: ask(study) for name, ask in asked.items()}
    files = sorted(file for file in study.rglob("*") if file.is_file() and file.name not in (".lock", "report.html"))
    data = {file: file.read_bytes() for file in files}
    refused = dict.fromkeys(asked, 0)

    @steady
    @given(st.data())
    def check(drawn):
        chosen = drawn.draw(st.lists(st.sampled_from(files), min_size=1, max_size=4, unique=True))
        spoilt = []
        try:
            for file in chosen:
                left = damaged(drawn.draw, data[file])
                if left is None:
                    file.unlink()
                elif left != data[file]:
                    file.write_bytes(left)
                    spoilt.append(file)
            for name, ask in asked.items():
                try:
                    got = ask(study)
                except ModescapeError as error:
                    refused[name] += 1
                    check_plain(error, 3_000)
                else:
                    unbegun = UNBEGUN.get(name, lambda got: False)
                    assert got == whole[name] or unbegun(got), (name, chosen)
            named_by_verify(study, spoilt)
        finally:
            for file in chosen:
                file.write_bytes(data[file])

    check()
    assert sum(refused.values()) > 2 * EXAMPLES, refused
    assert sum(map(bool, refused.values())) > len(refused) / 2, refused


def named_by_verify(study, spoilt):
    """Check that every damaged file that its reader refuses is named; a damaged manifest is itself refused."""
    try:
        problems = "\n".join(verify(study))
    except InputError as error:
        check_plain(error, 3_000, layout.MANIFEST)
        return
    for file in spoilt:
        if layout.PREDICTIONS in file.parts:
            if "zarr.json" in file.name or layout.PREDICTIONS not in problems:
                continue
            assert "predictions" in problems
        elif file.parent.parent.name == layout.MEMBERS:
            state = file.parent / layout.STATE
            if state in spoilt or not state.is_file():
                continue  # then the expected contents of the others are unknown
            assert str(file) in problems, file
        else:
            assert str(file) in problems or file.name == layout.RECIPE, file
