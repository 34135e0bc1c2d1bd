"""Small datasets on disk, in the layouts that users have."""

from collections.abc import Callable
from pathlib import Path

import pytest

from .picture_files import encode, write_parquet


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MODESCAPE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def hub_folder(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a folder in the hub's layout: one Parquet file per split, images as PNG bytes."""

    def write(name: str = "pictures", *, class_names: tuple[str, ...] | None = ("cat", "dog", "eel"), **splits) -> Path:
        import datasets

        features = datasets.Features(
            {
                "picture": datasets.Image(),
                "kind": datasets.ClassLabel(names=list(class_names)) if class_names else datasets.Value("int64"),
            }
        )
        folder = tmp_path / name
        for split, (images, labels) in splits.items():
            cells = [image if isinstance(image, bytes) else encode(image) for image in images]
            table = {"picture": [{"bytes": cell, "path": None} for cell in cells], "kind": labels}
            folder.joinpath("data").mkdir(parents=True, exist_ok=True)
            write_parquet(table, features, folder / "data" / f"{split}-00000-of-00001.parquet")
        return folder

    return write
