"""What commands print on standard output: members, the verdict, where the page is, the status of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modescape.plain import ranges, shown

if TYPE_CHECKING:
    from modescape.pipeline.comparison import Comparison
    from modescape.study import Study, StudyStatus


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
    verdict = judge(page_content(study).results)
    if verdict.scores:
        table = _table("score", "better", "one network", "ensemble", "change", "95 % interval")
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
        print(line)
    print()
    print(*compared.verdict, sep="\n")
    if compared.page is not None:
        print(f"\n{compared.page.resolve()}")


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
    """A study's status as plain lines; members in the same state are one line. Needs no library."""
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
