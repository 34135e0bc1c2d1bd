"""The output of commands on standard output: members, the verdict, the path of the page, the status of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modescape.covers import headed
from modescape.plain import ranges, shown, visible

if TYPE_CHECKING:
    from modescape.pipeline.comparison import Comparison
    from modescape.pipeline.seeds import SeedsAnswer
    from modescape.study import Study, StudyStatus

MOST_DIFFERENCES = 30  # rows of a table; nobody reads more


def print_members(study: Study) -> None:
    """A table of the members on standard output."""
    column = study.task.column
    told = "RMSE" if column == "rmse" else column
    table = _table("member", "state", "epochs", "train loss", "val. loss", f"val. {told}", "seconds")
    for member in study.members:
        history = member.history()
        last = {name: values[-1] for name, values in history.items()} if history and len(history["epoch"]) else {}
        numbers = [
            f"{last[name]:.{digits}f}" if name in last else "-"
            for name, digits in (("train_loss", 3), ("validation_loss", 3), (f"validation_{column}", 3))
        ]
        seconds = f"{sum(history['seconds']):.1f}" if history else "-"
        table.add_row(str(member.number), member.status, str(member.epochs_done), *numbers, seconds)
    _print(table)


def print_summary(study: Study) -> None:
    """Members, the scores of one network and of the ensemble, the verdict, and the path of the page."""
    from modescape.pipeline.reporting import page_content
    from modescape.report.verdict import judge
    from modescape.study import layout
    from modescape.wording.examples import in_words_of

    print_members(study)
    verdict = judge(page_content(study).results, imported=study.recipe.imported is not None)
    if verdict.scores:
        table = _table(
            "score", "better", "one network", "ensemble", "change", headed("interval", verdict.covers_scores)
        )
        for row in verdict.scores:
            table.add_row(*row)
        _print(table)
    print()
    lines = filter(None, [verdict.answer, *verdict.sentences, verdict.covers])
    print(*(in_words_of(study.word, line, "groups" in study.manifest) for line in lines), sep="\n")
    print(f"\n{(study.path / layout.REPORT).resolve()}")


def print_comparison(compared: Comparison) -> None:
    """The scores of each model, the verdict, what was left out, and the path of the page."""
    from modescape.wording import scores
    from modescape.wording.reading import holding, pick

    dataset = holding(compared.results, "over_best", "score")
    if dataset is not None:
        known = scores.known(dataset)
        table = _table("model", *scores.header(known, dataset))
        for name in dataset["model"].values:
            table.add_row(
                shown(name, 60),
                *(scores.written(metric, pick(dataset, "score", model=name, metric=metric)) for metric in known),
            )
        _print(table)
    for line in (*compared.given.notes, *compared.warnings):
        print(visible(line))
    print()
    print(*map(visible, compared.verdict), sep="\n")
    if compared.page is not None:
        print(f"\n{compared.page.resolve()}")


def print_seeds(found: SeedsAnswer) -> None:
    """The verdict, methods and differences as tables, warnings, and how the file was read."""
    from modescape.wording.seeds import decimals_of, needed_text

    print(*map(visible, found.verdict), sep="\n")
    bca = any(one.summary.bca for one in found.methods)
    best = f"best of {found.methods[0].best_of}"
    wide = ["runs for width"] if found.judgement.question.width is not None else []
    table = _table("method", "runs", "mean", "sd", "95 % interval", *["BCa interval"] * bca, best, *wide)
    for one in found.methods:
        own, digits = one.summary, decimals_of(one.summary.sd)
        ends = [(own.low, own.high), *[own.bca] * bca]
        intervals = ["-" if pair is None else f"{pair[0]:.{digits}f} to {pair[1]:.{digits}f}" for pair in ends]
        expected = one.best_seen if own.skewed and one.best_seen is not None else one.best_expected  # may lie beyond 1
        numbers = [f"{own.mean:.{digits}f}", f"{own.sd:.{digits}f}", *intervals, f"{expected:.{digits}f}"]
        table.add_row(shown(one.runs.label, 60), str(own.runs), *numbers, *[needed_text(one.for_width) for _ in wide])
    _print(table)
    if found.differences:
        _print_differences(found)
    for title, lines in (("Beware", found.warnings), ("Assumed", found.assumptions), ("Read", list(found.notes))):
        print(*(visible(f"{title}: {line}") for line in lines), sep="\n", end="\n" * bool(lines))


def _print_differences(found: SeedsAnswer) -> None:
    from modescape.wording.seeds import decimals_of, needed_text

    wide, power = found.judgement.question.width is not None, found.differences[0].asked[0]
    table = _table("difference", "value", "95 % interval", "test", "p", "p (Holm)")
    settling = _table("", "effect", "permutation p", *["runs for width"] * wide, f"runs for power {power:g}")
    for pair in found.differences[:MOST_DIFFERENCES]:
        own, exact = pair.difference, pair.difference.permutation
        digits = decimals_of(abs(own.high - own.low) / 4)
        name = f"{pair.first.method} - {pair.second.method}{f', {pair.first.task}' if pair.first.task else ''}"
        interval = f"{own.low:.{digits}f} to {own.high:.{digits}f}"
        p = (f"{one:.2g}" for one in (own.p, pair.p_holm))
        table.add_row(shown(name, 60), f"{own.value:.{digits}f}", interval, own.test, *p)
        settling.add_row(
            shown(name, 60),
            f"{own.effect.value:.2f} ({own.effect.low:.2f} to {own.effect.high:.2f})",
            "-" if exact is None else f"{exact.p:.2g} (least {exact.smallest:.2g})",
            *[needed_text(pair.for_width)] * wide,
            needed_text(pair.for_power),
        )
    _print(table)
    _print(settling)
    if found.judgement.question.sequential:
        _print_looks(found)
    if len(found.differences) > MOST_DIFFERENCES:
        print(
            f"{len(found.differences) - MOST_DIFFERENCES:,} more differences: --json has all, --against one method's."
        )


def _print_looks(found: SeedsAnswer) -> None:
    """The sequential test."""
    from modescape.wording.seeds import decimals_of

    table = _table("at any time", "pairs", "evidence", "p (Holm)", "95 % interval", "decision")
    for pair in found.differences[:MOST_DIFFERENCES]:
        if (look := pair.looked) is None:
            continue
        digits = decimals_of(abs(pair.difference.high - pair.difference.low) / 4)
        interval = (
            f"{look.low:.{digits}f} to {look.high:.{digits}f}" if look.high - look.low < float("inf") else "none yet"
        )
        name = shown(f"{pair.first.label} - {pair.second.label}", 60)
        table.add_row(name, str(look.runs), f"{look.evidence:.3g}", f"{look.p:.2g}", interval, look.decision)
    _print(table)


def _table(*columns: str) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right")
    return table


def _print(table: Any) -> None:
    from rich.console import Console

    Console(highlight=False, markup=False).print(table)


def status_text(status: StudyStatus) -> str:
    """A study's status as plain lines; members in the same state are one line. Standard library only."""
    from modescape.study import layout

    lines = [f"study {status.name} in {status.path}", f"recipe {shown(status.recipe_hash, 12)}", ""]
    alike: dict[tuple[str, int, int, int, int, str], list[int]] = {}
    for member in status.members:
        key = (
            member.status,
            member.epochs_done,
            member.epochs,
            member.checkpoints,
            member.expected_checkpoints,
            member.message,
        )
        alike.setdefault(key, []).append(member.number)
    for (state, done, epochs, there, expected, message), numbers in alike.items():
        reason = f"  {shown(message)}" if message else ""
        lines.append(
            f"{_ranges(numbers):<16} {state:<9} epoch {done}/{epochs}, {there}/{expected} checkpoints each{reason}"
        )
    lines.append("")
    for split, rows in status.predictions.items():
        lines.append(f"predictions      {split:<11} {rows.done}/{rows.expected} checkpoints")
    missing = f", missing: {', '.join(status.missing_results)}" if status.missing_results else ""
    expected_results = len(status.expected_results)
    lines.append(f"analyses         {expected_results - len(status.missing_results)}/{expected_results}{missing}")
    lines.append(f"report           {layout.REPORT if status.report else 'missing'}")
    lines += ["", "complete" if status.complete else f"incomplete; go on with: {status.again}"]
    return "\n".join(lines)


def _ranges(numbers: list[int]) -> str:
    """[0, 1, 2, 5] -> "members 0-2, 5"."""
    return f"{'members' if len(numbers) > 1 else 'member'} {ranges(numbers)}"
