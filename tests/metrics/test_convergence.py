"""How a curve of the validation loss ends: known shapes, noise, too few epochs, and measured curves."""

import numpy as np
import pytest

from modescape.errors import InputError
from modescape.metrics.convergence import ending

EPOCHS = np.arange(1, 41)
# last twelve epochs of the recipe digits with a learning rate that is halved every ten epochs (member 1), and with a
# half cosine from 0.01 (members 0 and 2); only the scatter of the first 28 matters
HALVED = [0.4551, 0.4496, 0.4458, 0.4421, 0.4353, 0.4315, 0.4275, 0.4357, 0.4198, 0.4204, 0.4062, 0.4086]
COSINE = [
    [0.1734, 0.1736, 0.1862, 0.1915, 0.1914, 0.1935, 0.197, 0.1955, 0.1932, 0.193, 0.1929, 0.1928],
    [0.2071, 0.2147, 0.22, 0.2236, 0.2128, 0.2146, 0.2098, 0.2077, 0.2067, 0.2059, 0.2056, 0.2056],
]


def led_to(tail: list[float]) -> np.ndarray:
    """A curve of forty epochs with this tail."""
    return np.concatenate([np.linspace(2.0, tail[0], 29)[:-1], tail])


@pytest.mark.parametrize(
    ("loss", "state"),
    [
        (2.0 * 0.97**EPOCHS, "falling"),
        (1.0 / np.sqrt(EPOCHS), "falling"),
        (0.3 + 0.01 * EPOCHS, "rising"),
        (0.3 + np.exp(-EPOCHS / 3), "flat"),
        (np.full(40, 0.25), "flat"),
        (0.3 + np.clip(36 - EPOCHS, 0, None) * 0.01, "flat"),  # the decrease ended four epochs before the last
        (0.3 - 0.0005 * EPOCHS, "flat"),  # 1.8 % in the last quarter
        (led_to(HALVED), "falling"),
        (led_to(COSINE[0]), "flat"),
        (led_to(COSINE[1]), "flat"),
    ],
)
def test_shapes(loss: np.ndarray, state: str):
    assert ending(loss).state.item() == state


def test_the_change_is_that_of_the_fitted_line_over_the_loss_at_its_end():
    found = ending(2.0 - 0.02 * EPOCHS)  # 1.38 at epoch 31, 1.2 at epoch 40
    assert float(found.change) == pytest.approx(-0.18 / 1.2)


def test_noise_without_a_trend_is_rarely_called_one_and_a_trend_in_noise_is_found():
    random = np.random.default_rng(0)
    noise = random.normal(0, 0.03, (1000, 40))
    assert np.mean(ending(0.3 + noise).state == "flat") > 0.97  # noise of 10 % of the loss between epochs
    falling = 0.6 - 0.008 * EPOCHS + random.normal(0, 0.006, (1000, 40))  # from .352 to .28 in the last quarter
    assert np.mean(ending(falling).state == "falling") > 0.95


def test_too_little_to_say():
    assert ending(np.ones((3, 1))).state.tolist() == ["unknown"] * 3
    assert ending(np.array([2.0, 1.0])).state.item() == "unknown"
    assert ending(np.array([4.0, 2.0, 1.0])).state.item() == "falling"  # only three epochs
    broken = 2.0 * 0.97**EPOCHS
    broken[-1] = np.nan
    assert ending(broken).state.item() == "unknown"
    assert np.isnan(ending(broken).change)
    broken = 2.0 * 0.97**EPOCHS
    broken[3] = np.nan
    assert ending(broken).state.item() == "falling"
    with pytest.raises(InputError, match=r"expected \[..., epoch\]"):
        ending(np.array(1.0))


def test_each_curve_has_its_own_state():
    found = ending(np.stack([2.0 * 0.97**EPOCHS, np.full(40, 0.2)])[:, None])
    assert found.state.tolist() == [["falling"], ["flat"]]
    assert found.change.shape == (2, 1)
