"""Arithmetic on `Params` against plain vectors."""

import pytest
import torch

from modescape import tree


def networks(count: int = 3) -> list[dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    return [
        {"w": torch.randn(2, 3, generator=generator), "b": torch.randn(3, generator=generator)} for _ in range(count)
    ]


def test_ravel_and_unravel_are_inverse():
    (network,) = networks(1)
    vector = tree.ravel(network)
    assert vector.tolist() == [*network["w"].flatten().tolist(), *network["b"].tolist()]
    assert tree.ravel(network, ["b"]).tolist() == network["b"].tolist()
    back = tree.unravel(vector, network)
    assert all(torch.equal(back[name], network[name]) for name in network)
    with pytest.raises(ValueError, match="cannot fill 9"):
        tree.unravel(vector[:-1], network)


def test_stack_and_unstack_are_inverse():
    members = networks()
    stacked = tree.stack(members)
    assert stacked["w"].shape == (3, 2, 3)
    assert all(torch.equal(tree.unstack(stacked, 2)[name], members[2][name]) for name in stacked)


def test_stack_refuses_other_networks():
    first, second = networks(2)
    with pytest.raises(ValueError, match="differ in 'b'"):
        tree.stack([first, {"w": second["w"]}])
    with pytest.raises(ValueError, match=r"'b' \(\[3\] and \[4\]\)"):
        tree.stack([first, {**second, "b": torch.zeros(4)}])


def test_dot_and_lerp_are_those_of_the_vectors():
    a, b = networks(2)
    assert tree.dot(a, b).item() == pytest.approx((tree.ravel(a).double() @ tree.ravel(b).double()).item(), rel=1e-12)
    middle = tree.ravel(tree.lerp(a, b, 0.25))
    assert torch.allclose(middle, 0.75 * tree.ravel(a) + 0.25 * tree.ravel(b), atol=1e-6)
