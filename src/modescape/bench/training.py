"""How fast do members train on a CPU, against the plain loop that most people write?"""

from __future__ import annotations

from modescape.bench.harness import Options, Result, in_turns
from modescape.bench.workload import images, load, plain_loop, resident, training_stage


def measure(options: Options) -> Result:
    """Images a second of 4 members of the paper's SmallCNN, one epoch of 20,000 images each."""
    count, members = (300, 2) if options.small else (20_000, 4)
    with images(options.data, count + 600) as source:
        overrides = [
            f"data.source={source}",
            f"data.train={count}",
            "data.scaling=unit",
            "train.batches=permutation",
            "train.epochs=1",
            f"train.members={members}",
            "compute.engine=processes",
            "compute.device=cpu",
        ]
        loaded = load("cifar10-smallcnn", overrides)
        resident_images, label = resident(loaded)
        total = count * members
        rows = in_turns(
            {
                "plain loop": lambda: total / plain_loop(loaded, resident_images, label),
                "modescape": lambda: total / training_stage("cifar10-smallcnn", overrides),
            },
            options.repeats,
            reference="plain loop",
            say=options.say,
        )
    return Result(
        name="training",
        question="How many images a second are trained, validation and files included?",
        unit="images/s",
        setting=f"{members} members of SmallCNN, dropout 0.1, batch 128, one epoch of {count:,} images "
        f"({'the given data' if options.data else 'random images'})",
        command=f"modescape bench training{' --data DATA' if options.data else ''}",
        rows=rows,
        reference="plain loop",
    )
