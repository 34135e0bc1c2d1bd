"""CIFAR-10 as the hub lays it out: the first rows of each split, decoded as the `datasets` library does."""

import numpy as np
import pyarrow.parquet as parquet
from datasets import Dataset
from shared_data import shared_data  # noqa: F401 - a fixture

from modescape import data, recipe

ROWS = 150


def test_images_and_labels_are_those_that_the_datasets_library_decodes(shared_data, tmp_path):  # noqa: F811
    expected = {}
    for split in ("train", "test"):
        name = f"{split}-00000-of-00001.parquet"
        table = parquet.read_table(shared_data / "cifar10" / "plain_text" / name).slice(0, ROWS)
        (tmp_path / "cifar10" / "plain_text").mkdir(parents=True, exist_ok=True)
        parquet.write_table(table, tmp_path / "cifar10" / "plain_text" / name)
        rows = Dataset(table)
        expected[split] = (np.stack([np.asarray(row["img"]) for row in rows]), np.asarray(rows["label"]))
    found = data.load(recipe.Data(source=str(tmp_path / "cifar10"), validation=30), seed=0)
    assert len(found.train.label) + len(found.validation.label) == ROWS
    np.testing.assert_array_equal(found.test.inputs.permute(0, 2, 3, 1).numpy(), expected["test"][0])
    np.testing.assert_array_equal(found.test.label.numpy(), expected["test"][1])
    seen = np.concatenate([part.inputs.permute(0, 2, 3, 1).numpy() for part in (found.train, found.validation)])
    order = np.lexsort(seen.reshape(ROWS, -1).T)
    known = expected["train"][0]
    np.testing.assert_array_equal(seen[order], known[np.lexsort(known.reshape(ROWS, -1).T)])
