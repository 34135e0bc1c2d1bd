"""Hessian products, spectral density and top eigenvalues against PyHessian and curvlinops, in turns in one run.

    python -m venv peers && peers/bin/pip install -c constraints.txt -e .
    peers/bin/pip install einops einconv opt-einsum tqdm
    peers/bin/pip install --no-deps pyhessian==0.1 curvlinops-for-pytorch==3.0.1 backpack-for-pytorch unfoldNd \
        linear_operator jaxtyping
    peers/bin/python bench/curvature_peers.py --data FOLDER_OF_CIFAR10 [--publish] [--whole]

(torch 2.13.0 for the CPU; `--no-deps`, since backpack asks for torchvision.) The same network, examples and mean
cross-entropy for all, batch norm with the running statistics: ResNet20 on 500 images, and a small MLP on digits. All
get the same vectors, so that their Lanczos processes start alike.

PyHessian's `density` needs `torch.eig`, which torch has removed: the benchmark supplies one made of
`torch.linalg.eigh`, equivalent for its symmetric matrix. Everything else of both runs as published. PyHessian gets one
batch, of which it keeps the graph; curvlinops rebuilds its own in every product, as it has to.

The largest ten eigenvalues are found as each package says: ours by default, curvlinops' operator by SciPy's `eigsh` to
a tolerance of 1e-4, PyHessian by power iterations, whose tolerance is the largest at which all ten are right. Without
--whole, this is done for the MLP only: for ResNet20, thousands of products take half an hour. Times are processor
seconds of one thread, which other work on the machine changes less than wall-clock time.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import modescape as ms
from modescape import rng
from modescape.bench.harness import Result, Row, publish, write
from modescape.bench.workload import images as image_source
from modescape.bench.workload import load, resident
from modescape.curvature.lanczos import Process
from modescape.models.resnet import resnet20

HERE = Path(__file__).parent
SAME = 1e-4  # largest difference between their answers and ours, relative to the largest answer
COUNT = 10  # eigenvalues
POWER = {"tol": 1e-7, "maxIter": 3000}  # of PyHessian's power iterations: at 1e-6 the last eigenvalues are off by 1e-3


class Ours:
    """`ms.hessian`, with graphs kept as its own algorithms keep them."""

    name = "modescape"

    def __init__(self, network: nn.Module, inputs: Tensor, label: Tensor) -> None:
        self.matrix = ms.hessian(ms.Landscape(network, batches=(inputs, label), batch_norm="eval"))

    def product(self, vector: Tensor) -> Tensor:
        return self.matrix @ vector

    def density(self, start: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        process = Process.begin(self.matrix, start[None])
        with self.matrix.kept():
            for _ in range(steps):
                process.step()
        values, vectors = process.ritz()
        return values[0], vectors[0, 0].square()

    def top(self) -> tuple[Tensor, int]:
        found = ms.eigenvalues(self.matrix, COUNT)
        return found.values, found.products


class Curvlinops:
    """Its linear operator."""

    name = "curvlinops"

    def __init__(self, network: nn.Module, inputs: Tensor, label: Tensor) -> None:
        from curvlinops import HessianLinearOperator

        loss, own = nn.CrossEntropyLoss(), [p for p in network.parameters() if p.requires_grad]
        self.matrix = HessianLinearOperator(network, loss, own, [(inputs, label)], check_deterministic=False)

    def product(self, vector: Tensor) -> Tensor:
        return self.matrix @ vector

    def density(self, start: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        from curvlinops.papyan2020traces import spectrum

        drawn, spectrum.randn = spectrum.randn, lambda *shape, **settings: start.clone()
        try:
            values, vectors = spectrum.fast_lanczos(self.matrix, steps)
        finally:
            spectrum.randn = drawn
        return values, vectors[0].square()

    def top(self) -> tuple[Tensor, int]:
        from scipy.sparse.linalg import LinearOperator, eigsh

        own, counted = self.matrix.to_scipy(), []

        def times(vector: Any) -> Any:
            counted.append(1)
            return own @ vector

        make: Any = LinearOperator
        settings: Any = {"which": "LA", "tol": 1e-4, "return_eigenvectors": False}
        values: Any = eigsh(make(own.shape, times, dtype=own.dtype), COUNT, **settings)
        return torch.as_tensor(values.copy()).sort(descending=True).values, len(counted)


class PyHessian:
    """Its `hessian` of one batch."""

    name = "PyHessian"

    def __init__(self, network: nn.Module, inputs: Tensor, label: Tensor) -> None:
        self.module: Any = importlib.import_module("pyhessian.hessian")
        self.matrix = self.module.hessian(network, nn.CrossEntropyLoss(), data=(inputs, label), cuda=False)
        torch.eig = _eig  # type: ignore[attr-defined]

    def product(self, vector: Tensor) -> Tensor:
        pieces = vector.split([one.numel() for one in self.matrix.params])
        own = [piece.view_as(one) for piece, one in zip(pieces, self.matrix.params, strict=True)]
        found = self.module.hessian_vector_product(self.matrix.gradsH, self.matrix.params, own)
        return torch.cat([one.reshape(-1) for one in found])

    def density(self, start: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        pieces = iter(start.split([one.numel() for one in self.matrix.params]))
        drawn, torch.randint_like = torch.randint_like, lambda like, **settings: next(pieces).view_as(like).clone()
        try:
            values, weights = self.matrix.density(iter=steps, n_v=1)
        finally:
            torch.randint_like = drawn
        return torch.tensor(values[0]), torch.tensor(weights[0])

    def top(self) -> tuple[Tensor, int]:
        own, counted = self.module.hessian_vector_product, []

        def times(*arguments: Any) -> Any:
            counted.append(1)
            return own(*arguments)

        self.module.hessian_vector_product = times
        try:
            with rng.seeded(0):
                values, _ = self.matrix.eigenvalues(top_n=COUNT, **POWER)
        finally:
            self.module.hessian_vector_product = own
        return torch.tensor(values).sort(descending=True).values, len(counted)


def _eig(matrix: Tensor, eigenvectors: bool = False) -> tuple[Tensor, Tensor]:
    """What `torch.eig` returned for a symmetric matrix: values [number, (real, imaginary)], and vectors."""
    values, vectors = torch.linalg.eigh(matrix)
    return torch.stack([values, torch.zeros_like(values)], 1), vectors


def trained(network: nn.Module, inputs: Tensor, label: Tensor, steps: int) -> nn.Module:
    """The model in evaluation mode after some steps of Adam on 100 examples each."""
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    network.train()
    for step in range(steps):
        index = torch.arange(100 * step, 100 * step + 100) % len(label)
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(inputs[index]), label[index]).backward()
        optimizer.step()
    return network.eval()


def resnet(options: argparse.Namespace) -> tuple[nn.Module, Tensor, Tensor]:
    """ResNet20 and images of CIFAR-10."""
    with image_source(options.data, 6600) as source:
        recipe = load("cifar10-resnet20", [f"data.source={source}", "data.train=6000", "data.scaling=unit"])
        inputs, label = resident(recipe)
    inputs, label = inputs[: options.images], label[: options.images]
    with rng.seeded(0):
        network = resnet20((3, 32, 32), 10)
    return trained(network, inputs, label, options.steps), inputs, label


def mlp() -> tuple[nn.Module, Tensor, Tensor]:
    """A small MLP and scikit-learn's digits."""
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    inputs, label = torch.tensor(digits.data[:1000] / 16, dtype=torch.float32), torch.tensor(digits.target[:1000])
    with rng.seeded(0):
        network = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    return trained(network, inputs, label.long(), 200), inputs, label.long()


def compared(case: str, parts: tuple[Any, ...], works: list[str], repeats: int, options: Any) -> tuple[list[Row], list]:
    """Rows of the table for one network, and sentences on how well the answers agree."""
    tools = [make(*parts) for make in (Ours, PyHessian, Curvlinops)]
    size = sum(one.numel() for one in parts[0].parameters())
    with rng.seeded(1):
        vector, signs = torch.randn(size), torch.randint(0, 2, (size,)).float() * 2 - 1
    calls: dict[str, Callable[[Any], Any]] = {
        "product": lambda tool: tool.product(vector),
        "density": lambda tool: tool.density(signs, options.lanczos),
        "top 10": lambda tool: tool.top(),
    }
    rows, sentences = [], []
    with tools[0].matrix.kept():
        for tool in tools:  # warm up: the first products select algorithms, and ours keeps its graphs
            tool.product(vector)
        for work in works:
            seconds: dict[str, list[float]] = {tool.name: [] for tool in tools}
            found = {}
            for _ in range(repeats if work != "density" or case == "MLP" else 1):
                for tool in tools:
                    started = time.process_time()
                    found[tool.name] = calls[work](tool)
                    seconds[tool.name].append(time.process_time() - started)
            rows += _rows(f"{case}, {work}", seconds)
            sentences.append(f"{case}, {work}: {_agreement(work, found)}")
            print(sentences[-1], {name: round(statistics.median(own), 3) for name, own in seconds.items()}, flush=True)
    return rows, sentences


def _rows(label: str, seconds: dict[str, list[float]]) -> list[Row]:
    ours = seconds[Ours.name]
    return [
        Row(
            name=f"{label}: {name}",
            values=own,
            ratios=None if name == Ours.name else [their / mine for their, mine in zip(own, ours, strict=True)],
        )
        for name, own in seconds.items()
    ]


def _agreement(work: str, found: dict[str, Any]) -> str:
    """Difference of their answers from ours, relative to the largest number.

    Raises:
        SystemExit: if one differs by more than the tolerance.
    """
    if work == "density":
        found = {name: _density(*own) for name, own in found.items()}
    numbers = {name: own if isinstance(own, Tensor) else own[0] for name, own in found.items()}
    ours = numbers.pop(Ours.name).double()
    relative = ours.abs() if work == "top 10" else ours.norm() if work == "product" else ours.max()
    far = {name: (own.double() - ours).abs() / relative for name, own in numbers.items()}
    worst = {name: float(one.norm() if work == "product" else one.max()) for name, one in far.items()}
    if max(worst.values()) > SAME:
        raise SystemExit(f"{work}: answers differ from ours by {worst}, more than {SAME}")
    text = ", ".join(f"{name} within {one:.0e} of ours" for name, one in worst.items())
    if work != "top 10":
        return text
    return text + "; products: " + ", ".join(f"{name} {own[1]:,}" for name, own in found.items())


def _density(values: Tensor, weights: Tensor) -> Tensor:
    """Gaussians as wide as a fiftieth of the range, at 1,000 points."""
    values = values.double()
    places = torch.linspace(-1.2, 1.2, 1000, dtype=torch.float64) * values.abs().max()
    return torch.exp(-0.5 * ((places[:, None] - values) / (values.max() - values.min()) * 50) ** 2) @ weights.double()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder of CIFAR-10; default: random images of its shape")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--steps", type=int, default=20, help="of training before")
    parser.add_argument("--lanczos", type=int, default=8, help="steps of the spectral density")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--whole", action="store_true", help="the eigenvalues of ResNet20, too")
    parser.add_argument("--only", choices=("ResNet20", "MLP"))
    parser.add_argument("--publish", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # about the reference cycle of PyHessian's graph
    rows, sentences = [], []
    if options.only != "ResNet20":
        works = ["product", "density", "top 10"]
        mine = compared("MLP", mlp(), works, max(5, options.repeats), options)
        rows, sentences = rows + mine[0], sentences + mine[1]
    if options.only != "MLP":
        works = ["product", "density", *(["top 10"] if options.whole else [])]
        mine = compared("ResNet20", resnet(options), works, options.repeats, options)
        rows, sentences = rows + mine[0], sentences + mine[1]
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("PyHessian", "curvlinops-for-pytorch")
    )
    result = Result(
        name="curvature_peers",
        question="How long do a Hessian product, a spectral density and the largest ten eigenvalues take?",
        unit="processor seconds",
        setting=f"ResNet20 (273,066 parameters) on {options.images} images of 3 x 32 x 32, an MLP (8,970) on 1,000 "
        f"digits; density: one probe of {options.lanczos} steps; float32, one thread; {versions}",
        rows=rows,
        command="python bench/curvature_peers.py --data path/to/cifar10",
        reference=Ours.name,
        notes={str(number): sentence for number, sentence in enumerate(sentences, start=1)},
        digits=3,
    )
    print(result.table(), result.about(), sep="\n\n")
    if options.publish:
        write(result, HERE / "results")
        publish(result, HERE.parent / "BENCHMARKS.md")


if __name__ == "__main__":
    main()
