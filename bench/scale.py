"""Time and memory of analyses of many models on many examples: python bench/scale.py --models 1000 --examples 1000000.

Predictions are generated from a seed, a few examples at a time, whenever they are read, and never stored. Each analysis
runs in a process of its own on one thread; its processor time and peak memory are printed, and how much of that time
went into generating predictions. Progress is written to standard error every minute.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from modescape import analyses
from modescape.offered import INDEPENDENT, Offered

GRAIN = 512  # examples generated at a time
OWN, SKILL = 2.0, 2.5  # sd of a model's own logits (that of shared ones is 1), and what is added to the label's
SAY = 60.0  # seconds between lines of progress
NAMES = ("ensemble_size", "solution_similarity", "model_pairs")


@dataclass(frozen=True)
class Made:
    """`modescape.offered.Predictions` of models whose errors are partly shared."""

    models: int
    examples: int
    classes: int
    seed: int = 0
    spent: list[float] = field(default_factory=lambda: [0.0], compare=False)  # processor seconds of generating
    said: list[float] = field(default_factory=lambda: [time.monotonic()], compare=False)  # time of the last such line

    @property
    def label(self) -> np.ndarray:
        """True classes [example]."""
        return self._label

    @cached_property
    def _label(self) -> np.ndarray:
        return np.random.default_rng(self.seed).integers(0, self.classes, self.examples)

    @property
    def groups(self) -> dict[str, range]:
        """One group, independent: all models."""
        return {INDEPENDENT: range(self.models)}

    @property
    def members(self) -> np.ndarray:
        """Each model is a member."""
        return np.arange(self.models)

    @property
    def epochs(self) -> np.ndarray:
        """Every model has one epoch."""
        return np.ones(self.models, dtype=np.int64)

    @property
    def class_names(self) -> list[str]:
        """Classes are named by their number."""
        return [str(number) for number in range(self.classes)]

    @property
    def example_group(self) -> np.ndarray | None:
        """Examples are not in groups."""
        return None

    def log_prob(self, model: int, /) -> np.ndarray:
        """Log-probabilities of all examples."""
        return self.log_prob_of(model, slice(0, self.examples))

    def log_prob_of(self, model: int, examples: slice, /) -> np.ndarray:
        """Log-probabilities of some examples: every `GRAIN` examples have a random stream of their own."""
        began = time.process_time()
        start, stop, _ = examples.indices(self.examples)
        first = start // GRAIN * GRAIN
        parts = [self._grain(model, at) for at in range(first, stop, GRAIN)]
        found = np.concatenate(parts)[start - first : stop - first]
        found -= found.max(1, keepdims=True)
        found -= np.log(np.exp(found).sum(1, keepdims=True))
        self.spent[0] += time.process_time() - began
        if time.monotonic() - self.said[0] > SAY:
            self.said[0] = time.monotonic()
            how_far = f"model {model}, examples up to {stop:,}, {time.process_time():.0f} processor seconds"
            print(f"{how_far}, {most_memory() / 1e9:.2f} GB", file=sys.stderr, flush=True)
        return found

    def _grain(self, model: int, start: int) -> np.ndarray:
        """Logits of up to `GRAIN` examples, float32 [example, class]."""
        shape = (min(GRAIN, self.examples - start), self.classes)
        logits = OWN * np.random.default_rng([self.seed, 1 + model, start]).standard_normal(shape, np.float32)
        logits += np.random.default_rng([self.seed, 0, start]).standard_normal(shape, np.float32)
        logits[np.arange(len(logits)), self.label[start : start + len(logits)]] += SKILL
        return logits


def offered(made: Made, *, given: bool) -> Offered:
    """These predictions, as if of given models or of a study's members."""
    names = [f"model {number}" for number in range(made.models)] if given else ()
    return Offered(
        members=range(made.models), predictions={"test": made}, examples={"test": made.examples}, names=names
    )


def most_memory() -> int:
    """Peak memory of this process, bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measured(name: str, made: Made) -> dict[str, float]:
    """Run one analysis here: seconds, processor seconds (and those of generating predictions), peak memory in bytes."""
    given = name != "solution_similarity"
    began, spent = time.monotonic(), time.process_time()
    result = analyses.measure(name, offered(made, given=given))
    seconds, spent = time.monotonic() - began, time.process_time() - spent
    largest = float(result["score"].sel(approach="independent", metric="accuracy")[-1]) if "score" in result else 0.0
    took = {"seconds": seconds, "processor": spent, "making": made.spent[0]}
    return {**took, "bytes": most_memory(), "accuracy": largest}


def main() -> None:
    """Measure each analysis in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--here", action="store_true", help="in this process, one analysis, as JSON")
    parser.add_argument("names", nargs="*", default=NAMES)
    said = parser.parse_args()
    if said.here:
        print(json.dumps(measured(said.names[0], Made(said.models, said.examples, said.classes))))
        return
    for name in said.names:
        sizes = (f"--{key}={getattr(said, key)}" for key in ("models", "examples", "classes"))
        run = [sys.executable, __file__, "--here", *sizes, name]
        found = json.loads(subprocess.run(run, check=True, stdout=subprocess.PIPE, text=True).stdout)
        print(
            f"{name}, {said.models} models x {said.examples:,} examples x {said.classes} classes: "
            f"{found['seconds']:.0f} s, {found['processor']:.0f} processor seconds, of which making the predictions "
            f"{found['making']:.0f}; {found['bytes'] / 1e9:.2f} GB of memory at most",
            flush=True,
        )


if __name__ == "__main__":
    main()
