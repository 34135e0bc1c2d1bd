"""Images and files that the tests of `modescape.data` write."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

Rows = tuple[list[np.ndarray], list[int]]


def encode(pixels: np.ndarray) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def picture_rows(count: int, *, channels: int = 3, size: int = 6, seed: int = 0) -> Rows:
    """``count`` random images, [size, size] or [size, size, 3], with labels 0, 1, 2, 0, ..."""
    shape = (count, size, size) if channels == 1 else (count, size, size, 3)
    images = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return list(images), [number % 3 for number in range(count)]


def write_parquet(table: dict, features, path: Path) -> None:
    """Parquet with the hub's type information, written by Arrow itself, so that bad rows can be written too."""
    import json

    import pyarrow as pa
    from pyarrow import parquet

    info = json.dumps({"info": {"features": features.to_dict()}})
    schema = features.arrow_schema.with_metadata({"huggingface": info})
    parquet.write_table(pa.table(table, schema=schema), path)


def write_folder(folder: Path, files: Mapping[str, np.ndarray | str | bytes]) -> Path:
    """A folder of other files and of pictures, each encoded according to its file name's ending."""
    from PIL import Image

    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, np.ndarray):
            Image.fromarray(content).save(path)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder
