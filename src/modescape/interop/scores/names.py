"""Identifying columns of methods, runs and tasks by name, and methods by the names of runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

METHOD = (
    *("method", "model", "algorithm", "algo", "approach", "system", "variant", "condition", "treatment", "agent"),
    *("architecture", "arch", "optimizer", "optimiser", "config", "configuration", "setting", "group", "experiment"),
    *("method name", "model name"),
)
RUN = (
    *("seed", "random seed", "run", "run id", "run name", "run uuid", "runs", "seeds", "replicate", "replication"),
    *("repetition", "repeat", "rep", "trial", "fold", "name", "id", "member"),
    *("index", "idx", "#", "run number", "run index", "seed number"),
)
TASK = ("task", "dataset", "data set", "benchmark", "environment", "env", "game", "metric", "key", "tag", "task name")
SCORE = ("score", "value", "result", "metric value")
STEP = ("step", "global step", "epoch", "iteration", "training step", "trainer/global step")
SETTINGS = (  # numbers of a run that are no scores
    *STEP,
    *(
        "steps",
        "epochs",
        "lr",
        "learning rate",
        "batch size",
        "weight decay",
        "dropout",
        "timestamp",
        "created",
        "time",
    ),
    *("wall time", "seconds", "runtime", "duration", "start time", "end time", "experiment id", "num params"),
)
SUMMARY = (
    r"(arithmetic )?(mean|average|avg)",
    r"std\.?( ?dev(iation)?\.?)?|stdev|sd|standard (deviation|error)|std\.? ?err(or)?|stderr|sem|var(iance)?",
    r"min(imum)?|max(imum)?|median|total|sum|count|range|quartile|(95 ?%? ?)?ci",
)
OF_RUNS = (r"se|n|all|overall|best|worst|q[1-3]|\d\d ?%", r"p[- ]?value")  # in the column of runs alone
_WORD = "|".join(SUMMARY)
_MORE = rf"([\W_]+(and|of|over|all|runs?|seeds?|\d+|{_WORD}))*[\W_]*"
SUMMARIES = re.compile(rf"\W*({_WORD}){_MORE}", re.IGNORECASE)
SUMMARIES_OF_RUNS = re.compile(rf"\W*({'|'.join((_WORD, *OF_RUNS))}){_MORE}", re.IGNORECASE)
LONGEST = 60  # characters of a cell or a name of which any of this is asked
SEPARATORS = " _-./:=#"
RUN_WORD = re.compile(r"(^|[ _\-./:=#])(random[ _-]?)?(seed|run|rep|repeat|replicate|trial|fold|s|r)$", re.IGNORECASE)
OF_A_RUN = re.compile(r"\W*(seed|run|rep|repeat|replicate|trial|fold|member|s|r)?[\s_.:=#-]*\d+", re.IGNORECASE)
TENSORBOARD = re.compile(r"run-(?P<run>.+)-tag-(?P<tag>.+)")  # as its page calls what it downloads


def plain(name: str) -> str:
    """A column's name without capitals, underscores and dashes, and without what MLflow and W&B put before it."""
    bare = re.sub(r"^(params|tags|metrics|config|summary)[./]", "", name.strip().lower())
    return " ".join(re.sub(r"[_\-]+", " ", bare).split())


def find(header: Sequence[str], names: Sequence[str]) -> str | None:
    """The column that bears one of these names; the earlier name wins."""
    known = {plain(name): name for name in reversed(header)}
    return next((known[name] for name in names if name in known), None)


def is_setting(name: str) -> bool:
    """Whether a column of numbers is of a run's settings or clock, by its name: no score."""
    return plain(name) in SETTINGS or plain(name) in RUN


def is_summary(text: str, of_run: bool = False) -> bool:
    """Whether a cell says that its row sums up others: "mean", "Std. dev.", "mean of 5 seeds".

    Args:
        text: of the cell.
        of_run: whether it stands where runs are named.
    """
    text = text.strip()
    return len(text) <= LONGEST and (SUMMARIES_OF_RUNS if of_run else SUMMARIES).fullmatch(text) is not None


def is_run(name: str) -> bool:
    """Whether a column is called after a run: "seed_3", "run 12", "7"."""
    return len(name) <= LONGEST and OF_A_RUN.fullmatch(name) is not None


def split_runs(names: Sequence[str]) -> list[tuple[str, str]] | None:
    """The method and the run of each name, such as "resnet_seed3"; None where they tell no two methods of two runs.

    Numbers that no word such as "seed" calls a run ("vit-16") count as runs where those of a method go from 0 or 1 on.

    >>> split_runs(["resnet_seed0", "resnet_seed1", "vit/run-0", "vit/run-1"])
    [('resnet', '0'), ('resnet', '1'), ('vit', '0'), ('vit', '1')]
    >>> split_runs(["a-0", "a-1", "b-0", "b-1"]) == split_runs(["a0", "a1", "b0", "b1"])
    False
    >>> split_runs(["Run 0", "Run 1", "Run 2"]) is None
    True
    >>> split_runs(["vit-b-16", "vit-b-32", "vit-l-16", "vit-l-32"]) is None
    True
    """
    found = [_split(name.strip()) for name in names]
    pairs = [(method, run) for method, run, _ in found if method and run]
    runs: dict[str, list[str]] = {}
    for method, run in pairs:
        runs.setdefault(method, []).append(run)
    if len(pairs) < len(names) or len(set(pairs)) < len(pairs) or len(runs) < 2 or min(map(len, runs.values())) < 2:
        return None
    said = all(word for _, _, word in found)
    return pairs if said or all(_counted(numbers) for numbers in runs.values()) else None


def _split(name: str) -> tuple[str, str, bool]:
    """Method and run of a name, "" where it has none, and whether a word calls the number a run."""
    head = name.rstrip("0123456789")
    run, bare = name[len(head) :], head.rstrip(SEPARATORS)
    word = RUN_WORD.search(bare[-LONGEST:])
    if word is None:
        return (bare, run, False) if bare != head else ("", "", False)
    return bare[: len(bare) - len(word[0])].rstrip(SEPARATORS), run, True


def _counted(runs: Sequence[str]) -> bool:
    numbers = sorted(int(run) for run in runs if len(run) < 10)
    return numbers in (list(range(len(runs))), list(range(1, len(runs) + 1)))


def labels(paths: Sequence[str]) -> list[str]:
    """Distinct short names of files: their paths without the common parts and the suffix.

    >>> labels(["logs/resnet/0/acc.csv", "logs/resnet/1/acc.csv"]), labels(["a.csv"])
    (['0', '1'], ['a'])
    """
    parts = [(*PurePath(path).parent.parts, PurePath(path).stem) for path in paths]
    if len(set(parts)) < 2:
        return [one[-1] for one in parts]
    while len({one[0] for one in parts}) == 1 and min(map(len, parts)) > 1:
        parts = [one[1:] for one in parts]
    while len({one[-1] for one in parts}) == 1 and min(map(len, parts)) > 1:
        parts = [one[:-1] for one in parts]
    return ["/".join(one) for one in parts]
