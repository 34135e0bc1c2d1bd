"""Unification of axes on small explicit cases."""

from __future__ import annotations

from modescape.alignment.axes import Axes


def shapes(axes, axis):
    """Sizes of the atoms of each part of an axis."""
    return [[axes.sizes[atom] for atom in part] for part in axes.resolve(axis)]


def test_a_flattened_axis_is_a_product_of_what_was_flattened():
    axes = Axes()
    channels, places = axes.new(4), axes.new(9, "is a place")
    (flat,) = axes.reshape([channels, places], [36], "flatten")
    weight = axes.new(36)
    axes.unify(weight, flat, "linear")
    assert shapes(axes, weight) == [[4, 9]]
    assert axes.resolve(weight)[0][0] == axes.resolve(channels)[0][0]
    assert list(axes.fixed) == list(axes.atoms([places]))


def test_what_stands_behind_one_another_is_a_sum():
    axes = Axes()
    one, two, weight = axes.new(4), axes.new(6), axes.new(10)
    axes.unify(weight, (*one, *two), "cat")
    assert shapes(axes, weight) == [[4], [6]]
    places = axes.new(3)
    (flat,) = axes.reshape([weight, places], [30], "flatten")
    assert shapes(axes, flat) == [[4, 3], [6, 3]]
    axes.unify(axes.new(30), flat, "linear")
    assert not axes.fixed
    axes.join([places, weight], "inner sum")  # a sum inside a product cannot be expressed: the axis is fixed
    assert set(axes.fixed) >= axes.atoms([one, two])


def test_axes_that_do_not_fit_are_held():
    axes = Axes()
    one, two = axes.split(axes.new(12), [4, 3], "view"), axes.split(axes.new(12), [6, 2], "view")
    axes.unify(axes.join(one, "view"), axes.join(two, "view"), "4 x 3 and 6 x 2")
    assert axes.atoms([*one, *two]) <= set(axes.fixed)
    held, free = axes.new(5, "is an output"), axes.new(5)
    axes.unify(free, held, "same")
    assert axes.fixed[next(iter(axes.atoms([free])))] == "is an output"


def test_a_reshape_cuts_where_sizes_meet():
    axes = Axes()
    batch, units = axes.new(2, "examples"), axes.new(12)
    found = axes.reshape([batch, units], [1, 2, 3, 1, 4], "view")
    assert [axes.length(axis) for axis in found] == [1, 2, 3, 1, 4]
    assert shapes(axes, units) == [[3, 4]]
    back = axes.reshape(found, [6, 4], "view")
    assert [shapes(axes, axis) for axis in back] == [[[2, 3]], [[4]]]


def test_what_is_selected_by_index_is_its_own():
    axes = Axes()
    joint = axes.new(24)
    which, heads, features = axes.split(joint, [3, 2, 4], "view")
    parts = [axes.select(which, index, [heads, features], [[joint], [which, heads, features]]) for index in range(3)]
    assert shapes(axes, joint) == [[2, 4]] * 3
    assert len(axes.atoms(axis for part in parts for axis in part)) == 6
    axes.unify(parts[0][1], parts[1][1], "product of query and key")
    assert len(axes.atoms([joint])) == 5
    axes.close([heads])  # later used as a whole
    assert len(axes.atoms([joint])) == 3


def test_what_was_also_read_without_the_index_stays_one():
    axes = Axes()
    joint = axes.new(6)
    which, units = axes.split(joint, [2, 3], "view")
    axes.select(which, 0, [units], [[joint], [units]])  # `joint` was also read without the index
    assert shapes(axes, joint) == [[2, 3]]


def test_thousands_of_layers_are_no_depth():
    axes = Axes()
    first = last = axes.new(3)
    for _ in range(3000):
        new = axes.new(3)
        axes.unify(last, new, "residual sum")
        last = new
    assert axes.resolve(first) == axes.resolve(last)
