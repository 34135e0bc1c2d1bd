"""Reading stored predictions of sampled networks; `modescape.study.sampled` says which they are and what makes them.

Networks are drawn a few at a time (`TOGETHER`), and what a matrix product gives for one depends in its last bits on how
many there are: so a network is the same as another where it was drawn in equal company.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from modescape.analyses.image_sets import ImageSet
from modescape.context import StudyContext
from modescape.errors import ModescapeError
from modescape.methods import METHODS
from modescape.offered import INDEPENDENT
from modescape.recipe import Subspace, canonical_json
from modescape.study import layout
from modescape.study.choices import readable_choice
from modescape.study.offering import last_epochs
from modescape.study.sampled import Drawn, SampledPredictions
from modescape.version import __version__

TOGETHER = 5  # networks whose weights are in memory together
SWEEP_MEMBERS = 3  # first members on which scales are chosen
REACH = "reach"  # begins the names of what was measured around each member
DRAWN_BY = ("variant", "rank", "acceptance", "batch_norm")  # settings that networks depend on, besides the epochs
SWEPT_BY = ("samples", "choosing")  # and choices of scales
FORMAT = 1  # a change makes everything stored again


@dataclass(frozen=True)
class Request:
    """Networks around one solution, and the images that they predict; see `Neighbourhood.networks`."""

    member: int
    method: str
    scale: float | None
    count: int
    images: tuple[ImageSet, ...]
    purpose: str = "sample"
    accept: bool = True
    group: str = ""  # name of the approach among what is offered; "": that of the method, of solutions `INDEPENDENT`
    epochs: tuple[int, ...] = ()  # of checkpoints: these instead of the last ``count``
    step: int = 0  # which setting of its approach it is, where several are asked for

    @property
    def approach(self) -> str:
        """The approach among what is offered to the analysis."""
        return self.group or (INDEPENDENT if self.method == "single" else self.method)

    def groups(self, context: StudyContext) -> list[tuple[Drawn, ...]]:
        """The networks, in the groups in which they are drawn."""
        return groups_of(
            context,
            self.member,
            self.method,
            self.scale,
            self.count,
            purpose=self.purpose,
            accept=self.accept,
            epochs=self.epochs,
        )


def groups_of(
    context: StudyContext,
    member: int,
    method: str,
    scale: float | None,
    count: int,
    *,
    purpose: str,
    accept: bool,
    epochs: Sequence[int] = (),
) -> list[tuple[Drawn, ...]]:
    """Names of networks in the groups in which they are drawn; arguments as `Neighbourhood.networks`.

    A snapshot has its epoch as its number.
    """
    record = METHODS[method]
    numbers = list(range(1 if record.one_network else count))
    if record.source == "checkpoints":
        numbers = list(epochs) or last_epochs(context.study, context.study.recipe.epochs_around())[-count:]
    if method == "single" or record.source == "checkpoints":  # nothing of them is random
        purpose, accept = "", True
    digest = context.once(_checkpoints_digest, member)
    groups = [numbers[start : start + TOGETHER] for start in range(0, len(numbers), TOGETHER)]
    return [
        tuple(Drawn(member, method, purpose, scale, accept, number, len(group), digest) for number in group)
        for group in groups
    ]


def inputs_digest(context: StudyContext, images: ImageSet) -> str:
    """Digest of what predictions on a set depend on besides the network; if it changes, they are made again."""
    return context.once(_inputs_digest, images)


def sampled_digest(context: StudyContext) -> list[object]:
    """Digest of what the weights of sampled networks depend on besides the checkpoints."""
    return _digest_of(context)


def _digest_of(context: StudyContext, *more: str) -> list[object]:
    """The same with further settings of ``subspace``; settings without effect count as their defaults."""
    study, recipe = context.study, context.study.recipe
    known: dict[str, Any] = {name: getattr(recipe.subspace, name) for name in (*DRAWN_BY, *more)}
    usual = recipe.model_copy(update={"subspace": Subspace()})
    last, usual_last = (len(last_epochs(study, one.epochs_around())) for one in (recipe, usual))
    settings = Subspace().model_copy(update=known if last == usual_last else {**known, "last": last})
    return [FORMAT, __version__, study.recipe_hash, settings.model_dump(mode="json")]


def stored_log_prob(context: StudyContext, images: ImageSet, group: Sequence[Drawn]) -> np.ndarray | None:
    """Predictions of a group of networks, float32 [network, example, class]; None where any is missing or cut off."""
    there = _opened(context, images)
    rows = [] if there is None else [there.rows.get(one) for one in group]
    if there is None or None in rows:
        return None
    try:
        return np.stack([there.predictive(row) for row in rows if row is not None])
    except (ModescapeError, FileNotFoundError):  # made again by who asks
        return None


def stored_distance(context: StudyContext, group: Sequence[Drawn]) -> np.ndarray | None:
    """Distances of a group of networks from their solution, float64 [network]; None where they are not stored."""
    for images in context.once(_known_sets):
        there = _opened(context, images)
        rows = [] if there is None else [there.rows.get(one) for one in group]
        if there is None or None in rows:
            continue
        found = there.distance[np.array(rows, dtype=np.int64)]
        if np.isfinite(found).all():
            return found
    return None


class Reach(NamedTuple):
    """Distances of a method's samples around one solution, relative to the norm of its weights."""

    step: float  # root-mean-square distance of its samples from their centre at scale 1, before any draw is refused
    offset: float  # distance of the centre from the solution


def stored_reach(context: StudyContext, member: int, method: str) -> Reach | None:
    """The stored distances of a method around a solution; None where there are none."""
    known = stored_choice(context, reach_name(member), reach_digest(context, member))
    if known is None or method not in known or known[method].shape != (len(Reach._fields),):
        return None
    return Reach(*known[method].tolist())


def reach_name(member: int) -> str:
    """The key under which the distances of all methods around a member are stored."""
    return f"{REACH}-{member:03}"


def reach_digest(context: StudyContext, member: int) -> str:
    """Digest of what the distances around a member depend on."""
    return context.once(_choice_digest, (member,))


def sweep_digest(context: StudyContext) -> str:
    """Digest of what the sweeps of scales depend on."""
    return context.once(_choice_digest, tuple(context.trained[:SWEEP_MEMBERS]), SWEPT_BY)


def stored_choice(context: StudyContext, name: str, digest: str) -> dict[str, np.ndarray] | None:
    """Stored choices, see `modescape.study.choices`; they stay in memory once read."""
    held = context.once(_held_choices)
    if (name, digest) not in held:
        found = readable_choice(context.study.path, name, digest)
        if found is None:
            return None
        held[name, digest] = found
    return held[name, digest]


def _held_choices(context: StudyContext) -> dict[tuple[str, str], dict[str, np.ndarray]]:
    return {}


def _choice_digest(context: StudyContext, members: tuple[int, ...], settings: tuple[str, ...] = ()) -> str:
    digests = [[member, context.once(_checkpoints_digest, member)] for member in members]
    return hashlib.sha256(canonical_json([*_digest_of(context, *settings), digests]).encode()).hexdigest()


def _known_sets(context: StudyContext) -> dict[ImageSet, None]:
    """The sets that this process has opened."""
    return {}


def _opened(context: StudyContext, images: ImageSet) -> SampledPredictions | None:
    """The predictions on a set; None where there are none for these inputs. Reopened when rows were added."""
    context.once(_known_sets)[images] = None
    folder = context.study.path / layout.PREDICTIONS / layout.SAMPLED / str(images)
    big = context.study.task.stored.fields[-1].name
    try:
        about = [(folder / name).stat() for name in ("zarr.json", f"{big}/zarr.json", "distance/c/0")]
    except OSError:
        return None
    stamp = tuple((one.st_ino, one.st_mtime_ns, one.st_size) for one in about)
    held = context.once(_held)
    if str(images) not in held or held[str(images)][0] != stamp:
        held[str(images)] = stamp, _open(context, images)
    return held[str(images)][1]


def _held(context: StudyContext) -> dict[str, tuple[object, SampledPredictions | None]]:
    return {}


def _open(context: StudyContext, images: ImageSet) -> SampledPredictions | None:
    try:
        found = SampledPredictions(context.study, str(images))
    except ModescapeError:
        return None
    return found if found.digest == inputs_digest(context, images) else None


def _checkpoints_digest(context: StudyContext, member: int) -> int:
    checksums = context.study.member(member).checksums
    return int.from_bytes(hashlib.sha256(canonical_json(checksums).encode()).digest()[:7], "big")


def _inputs_digest(context: StudyContext, images: ImageSet) -> str:
    data = context.study.recipe.data.model_dump(mode="json")
    parts = [*sampled_digest(context), images.recipe_part(data)]
    return hashlib.sha256(canonical_json(parts).encode()).hexdigest()
