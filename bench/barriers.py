"""Barriers between pairs of networks on scikit-learn's digits: raw, aligned, with recomputed batch norm or REPAIR.

    python bench/barriers.py

One pair of seeds for each network: 1,300 images for training and for statistics, 497 for the barriers. Takes two
minutes on one core; the table in docs/paths.md is its output.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as functional
from sklearn.datasets import load_digits
from torch import Tensor, nn

import modescape as ms
from modescape import rng

TRAINED = 1300  # images; barriers are measured on the rest


def mlp(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))


def cnn(width: int) -> nn.Module:
    first = (nn.Conv2d(1, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU())
    second = (nn.Conv2d(width, 2 * width, 3, padding=1), nn.BatchNorm2d(2 * width), nn.ReLU())
    head = (nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(8 * width, 10))
    return nn.Sequential(nn.Unflatten(1, (1, 8, 8)), *first, *second, *head)


def trained(make: Callable[[], nn.Module], seed: int, epochs: int, images: Tensor, target: Tensor) -> nn.Module:
    with rng.seeded(seed):
        model = make()
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
        for _ in range(epochs):
            for part in torch.randperm(len(images)).split(64):
                optimizer.zero_grad()
                functional.cross_entropy(model(images[part]), target[part]).backward()
                optimizer.step()
    return model.eval()


def main() -> None:
    numbers, classes = load_digits(return_X_y=True)
    order = torch.randperm(len(numbers), generator=rng.stream(0, "digits"))
    images, target = torch.tensor(numbers / 8 - 1).float()[order], torch.tensor(classes)[order]
    train = [(images[part], target[part]) for part in torch.arange(TRAINED).split(325)]
    test = [(images[TRAINED:], target[TRAINED:])]
    print("| network | matched by | raw | raw, reset | aligned | aligned, reset | highest of the Bezier |")
    print("|---|---|---|---|---|---|---|")
    networks = {
        "MLP, 32 units": (lambda: mlp(32), 20),
        "MLP, 256 units": (lambda: mlp(256), 20),
        "CNN with batch norm, 8 channels": (lambda: cnn(8), 8),
        "CNN with batch norm, 32 channels": (lambda: cnn(32), 5),
    }
    for name, (make, epochs) in networks.items():
        a, b = (trained(make, seed, epochs, images[:TRAINED], target[:TRAINED]) for seed in (0, 1))
        path = ms.fit_path(a, a, b, train, steps=300, learning_rate=3e-3)
        along = path.profile(test, reset="batch_norm", reset_batches=train)
        bent = float((along.loss - (along.loss[0] * (1 - along.t) + along.loss[-1] * along.t)).max())
        for method in ("weights", "activations"):
            found = ms.barrier(a, a, b, test, reset_batches=train, method=method, t=9)
            cells = [
                f"{getattr(found, kind):.2f} [{getattr(found, kind + '_low'):.2f}, "
                f"{getattr(found, kind + '_high'):.2f}], {100 * getattr(found.error, kind):.1f} %"
                for kind in ("raw", "raw_reset", "aligned", "aligned_reset")
            ]
            print(f"| {name} | {method} | {' | '.join(cells)} | {bent:.2f} |", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
