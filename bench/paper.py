"""The figures of a study that docs/paper.md compares with the paper's, as Markdown.

Usage: python bench/paper.py STUDY > part.md
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from modescape.plots.style import method_look
from modescape.study import Study


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    study = Study.open(parser.parse_args().study)
    for part in (ensembles, scales, one_distance, shift, divergence, other_data, rest):
        print(f"{part(study)}\n")


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def label(method: str) -> str:
    """A method's name, as in the figures."""
    return method_look(method).name


def of(values: xr.DataArray, **labels: Any) -> float:
    """One value, selected by labels."""
    return float(values.sel(labels))


def with_interval(dataset: xr.Dataset, name: str, digits: int, factor: float = 1, **labels: Any) -> str:
    """Value and 95 % interval."""
    low, value, high = (factor * of(dataset[f"{name}{end}"], **labels) for end in ("_low", "", "_high"))
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def placed(dataset: xr.Dataset, method: str, dim: str = "approach") -> str:
    """Distance from the solution relative to the norm of the weights, and the setting in the method's own unit."""
    distance, scale = (of(dataset[name], **{dim: method}) for name in ("distance", "scale"))
    if np.isnan(distance):
        return ""
    return f"{distance:.3g}" if np.isnan(scale) else f"{distance:.3g} ({scale:.3g})"


def worth(dataset: xr.Dataset, method: str) -> str:
    """The number of independent networks with the same calibrated likelihood as a method's, with its interval."""
    if method == "independent" or method not in dataset["other_approach"].values:
        return ""
    own = dataset.sel({"other_approach": method}).dropna("size", subset=["calibrated_nll"]).isel(size=-1)
    if float(own["equivalent_below"]) == 1:
        ends = f"{float(own['behind_low']):.3f} to {float(own['behind_high']):.3f}"
        return f"< 1 ({float(own['behind']):.3f} nats worse, {ends})"
    low, value, high = (float(own[f"equivalent{end}"]) for end in ("_low", "", "_high"))
    return f"{value:.2f} ({'< 1' if np.isnan(low) else f'{low:.2f}'} to {'< 1' if np.isnan(high) else f'{high:.2f}'})"


def ensembles(study: Study) -> str:
    """Figure 8: within a member, two and five members; gain and equivalents."""
    found, calibration = study.result("ensemble_methods"), study.result("calibration")
    rows = []
    for method in found["approach"].values:
        row = [label(method), placed(found, method)]
        for metric in ("accuracy", "brier"):
            sizes = [size for size in (1, 2, 5, found.sizes["size"]) if size <= found.sizes["size"]]
            row.append(
                " / ".join(f"{of(found['score'], approach=method, metric=metric, size=size):.3f}" for size in sizes)
            )
        row.append(with_interval(found, "gain", 1, 100, approach=method, metric="accuracy", size=1))
        row.append(with_interval(found, "gain", 3, approach=method, metric="brier", size=1))
        rows.append([*row, worth(calibration, method)])
    gains = [
        f"{size} independent networks, {metric} "
        f"{with_interval(found, 'gain', 3, approach='independent', metric=metric, size=size)}"
        for size in (5, found.sizes["size"])
        for metric in ("accuracy", "brier", "nll")
    ]
    header = ["method", "distance (setting)", "accuracy, 1 / 2 / 5 / all members", "Brier", "gain of size 1, points"]
    return f"{table([*header, 'in Brier', 'equivalent'], rows)}\n\nGains: {'; '.join(gains)}."


def scales(study: Study) -> str:
    """Steps chosen on validation images, with their intervals."""
    found, rows = study.result("subspace_scales"), []
    for method in found["approach"].values:
        own = found.sel({"approach": method})
        steps = own["step"].values
        chosen, low, high = (int(own[name]) for name in ("chosen", "chosen_low", "chosen_high"))
        bounds = f"{steps[low]:.3g} to {steps[high]:.3g}"
        at = own.isel(draw=chosen)
        rows.append(
            [
                label(method),
                f"{steps[chosen]:.3g} ({bounds})",
                *(f"{float(at[name]):.3g}" for name in ("scale", "distance")),
                f"{float(at['nll']):.3f}",
                "yes" if int(own["edge"]) else "no",
            ]
        )
    header = ["method", "chosen step (95 %)", "setting", "distance", "validation NLL", "at the edge"]
    return f"{table(header, rows)}\n\nThe solutions: {found.attrs['solution_nll']:.3f} nats."


def one_distance(study: Study) -> str:
    """Every method at one distance from the solution."""
    found, rows = study.result("ensemble_methods"), []
    for method in found["other_approach"].values:
        own = found.sel({"other_approach": method})
        scores = [f"{of(own['equal_distance_score'], metric=metric):.3f}" for metric in ("accuracy", "nll", "brier")]
        reached, spread = float(own["equal_distance_reached"]), float(own["equal_distance_jensen_shannon"])
        rows.append([label(method), f"{reached:.3g}", *scores, f"{spread:.4f}"])
    return table(["method", "distance", "accuracy", "NLL", "Brier", "JS"], rows)


def shift(study: Study) -> str:
    """Figure 9, left and middle."""
    found, rows = study.result("shift"), []
    for metric in ("accuracy", "brier"):
        for method in found["approach"].values:
            values = found["score"].sel({"approach": method, "metric": metric}).values
            rows.append([metric, label(method), *(f"{value:.3f}" for value in values)])
    return table(["", "method", *map(str, found["severity"].values)], rows)


def divergence(study: Study) -> str:
    """Figure 9, right: raw, and calibrated at both ends."""
    found, rows = study.result("shift"), []
    for method in found["approach"].values:
        raw, tempered = (found[name].sel({"approach": method}).values for name in NAMES)
        if np.isfinite(raw).all():
            cells = [placed(found, method), *(f"{value:.4f}" for value in raw)]
            rows.append([label(method), *cells, f"{tempered[0]:.4f} / {tempered[-1]:.4f}"])
    rows.sort(key=lambda row: -float(row[2]))
    return table(["method", "distance (setting)", *map(str, found["severity"].values), "calibrated, 0 / 5"], rows)


NAMES = ("jensen_shannon", "jensen_shannon_calibrated")


def other_data(study: Study) -> str:
    """Section 5.3: divergence, and how well out-of-distribution data is detected."""
    found, rows = study.result("ood"), []
    sets = [str(name) for name in found["corruption"].values]
    for method in found["approach"].values:
        own = found.sel({"approach": method})
        told = [f"{of(own['auroc'], metric='entropy', corruption=name):.3f}" for name in sets[1:]]
        spread = [of(own["jensen_shannon"], corruption=name) for name in sets]
        divergences = ["" if np.isnan(value) else f"{value:.4f}" for value in spread]
        rows.append([label(method), placed(found, method), *divergences, *told])
    return table(
        ["method", "distance (setting)", *(f"JS, {name}" for name in sets), *(f"AUROC, {name}" for name in sets[1:])],
        rows,
    )


def rest(study: Study) -> str:
    """Single numbers of the other figures."""
    pairs, plane = study.result("solution_similarity"), study.result("diversity_plane")
    radial, tunnel = study.result("radial"), study.result("tunnel")
    chance, cyclic = study.result("randomness"), study.result("cyclic")
    stars = plane.sel({"approach": "independent"})
    lines: list[str] = []
    for key in pairs["metric"].values:
        low, mean, high = (of(pairs[f"pair_{end}"], metric=key) for end in ("low", "mean", "high"))
        lines.append(f"pairs of solutions, {key}: {mean:.3f} ({low:.3f} to {high:.3f})")
    lines.append(f"late snapshots disagree: {float(pairs['last_epochs_disagreement'].mean()):.3f}")
    ends = {name: (float(stars[name].min()), float(stars[name].max())) for name in ("accuracy", "diversity")}
    lines.append(
        f"plane: baseline {plane.attrs['baseline_accuracy']:.3f}; independent: accuracy "
        "{:.3f} to {:.3f}, diversity {:.2f} to {:.2f}".format(*ends["accuracy"], *ends["diversity"])
    )
    right = radial["accuracy"]
    at_solutions, between = [of(right, x=1.0, y=angle) for angle in (0.0, 90.0)], of(right, x=1.0, y=45.0)
    alike = float(radial["similarity"].isel(member=0).sel(x=1.0, y=90.0))
    near = float(right.sel(x=0.2, method="nearest").mean())
    lines.append(
        f"radial: accuracy at the solutions {at_solutions[0]:.3f}, {at_solutions[1]:.3f}; between them at radius 1 "
        f"{between:.3f}; at radius .2 {near:.3f}; similarity of solution 2 to 1 {alike:.2f}"
    )
    height = {way: of(tunnel["barrier"], approach=way, metric="train_loss") for way in ("straight", "tunnel")}
    middle = tunnel["similarity"].sel({"approach": "tunnel"}).isel(t=tunnel.sizes["t"] // 2).values
    lines.append(
        f"tunnel: barrier of the training loss {height['straight']:.2f} straight, {height['tunnel']:.3f} there; "
        f"similarity in the middle to both ends and to an unrelated solution {middle.round(2).tolist()}"
    )
    for method in chance["approach"].values:
        own = chance.sel({"approach": method}).isel(epoch=-1)
        lines.append(
            f"{method}: disagreement {float(own['disagreement']):.3f}, distance {float(own['distance']):.2g}, "
            f"JS {float(own['jensen_shannon']):.4f}"
        )
    for method in cyclic["approach"].values:
        own = cyclic.sel({"approach": method})
        differences = ", ".join(
            f"{metric} {with_interval(own, 'difference', 3, metric=metric)}"
            for metric in ("accuracy", "nll", "calibrated_nll")
        )
        lines.append(
            f"cyclic, {method}: {float(own['training_epochs']):.0f} epochs, accuracy "
            f"{with_interval(own, 'score', 3, metric='accuracy')}, mean network "
            f"{of(own['member_score'], metric='accuracy'):.3f}, JS {float(own['jensen_shannon']):.4f}; "
            f"difference at equal cost: {differences}"
        )
    return "\n".join(f"* {line}" for line in lines)


if __name__ == "__main__":
    main()
