"""A source with a test split of its own keeps it whole; a size that was asked for is not used, which is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modescape import data, recipe


@pytest.mark.parametrize("asked", [{}, {"test": 5}, {"test": 0.5}])
def test_a_size_of_the_test_split_that_is_not_used_is_said(tmp_path: Path, asked: dict[str, float]) -> None:
    image = np.random.default_rng(0).integers(0, 255, (40, 4, 4), dtype=np.uint8)
    label = np.arange(40) % 2
    np.savez(tmp_path / "own.npz", image=image[:28], label=label[:28], test_image=image[28:], test_label=label[28:])
    found = data.load(recipe.Data(source=str(tmp_path / "own.npz"), **asked), 0)
    assert len(found.test.label) == 12
    said = [note for note in found.notes if "data.test" in note]
    sentence = "The source's own split of 12 is used for testing; data.test={} is not used."
    assert said == [sentence.format(value) for value in asked.values()]
