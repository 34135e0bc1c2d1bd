"""Training speed against the alternatives a user has: images per second, all in one run, in turns.

The same network (the paper's SmallCNN, dropout 0.1), data, batch size, optimiser and epochs for everyone:

* plain loop: one network after another, resident float images, all threads, as tutorials do it;
* DataLoader loop: the same with `torch.utils.data.DataLoader`, what most people write;
* TorchEnsemble: its VotingClassifier, one job and two;
* torch.func: the tutorial's vmap over stacked networks, one batch for all of them;
* JAX: a jitted step called in a loop, one network after another; and all steps in one scan, vmapped over networks;
* modescape: its training stage, validation and all files on the disk included.

Needs further packages: pip install jax && pip install --no-deps torchensemble (its own dependencies bring
torchvision, which has no build beside torch's CPU one). Alternatives that are not installed are left out.

Usage: python bench/peers.py --data FOLDER_OF_CIFAR10 [--repeats 5] [--publish]
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import logging
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from modescape import runtime
from modescape.bench.harness import Result, in_turns, publish, write
from modescape.bench.workload import images as image_source
from modescape.bench.workload import load, plain_loop, resident, training_stage
from modescape.models import build
from modescape.recipe import Recipe

HERE = Path(__file__).parent
SLOW = 4  # variants several times slower than the plain loop run 1 / SLOW of an epoch


class SmallCNN(nn.Module):
    """A class without arguments, as TorchEnsemble requires."""

    def __init__(self) -> None:
        super().__init__()
        model = load("cifar10-smallcnn", []).model
        self.net = build(model, (3, 32, 32), 10, int(torch.randint(1 << 30, ())))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


def dataloader_loop(recipe: Recipe, images: Tensor, label: Tensor) -> float:
    torch.set_num_threads(runtime.cores())
    started = time.perf_counter()
    for _ in range(recipe.train.members):
        module = SmallCNN().train()
        optimizer = torch.optim.Adam(module.parameters(), lr=recipe.train.learning_rate)
        for x, y in DataLoader(TensorDataset(images, label), batch_size=recipe.train.batch_size, shuffle=True):
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(x), y).backward()
            optimizer.step()
    return time.perf_counter() - started


def torchensemble(recipe: Recipe, images: Tensor, label: Tensor, jobs: int) -> float:
    from torchensemble import VotingClassifier

    logging.disable(logging.CRITICAL)
    torch.set_num_threads(runtime.cores())
    loader = DataLoader(TensorDataset(images, label), batch_size=recipe.train.batch_size, shuffle=True)
    ensemble = VotingClassifier(estimator=SmallCNN, n_estimators=recipe.train.members, cuda=False, n_jobs=jobs)
    ensemble.set_optimizer("Adam", lr=recipe.train.learning_rate)
    started = time.perf_counter()
    ensemble.fit(loader, epochs=1, save_model=False)
    return time.perf_counter() - started


def torch_func(recipe: Recipe, images: Tensor, label: Tensor) -> float:
    """https://docs.pytorch.org/tutorials/intermediate/ensembling.html, with training added."""
    from torch.func import functional_call, grad, stack_module_state, vmap

    torch.set_num_threads(runtime.cores())
    modules = [SmallCNN().train() for _ in range(recipe.train.members)]
    params, buffers = stack_module_state(modules)
    optimizer = torch.optim.Adam(params.values(), lr=recipe.train.learning_rate)

    def loss(params, buffers, x, y):
        return nn.functional.cross_entropy(functional_call(modules[0], (params, buffers), (x,)), y)

    slopes_of = vmap(grad(loss), in_dims=(0, 0, None, None), randomness="different")
    started = time.perf_counter()
    for index in torch.randperm(len(label)).split(recipe.train.batch_size):
        slopes = slopes_of(params, buffers, images[index], label[index])
        for name, tensor in params.items():
            tensor.grad = slopes[name]
        optimizer.step()
    return time.perf_counter() - started


def jax_loop(recipe: Recipe, images: Tensor, label: Tensor, together: bool) -> float:
    """Train in JAX; ``together``: each epoch is one compiled scan over stacked networks. Compilation is not timed."""
    import jax
    import jax.numpy as jnp

    x, y = jnp.asarray(images.movedim(1, -1).numpy()), jnp.asarray(label.numpy())
    batch, rate, members = recipe.train.batch_size, recipe.train.learning_rate, recipe.train.members
    channels = (16, 32, 32)

    def init(key):
        params, inputs = [], 3
        for filters in channels:
            key, own = jax.random.split(key)
            params.append((0.1 * jax.random.normal(own, (3, 3, inputs, filters)), jnp.zeros(filters)))
            inputs = filters
        params.append((0.05 * jax.random.normal(key, (4 * 4 * inputs, 10)), jnp.zeros(10)))
        return params

    def logits(params, x, key):
        for number, (weight, bias) in enumerate(params[:-1]):
            dims = ("NHWC", "HWIO", "NHWC")
            x = jax.lax.conv_general_dilated(x, weight, (1, 1), "SAME", dimension_numbers=dims) + bias
            x = x * jax.random.bernoulli(jax.random.fold_in(key, number), 0.9, x.shape) / 0.9
            x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "SAME")
            x = jax.nn.relu(x) if number < 2 else x
        weight, bias = params[-1]
        return x.reshape(len(x), -1) @ weight + bias

    def loss(params, x, y, key):
        return -jnp.take_along_axis(jax.nn.log_softmax(logits(params, x, key)), y[:, None], 1).mean()

    def step(carry, at):
        params, mean, square, count = carry
        index, key = at
        slopes = jax.grad(loss)(params, x[index], y[index], key)
        count = count + 1
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, slopes)
        square = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, square, slopes)
        params = jax.tree.map(
            lambda p, m, v: p - rate * (m / (1 - 0.9**count)) / (jnp.sqrt(v / (1 - 0.999**count)) + 1e-8),
            *(params, mean, square),
        )
        return (params, mean, square, count), None

    def begin(key):
        params = init(key)
        zeros = jax.tree.map(jnp.zeros_like, params)
        steps = len(y) // batch
        order = jax.random.permutation(key, len(y))[: steps * batch].reshape(steps, batch)
        return (params, zeros, zeros, 0.0), (order, jax.random.split(key, steps))

    def epoch(key):
        (params, *_), _ = jax.lax.scan(step, *begin(key))
        return params

    keys = jax.random.split(jax.random.key(0), members)
    if together:
        compiled = jax.jit(jax.vmap(epoch)).lower(keys).compile()
        started = time.perf_counter()
        jax.block_until_ready(compiled(keys))
        return time.perf_counter() - started
    one, first = jax.jit(lambda carry, at: step(carry, at)[0]), jax.jit(begin)
    carry, (order, draws) = first(keys[0])
    jax.block_until_ready(one(carry, (order[0], draws[0])))
    started = time.perf_counter()
    for key in keys:
        carry, (order, draws) = first(key)
        for at in zip(order, draws, strict=True):
            carry = one(carry, at)
        jax.block_until_ready(carry)
    return time.perf_counter() - started


def main() -> None:
    """Measure, print, keep JSON, and with --publish renew the table in BENCHMARKS.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder of the hub's CIFAR-10 layout; default: random images")
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", nargs="+", help="variants to run, beside the plain loop")
    parser.add_argument("--publish", action="store_true", help="renew the table in BENCHMARKS.md")
    options = parser.parse_args()
    with image_source(options.data, options.images + 600) as source:
        overrides = [
            f"data.source={source}",
            f"data.train={options.images}",
            "data.scaling=unit",
            "train.batches=permutation",
            "train.epochs=1",
            f"train.members={options.members}",
            "compute.engine=processes",
            "compute.device=cpu",
        ]
        recipe = load("cifar10-smallcnn", overrides)
        images, label = resident(recipe)

        def rate(work: Callable[..., float], *arguments: object, share: int = 1) -> Callable[[], float]:
            few = slice(len(label) // share)
            return lambda: options.members * len(label[few]) / work(recipe, images[few], label[few], *arguments)

        variants = {
            "plain loop": rate(plain_loop),
            "DataLoader loop": rate(dataloader_loop),
            "torch.func vmap": rate(torch_func, share=SLOW),
        }
        if _installed("torchensemble"):
            variants["TorchEnsemble, one job"] = rate(torchensemble, 1)
            variants["TorchEnsemble, two jobs"] = rate(torchensemble, 2)
        if _installed("jax"):
            variants["JAX, one after another"] = rate(jax_loop, False, share=SLOW)
            variants["JAX, vmap and scan"] = rate(jax_loop, True, share=4 * SLOW)
        total = options.members * len(label)
        variants["modescape"] = lambda: total / training_stage("cifar10-smallcnn", overrides)
        if options.only:
            variants = {name: call for name, call in variants.items() if name in ("plain loop", *options.only)}
        rows = in_turns(variants, options.repeats, reference="plain loop", say=lambda line: print(line, flush=True))
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("jax", "torchensemble") if _installed(name)]
    result = Result(
        name="peers",
        question="How many images a second are trained?",
        unit="images/s",
        setting=f"{options.members} members of SmallCNN, dropout 0.1, batch 128, an epoch of {options.images:,} images "
        f"({'CIFAR-10, JPEG copy' if options.data else 'random'}); torch.func and JAX run a part of it "
        f"({', '.join(versions)})",
        command="python bench/peers.py --data path/to/cifar10" if options.data else "python bench/peers.py",
        rows=rows,
        reference="plain loop",
    )
    print(f"\n{result.table()}\n\n{result.about()}\n{write(result, HERE / 'results')}")
    if options.publish:
        publish(result, HERE.parent / "BENCHMARKS.md")


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


if __name__ == "__main__":
    main()
