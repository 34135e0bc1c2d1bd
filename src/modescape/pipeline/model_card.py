"""The description of an exported ensemble: ``ensemble.json``, and the same in words, the model card."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from modescape import batches
from modescape.errors import InputError, WorkError
from modescape.interop.ensemble.answers import UNITS
from modescape.interop.ensemble.module import EnsembleModule
from modescape.interop.ensemble.writing import leaf_names
from modescape.metrics.scores import score_of
from modescape.pipeline.calibrating import Calibrated, effect
from modescape.plain import shown, visible
from modescape.report.scored import scored
from modescape.study import Study
from modescape.types import Inputs
from modescape.version import __version__

LOADING = {
    "pt2": """import torch

ensemble = torch.export.load("ensemble.pt2").module()  # nothing else is needed, not even modescape
answers = ensemble({arguments})  # any number of examples
answers["{first}"]""",
    "onnx": """import onnxruntime

session = onnxruntime.InferenceSession("ensemble.onnx")  # nothing else is needed, not even modescape
names = [output.name for output in session.get_outputs()]
answers = dict(zip(names, session.run(None, {{{named}}})))  # NumPy arrays, any number of examples
answers["{first}"]""",
    "safetensors": """from safetensors.torch import load_file

tensors = load_file("ensemble.safetensors")  # members.<name of the parameter>: [member, ...]
weights = {{name.removeprefix("members."): one[0] for name, one in tensors.items() if name.startswith("members.")}}
network.load_state_dict(weights)  # of member 0, into the network that was trained: {factory}""",
}


def about_ensemble(
    study: Study, module: EnsembleModule, members: Sequence[int], found: Calibrated, to: str
) -> dict[str, Any]:
    """The content of ``ensemble.json``, as plain values.

    Args:
        study: it is of.
        module: the ensemble; its ``example`` says what it takes.
        members: their numbers.
        found: how it was calibrated.
        to: format.
    """
    example: Inputs = module.example  # type: ignore[assignment]
    leaves = zip(leaf_names(module, example), batches.leaves(example), strict=True)
    manifest, recipe = study.manifest, study.recipe
    return {
        "modescape": __version__,
        "format": to,
        "study": recipe.name,
        "task": study.task.kind,
        "members": list(members),
        "stacked": not module.why_not,
        "at_a_time": module.rows or None,
        "inputs": [
            {"name": name, "dtype": str(leaf.dtype).removeprefix("torch."), "shape": ["example", *leaf.shape[1:]]}
            for name, leaf in leaves
        ],
        "outputs": [{"name": name, "meaning": UNITS[name]} for name in module.answers.names],
        "classes" if found.of_classes else "targets": list(manifest["class_names"]),
        "calibration": {
            "kind": found.calibration,
            "temperature": found.temperature.tolist(),
            "how": found.how,
            "nll": effect(study, members, found),
        },
        "figures": _figures(study, members),
        "data": {
            "source": recipe.data.source,
            "fingerprint": manifest["fingerprint"],
            "examples": dict(manifest["examples"]),
            "notes": [shown(note, 600) for note in manifest.get("data_notes", [])],
        },
        "training": {
            "factory": recipe.model.factory,
            "imported": recipe.imported is not None,
            "recipe_hash": study.recipe_hash,
            "epochs": recipe.train.epochs,
            "seed": recipe.seed,
        },
    }


def _figures(study: Study, members: Sequence[int]) -> dict[str, Any]:
    """Scores of the study's results: of all its members, before any calibration; none where they were not measured."""
    results = {}
    for name in study.recipe.analyses or ():
        try:
            results[name] = study.result(name)
        except (InputError, WorkError):
            continue
    found = scored({name: one for name, one in results.items() if "not_enough" not in one.attrs})
    if found:
        found["of"] = "all members of the study, before any calibration, on its test split"
    return found if found and found["ensemble"]["size"] == len(members) else {}


def card(about: Mapping[str, Any]) -> str:
    """The card, in Markdown: what it is, how it is loaded, what goes in and comes out, its scores and its limits."""
    size, word = len(about["members"]), "classification" if about["task"] == "classification" else "regression"
    made = "imported, and run" if about["training"].get("imported") else "trained"
    parts = [
        f"# Ensemble of {size} network{'s' * (size > 1)}: {_text(about['study'])}",
        f"A {word} by {_text(about['training']['factory'])}, {made} on `{_text(about['data']['source'])}`, exported "
        f"by modescape {about['modescape']}. `ensemble.json` says the same to programs.",
        "## How to use it",
        f"```python\n{_loading(about)}\n```",
        _takes(about),
        "## What it answers",
        _table(("name", "what it is"), [(f"`{one['name']}`", one["meaning"]) for one in about["outputs"]]),
        _names(about),
        "## How good it is",
        *_scores(about),
        f"Calibration: {_text(about['calibration']['how'])}. {_temperature(about)} {_after(about)}".rstrip(),
        "## What it was made from",
        _made(about),
        "## What this does not show",
        "Figures hold for data like the study's test split. On other data (another camera, another year, other rules "
        "of labelling) accuracy and calibration are unknown; disagreement and mutual information tend to rise there, "
        "and no threshold of theirs was tested here.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _loading(about: Mapping[str, Any]) -> str:
    names = [_text(one["name"]) for one in about["inputs"]]
    return LOADING[about["format"]].format(
        arguments=", ".join(names),
        named=", ".join(f'"{name}": {name}' for name in names),
        first=about["outputs"][0]["name"],
        factory=_text(about["training"]["factory"]),
    )


def _takes(about: Mapping[str, Any]) -> str:
    rows = [(f"`{_text(one['name'])}`", one["dtype"], ", ".join(map(str, one["shape"]))) for one in about["inputs"]]
    words = "Scaling and coding are part of it: hand in examples as they lie in the data."
    if about["at_a_time"]:
        words += f" On a CPU it is fastest with at most {about['at_a_time']:,} examples at a time."
    if about["format"] == "safetensors":
        words = "Scaling is beside the weights (`preparation.*`), and the temperature in `answers.temperature`."
    return f"{words}\n\n{_table(('input', 'type', 'shape'), rows)}"


def _names(about: Mapping[str, Any]) -> str:
    kind = "classes" if "classes" in about else "targets"
    names = json.dumps([visible(str(name)) for name in about[kind][:1000]], ensure_ascii=False)
    return f"{kind.capitalize()}, in their order:\n\n```json\n{names.replace('`', chr(39))}\n```"


def _scores(about: Mapping[str, Any]) -> list[str]:
    figures = about["figures"]
    if not figures:
        return ["Scores: not measured of these members together; `modescape run` of the study measures all of them."]
    rows, together = [], figures["ensemble"]["scores"]
    for name, found in together.items():
        known = score_of(name)
        label = name if known is None else f"{known.label} (%)" if known.percent else known.with_unit(known.label)
        single, gain = figures["one_network"]["scores"][name], figures["gain"][name]
        rows.append((label, _number(single, known), _number(found, known), _number(gain, known)))
    examples = about["data"]["examples"].get("test", "?")
    return [
        _table(("score", "one network", f"{figures['ensemble']['size']} together", "change"), rows),
        f"On {examples:,} test examples, {figures['of']}; in brackets 95 % intervals, for {_covers(together)}; those "
        f"of the change for {_covers(figures['gain'])}.",
    ]


def _covers(scores: Mapping[str, Any]) -> str:
    return next(iter(scores.values()))["covers"]


def _number(found: Mapping[str, Any], known: Any) -> str:
    factor, digits = (100, 2) if known is not None and known.percent else (1, 4)
    value, low, high = (found[end] for end in ("value", "low", "high"))
    if value is None or value != value:
        return "-"
    told = f"{factor * value:.{digits}f}"
    return told if low is None or low != low else f"{told} [{factor * low:.{digits}f}, {factor * high:.{digits}f}]"


def _temperature(about: Mapping[str, Any]) -> str:
    kind, values = about["calibration"]["kind"], about["calibration"]["temperature"]
    if kind == "none":
        return ""
    what = "Factor" if about["task"] != "classification" else "Temperature" if len(values) == 1 else "Temperatures"
    return f"{what}: {', '.join(f'{value:.3f}' for value in values)}."


def _after(about: Mapping[str, Any]) -> str:
    found = about["calibration"]["nll"]
    if found is None:
        return ""
    words = f"NLL on the test split: {_number(found['before'], None)} before, {_number(found['after'], None)} after it"
    return f"{words} (nats; 95 % intervals for {found['after']['covers']})."


def _made(about: Mapping[str, Any]) -> str:
    data, training = about["data"], about["training"]
    rows = [
        ("data", f"`{_text(data['source'])}`, " + ", ".join(f"{n:,} {split}" for split, n in data["examples"].items())),
        ("fingerprint of the data", f"`{data['fingerprint']}`"),
        ("recipe", f"`{training['recipe_hash']}`, seed {training['seed']}, {training['epochs']} epochs"),
        ("members", ", ".join(map(str, about["members"]))),
    ]
    if "check" in about:
        check = about["check"]
        how = "what was read back" if check["read_back"] else "the module that was written"
        rows.append(
            ("check", f"{how} differs from the study's predictions of {check['examples']} test examples by at most "
             f"{check['difference']:.1e}")
        )  # fmt: skip
    notes = "".join(f"\n* {_text(note)}" for note in data["notes"][:20])
    return _table(("what", "value"), rows) + (f"\n{notes}" if notes else "")


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def _text(text: object) -> str:
    """A name from a user or a file, escaped for Markdown."""
    found = shown(" ".join(str(text).split()), 600)
    for character in "`<>[]":
        found = found.replace(character, "")
    return found
