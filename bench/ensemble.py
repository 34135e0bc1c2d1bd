"""Stacked members of an exported ensemble against a loop over them: python bench/ensemble.py [--device cuda].

Prints a Markdown table of milliseconds per batch, medians over turns: processor time on a CPU (reliable on a busy
machine), wall-clock time on a GPU. The loop calls each network's own module and stacks the outputs.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import time
from collections.abc import Callable

import torch

from modescape import tree
from modescape.data.inputs.tree import Plain
from modescape.interop.ensemble.answers import ClassAnswers
from modescape.interop.ensemble.module import EnsembleModule
from modescape.models import split_state
from modescape.models.factory import find_factory
from modescape.tasks import Classification
from modescape.types import ModelState

NETWORKS = {  # name -> how it is made, and a function (examples) -> batch
    "mlp (20 features)": (lambda: find_factory("mlp")(20, 3), lambda count: (torch.rand(count, 20),)),
    "small_cnn (1x8x8)": (
        lambda: find_factory("small_cnn")((1, 8, 8), 10),
        lambda count: (torch.rand(count, 1, 8, 8),),
    ),
    "small_cnn (3x32x32)": (
        lambda: find_factory("small_cnn")((3, 32, 32), 10),
        lambda count: (torch.rand(count, 3, 32, 32),),
    ),
    "notebook_resnet20 (3x32x32)": (
        lambda: find_factory("notebook_resnet20")((3, 32, 32), 10),
        lambda count: (torch.rand(count, 3, 32, 32),),
    ),
    "text_transformer (64 places)": (
        lambda: find_factory("text_transformer")(50, 64, 3),
        lambda count: (torch.randint(1, 50, (count, 64)), torch.ones(count, 64, dtype=torch.bool)),
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16, 128])
    parser.add_argument("--turns", type=int, default=5)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{chosen.members} members, {chosen.device}, torch {torch.__version__}, n = {chosen.turns} turns\n")
    print("| network | examples | stacked, ms | loop, ms | loop / stacked | exported graph, ms |")
    print("|---|---|---|---|---|---|")
    for name in NETWORKS:
        measure(name, chosen)


def measure(name: str, chosen: argparse.Namespace) -> None:
    make, batch = NETWORKS[name]
    made = [make().eval().to(chosen.device) for _ in range(chosen.members)]
    states = [split_state(network) for network in made]
    state = ModelState(tree.stack([one.params for one in states]), tree.stack([one.buffers for one in states]))
    few = tuple(leaf.to(chosen.device) for leaf in batch(3))
    answers = ClassAnswers(torch.ones(1, device=chosen.device), "none")
    example = few if len(few) > 1 else few[0]
    ensemble = EnsembleModule(made[0], state, Plain(), example, Classification(3), answers).to(chosen.device)
    every = ({0: torch.export.Dim.DYNAMIC},) * len(few)
    with torch.no_grad():
        program = torch.export.export(ensemble, few, dynamic_shapes={"leaves": every}, strict=False).module()
    ways = {
        "stacked": ensemble,
        "loop": lambda *leaves: answers(torch.stack([network(*leaves) for network in made]).log_softmax(-1)),
        "exported": program,
    }
    for count in chosen.batches:
        leaves = tuple(leaf.to(chosen.device) for leaf in batch(count))
        calls = {way: functools.partial(call, *leaves) for way, call in ways.items()}
        found = in_turns(calls, chosen.turns, chosen.device)
        cells = [found["stacked"], found["loop"], found["loop"] / found["stacked"], found["exported"]]
        print(f"| {name} | {count} | {' | '.join(f'{value:.2f}' for value in cells)} |", flush=True)


def in_turns(ways: dict[str, Callable[[], object]], turns: int, device: str) -> dict[str, float]:
    """Median milliseconds of each variant; every turn runs them one after the other."""
    clock = time.perf_counter if device.startswith("cuda") else time.process_time
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    with torch.no_grad():
        for turn in range(turns + 1):
            for name, call in ways.items():
                settle(device)
                started = clock()
                call()
                settle(device)
                if turn:  # the first one warms up
                    seconds[name].append(clock() - started)
    return {name: 1e3 * statistics.median(own) for name, own in seconds.items()}


def settle(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
