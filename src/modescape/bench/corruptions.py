"""How long do all corruptions of a test set take?"""

from __future__ import annotations

import statistics

import numpy as np
import torch

from modescape import rng, runtime
from modescape.bench.harness import Options, Result, Row, in_turns, seconds
from modescape.data.corruptions import CORRUPTIONS, SEVERITIES, corrupt

TEST_SET = 10_000  # images, of CIFAR-10


def measure(options: Options) -> Result:
    """Images a second of each corruption over its five severities, and of all together."""
    torch.set_num_threads(runtime.cores())
    count = 16 if options.small else TEST_SET
    stream = np.random.default_rng(0)
    images = torch.from_numpy(stream.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8))
    keys = rng.words(torch.tensor(0), count)
    made = count * len(SEVERITIES)

    def rate(name: str) -> float:
        return made / seconds(lambda: [corrupt(images, name, severity, keys) for severity in SEVERITIES])

    variants = {name: (lambda name=name: rate(name)) for name in CORRUPTIONS}
    rows = in_turns(variants, options.repeats, say=options.say)
    totals = [sum(made / row.values[turn] for row in rows) for turn in range(options.repeats)]  # seconds
    rows.append(Row(name="all 19", values=[made * len(rows) / total for total in totals]))
    total = statistics.median(totals)
    return Result(
        name="corruptions",
        question="How long do all corruptions of a test set take?",
        unit="images/s",
        setting=f"{count:,} random images of 3x32x32, all 19 corruptions at 5 severities",
        rows=rows,
        notes={"altogether": f"{total:.0f} s for {count:,} images x 19 x 5", "seconds": totals},
    )
