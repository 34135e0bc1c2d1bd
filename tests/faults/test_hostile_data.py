"""Faults, line 5: untrusted data: images, arrays and tables that unpack to more than a machine's memory."""

import io
import os
import zipfile

import numpy as np
import pytest

from modescape import recipe
from modescape.data import sources
from modescape.data.decode import MOST_IMAGE_PIXELS, decode_image
from modescape.data.official import OfficialShift
from modescape.errors import InputError

from .hostile import bounded, npy_header, png

pytestmark = [pytest.mark.faults, pytest.mark.timeout(60)]


def encoded(kind, **settings):
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(buffer, format=kind, **settings)
    return buffer.getvalue()


def text_bomb():
    from PIL import PngImagePlugin

    info = PngImagePlugin.PngInfo()
    info.add_text("x", "y" * 3_000_000, zip=True)
    return encoded("PNG", pnginfo=info)


BOMBS = {
    "3.6 billion pixels": (lambda: png(60_000, 60_000), "60000|exceeds limit|pixels"),
    "144 million pixels": (lambda: png(12_000, 12_000), "12000x12000 pixels, expected at most 120,000,000"),
    "just above": (lambda: png(MOST_IMAGE_PIXELS + 1, 1), "pixels, expected at most"),
    "one long row": (lambda: png(2**31 - 1, 1), "pixels|limit"),
    "text": (text_bomb, "too large|Decompressed"),
    "svg": (
        lambda: b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "its content is not one of PNG, JPEG",
    ),
    "postscript": (
        lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n",
        "its content is not one of PNG, JPEG",
    ),
    "nothing": (lambda: b"", "it has 0 bytes"),
    "cut off": (lambda: png()[:-30], "image|truncated|broken"),
}


@pytest.mark.parametrize("case", BOMBS)
def test_images(case):
    make, message = BOMBS[case]
    data = make()
    with bounded(16, 5), pytest.raises(InputError, match=message) as caught:
        decode_image({"bytes": data, "path": None}, "here, row 3")
    assert str(caught.value).startswith("here, row 3: the image cannot be decoded")
    assert len(str(caught.value)) < 500


def test_thousands_of_frames_are_one_image():
    from PIL import Image

    frames = [Image.fromarray(np.full((64, 64), number % 256, np.uint8)) for number in range(2_000)]
    buffer = io.BytesIO()
    frames[0].save(buffer, format="GIF", save_all=True, append_images=frames[1:])
    with bounded(16, 5):
        assert decode_image({"bytes": buffer.getvalue(), "path": None}, "gif").shape[:2] == (64, 64)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
def test_usual_kinds_of_images_are_read(kind):
    assert decode_image({"bytes": encoded(kind), "path": None}, "x").shape[:2] == (4, 4)


def test_an_image_by_its_path_is_an_ordinary_file(tmp_path):
    (tmp_path / "x.png").write_bytes(png())
    assert decode_image({"bytes": None, "path": str(tmp_path / "x.png")}, "x").shape == (4, 4)
    os.mkfifo(tmp_path / "pipe.png")
    for path in ("/dev/zero", str(tmp_path / "pipe.png"), str(tmp_path), None, 3, "a\0b"):
        with bounded(8, 5), pytest.raises(InputError, match="cannot be decoded"):
            decode_image({"bytes": None, "path": path}, "x")


def archive(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(f"{name}.npy", data)
    return path


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


IMAGE = npy(np.zeros((3, 4, 4), np.uint8))
LABEL = npy(np.zeros(3, np.int64))
ARCHIVES = {
    "absurd shape": ({"image": npy_header((10**9, 10**6)), "label": LABEL}, "declares 1,000,000,000,000,000 bytes"),
    "overflowing shape": ({"image": npy_header((2**62, 2**62, 4)), "label": LABEL}, "declares"),
    "negative shape": ({"image": npy_header((-1, 4)), "label": LABEL}, "negative|shape|declares"),
    "long numbers": ({"image": npy_header((4, 4), "<U99999"), "label": LABEL}, "declares"),
    "objects": ({"image": npy_header((4,), "|O"), "label": LABEL}, "pickle"),
    "nested header": ({"image": npy_header("(" * 5_000), "label": LABEL}, "eader|shape"),
    "long header": ({"image": npy_header(tuple(range(4_000))), "label": LABEL}, "eader"),
    "no array": ({"image": b"abc", "label": LABEL}, "magic|EOF"),
    "absent": ({"label": LABEL}, "missing"),
    "names": (
        {"image": IMAGE, "label": LABEL, "class_names": npy(np.zeros(200_000, "U1"))},
        "at most 100,000",
    ),
    "long name": (
        {
            "image": npy(np.zeros((3, 4, 4), np.uint8)),
            "label": LABEL,
            "class_names": npy(np.array(["x", "y" * 20_000])),
        },
        "longest name has 20,000 characters",
    ),
    "null character": (
        {"image": IMAGE, "label": LABEL, "class_names": npy(np.array(["x", "y\0z"]))},
        "the name of class 1 holds a null character",
    ),
    "half a letter": (
        {"image": IMAGE, "label": LABEL, "class_names": npy(np.array(["\ud800", "y"]))},
        "the name of class 0 holds",
    ),
}


def loaded(path, **values):
    from modescape.data import load

    return load(recipe.Data(source=str(path), validation=1, test=1, **values), 0)


@pytest.mark.parametrize("case", ARCHIVES)
def test_archives_of_arrays(tmp_path, case):
    members, message = ARCHIVES[case]
    path = archive(tmp_path / "x.npz", **members)
    with bounded(64, 5), pytest.raises(InputError, match=message) as caught:
        loaded(path)
    assert "x.npz" in str(caught.value)
    assert len(str(caught.value)) < 700


def test_an_archive_that_unpacks_to_more_than_the_memory(tmp_path, monkeypatch):
    path = archive(tmp_path / "x.npz", image=npy(np.zeros((30_000, 32, 32), np.uint8)), label=LABEL)
    assert path.stat().st_size < 100_000
    monkeypatch.setattr("modescape.data.decode.total_memory", lambda: 4_096_000)  # a machine with little memory
    with bounded(4, 5), pytest.raises(InputError, match=r"take 30,720,024 bytes, this machine has 4,096,000"):
        sources.npz(path)


def test_other_members_of_an_archive_are_not_unpacked(tmp_path):
    image = npy(np.arange(30, dtype=np.uint8)[:, None, None] * np.ones((4, 4), np.uint8))
    label = npy(np.arange(30) % 3)
    path = archive(tmp_path / "x.npz", image=image, label=label, bomb=npy(np.zeros(10**8, np.uint8)), code=b"\x80\x04.")
    with bounded(8, 5):
        assert loaded(path).num_classes == 3


@pytest.mark.parametrize("shape", [(10**15, 4, 4, 1), (2**62, 2**62, 4, 4), (-1, 4, 4, 1), "(" * 5_000])
def test_official_files_of_shifted_images(tmp_path, shape):
    from modescape.data.dataset import as_split

    (tmp_path / "fog.npy").write_bytes(npy_header(shape) + b"\0" * 64)
    test = as_split(np.zeros((2, 1, 4, 4), np.uint8), np.zeros(2, np.int64))
    with bounded(8, 5), pytest.raises(InputError, match=r"fog\.npy"):
        OfficialShift.open(str(tmp_path), test, ("fog",))


def test_a_table_of_more_rows_than_any(tmp_path, monkeypatch):
    import pyarrow as pa
    from pyarrow import parquet

    from modescape.data import hub

    (tmp_path / "x").mkdir()
    rows = pa.array(np.zeros(100_000, np.int64))
    parquet.write_table(pa.table({"label": rows}), tmp_path / "x" / "train.parquet")
    monkeypatch.setattr(hub, "MOST_ROWS", 99_999)  # instead of writing a table of billions of rows
    with bounded(16, 5), pytest.raises(InputError, match=r"train.parquet declares 100,000 rows, at most 99,999"):
        loaded(tmp_path / "x")


def test_a_table_names_devices_and_pipes(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for path in ("/dev/zero", "pipe.png", "../../../../../../../dev/zero", "/proc/self/mem"):
        (tmp_path / "x.csv").write_text(f"path,label\n{path},a\n{path},b\n")
        with bounded(16, 5), pytest.raises(InputError, match="cannot be decoded"):
            loaded(tmp_path / "x.csv", image="path", label="label")


TABLES = {
    "a pipe": (None, "not an ordinary file"),
    "one endless cell": ("path,label\n" + "x" * 500_000, "field larger than"),
    "numbers that no field holds": ("path,label\na.png," + "9" * 5_000 + "\n", "there is no such file"),
    "a header of many columns": (
        ",".join(f"c{number}" for number in range(50_000)) + "\n",
        "50,000 columns, expected at most 1,000",
    ),
    "control characters": ("path,label\n\x1b[2J\u202ex.png,a\n", r"\[U\+202E\]"),
    "nothing": ("\n\n\n", "the table is empty"),
}


@pytest.mark.parametrize("case", TABLES)
def test_tables_of_paths(tmp_path, case):
    text, message = TABLES[case]
    path = tmp_path / "x.csv"
    if text is None:
        os.mkfifo(path)
    else:
        path.write_text(text)
    with bounded(64, 10), pytest.raises(InputError, match=message) as caught:
        loaded(path)
    assert len(str(caught.value)) < 1_000


def test_folders_that_lead_in_circles(tmp_path):
    for name in ("a", "b"):
        (tmp_path / "set" / name).mkdir(parents=True)
        (tmp_path / "set" / name / "1.png").write_bytes(png())
        (tmp_path / "set" / name / "loop").symlink_to(tmp_path / "set")
    (tmp_path / "set" / "a" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    with bounded(16, 5), pytest.raises(InputError, match=r"gone\.png': the image cannot be decoded"):
        loaded(tmp_path / "set")


@pytest.mark.parametrize("size", [60_000, [1, 16_777_216], [2**62, 2**62]])
def test_sizes_that_no_machine_has(tmp_path, size):
    (tmp_path / "set" / "a").mkdir(parents=True)
    (tmp_path / "set" / "a" / "1.png").write_bytes(png())
    with bounded(16, 5), pytest.raises(InputError, match=r"data\.size is .* expected at most 5,592,405 pixels"):
        loaded(tmp_path / "set", size=size)


def test_a_thread_of_25_million_pixels_is_not_unrolled(tmp_path):
    from PIL import Image

    for name in ("a", "b"):
        (tmp_path / "set" / name).mkdir(parents=True)
        Image.new("L", (1_000_000, 1)).save(tmp_path / "set" / name / "1.png")
    with bounded(64, 5), pytest.raises(InputError, match=r"a/1\.png': the image has 1x1000000 .*too long and narrow"):
        loaded(tmp_path / "set", size=64)
