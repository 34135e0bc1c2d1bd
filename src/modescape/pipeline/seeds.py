"""From scores of repeated runs to an answer, for `modescape seeds` and `ms.seeds`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from modescape.answers import answer, score
from modescape.interop.scores import Columns, scores_of
from modescape.metrics.seeds import Judgement, Method, Needed, Pair, Question, judge

if TYPE_CHECKING:
    from modescape.metrics.seeds import Looked

NEW_RUNS = "new runs of the same method"


@dataclass(frozen=True)
class SeedsAnswer:
    """The answer from scores of repeated runs."""

    judgement: Judgement
    notes: tuple[str, ...]  # how the table was read

    @property
    def methods(self) -> tuple[Method, ...]:
        """Each method on each task."""
        return self.judgement.methods

    @property
    def differences(self) -> tuple[Pair, ...]:
        """Each pair of methods on each task."""
        return self.judgement.pairs

    @property
    def verdict(self) -> list[str]:
        """The answer in sentences."""
        from modescape.wording.seeds import verdict

        return verdict(self.judgement)

    @property
    def warnings(self) -> list[str]:
        """Warnings, in sentences."""
        from modescape.wording.seeds import cautions

        return [*self.judgement.warnings, *cautions(self.judgement)]

    @property
    def assumptions(self) -> list[str]:
        """The assumptions behind the results."""
        from modescape.wording.seeds import assumptions

        return assumptions(self.judgement)

    def as_dict(self) -> dict[str, Any]:
        """The answer of `modescape seeds --json` (docs/json.md)."""
        return answer(
            "seeds",
            verdict=self.verdict,
            warnings=self.warnings,
            notes=list(self.notes),
            assumptions=self.assumptions,
            methods=[_method(one) for one in self.methods],
            differences=[_difference(pair) for pair in self.differences],
            runs_needed=[*_for_width(self.judgement), *_for_power(self.judgement)],
        )

    def __str__(self) -> str:
        return "\n".join([*self.verdict, *self.warnings])


def seeds(
    table: Any,
    *,
    method: str | None = None,
    run: str | None = None,
    task: str | None = None,
    score: str | Sequence[str] = (),
    without: Sequence[str] = (),
    groups: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    **question: Any,
) -> SeedsAnswer:
    """Tell whether differences between methods exceed seed noise, and how many runs would settle it.

    Args:
        table: a file of scores (CSV, TSV, Parquet, JSON lines; exports of W&B, MLflow, TensorBoard) or several; a dict
            from methods to scores ``{"a": [0.91, 0.92]}`` or to scores of named runs ``{"a": {"seed 0": 0.91}}``; a
            data frame.
        method: the column of methods; columns not given are found by name and reported in `SeedsAnswer.notes`.
        run: the column of runs or seeds.
        task: the column of tasks.
        score: the column of scores, or several.
        without: columns (of a wide table: methods) to leave out.
        groups: methods as patterns of run names: ``{"resnet": "resnet*"}``, or pairs of such.
        **question: fields of `modescape.metrics.seeds.Question`: ``lower_is_better``, ``against``, ``paired``,
            ``width``, ``power``, ``difference``, ``best_of``,
            ``mean_of_tasks``, ``sequential``.

    Raises:
        InputError: (a ValueError) if it cannot be answered: single runs, copied scores, cells without a number.

    >>> import modescape as ms
    >>> found = ms.seeds({"a": [91.0, 92.1, 93.2, 91.7], "b": [90.3, 91.1, 90.2, 90.9]})
    >>> found.differences[0].more_than_noise, found.differences[0].for_power.runs
    (False, 6)
    """
    columns = Columns(
        method=method,
        run=run,
        task=task,
        scores=(score,) if isinstance(score, str) else tuple(score),
        without=tuple(without),
    )
    found, notes = scores_of(table, columns, groups)
    return SeedsAnswer(judge(found, Question(**question)), tuple(notes))


def _method(one: Method) -> dict[str, Any]:
    found = one.summary
    interval = score(found.mean, found.low, found.high, covers=NEW_RUNS)
    bca = None if found.bca is None else score(found.mean, *found.bca, covers=NEW_RUNS)
    best = {"runs": one.best_of, "expected": one.best_expected, "seen": one.best_seen}
    return {
        "name": one.runs.method,
        "task": one.runs.task or None,
        "runs": found.runs,
        "mean": found.mean,
        "sd": found.sd,
        "interval": interval,
        "sd_interval": score(found.sd, found.sd_low, found.sd_high, covers=NEW_RUNS),
        "skewed": found.skewed,
        "bca_interval": bca,
        "best_of": best,
    }


def _difference(pair: Pair) -> dict[str, Any]:
    found = pair.difference
    return {
        "first": pair.first.method,
        "second": pair.second.method,
        "task": pair.first.task or None,
        "difference": score(found.value, found.low, found.high, covers="new runs of both methods"),
        "paired": found.paired,
        "test": found.test,
        "runs": list(found.runs),
        "t": found.t,
        "freedom": found.freedom,
        "p": found.p,
        "p_holm": pair.p_holm,
        "more_than_noise": pair.more_than_noise,
        "effect": score(*found.effect, covers="new runs of both methods, in units of the spread"),
        "permutation": None if found.permutation is None else found.permutation._asdict(),
        "best_of": {"probability": pair.better_best, "seen": pair.better_best_seen},
        "sequential": None if pair.looked is None else _sequential(pair.looked, found.value),
    }


def _sequential(looked: Looked, value: float) -> dict[str, Any]:
    content = asdict(looked)
    low, high = content.pop("low"), content.pop("high")
    return {**content, "interval": score(value, low, high, covers="new runs of both methods, at every look at once")}


def _needed(of: list[str], task: str, what: dict[str, Any], needed: Needed, there: Sequence[int]) -> dict[str, Any]:
    more = [None if needed.runs is None else max(needed.runs - count, 0) for count in there]
    return {
        "of": of,
        "task": task or None,
        **what,
        "runs": needed.runs,
        "low": needed.low,
        "high": needed.high,
        "more": more,
    }


def _for_width(found: Judgement) -> list[dict[str, Any]]:
    what = {"for": "width", "width": found.question.width, "power": None, "difference": None}
    lines = [
        _needed([one.runs.method], one.runs.task, what, one.for_width, [one.summary.runs])
        for one in found.methods
        if one.for_width is not None
    ]
    return lines + [
        _needed([pair.first.method, pair.second.method], pair.first.task, what, pair.for_width, pair.difference.runs)
        for pair in found.pairs
        if pair.for_width is not None
    ]


def _for_power(found: Judgement) -> list[dict[str, Any]]:
    lines = []
    for pair in found.pairs:
        if pair.for_power is not None:
            power, difference = pair.asked
            what = {"for": "power", "width": None, "power": power, "difference": difference}
            of = [pair.first.method, pair.second.method]
            lines.append(_needed(of, pair.first.task, what, pair.for_power, pair.difference.runs))
    return lines
