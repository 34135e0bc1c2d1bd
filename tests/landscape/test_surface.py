"""Grids: closed forms, resuming, gaps, refinement with fewer points, and files of other tools."""

from __future__ import annotations

from dataclasses import dataclass

import h5py
import numpy as np
import pytest
import torch
from landscape_networks import BLANK, Quadratic, as_said, data, mlp, numbers
from shared_data import shared_data  # noqa: F401 - a fixture

from modescape.engines import Here
from modescape.errors import InputError, WorkError
from modescape.landscape import Curve, Landscape, Surface, read_curve, write_curve
from modescape.landscape.exchange import read, write
from modescape.landscape.refinement import refine
from modescape.landscape.spline import FLOOR
from modescape.landscape.sweeping import measure

GRID = np.linspace(-1, 1, 5)


@pytest.fixture
def bowl():
    return Landscape(Quadratic(), batches=BLANK, loss=as_said)


def test_a_quadratic_on_a_grid_is_its_closed_form(bowl):
    one, two = numbers(5, number=1), numbers(5, number=2)
    cut = bowl.cut_along({"weight": one}, two)
    surface = bowl.surface(cut, GRID, np.linspace(0, 2, 3))
    network = Quadratic()
    for row, y in enumerate(surface.y):
        for column, x in enumerate(surface.x):
            place = network.weight.detach() + x * one + y * two
            wanted = 0.5 * place @ network.matrix @ place + network.slope @ place
            assert surface.loss[row, column] == pytest.approx(float(wanted), rel=1e-12)
    assert surface.lengths == pytest.approx((float(one.norm()), float(two.norm())))
    assert (surface.missing, surface.gaps, surface.error) == (0, 0, None)
    cosine = float(one @ two / one.norm() / two.norm())
    assert surface.angle == pytest.approx(np.degrees(np.arccos(cosine)))


def counted(field):
    """The landscape, and a list to which every pass appends its number of points."""
    passes = []
    own = field.sweep
    field.sweep = lambda points: (passes.append(len(points)), own(points))[1]
    return field, passes


@pytest.mark.parametrize("name", ["grid.npz", "grid.h5"])
def test_a_grid_goes_on_where_it_was_left(tmp_path, name):
    field, passes = counted(Landscape(mlp(), batches=data(), points_per_pass=4))
    cut, file = field.random_cut(), tmp_path / name
    whole = field.surface(cut, GRID)
    seen = []

    def stop(done, total):
        seen.append((done, total))
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        field.surface(cut, GRID, file=file, progress=stop)
    assert seen == [(4, 25), (8, 25)]
    left = read(file)
    assert (left.missing, left.measured.sum()) == (17, 8)
    passes.clear()
    done = field.surface(cut, GRID, file=file)
    assert passes == [17]
    np.testing.assert_allclose(done.loss, whole.loss, rtol=1e-12)
    np.testing.assert_allclose(read(file).fields["accuracy"], whole.fields["accuracy"], rtol=1e-12)
    begun = np.where(left.measured, left.loss, np.nan)  # an array is accepted, too
    np.testing.assert_allclose(field.surface(cut, GRID, start=begun).loss, whole.loss, rtol=1e-12)


@dataclass(frozen=True)
class Workplace:
    """Opens a landscape and a cut in an engine's workers."""

    broken: bool = False

    def open(self):
        field = Landscape(mlp(), batches=data())
        cut = field.random_cut()
        return (None, cut) if self.broken else (field, cut)


def test_a_grid_through_an_engine_is_the_same():
    field, cut = Workplace().open()
    seen = []
    with Here() as engine:
        whole = measure(
            field, cut, GRID, engine=engine, workplace=Workplace(), progress=lambda *done: seen.append(done)
        )
        few = measure(field, cut, GRID, tolerance=0.1, engine=engine, workplace=Workplace())
        with pytest.raises(WorkError, match="points 0 to 6 of the grid failed"):
            measure(field, cut, GRID, engine=engine, workplace=Workplace(broken=True))
        with pytest.raises(InputError, match="also needs workplace="):
            measure(field, cut, GRID, engine=engine)
    assert seen == [(7, 25), (13, 25), (19, 25), (25, 25)]
    np.testing.assert_allclose(whole.loss, field.surface(cut, GRID).loss, rtol=1e-12)
    np.testing.assert_allclose(few.loss[few.measured], whole.loss[few.measured], rtol=1e-12)


def test_what_is_of_another_grid_or_cut_is_not_gone_on_with(tmp_path, bowl):
    file = tmp_path / "grid.npz"
    bowl.surface(bowl.cut_along(numbers(5)), GRID, file=file)
    with pytest.raises(InputError, match="has another grid"):
        bowl.surface(bowl.cut_along(numbers(5)), GRID * 2, file=file)
    with pytest.raises(InputError, match="has cut "):
        bowl.surface(bowl.cut_along(numbers(5, number=1)), GRID, file=file)
    with pytest.raises(InputError, match=r"have shape \[3\], the grid \[5\]"):
        bowl.surface(bowl.cut_along(numbers(5)), GRID, start=np.zeros(3))
    with pytest.raises(InputError, match="not a row of increasing numbers"):
        bowl.surface(bowl.cut_along(numbers(5)), GRID[::-1])
    file.write_bytes(b"other")
    with pytest.raises(InputError, match="is not a surface written by modescape"):
        read(file)


def test_gaps_are_counted_and_never_filled():
    field = Landscape(mlp(), batches=data())
    cut = field.cut_along({"2.weight": torch.full((3, 6), 1e308, dtype=torch.float64) * torch.eye(3, 6)})
    surface = field.surface(cut, np.linspace(-3, 3, 7))
    assert surface.gaps == int((~np.isfinite(surface.loss)).sum()) > 0
    assert surface.missing == 0
    hill = refine(lambda index: np.where(index % 17 > 11, np.nan, 1.0 + index), (17, 17), 0.01)
    assert np.isnan(hill.values[:, 12:]).all()
    assert hill.measured[:, 12:].all()  # nothing there is interpolated
    assert np.isfinite(hill.values[:, :12]).all()


def narrow(index, size=33):
    """A smooth, positive bowl with a narrow hill."""
    x, y = (index % size) / (size - 1) * 2 - 1, (index // size) / (size - 1) * 2 - 1
    return 0.1 + x**2 + 3 * y**2 + 2 * np.exp(-30 * ((x - 0.4) ** 2 + (y + 0.3) ** 2))


@pytest.mark.parametrize("tolerance", [0.05, 0.01])
def test_fewer_points_make_the_same_picture_within_the_stated_error(tolerance):
    truth = narrow(np.arange(33 * 33)).reshape(33, 33)
    found = refine(narrow, truth.shape, tolerance)
    assert found.measured.sum() < (400 if tolerance == 0.05 else 700)
    assert found.error <= tolerance
    errors = np.abs(found.values - truth) / np.maximum(truth, FLOOR * np.ptp(truth))
    assert (errors > tolerance).mean() < 0.01
    assert errors.max() < 3 * tolerance
    np.testing.assert_array_equal(found.values[found.measured], truth[found.measured])


def test_what_a_coarse_grid_cannot_see_is_found_by_the_controls():
    def striped(index):
        return 1.0 + (index % 33 % 2)  # alternating columns, invisible on any coarser grid

    found = refine(striped, (33, 33), 0.02)
    assert found.measured.mean() > 0.9
    assert found.controls > 0 or found.measured.all()


def test_refinement_on_a_line_and_of_a_landscape(bowl):
    line = refine(lambda index: 1 + np.sin(index / 20), (101,), 0.01)
    assert line.measured.sum() < 60
    np.testing.assert_allclose(line.values, 1 + np.sin(np.arange(101) / 20), atol=0.03)
    field = Landscape(mlp(), batches=data())
    cut, x = field.random_cut(), np.linspace(-0.5, 0.5, 17)
    whole, fewer = measure(field, cut, x), measure(field, cut, x, tolerance=0.02)
    assert fewer.measured.sum() < whole.measured.sum() == 289
    assert fewer.error <= 0.02
    assert np.abs(fewer.loss / whole.loss - 1).max() < 0.06
    assert np.isfinite(fewer.fields["accuracy"]).all()
    again, passes = counted(field)
    known = measure(again, cut, x, start=whole, tolerance=0.02)
    assert passes == []  # earlier measurements are looked up
    np.testing.assert_array_equal(known.loss, whole.loss)
    with pytest.raises(InputError, match="the tolerance is 0"):
        measure(field, cut, x, tolerance=0)


def test_surfaces_of_loss_landscape(tmp_path):
    surface = Surface.empty([0.0, 1.0, 2.0], [5.0, 6.0])
    surface = surface.with_values(np.array([0, 4]), {"loss": np.array([0.5, 7.0]), "accuracy": np.array([0.25, 1.0])})
    write(surface, tmp_path / "own.h5")
    with h5py.File(tmp_path / "own.h5") as file:
        np.testing.assert_array_equal(file["train_loss"][()].ravel(), [0.5, -1, -1, -1, 7, -1])
        np.testing.assert_array_equal(file["train_acc"][()].ravel()[[0, 4]], [25, 100])
        assert file["train_loss"].shape == (3, 2)  # as their tool writes it
    back = read(tmp_path / "own.h5")
    assert back.missing == 4
    np.testing.assert_array_equal(back.loss, surface.loss)
    np.testing.assert_array_equal(back.fields["accuracy"], surface.fields["accuracy"])
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["weights"] = np.zeros(3)
    with pytest.raises(InputError, match="holds weights; expected xcoordinates and train_loss"):
        read(tmp_path / "other.h5")
    (tmp_path / "none.h5").write_bytes(b"no")
    with pytest.raises(InputError, match="cannot be read as HDF5"):
        read(tmp_path / "none.h5")


def test_surfaces_that_others_published(shared_data, tmp_path):  # noqa: F811
    whole = read(shared_data / "surfaces" / "filter-normalised-51x51.h5")
    assert whole.missing == 0
    assert whole.loss[25, 25] == whole.loss.min() == pytest.approx(0.4273, abs=5e-5)
    assert whole.loss.max() == pytest.approx(67.7, abs=0.05)
    left = read(shared_data / "surfaces" / "unfinished-51x51.h5")
    assert left.missing == len(left.pending()) == 2542
    write(whole, tmp_path / "again.h5")
    np.testing.assert_array_equal(read(tmp_path / "again.h5").loss, whole.loss)
    found = refine(lambda index: whole.loss.ravel()[index], whole.loss.shape, 0.02)
    assert found.measured.sum() < 2601 / 4
    assert np.quantile(np.abs(found.values / whole.loss - 1), 0.99) < 0.02
    field = Landscape(mlp(), batches=data(), points_per_pass=4096)
    field, passes = counted(field)
    done = field.surface(field.random_cut(), left.x, left.y, start=left)
    assert passes == [2542]
    assert done.missing == 0
    np.testing.assert_array_equal(done.loss[left.measured], left.loss[left.measured])


def test_curves_of_mode_connectivity(tmp_path):
    t, steps = np.array([0.0, 0.5, 1.0]), np.array([0.0, 1.0, 3.0])
    curve = Curve(t, steps, {"train loss": np.array([1.0, 2.0, 4.0]), "test accuracy": np.array([0.5, 0.25, 1.0])})
    write_curve(curve, tmp_path / "curve.npz")
    with np.load(tmp_path / "curve.npz") as file:
        assert {"ts", "dl", "tr_loss", "te_acc", "te_acc_int"} <= set(file.files)
        assert file["te_acc"].tolist() == [50, 25, 100]
        assert float(file["tr_loss_int"]) == pytest.approx((1.5 * 1 + 3 * 3) / 4)
        assert (float(file["tr_loss_min"]), float(file["tr_loss_max"])) == (1, 4)
    back = read_curve(tmp_path / "curve.npz")
    assert back.fields.keys() == curve.fields.keys()
    np.testing.assert_array_equal(back.fields["test accuracy"], curve.fields["test accuracy"])
    np.savez(tmp_path / "other.npz", a=t)
    with pytest.raises(InputError, match="holds a; expected ts, dl"):
        read_curve(tmp_path / "other.npz")
