"""The cost of two large studies under our rules for stored files.

python bench/plan.py prints the tables of docs/scale.md.

ResNet50 on ImageNet, 100 members, and BERT-base fine-tuned 1,000 times on MNLI. Parameters are counted from the layers,
speeds are published (`Network.source`), the number of kept checkpoints comes from a recipe, and time with failures from
`simulate.py`.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from simulate import HOUR, Cluster, Job, Ran, simulated

from modescape.recipe import Recipe, Train

NUMBER = 4  # bytes per float32
DGX = "https://github.com/NVIDIA/DeepLearningExamples"


@dataclass(frozen=True, kw_only=True)
class Network:
    """One kind of member, and its data."""

    name: str
    members: int
    trained: int  # parameters
    stored: int  # numbers in a checkpoint: parameters, and buffers of each member
    moments: int  # of the optimiser, per parameter
    train: int  # examples
    test: int
    validation: int
    classes: int
    epochs: int
    data: float  # bytes that a machine reads
    speed: float  # examples per second that one A100 trains on
    source: str

    @property
    def checkpoint(self) -> int:
        """Bytes of a checkpoint."""
        return NUMBER * self.stored

    @property
    def resume(self) -> int:
        """Bytes needed to resume training."""
        return NUMBER * (self.stored + self.moments * self.trained)

    @property
    def predictions(self) -> int:
        """Bytes of one checkpoint's predictions on test and validation examples."""
        return NUMBER * self.classes * (self.test + self.validation)

    @property
    def labels(self) -> int:
        """Bytes of all members' predicted classes on the test examples."""
        return self.members * self.test * (1 + (self.classes > 256))

    @property
    def epoch_seconds(self) -> float:
        """Seconds of an epoch on one GPU."""
        return self.train / self.speed

    @property
    def gpu_hours(self) -> float:
        """GPU hours of training all members."""
        return self.members * self.epochs * self.epoch_seconds / HOUR

    def kept(self, keep_last: int, trajectories: int) -> int:
        """Number of checkpoints of all members that a recipe keeps."""
        train = Train(members=self.members, epochs=self.epochs, keep_last=keep_last, trajectories=trajectories)
        recipe = Recipe(train=train)
        return sum(len(recipe.kept_epochs(member)) for member in range(self.members))

    def job(self) -> Job:
        """The training of all members, one item each; a step is an epoch, which ends when its files are on the disk."""
        seconds = [self.epoch_seconds] * self.members
        return Job(seconds=seconds, steps=self.epochs, written=self.checkpoint + self.resume, data=self.data)


def convolutions() -> tuple[int, int]:
    """Parameters and running statistics of ResNet50, from its layers (He et al. 2015, bottlenecks 3, 4, 6, 3)."""
    weights, channels = 3 * 64 * 49, 64  # the stem
    normalised, into = [64], channels
    for blocks, width in ((3, 64), (4, 128), (6, 256), (3, 512)):
        for block in range(blocks):
            out = 4 * width
            weights += into * width + 9 * width * width + width * out
            normalised += [width, width, out]
            if block == 0:
                weights += into * out
                normalised.append(out)
            into = out
    return weights + 2 * sum(normalised) + into * 1000 + 1000, 2 * sum(normalised)


def transformer(width: int = 768, layers: int = 12, words: int = 30522, places: int = 512, classes: int = 3) -> int:
    """Parameters of BERT-base with its pooler and a head, from its layers (Devlin et al. 2018)."""
    norm, dense = 2 * width, width * width + width
    layer = 4 * dense + norm + width * 4 * width + 4 * width + 4 * width * width + width + norm
    return (words + places + 2) * width + norm + layers * layer + dense + width * classes + classes


def adapters(width: int = 768, layers: int = 12, rank: int = 8, matrices: int = 2, classes: int = 3) -> int:
    """Parameters of LoRA on queries and values, and of a head (Hu et al. 2021)."""
    return layers * matrices * 2 * rank * width + width * classes + classes


RESNET, STATISTICS = convolutions()
IMAGENET = Network(
    name="ResNet50, ImageNet",
    members=100,
    trained=RESNET,
    stored=RESNET + STATISTICS,
    moments=1,  # momentum
    train=1_281_167 - 10_000,
    test=50_000,
    validation=10_000,
    classes=1000,
    epochs=90,
    data=1_281_167 * 110e3,  # JPEG files of 110 kB on average
    speed=2470,
    source=f"{DGX}, PyTorch/Classification/ConvNets/resnet50v1.5: 1 A100 80GB, mixed precision, 2,470 images/s",
)
LARGE_TO_BASE = 24 * 1024**2 / (12 * 768**2)  # products of a layer grow with the square of its width
FULL = Network(
    name="BERT-base, MNLI, all weights",
    members=1000,
    trained=transformer(),
    stored=transformer(),
    moments=2,  # AdamW
    train=392_702 - 9_815,
    test=9_815,
    validation=9_815,
    classes=3,
    epochs=3,
    data=80e6 + NUMBER * transformer(),
    speed=485.59 * LARGE_TO_BASE,
    source=f"{DGX}, TensorFlow2/LanguageModeling/BERT: BERT-large pretraining, 128 tokens, 1 A100 80GB, mixed "
    "precision, 485.59 sentences/s; times 3.56, the ratio of the layers' products",
)
LORA = replace(
    FULL,
    name="BERT-base, MNLI, LoRA",
    trained=adapters(),
    stored=adapters(),  # frozen weights are stored once for all members
)
PLANS = (IMAGENET, FULL, LORA)
KEEPING = {"as recipes have it": (10, 3), "lean": (1, 1)}  # train.keep_last, train.trajectories
SIZES = {IMAGENET.name: (1, 4, 13), FULL.name: (2, 8), LORA.name: (8,)}  # machines of eight GPUs
CASES = {
    "nothing happens": {},
    "failures": {"between_failures": 1000 * HOUR},
    "failures ten times as often": {"between_failures": 100 * HOUR},
    "one machine half as fast": {"slow": 1},
    "both": {"between_failures": 1000 * HOUR, "slow": 1},
}


def size(bytes_: float) -> str:
    """A number of bytes with its decimal unit."""
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if bytes_ >= factor:
            return f"{bytes_ / factor:.3g} {unit}"
    return f"{bytes_ / 1e3:.3g} kB"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *rows))


def costs() -> str:
    """Storage and time of each study."""
    rows = [
        ("members x epochs", *(f"{one.members:,} x {one.epochs}" for one in PLANS)),
        ("parameters trained", *(f"{one.trained:,}" for one in PLANS)),
        ("a checkpoint", *(size(one.checkpoint) for one in PLANS)),
        ("its resume file", *(size(one.resume) for one in PLANS)),
        ("predictions of a checkpoint, float32", *(size(one.predictions) for one in PLANS)),
    ]
    for words, kept in KEEPING.items():
        counts = [one.kept(*kept) for one in PLANS]
        pairs = list(zip(PLANS, counts, strict=True))
        rows += [
            (f"checkpoints kept, {words}", *(f"{count:,}" for count in counts)),
            ("... bytes", *(size(one.checkpoint * count) for one, count in pairs)),
            ("... their predictions", *(size(one.predictions * count) for one, count in pairs)),
        ]
    rows += [
        ("resume files while training", *(size(one.resume * one.members) for one in PLANS)),
        (
            "written while training, all told",
            *(size((one.checkpoint + one.resume) * one.members * one.epochs) for one in PLANS),
        ),
        ("data that a machine reads", *(size(one.data) for one in PLANS)),
        ("examples/s of one A100", *(f"{one.speed:,.0f}" for one in PLANS)),
        ("GPU hours of training", *(f"{one.gpu_hours:,.0f}" for one in PLANS)),
        ("labels of all members in memory", *(size(one.labels) for one in PLANS)),
    ]
    return table(["", *(one.name for one in PLANS)], rows)


def summary(cluster: Cluster, job: Job, ran: Sequence[Ran]) -> list[str]:
    """Means of several runs: hours, share of the ideal, lost work, failures, items given up, disk bytes per second."""
    hours = [one.seconds / HOUR for one in ran]
    ideal = job.work / cluster.slots / HOUR
    lost = statistics.mean(one.lost for one in ran) / job.work
    speed = statistics.mean((one.written + one.read) / one.seconds for one in ran)
    return [
        f"{statistics.mean(hours):.1f} ({min(hours):.1f} to {max(hours):.1f})",
        f"{ideal:.1f}",
        f"{ideal / statistics.mean(hours):.2f}",
        f"{100 * lost:.2g} %",
        f"{statistics.mean(one.failures for one in ran):.1f}",
        f"{sum(len(one.failed) for one in ran)} of {len(ran) * len(job.seconds):,}",
        f"{size(speed)}/s",
    ]


HEADER = ["study", "GPUs", "case", "hours, mean (range)", "ideal", "ideal / mean", "work lost", "machines failed"]
HEADER += ["members given up", "disk"]


def simulations(seeds: int = 20) -> str:
    """Hours of each study on some clusters, with failures and slow machines."""
    rows = []
    for one in PLANS:
        for machines in SIZES[one.name]:
            for words, case in CASES.items():
                if machines == 1 and "slow" in case:
                    continue
                cluster, job = replace(Cluster(machines=machines), **case), one.job()
                found = summary(cluster, job, simulated(cluster, job, seeds))
                rows.append([one.name, str(cluster.slots), words, *found])
    return table(HEADER, rows)


if __name__ == "__main__":
    print(costs(), *(f"* {one.name}: {one.source}" for one in PLANS), simulations(), sep="\n\n")
