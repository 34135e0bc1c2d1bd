"""The mean and deviation that a network was trained with (`data.mean`, `data.deviation`)."""

import pytest
import torch

from modescape import recipe
from modescape.data.prepare import Preparation
from modescape.errors import InputError

MEAN, DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def images() -> torch.Tensor:
    stream = torch.Generator().manual_seed(0)
    return torch.randint(256, (5, 3, 4, 6), generator=stream, dtype=torch.uint8).contiguous(
        memory_format=torch.channels_last
    )


def test_pictures_are_brought_to_the_given_numbers_alone_and_in_batches():
    own = Preparation.of(recipe.Data(mean=MEAN, deviation=DEVIATION), images())
    expected = (images().double() / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(DEVIATION).view(3, 1, 1)
    assert torch.allclose(own(images()).double(), expected, atol=1e-6)
    index = torch.tensor([[3, 1]])
    assert torch.allclose(own.pick(images(), index)[0].double(), expected[index[0]], atol=1e-6)
    alone = Preparation.of(recipe.Data(mean=MEAN), images())
    assert torch.allclose(
        alone(images()).double(), images().double() / 255 - torch.tensor(MEAN).view(3, 1, 1), atol=1e-6
    )


def test_a_mean_for_other_channels_or_beside_another_scaling_is_refused():
    with pytest.raises(InputError, match=r"data\.mean has 1 numbers, and the pictures have 3 channels"):
        Preparation.of(recipe.Data(mean=[0.5]), images())
    with pytest.raises(InputError, match="are for scaling: unit"):
        recipe.load("digits", ["data.scaling=standardized", "data.deviation=[.2]"])
