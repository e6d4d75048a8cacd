"""Failures as an outcome: the knob that causes them is found, others are not; nothing to tell apart is refused."""

import numpy as np
import pytest

from trimtab.errors import InputError
from trimtab.records import TrialTable
from trimtab.sensitivity import failures, sobol
from trimtab.space import Float, Space

SPACE = Space({name: Float(0, 1) for name in ("rate", "width", "dead")})


def trials(n=100, seed=0, share=0.9):
    """Most configurations with a high rate fail; the objective depends on the width alone."""
    rng = np.random.default_rng(seed)
    x = rng.random((n, 3))
    y = x[:, 1] + 0.05 * rng.standard_normal(n)
    return TrialTable.of(SPACE, x, np.where((x[:, 0] > 0.7) & (rng.random(n) < share), np.nan, y))


def test_finds_the_knob_that_causes_failures():
    found = failures(trials())

    assert found.verdicts["rate"].startswith("matters")
    assert found.total[0] > 0.8
    assert found.total_high[1:].max() < 0.3
    assert found.n_used == 100
    assert found.notes[0].startswith("The outcome is failure: ")


def test_the_objective_alone_would_not_show_it():
    assert not sobol(trials()).verdicts["rate"].startswith("matters")


def test_failures_by_chance_are_not_blamed_on_a_knob():
    """20 tables of 80 trials, 20 % failed by chance, 3 knobs: at 5 % a knob, more than 8 of 60 has probability 0.4 %."""
    blamed = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x = rng.random((80, 3))
        found = failures(TrialTable.of(SPACE, x, np.where(rng.random(80) < 0.2, np.nan, x[:, 1])))
        blamed += sum(verdict.startswith("matters") for verdict in found.verdicts.values())

    assert blamed <= 8


@pytest.mark.parametrize(("y", "word"), [(0.0, "None"), (np.nan, "Each")])
def test_nothing_to_tell_apart_is_refused(y, word):
    x = np.random.default_rng(1).random((20, 3))

    with pytest.raises(InputError, match=f"{word} of the 20 trials failed"):
        failures(TrialTable.of(SPACE, x, np.full(20, y)))


def test_scope_local_is_refused():
    with pytest.raises(InputError, match="there is no best trial among failures"):
        failures(trials(), scope="local")
