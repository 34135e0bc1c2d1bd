"""A checkpoint that members start from: what is loaded, what is reported about the rest, what is refused."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from modescape.errors import InputError
from modescape.models.build import freeze
from modescape.models.cnn import small_cnn
from modescape.models.start import BUILTIN, begin_with, digest_of, read_start
from modescape.recipe import Model


class Net(nn.Module):
    """A network with a tied layer, running statistics and a head."""

    def __init__(self, classes=3, seed=0):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.body, self.norm = nn.Linear(4, 4), nn.BatchNorm1d(4)
            self.twin, self.head = nn.Linear(4, 4), nn.Linear(4, classes)
        self.twin.weight = self.body.weight


def write(path, module, **changes):
    tensors = {name: tensor.detach().clone() for name, tensor in module.state_dict().items()} | changes
    save_file({name: tensor for name, tensor in tensors.items() if tensor is not None}, path)
    return Model(factory="x:y", init=str(path))


def test_what_fits_by_name_and_shape_is_taken_and_the_rest_is_drawn(tmp_path):
    source, target = Net(classes=5, seed=1), Net(classes=3, seed=2)
    source.norm.running_mean.fill_(7)
    model = write(tmp_path / "a.safetensors", source, **{"body.bias": None, "other": torch.zeros(2)})
    before = {name: tensor.clone() for name, tensor in target.state_dict().items()}
    taken = begin_with(target, read_start(model), model)
    own = {"body.bias", "head.weight", "head.bias"}
    assert set(taken.names) == set(before) - own
    for name, tensor in target.state_dict().items():
        assert torch.equal(tensor, before[name] if name in own else source.state_dict()[name]), name
    assert taken.said(model) == (
        f"8 of 11 tensors start as in '{tmp_path}/a.safetensors'; each member draws its own: body.bias (not in the "
        "file); head.weight ([5, 4] in the file, [3, 4] here); head.bias ([5] in the file, [3] here); tensors of "
        "the file not used: 1"
    )


def test_numbers_take_the_networks_type_and_of_several_files_the_later_wins(tmp_path):
    one, two, target = Net(seed=1), Net(seed=2), Net(seed=3).double()
    write(tmp_path / "a.safetensors", one)
    save_file({"head.bias": two.head.bias.detach().bfloat16()}, tmp_path / "b.safetensors")
    model = Model(factory="x:y", init=[str(tmp_path / "a.safetensors"), str(tmp_path / "b.safetensors")])
    begin_with(target, read_start(model), model)
    assert torch.equal(target.head.weight, one.head.weight.double())
    assert torch.equal(target.head.bias, two.head.bias.bfloat16().double())
    assert target.head.bias.dtype == torch.float64


def test_the_digest_is_of_names_types_shapes_and_numbers_not_of_the_file(tmp_path):
    tensors = {"a": torch.arange(4.0), "b": torch.zeros(0, 3, dtype=torch.bfloat16), "c": torch.tensor(1)}
    digest = digest_of(tensors)
    assert digest_of(dict(reversed(tensors.items()))) == digest
    save_file(tensors, tmp_path / "a.safetensors", {"note": "any"})
    assert digest_of(read_start(Model(init=str(tmp_path / "a.safetensors"), init_digest=digest))) == digest
    for change in ({"a": torch.arange(4.0).view(2, 2)}, {"a": torch.arange(4.0).double()}, {"d": torch.ones(1)}):
        assert digest_of(tensors | change) != digest
    with pytest.raises(InputError, match=r"holds other tensors than the study was begun with .* put the file back"):
        read_start(Model(init=str(tmp_path / "a.safetensors"), init_digest="0" * 64))


@pytest.mark.parametrize("suffix", ["pt", "pth", "bin", "ckpt", "pkl"])
def test_pickles_are_refused_unopened_with_the_remedy(tmp_path, suffix):
    path = tmp_path / f"weights.{suffix}"
    torch.save(Net().state_dict(), path)
    remedy = rf"is a pickle.*save_file\(torch.load\('weights.{suffix}', weights_only=True\), 'weights.safetensors'\)"
    with pytest.raises(InputError, match=remedy):
        read_start(Model(init=str(path)))


def test_other_files_are_refused_in_a_line(tmp_path):
    path = tmp_path / "a.safetensors"
    with pytest.raises(InputError, match=r"there is no '.*'; give a \.safetensors file"):
        read_start(Model(init=str(path)))
    torch.save(Net().state_dict(), path)
    with pytest.raises(InputError, match=r"is not a \.safetensors file"):
        read_start(Model(init=str(path)))
    model = write(path, Net(), **{"head.bias": torch.full((3,), float("nan"))})
    with pytest.raises(InputError, match=r"'head.bias' in '.*' holds numbers that are not finite"):
        read_start(model)
    model = write(path, Net(), **{"head.bias": torch.ones(3, dtype=torch.int64)})
    with pytest.raises(InputError, match=r"'head.bias' holds torch.int64 numbers, the network torch.float32"):
        begin_with(Net(), read_start(model), model)


def test_a_file_of_which_nothing_fits_is_refused(tmp_path):
    save_file({"module.head.bias": torch.ones(3), "b": torch.ones(1), "c": torch.ones(1)}, tmp_path / "a.safetensors")
    model = Model(init=str(tmp_path / "a.safetensors"))
    with pytest.raises(
        InputError, match=r"nothing in '.*' fits the network by name and shape. The file has 'b', 'c', \.\.\."
    ):
        begin_with(Net(), read_start(model), model)


def test_parameters_are_frozen_by_patterns_of_names():
    net = Net()
    freeze(net, ["body.*", "norm.bias"])
    frozen = {name for name, tensor in net.named_parameters() if not tensor.requires_grad}
    assert frozen == {"body.weight", "body.bias", "norm.bias"}
    with pytest.raises(InputError, match=r"no parameter is called 'convs\.\*'; the network has body.weight"):
        freeze(net, ["convs.*"])
    with pytest.raises(InputError, match="leaves no parameter to train"):
        freeze(net, ["*"])


def test_the_checkpoint_of_the_package_is_what_it_was_and_small():
    """With another checkpoint, the recipe's name would stand for another study."""
    model = Model(init="printed-letters")
    tensors = read_start(model)
    assert tensors is not None
    assert digest_of(tensors) == "ba30bb0d9d9b79d58cb5250ab3eda1f11dda076007a261422be853e14defca11"
    assert BUILTIN["printed-letters"].stat().st_size < 200_000
    taken = begin_with(small_cnn((1, 8, 8), 10), tensors, model)
    assert [name.partition(" ")[0] for name in taken.drawn] == ["dense.weight", "dense.bias"]
    assert not taken.unused
