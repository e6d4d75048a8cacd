"""Ablation paths of functions where every step is known."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from trimtab.errors import InputError, SpaceError
from trimtab.records import TrialTable
from trimtab.sensitivity import ablation
from trimtab.space import Categorical, Float, Space

SPACE = Space({"a": Float(0, 1), "b": Float(0, 1), "dead": Float(0, 1)})
START, TARGET = {"a": 0.9, "b": 0.9, "dead": 0.9}, {"a": 0.1, "b": 0.1, "dead": 0.1}


def table(space, function, n, seed, noise=0.0, direction="minimize"):
    rng = np.random.default_rng(seed)
    x = space.sample(n, rng)
    return TrialTable.of(space, x, function(x) + noise * rng.standard_normal(n), direction)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_of_a_linear_function_the_steps_are_its_slopes(direction, seed=0):
    t = table(SPACE, lambda x: x[:, 0] + 3 * x[:, 1], 60, seed, noise=0.01, direction=direction)
    r = ablation(t, START, target=TARGET)
    sign = -1.0 if direction == "maximize" else 1.0

    assert r.parameters[:2] == ("b", "a")
    assert_allclose(r.gain, [2.4, 0.8, 0.0], atol=0.05)
    assert_allclose(r.share, [0.75, 0.25, 0.0], atol=0.02)
    assert_allclose(r.objective, sign * np.array([1.2, 0.4, 0.4]), atol=0.05)
    assert r.start_objective == pytest.approx(sign * 3.6, abs=0.05)
    assert r.gain.sum() == pytest.approx(r.total)
    assert np.all((r.gain_low <= r.gain) & (r.gain <= r.gain_high))
    assert [r.verdicts[name].split(":")[0] for name in ("b", "a", "dead")] == [
        "matters", "matters", "cannot be told from a dead knob"
    ]  # fmt: skip


def test_of_two_knobs_that_only_work_together_the_second_brings_it_all(seed=1):
    """Improves only where both are low: the first step is idle, the second takes the whole gain."""
    t = table(SPACE, lambda x: np.maximum(x[:, 0], x[:, 1]), 120, seed, noise=0.01)
    r = ablation(t, START, target=TARGET)

    live = [i for i, name in enumerate(r.parameters) if name != "dead"]
    assert_allclose(r.gain[live], [0.0, 0.8], atol=0.1)


def test_the_defaults_are_the_centre_and_the_best_tried(seed=2):
    space = Space({"c": Categorical(["x", "y", "z"]), "b": Float(0, 1)})
    t = table(space, lambda x: 1.0 * (x[:, 0] < 0.5) + x[:, 1], 60, seed, noise=0.01)
    r = ablation(t)

    assert dict(r.start) == {"c": "x", "b": 0.5}
    assert dict(r.target) in t.params
    i = r.parameters.index("c")
    assert r.from_labels[i] == "x"
    assert r.to_labels[i] in ("y", "z")
    assert r.gain[i] == pytest.approx(1.0, abs=0.1)


def test_a_knob_that_the_start_does_not_have_comes_with_its_switch(seed=3):
    space = Space({"solver": Categorical(["adam", "sgd"]), "m": Float(0, 1, when={"solver": "sgd"})})
    t = table(space, lambda x: 1.0 - (x[:, 0] > 0.5) + np.nan_to_num(x[:, 1]), 80, seed, noise=0.01)
    r = ablation(t, {"solver": "adam"}, target={"solver": "sgd", "m": 0.1})

    assert r.parameters == ("solver",)
    assert r.gain[0] == pytest.approx(0.9, abs=0.08)
    assert any("without a step: m" in note for note in r.notes)


def test_from_the_target_there_is_no_step(seed=4):
    r = ablation(table(SPACE, lambda x: x[:, 0], 30, seed, noise=0.01), TARGET, target=TARGET)

    assert r.parameters == ()
    assert (r.total, r.total_low, r.total_high) == (0.0, 0.0, 0.0)
    assert "(no rows)" in str(r)


@pytest.mark.parametrize("n", [0, 2])
def test_too_little_data(n):
    r = ablation(table(SPACE, lambda x: x[:, 0], n, 0), START)

    assert np.isnan(r.gain).all()
    assert all(text.startswith("too little data") for text in r.verdicts.values())
    assert "nan" not in str(r)
    json.dumps(r.to_dict(), allow_nan=False)


def test_many_knobs_duplicates_and_one_that_is_constant(seed=5):
    space = Space({f"x{j}": Float(0, 1) for j in range(40)})
    x = space.sample(60, np.random.default_rng(seed))
    x[:, 7] = 0.25
    x = np.tile(x, (2, 1))
    r = ablation(TrialTable.of(space, x, 5 * x[:, 0]))

    assert r.parameters[0] == "x0"
    assert r.verdicts["x7"].startswith("too little data")
    assert np.isfinite(r.gain).all()


def test_bad_arguments():
    t = table(SPACE, lambda x: x[:, 0], 30, 0)
    with pytest.raises(InputError, match="start must be a configuration"):
        ablation(t, 3)
    with pytest.raises(SpaceError, match="b"):
        ablation(t, {"a": 0.5, "b": 5.0, "dead": 0.5})
