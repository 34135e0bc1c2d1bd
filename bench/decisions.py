"""How often the advice of `modescape decide` is right: many small studies against the truth on a large held-out set.

Each study draws a data set, its sizes, noise in its labels, a network (`decisions_networks`), and how long it is
trained; trains members (Adam, all of them stacked), one network as long as all of them together, a wider one, and as
many shorter ones; averages the last weights of each run, and the weights of the members, aligned first unless they
share a start; and is decided on as a study of the command line is, from its validation and test examples. Some studies
are of imported networks: the ingredients of a soup, each trained with settings of its own. The truth is how the same
candidates do on examples the study never sees: the best is the one whose gain exceeds its price the most.

Advice is *right* where its gain after its price is at most `least_gain` of the loss below the best candidate's (the
threshold below which the rule itself counts a gain as none), and *exact* where it is of the best candidate's kind.

With `--pipeline FOLDER` a few studies go through the commands instead, `modescape run` and `modescape decide`, on
pictures and tables (`decisions_pipeline`).

Each study's result is written to the file as soon as it is there, and studies in the file are not run again, so that an
interrupted run can be continued. The rule was settled on studies of seeds 1, 2, 3 (all --one-layer) and 4, its step
`doubt` last; seed 5 judges it.

Usage: python bench/decisions.py --out FILE [--studies 240] [--seed 5] [--one-layer] [--minutes 60] [--cifar FOLDER]
       [--published FOLDER] [--diamonds FILE] [--pipeline FOLDER]
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from decisions_data import CIFAR, SOURCES, Rows, pictures, whole_pictures
from decisions_networks import ONE_LAYER
from decisions_pipeline import STUDIES, carried_out
from decisions_studies import judged, setting
from decisions_truth import LEAST, against, summary

from modescape.analyses.equal_cost.kinds import table_of
from modescape.decision import Rules
from modescape.decision.rules import Ending
from modescape.offered import INDEPENDENT, InMemory, Offered


def published(folder: str, number: int, seed: int) -> dict[str, Any]:
    """Some published CIFAR-10 classifiers, of which only predicted classes are known, on some of the test images."""
    files = sorted(Path(folder).glob("*_predictions.json"))
    random = np.random.default_rng((seed, number, 1))
    label = np.load(Path(folder) / "labels.npy").astype(int).ravel()
    count, test = int(random.choice([3, 6, 10])), int(random.choice([400, 1000, 3000]))
    chosen = random.choice(len(files), count, replace=False)
    classes = np.stack([np.array(json.loads(files[place].read_text())).ravel() for place in chosen])
    values = np.log(np.where(np.eye(10)[classes] > 0, 1.0, 1e-300))
    order = random.permutation(len(label))
    parts = {"seen": order[:test], "held": order[test:]}

    def offer(first: np.ndarray, rest: np.ndarray) -> Offered:
        """For the advice, half of the examples choose; for the truth all of them do, and held-back ones judge."""
        nothing = {name: np.zeros(count) for name in ("epochs", "scales", "steps", "distance")}
        sets = {
            name: InMemory(
                values=values[:, rows],
                label=label[rows],
                class_names=[str(one) for one in range(10)],
                members=np.arange(count),
                groups={INDEPENDENT: list(range(count))},
                **nothing,
            )
            for name, rows in {"validation": first, "test": rest}.items()
            if len(rows)
        }
        names = [files[place].stem for place in chosen]
        counts = {"test": len(rest)}
        return Offered(members=list(range(count)), predictions=sets, names=names, examples=counts, bare=True)

    half = test // 2
    seen, truth = offer(parts["seen"][:half], parts["seen"][half:]), offer(parts["seen"][:half], parts["held"])
    about = {
        "data": "published classifiers",
        "network": "published",
        "kind": "given",
        "members": count,
        "test": test,
        "held": len(parts["held"]),
    }
    return {**about, "seed": seed, **against(table_of(seen), table_of(truth), Ending())}


def made(number: int, options: argparse.Namespace, sources: dict[str, Rows]) -> dict[str, Any]:
    """Run one study; its number and the processor seconds it took are added to its result."""
    start, kinds = time.process_time(), len(sources) + bool(options.published)
    if options.pipeline:
        one = STUDIES[number]
        return {"number": number, **carried_out(one, sources[one.data], options.seed, options.pipeline / str(number))}
    if options.published and number % kinds == kinds - 1:
        found = published(options.published, number, options.seed)
    else:
        place = number - number // kinds if options.published else number
        one = setting(place, options.seed, sources, ONE_LAYER if options.one_layer else "")
        found = judged(one, sources[one.data])
    return {"number": number, "cpu_seconds": round(time.process_time() - start, 2), **found}


def main() -> None:
    """Run studies until there are enough or time is up; studies already in the file are not run again."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--studies", type=int, default=240)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--one-layer", action="store_true", help="networks of one hidden layer alone, as seeds 1 to 3")
    parser.add_argument("--pipeline", type=Path, help="run a few studies whole instead, in this folder")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--cifar", default="")
    parser.add_argument("--published", default="")
    parser.add_argument("--diamonds", default="", help="plotnine/data/diamonds.csv of the wheel of plotnine")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    sources = sources_of(options)
    count = len(STUDIES) if options.pipeline else options.studies
    rows = begun(options.out)
    start = time.monotonic()
    for number in range(len(rows), count):
        if time.monotonic() - start > 60 * options.minutes:
            break
        rows.append(made(number, options, sources))
        write(options.out, rows)
        print(json.dumps({name: rows[-1][name] for name in ("data", "advice", "best_advice", "regret")}), flush=True)
    print(json.dumps(summary(rows, LEAST), indent=1))


def sources_of(options: argparse.Namespace) -> dict[str, Rows]:
    """The data sets that are available; studies of the whole pipeline take pictures at full size."""
    files = {"diamonds": options.diamonds}
    wanted = {name: source for name, source in SOURCES.items() if files.get(name, name)}
    sources = {name: source(files.get(name, name)) for name, source in wanted.items()}
    if options.pipeline:
        return {**sources, "digits": whole_pictures(""), "CIFAR-10": whole_pictures(options.cifar)}
    if options.cifar:
        sources[CIFAR] = pictures(options.cifar)
    return sources


def begun(path: Path) -> list[dict[str, Any]]:
    """Studies of an earlier run under the same rules; empty if there is no such file."""
    if not path.is_file():
        return []
    found = json.loads(path.read_text())
    return found["studies"] if found.get("rules") == Rules().__dict__ else []


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write all studies so far, atomically."""
    found = {"summary": summary(rows, LEAST), "rules": Rules().__dict__, "studies": rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(found, indent=1, default=float) + "\n")
    partial.replace(path)


if __name__ == "__main__":
    main()
