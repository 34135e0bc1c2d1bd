"""How fast is the whole digits recipe, whose steps are short?"""

from __future__ import annotations

from modescape.bench.harness import Options, Result, in_turns
from modescape.bench.workload import load, plain_loop, resident, training_stage


def measure(options: Options) -> Result:
    """Seconds of the training of ten members, forty epochs of ten steps each."""
    overrides = ["compute.engine=processes", "compute.device=cpu"]
    overrides += ["train.members=2", "train.epochs=2"] if options.small else []
    loaded = load("digits", overrides)
    images, label = resident(loaded)
    train = loaded.train
    return Result(
        name="digits",
        question="How long does the training of the digits recipe take, validation and files included?",
        unit="seconds",
        setting=f"{train.members} members of SmallCNN on 8x8 digits, batch {train.batch_size}, {train.epochs} epochs",
        rows=in_turns(
            {
                "plain loop": lambda: plain_loop(loaded, images, label),
                "modescape": lambda: training_stage("digits", overrides),
            },
            options.repeats,
            reference="plain loop",
            larger_is_better=False,
            say=options.say,
        ),
        reference="plain loop",
        digits=2,
    )
