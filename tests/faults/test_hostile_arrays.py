"""Faults, line 5: untrusted results, predictions and weights that declare more than they hold, or point elsewhere."""

import contextlib
import hashlib
import io
import json
import struct

import h5py
import numpy as np
import pytest

from modescape.errors import WorkError
from modescape.study import Study, verify
from modescape.study.results import _tail, check_contents

from .hostile import bounded, change_json, copied, modescape

pytestmark = [pytest.mark.faults, pytest.mark.timeout(60)]


@pytest.fixture
def study(tmp_path):
    return Study.open(copied(tmp_path))


@contextlib.contextmanager
def changed_result(study):
    """The file of a result, opened for changes; its checksum is made to match afterwards."""
    path = study.path / "results/confusion.nc"
    buffer = io.BytesIO(path.read_bytes())
    with h5py.File(buffer, "r+") as file:
        yield file
    data = buffer.getvalue()
    path.write_bytes(data + _tail(data))


def absurd(file):
    file.create_dataset("x", (10**6, 10**9), "f8", chunks=(1, 1000))


def packed(file):
    file.create_dataset("x", data=np.zeros(10**7), chunks=(10**6,), compression="gzip")


def overflowing(file):
    file.create_dataset("x", (2**31, 2**31, 2**31), "f8", chunks=(1, 1, 1))


def late(file):
    file.create_dataset("x", (10**15,), "f8")


def outside(file):
    file["x"] = h5py.ExternalLink("/etc/passwd", "/")


def loop(file):
    file["x"] = h5py.SoftLink("/x")


def external(file):
    file.create_dataset("x", (4,), "u1", external=[("/etc/passwd", 0, 4)])


def virtual(file):
    layout = h5py.VirtualLayout(shape=(10**12,), dtype="f8")
    layout[:4] = h5py.VirtualSource("/etc/passwd", "y", shape=(4,))
    file.create_virtual_dataset("x", layout)


def folder(file):
    file.create_group("x/y/z")


def kind(file):
    file["x"] = np.dtype("f8")


def references(file):
    file.create_dataset("x", data=[file["count"].ref], dtype=h5py.ref_dtype)


def many_texts(file):
    file.attrs["x"] = ["a", "b"]


def matrix_of_text(file):
    file.create_dataset("x", data=np.array([["a", "b"]], dtype=object), dtype=h5py.string_dtype())


def no_schema(file):
    del file.attrs["recipe_hash"]


SPOILT = {
    **{"absurd": (absurd, "not in the file"), "overflowing": (overflowing, "not in the file")},
    **{"late": (late, "not in the file"), "packed": (packed, "compressed"), "outside": (outside, "link")},
    **{"loop": (loop, "link"), "external": (external, "other files"), "virtual": (virtual, "other files")},
    **{
        "folder": (folder, "not a variable"),
        "kind": (kind, "not a variable"),
        "references": (references, "expected numbers"),
    },
    **{"many texts": (many_texts, "list of texts"), "matrix of text": (matrix_of_text, "texts of 'x'")},
    **{"no schema": (no_schema, "lacks provenance")},
}


@pytest.mark.parametrize("case", SPOILT)
def test_results(study, case):
    spoil, message = SPOILT[case]
    with changed_result(study) as file:
        spoil(file)
    with bounded(8, 5), pytest.raises(WorkError, match=message) as caught:
        study.result("confusion")
    assert "confusion.nc" in str(caught.value)
    assert any(message in problem for problem in verify(study.path))


def test_one_long_text_under_many_names(study):
    """200 pointers to the same 100,000 characters: 20 MB from a file a tenth of that size."""
    with changed_result(study) as file:
        names = file.create_dataset("x", (200,), h5py.string_dtype())
        names[:] = ["y" * 100_000] + ["z"] * 199
    data = (study.path / "results/confusion.nc").read_bytes()
    with h5py.File(io.BytesIO(data), "r") as file:
        start = file["x"].id.get_offset()
    changed = data[:start] + 200 * data[start : start + 16] + data[start + 200 * 16 :]  # length, address, number
    with h5py.File(io.BytesIO(changed), "r") as file:
        assert len(file["x"][199]) == 100_000
    with bounded(8, 5), pytest.raises(ValueError, match="the texts of 'x' take more bytes than the file has"):
        check_contents(changed)


def test_results_that_are_fine_are_read(study):
    with changed_result(study) as file:
        file.attrs["new"] = "text"
    assert study.result("confusion").attrs["new"] == "text"


STORES = {
    "label": {"shape": ([10**15], [10**30], [-1], "x", [], [1, 1])},
    "member": {"shape": ([10**12], [[1]]), "data_type": ("string", "variable_length_utf8", {"name": "numpy.void"})},
    "epoch": {"chunk_grid__configuration__chunk_shape": ([10**12], [1], [0])},
    "log_prob": {
        "shape": ([6, 10**15, 10], [6, 30, 10**12], [10**12, 30, 10], [6, 30], [6, 31, 10]),
        "data_type": ("float64", "object", "bytes"),
        "codecs": (
            [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "gzip", "configuration": {"level": 9}}],
            [{"name": "blosc"}],
            [{"name": "sharding_indexed", "configuration": {"chunk_shape": [1, 1, 1]}}],
            [{"name": "numcodecs.pickle"}],
            "bytes",
            [],
        ),
        "chunk_grid": ({}, {"name": "rectilinear", "configuration": {"chunk_shape": [1, 30, 10]}}),
        "chunk_key_encoding": ({"name": "v2", "configuration": {"separator": "."}},),
        "storage_transformers": ([{"name": "x"}],),
    },
}
CASES = [(array, key, value) for array, keys in STORES.items() for key, values in keys.items() for value in values]


@pytest.mark.parametrize(("array", "key", "value"), CASES)
def test_predictions(study, array, key, value):
    change_json(study.path / "predictions.zarr/test" / array / "zarr.json", **{key: value})
    with bounded(8, 5), pytest.raises(WorkError, match="is damaged") as caught:
        study.predictions("test")
    assert "predictions.zarr" in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_chunk_that_is_longer_than_it_should_be(study):
    path = study.path / "predictions.zarr/test/log_prob/c/0/0/0"
    with path.open("r+b") as file:
        file.truncate(100_000_000)
    with bounded(8, 5), pytest.raises(WorkError, match="damaged"):
        study.predictions("test").log_prob(0)
    with (study.path / "predictions.zarr/test/label/c/0").open("r+b") as file:
        file.truncate(1 << 40)
    with bounded(8, 5), pytest.raises(WorkError, match="1,099,511,627,776 bytes"):
        study.predictions("test")


def safetensors(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype="F32", shape=(1,), offsets=(0, 4)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


METADATA = {"__metadata__": {"modescape": "{}"}}
WEIGHTS = {
    "nothing": b"",
    "absurd header": b"\xff" * 8 + b"{}",
    "header behind the end": struct.pack("<Q", 10**8) + b"{}",
    "nested header": safetensors(b'{"a":' + b"[" * 200_000),
    "nested metadata": safetensors({"__metadata__": {"modescape": "[" * 100_000}}),
    "metadata of another kind": safetensors({"__metadata__": {"modescape": "[1]"}}),
    "record of another kind": safetensors({"__metadata__": {"modescape": '{"record": [1]}'}}),
    "no metadata": safetensors({"a": entry()}, b"1234"),
    "behind the end": safetensors({**METADATA, "a": entry(shape=(10**12,), offsets=(0, 4 * 10**12))}),
    "overflowing": safetensors({**METADATA, "a": entry(shape=(2**63, 2**63))}, b"1234"),
    "overlapping": safetensors({**METADATA, "a": entry(), "b": entry()}, b"1234"),
    "negative": safetensors({**METADATA, "a": entry(offsets=(-4, 0))}, b"1234"),
    "odd numbers": safetensors({**METADATA, "a": entry("F8_E4M3", (4,))}, b"1234"),
    "unknown numbers": safetensors({**METADATA, "a": entry("PICKLE")}, b"1234"),
    "hole": safetensors({**METADATA, "a": entry(offsets=(4, 8))}, b"12345678"),
}


@pytest.mark.parametrize("case", WEIGHTS)
def test_weights(study, case):
    folder = study.path / "members/000"
    for name, read in (
        ("epoch-001.safetensors", lambda: study.params(0, 1)),
        ("resume.safetensors", lambda: read_resume(study, 0)),
    ):
        (folder / name).write_bytes(WEIGHTS[case])
        sign(study, name)
        with bounded(16, 5), pytest.raises(WorkError) as caught:
            read()
        assert name in str(caught.value)
        assert len(str(caught.value)) < 700


def sign(study, name):
    """Set the recorded checksum of a checkpoint of member 0 to that of its file."""
    state = study.path / "members/000/state.json"
    digest = hashlib.sha256((study.path / "members/000" / name).read_bytes()).hexdigest()
    if name.startswith("epoch"):
        change_json(state, checksums={**json.loads(state.read_text())["checksums"], name: digest})


def read_resume(study, member):
    from modescape.study import read_resume as read

    return read(study, member)


def test_weights_of_other_numbers_or_without_end(study):
    import torch
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    path = study.path / "members/000/epoch-001.safetensors"
    good = load_file(path)
    name = next(iter(study.manifest["model"]["parameters"]))
    with safe_open(path, "pt") as file:
        words = file.metadata()
    save_file({**good, name: good[name].to(torch.int64)}, path, words)
    sign(study, path.name)
    with pytest.raises(WorkError, match=f"'{name}' holds torch.int64"):
        study.params(0, 1)
    with path.open("r+b") as file:
        file.truncate(1 << 40)
    with bounded(8, 5), pytest.raises(WorkError, match="1,099,511,627,776 bytes, expected at most"):
        study.params(0, 1)


def test_the_page_of_a_study_of_hostile_results_says_so(study):
    with changed_result(study) as file:
        late(file)
    done = modescape("report", study.path, gigabytes=16)
    assert done.returncode == 0, done.stderr
    assert "declares 8,000,000,000,000,000 bytes that are not in the file" in (study.path / "report.html").read_text()


@pytest.mark.parametrize("name", ["log_prob", "label", "member", "epoch"])
def test_another_order_of_bytes_is_refused(study, name):
    """No checksum covers this description, and the numbers would be read differently."""
    path = study.path / f"predictions.zarr/test/{name}/zarr.json"
    path.write_text(path.read_text().replace("little", "big"))
    with pytest.raises(WorkError, match=r"it says \[\{'name': 'bytes', 'configuration': \{'endian': 'big'\}\}"):
        study.predictions("test")
    assert any(name in problem for problem in verify(study.path))
