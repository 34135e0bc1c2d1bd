"""Kinship: made-up families, a family trained for the test, and real checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from shared_data import shared_data  # noqa: F401 - a fixture
from torch import nn

from modescape.analyses.kinship.measure import measure
from modescape.analyses.kinship.words import said, summarize
from modescape.errors import InputError, NotEnough
from modescape.functionspace.kinship import ALONE, DESCENDS, FIRST, JOINED, SHARES, chance, descent
from modescape.interop.checkpoints.found import find
from modescape.interop.checkpoints.reading import read
from modescape.offered import Offered
from modescape.types import ModelState, Params

DRAWS = 60


@dataclass(frozen=True)
class Files:
    """Checkpoints in memory, as `modescape.offered.Checkpoints`."""

    states: list[Params]
    normalization: tuple[str, ...] = ()

    @property
    def members(self):
        return range(len(self.states))

    def steps(self, member):
        return [1]

    def state(self, member, step):
        return ModelState(self.states[member], {})

    def solution(self, member):
        return self.state(member, 1)

    def history(self, member):
        return {}


def offered(states: dict[str, Params]) -> Offered:
    return Offered(members=range(len(states)), checkpoints=Files(list(states.values())), names=list(states))


def grown(seed: int, parent: Params | None = None, far: float = 1.0, shrink: float = 1.0) -> Params:
    """A network with a start of its own, or displaced from its parent by ``far`` times the norm of a start."""
    stream = torch.Generator().manual_seed(seed)
    shapes = {"one.weight": (48, 64), "one.bias": (48,), "two.weight": (32, 48), "out.weight": (10, 32)}
    own = {name: torch.randn(shape, generator=stream) for name, shape in shapes.items()}
    return own if parent is None else {name: shrink * parent[name] + far * own[name] for name in own}


def family(shrink: float = 1.0) -> dict[str, Params]:
    """A branching family of depth three with two distant leaves, and an unrelated network, in arbitrary order."""
    root = grown(0)
    left, right = grown(1, root, 0.4, shrink), grown(2, root, 0.5, shrink)
    return {
        "far left": grown(3, left, 1.5, shrink),
        "stranger": grown(9),
        "left": left,
        "right": right,
        "near left": grown(4, left, 0.3, shrink),
        "root": root,
        "far right": grown(5, right, 1.2, shrink),
    }


PARENTS = {"left": "root", "right": "root", "far left": "left", "near left": "left", "far right": "right"}


def test_a_family_of_depth_three_is_found_with_its_first_network_and_the_stranger():
    result = measure(offered(family()), draws=DRAWS)
    names = [str(name) for name in result["model"].values]
    relative, relation = result["relative"].values.astype(int), result["relation"].values.astype(int)
    found = {name: names[relative[place]] for place, name in enumerate(names) if relative[place] >= 0}
    assert found == PARENTS
    assert {names[place]: int(kind) for place, kind in enumerate(relation) if kind != DESCENDS} == {
        "root": FIRST,
        "stranger": ALONE,
    }
    assert result["support"].sel(model=list(PARENTS)).values.min() > 0.9
    assert said(result).startswith("6\N{NO-BREAK SPACE}networks of 7 are related")
    assert "Without relatives here: stranger." in said(result)
    assert len(summarize(result).rows) == 7


def test_weights_that_shrink_leave_the_tree_as_it_is_and_the_first_network_untold():
    result = measure(offered(family(shrink=0.7)), draws=DRAWS)
    names = [str(name) for name in result["model"].values]
    edges = {
        frozenset((name, names[int(result["relative"].values[place])]))
        for place, name in enumerate(names)
        if result["relative"].values[place] >= 0
    }
    assert edges == {frozenset(pair) for pair in PARENTS.items()}
    assert set(result["relation"].values) <= {ALONE, JOINED}
    named = measure(offered(family(shrink=0.7)), draws=DRAWS, start="root")
    found = named["relative"].values.astype(int)
    assert {name: names[found[place]] for place, name in enumerate(names) if found[place] >= 0} == PARENTS


def test_siblings_whose_start_is_not_there_share_one():
    start = grown(0)
    states = {str(place): grown(10 + place, start, 1.0) for place in range(4)}
    result = measure(offered(states), draws=DRAWS)
    assert (result["family"].values == 0).all()
    assert sorted(result["relation"].values) == [SHARES] * 3 + [JOINED]  # the last is the centre


def test_displacements_from_a_named_start_have_the_cosine_of_what_was_added():
    start = grown(0)
    one, other = grown(1, start, 0.5), grown(2, start, 0.5)
    both = {name: (one[name] + other[name]) / 2 for name in one}
    result = measure(offered({"start": start, "one": one, "other": other, "both": both}), draws=DRAWS, start="start")
    moved = result["displacement_cosine"]
    assert float(moved.sel(model="one", other_model="other")) == pytest.approx(0, abs=0.05)
    assert float(moved.sel(model="one", other_model="both")) == pytest.approx(2**-0.5, abs=0.03)
    with pytest.raises(InputError, match="did you mean 'start'"):
        measure(offered({"start": start, "one": one}), start="strat")


def test_chance_is_what_permuting_the_units_of_one_network_gives():
    random = np.random.default_rng(0)
    one, other = ([random.normal(size=shape) for shape in ((6, 5), (7, 3))] for _ in range(2))
    one, other = ([part - part.mean(0) for part in own] for own in (one, other))
    drawn = [
        sum(float((a * b[random.permutation(len(b))]).sum()) for a, b in zip(one, other, strict=True))
        for _ in range(20_000)
    ]
    assert np.std(drawn) == pytest.approx(chance(one, other), rel=0.03)
    assert np.mean(drawn) == pytest.approx(0, abs=0.3)


def test_a_pair_is_joined_and_nothing_is_told_of_which_came_first():
    gram = np.array([[1.0, 0.98], [0.98, 1.1]])
    found = descent(np.stack([gram] * 4), np.ones((3, 4)), lambda one, other: 1e-3)
    assert sorted(found.relation) == [JOINED, JOINED]


def trained_family() -> dict[str, Params]:
    """A trained family: each network has its own task on digits; all but the unrelated one share a start."""
    from sklearn.datasets import load_digits

    images, label = (torch.tensor(part) for part in load_digits(return_X_y=True))
    images = images.float() / 16

    def made(start: Params | None, seed: int, steps: int, rate: float, shift: int) -> Params:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            module = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 32), nn.ReLU(), nn.Linear(32, 10))
        if start is not None:
            module.load_state_dict(start)
        optimiser = torch.optim.Adam(module.parameters(), rate)
        stream = torch.Generator().manual_seed(seed)
        for _ in range(steps):
            index = torch.randint(len(images), (64,), generator=stream)
            optimiser.zero_grad()
            nn.functional.cross_entropy(module(images[index]), (label[index] + shift) % 10).backward()
            optimiser.step()
        return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}

    root = made(None, 0, 200, 3e-3, 0)
    left, right = made(root, 1, 200, 3e-3, 1), made(root, 2, 200, 3e-3, 3)
    ends = {"far left": made(left, 3, 400, 1e-2, 7), "far right": made(right, 4, 400, 1e-2, 5)}
    return {"root": root, "left": left, "right": right, **ends, "stranger": made(None, 7, 200, 3e-3, 0)}


@pytest.mark.ci
def test_a_family_that_was_trained_is_found():
    result = measure(offered(trained_family()), draws=DRAWS)
    names = [str(name) for name in result["model"].values]
    relative = result["relative"].values.astype(int)
    found = {name: names[relative[place]] for place, name in enumerate(names) if relative[place] >= 0}
    assert found == {"left": "root", "right": "root", "far left": "left", "far right": "right"}
    assert int(result["relation"].sel(model="root")) == FIRST
    assert int(result["relation"].sel(model="stranger")) == ALONE


def test_eight_networks_and_what_they_were_tuned_to(shared_data: Path):  # noqa: F811
    found = find([shared_data / "checkpoints" / "ani"])
    states = {name: read(next(iter(own.values()))).tensors for name, own in found.members.items()}
    result = measure(offered(states), draws=DRAWS)
    cosine, relative = result["cosine"].values, result["relative"].values.astype(int)
    family, names = result["family"].values, list(map(str, result["model"].values))
    assert names == [f"{kind}-{place}" for kind in ("parent", "tuned") for place in range(8)]
    for place in range(8):
        assert family[place] == family[8 + place]
        assert cosine[place, 8 + place] > 0.999
        assert {relative[place], relative[8 + place]} in ({-1, place}, {-1, 8 + place})
    strangers = cosine[:8, :8][~np.eye(8, dtype=bool)]
    assert -0.03 < strangers.min() < -0.02
    assert 0.04 < strangers.max() < 0.045
    assert len(np.unique(family)) == 8


def test_checkpoints_without_real_numbers_are_too_little():
    with pytest.raises(NotEnough, match="kinship needs tensors of real numbers"):
        measure(offered({"one": {}, "other": {}}), draws=DRAWS)
