"""The names of ``import modescape as ms``: complete, lazy, documented, and never shadowed by a module."""

import doctest
import importlib
import pkgutil
import subprocess
import sys

import numpy as np
import pytest

import modescape

CONTRACT = {
    *("run", "Study", "export", "Ensemble", "accuracy", "nll", "brier", "ece", "combine", "ensemble_curve"),
    *("Landscape", "hessian", "ggn", "eigenvalues", "trace", "spectral_density"),
    *("disagreement", "cosine_similarity", "jensen_shannon", "normalized_diversity", "diversity_limits"),
    *("compare", "seeds", "import_study"),
    *("align", "align_many", "barrier", "fit_path", "fit_paths"),
}
ARRAY_FUNCTIONS = sorted(name for name in CONTRACT if modescape._ROOMS[name].endswith(("metrics", "functionspace")))


def test_the_names_are_those_of_the_contract() -> None:
    assert set(modescape.__all__) == CONTRACT == set(modescape._ROOMS)
    assert set(dir(modescape)) >= CONTRACT
    assert "importlib" not in dir(modescape)
    assert modescape.__version__ == "0.2.0"


def test_no_module_bears_a_public_name() -> None:
    modules = {module.name for module in pkgutil.iter_modules(modescape.__path__)}
    assert not modules & CONTRACT


@pytest.mark.parametrize("name", ARRAY_FUNCTIONS)
def test_array_functions_come_from_their_rooms_with_a_doctest(name: str) -> None:
    function = getattr(modescape, name)
    assert function is getattr(importlib.import_module(modescape._ROOMS[name]), name)
    assert function.__module__.startswith(modescape._ROOMS[name])
    examples = doctest.DocTestFinder().find(function, name, globs={name: function})
    assert any(test.examples for test in examples), f"{name} has no doctest"
    for test in examples:
        assert doctest.DocTestRunner().run(test).failed == 0


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'modescape' has no attribute 'acuracy'"):
        modescape.acuracy  # noqa: B018


def test_importing_loads_nothing_heavy() -> None:
    code = (
        "import sys, modescape, modescape.errors\n"
        "heavy = {'torch', 'numpy', 'xarray', 'scipy', 'sklearn', 'pydantic', 'zarr', 'matplotlib', 'yaml'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "modescape.accuracy\n"
        "assert 'numpy' in sys.modules and not {'torch', 'xarray', 'scipy', 'sklearn'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_contract_s_calls_have_its_shapes() -> None:
    numbers = np.random.default_rng(0)
    logits = numbers.normal(size=(3, 8, 4))
    log_prob = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    label, predicted = numbers.integers(4, size=8), log_prob.argmax(-1)
    for score in (modescape.accuracy, modescape.nll, modescape.brier):
        assert score(log_prob, label).shape == (3,)
    assert modescape.ece(log_prob, label, bins=10).shape == (3,)
    assert modescape.combine(log_prob, dim=0).shape == (8, 4)
    assert modescape.disagreement(predicted).shape == (3, 3)
    assert modescape.cosine_similarity(log_prob.reshape(3, -1)).shape == (3, 3)
    assert isinstance(modescape.jensen_shannon(log_prob), float)
    assert modescape.normalized_diversity(predicted, predicted[0], label).shape == (3,)
    lower, upper = modescape.diversity_limits(0.5, 0.7, 10)
    assert 0 < lower < upper
