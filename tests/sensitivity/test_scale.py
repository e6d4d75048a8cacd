"""The scale of the objective: order kept, there and back, chosen by the tail."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from trimtab.errors import InputError
from trimtab.sensitivity._scale import Scale, choose_scale, heavy_tail


@pytest.mark.parametrize("name", ["raw", "log", "rank"])
def test_there_and_back(name, seed=0):
    v = np.exp(np.random.default_rng(seed).standard_normal(50))
    scale = Scale.of(name, v)
    z = scale.standard(v)

    assert_allclose([z.mean(), z.std()], [0.0, 1.0], atol=1e-9)
    assert_allclose(scale.objective(z), v, rtol=1e-9)
    assert np.all(np.diff(z[np.argsort(v)]) > 0)


def test_constant_and_huge_values_are_finite():
    assert Scale.of("raw", np.full(5, 3.0)).width == 0.0
    assert Scale.of("rank", np.full(5, 3.0)).width == 0.0
    assert np.isfinite(Scale.of("raw", np.array([1e300, -1e300, 0.0, 2e300])).width)


@pytest.mark.parametrize(
    ("v", "scale"),
    [
        (np.linspace(-3, 4, 60), "raw"),
        (np.exp(np.linspace(-6, 6, 60)), "log"),
        (np.concatenate([np.linspace(-1, 1, 90), np.full(10, 1e6)]), "rank"),
        (np.concatenate([np.linspace(0.1, 1, 60), np.full(40, 1e6)]), "log"),
        (np.repeat([0.0, 1.0], [90, 10]), "raw"),
    ],
    ids=["even", "decades", "diverged", "many diverged", "two values"],
)
def test_auto_looks_at_the_tail(v, scale):
    assert choose_scale("auto", v)[0] == scale


def test_normal_values_have_no_heavy_tail():
    samples = [np.random.default_rng(seed).standard_normal(100) for seed in range(50)]

    assert not any(heavy_tail(v) for v in samples)


def test_impossible_scales_are_refused():
    with pytest.raises(InputError, match="auto, raw, log, rank"):
        choose_scale("logarithmic", np.ones(3))
    with pytest.raises(InputError, match="positive in every trial"):
        choose_scale("log", np.array([1.0, 0.0]))
