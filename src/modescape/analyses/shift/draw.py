"""What is left of accuracy, probabilities and diversity when the test images are corrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modescape.plain import ranges
from modescape.plots import steps, style
from modescape.plots.charts import Chart, HeatMap, Panel
from modescape.plots.scores import difference_panels, divergence_panels, methods, score_panels

if TYPE_CHECKING:
    import xarray as xr

TITLE = "Under corruption of the test images"
X_LABEL = "Severity (0: clean, 5: strongest)"
BY_CORRUPTION = ("single", "independent")  # methods whose accuracy is drawn a corruption
ACCURACY = style.Scale(low=0, high=100, ticks=(0, 25, 50, 75, 100), label="Accuracy (%)")


def averaged(dataset: xr.Dataset) -> str:
    """Over which corruptions of which examples a score is the mean, and which ones stand by themselves."""
    apart = selected(dataset)
    kinds = style.counted(dataset.sizes["corruption"] - len(without_effect(dataset)) - len(apart), "kind")
    return style.sentences(
        f"Mean over {kinds} of corruption at each severity ({style.one_line(dataset.attrs['source'])}), on",
        f"{style.tested_on(dataset)}; severity 0: the images as they are.",
        f"Shown separately, in no mean: {style.one_line(dataset.attrs['selected_words'])}." if apart else "",
    )


def caption(dataset: xr.Dataset) -> str:
    """What is averaged, and where the corruptions come from."""
    left_out = without_effect(dataset)
    return style.sentences(
        averaged(dataset),
        "A subspace method averages",
        f"{int(dataset.attrs['samples'])} samples around one solution; independent + X averages over solutions, too.",
        "Bands, where there are any: 95 % intervals. Minus single network's: differences of these means.",
        "Jensen-Shannon divergence: of equally many networks of each method; after calibration: each network's",
        "temperature was fitted on validation images without corruption. Coloured: accuracy on each corruption's own",
        "part of the images.",
        left_out_sentence(left_out, dataset["effect"].attrs["units"]) if left_out else "",
        style.intervals(dataset),
        style.from_members(dataset),
        steps.endings(dataset),
    )


def panels(dataset: xr.Dataset) -> list[Panel | HeatMap]:
    """Four scores, two differences and two divergences against severity, then accuracy by corruption."""
    drawn: list[Panel | HeatMap] = [
        *score_panels(dataset, "severity", X_LABEL),
        *difference_panels(dataset, "severity", X_LABEL),
        *divergence_panels(dataset, "severity", X_LABEL),
    ]
    return drawn + [_by_corruption(dataset, method) for method in BY_CORRUPTION if method in methods(dataset)]


def _by_corruption(dataset: xr.Dataset, method: str) -> HeatMap:
    left_out = without_effect(dataset)
    chosen = dataset["score_of_corruption"].sel({"approach": method, "metric": "accuracy"})
    return HeatMap(
        title=f"Accuracy by corruption: {style.method_look(method).spoken}",
        x_label=X_LABEL,
        y_label="Kind of shift" if selected(dataset) else "Corruption",
        matrix=100 * chosen.transpose("corruption", "severity").values,
        rows=[
            corruption_name(name) + (" (left out)" if str(name) in left_out else "")
            for name in dataset["corruption"].values
        ],
        columns=[str(int(severity)) for severity in dataset["severity"].values],
        scale=ACCURACY,
        decimals=0,
    )


def corruption_name(name: object) -> str:
    """A corruption as an axis names it: gaussian_noise -> gaussian noise."""
    return style.shortened(str(name).replace("_", " "), 20)


def without_effect(dataset: xr.Dataset) -> dict[str, str]:
    """The corruptions that are left out of all means -> the severities at which nothing comes of them: "1-5"."""
    if "without_effect" not in dataset:  # of a version that left none out
        return {}
    lacking = dataset["without_effect"].transpose("corruption", "severity").values > 0
    severity = dataset["severity"].values
    names = map(str, dataset["corruption"].values)
    return {name: ranges(severity[row].tolist()) for name, row in zip(names, lacking, strict=True) if row.any()}


def selected(dataset: xr.Dataset) -> list[str]:
    """Subsets of the examples, not corrupted, each shown in a panel of its own."""
    return [name for name in str(dataset.attrs.get("selected", "")).split(", ") if name]


def left_out_sentence(left_out: dict[str, str], unit: str = "levels of 255") -> str:
    """Which corruptions are left out and why; "" where none is."""
    if not left_out:
        return ""
    named = ", ".join(f"{corruption_name(name)} ({severities})" for name, severities in left_out.items())
    more = " by more than a level" if unit.startswith("levels") else ""
    return (
        f"Left out of all means are corruptions that change fewer than one value in 1,000 of these images{more}, at "
        f"the severities in parentheses: {named}."
    )


def describe(dataset: xr.Dataset) -> Chart:
    """Scores and divergences against severity, accuracy by corruption."""
    return Chart(title=TITLE, panels=panels(dataset), columns=2, panel_size=(3.8, 2.5), panel_height=380)
