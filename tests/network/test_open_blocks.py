"""Open contexts of operations: each thread has its own, and none outlives its call."""

import contextvars
import threading

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from modescape.kernels.dropout import dropout
from modescape.kernels.implementation import forced, usual
from modescape.network.fuse import fuse
from modescape.network.intercept import Intercept
from modescape.network.member_ops import MemberOps, current

LAYERS = [nn.Conv2d(1, 4, 3, padding=1), nn.Dropout(0.5), nn.MaxPool2d(2), nn.ReLU()]
IMAGES = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def in_threads(*works):
    """Run every function in a thread of its own, at the same time, with a common barrier; returns their results."""
    results, barrier = [None] * len(works), threading.Barrier(len(works), timeout=20)

    def run(place, work):
        results[place] = work(barrier)

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_blocks_nest_and_close_after_an_error():
    outer, inner = MemberOps(torch.tensor(1)), MemberOps(torch.tensor(2))
    with outer:
        with pytest.raises(KeyError), inner, Intercept(inner):
            raise KeyError(current() is inner)
        assert current() is outer
        with outer:
            assert current() is outer
        assert current() is outer
    assert current() is None


def test_a_thread_sees_its_own_block_alone():
    def opened(barrier):
        with MemberOps(torch.tensor(1)) as own:
            barrier.wait()  # both contexts are open
            seen = current() is own
            barrier.wait()
        return seen

    with MemberOps(torch.tensor(3)):
        assert in_threads(opened, opened) == [True, True]
        assert in_threads(lambda barrier: current()) == [None]


def test_threads_drop_what_their_own_keys_say():
    net = fuse(nn.Sequential(*LAYERS)).train()

    def trained(key):
        def work(barrier):
            with MemberOps(torch.tensor(key)), torch.no_grad():
                barrier.wait()
                return net(IMAGES)

        return work

    def alone(key):
        with MemberOps(torch.tensor(key)), torch.no_grad():
            return net(IMAGES)

    for key, result in zip((5, 6, 7), in_threads(*map(trained, (5, 6, 7))), strict=True):
        assert torch.equal(result, alone(key))
    assert not torch.equal(alone(5), alone(6))


class Above(TorchFunctionMode):
    """A mode from elsewhere, which changes nothing."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


def test_where_torch_computes_gradients_its_modes_answer():
    """Autograd's threads inherit modes but no context variables, as in the empty context here."""
    ops = MemberOps(torch.tensor(1))
    with Intercept(ops):
        assert contextvars.Context().run(current) is ops
        with Above():
            assert contextvars.Context().run(current) is ops
        with Intercept(MemberOps(torch.tensor(2))) as inner:
            assert contextvars.Context().run(current) is inner.ops
    with Above():
        assert current() is None


def test_a_forced_version_holds_for_its_thread():
    usually = usual("cpu")

    def with_triton(barrier):
        with forced("triton"):
            barrier.wait()
            seen = usual("cpu")
            barrier.wait()
        return seen, usual("cpu")

    def without(barrier):
        barrier.wait()
        seen = usual("cpu")
        barrier.wait()
        return seen, usual("cpu")

    assert in_threads(with_triton, without) == [("triton", usually), (usually, usually)]


def test_gradients_are_of_the_version_of_the_forward_pass():
    x = torch.rand(4, 6, requires_grad=True)
    with forced("torch"):
        y = dropout(x, torch.tensor(1), 0, 1 << 15)
    with forced("triton"):  # which is not available on a CPU
        y.sum().backward()
    assert torch.equal(x.grad * x, y)
