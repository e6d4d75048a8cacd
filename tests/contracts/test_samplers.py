"""Every registered sampler keeps the contract; and the contract catches those that do not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from trimtab.errors import InputError
from trimtab.records import TrialTable
from trimtab.samplers import Random, names, resolve
from trimtab.study._understanding import sharpest
from trimtab.testing import check_sampler


@pytest.mark.parametrize("name", names())
def test_keeps_the_sampler_contract(name):
    check_sampler(resolve(name), n_trials=18)


@dataclass(frozen=True, kw_only=True)
class Broken(Random):
    """Random search with one promise broken."""

    how: str

    def init(self, space, seed):
        if self.how == "refuses":
            raise InputError("no")
        return super().init(space, seed)

    def suggest(self, state, pending, n, rng):
        if self.how == "own randomness":
            rng = np.random.default_rng()
        if self.how == "repeats":
            return state.space.sample(n, rng)
        x = super().suggest(state, pending, n, rng)
        if self.how == "not snapped":
            return x * 0.999
        if self.how == "inactive filled":
            return np.nan_to_num(x, nan=0.5)
        if self.how == "infeasible":
            return state.space.snap(rng.random((n, state.space.d)))
        if self.how == "shape":
            return x[0]
        return x


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("refuses", "refuses every space"),
        ("own randomness", "same point"),
        ("repeats", "twice"),
        ("not snapped", "snapped"),
        ("inactive filled", "snapped"),
        ("infeasible", "breaks a constraint"),
        ("shape", "must return shape"),
    ],
)
def test_a_broken_promise_is_found(how, message):
    with pytest.raises(AssertionError, match=message):
        check_sampler(Broken(how=how))


@dataclass(frozen=True, kw_only=True)
class Counting(Random):
    """Random search that also depends on how often it was told something: replaying differs from living through."""

    def init(self, space, seed):
        return [super().init(space, seed), 0]

    def update(self, state, finished):
        return [super().update(state[0], finished), state[1] + 1]

    def suggest(self, state, pending, n, rng):
        rng.random(state[1])
        return super().suggest(state[0], pending, n, rng)


def test_a_state_that_is_no_function_of_the_table_is_found():
    with pytest.raises(AssertionError, match="replaying"):
        check_sampler(Counting())


@dataclass(frozen=True, kw_only=True)
class ForUnderstanding(Random):
    """What understand= chooses (study._understanding), as if it were a sampler: the same promises hold for it."""

    def init(self, space, seed):
        return TrialTable.of(space, np.empty((0, space.d)), np.empty(0))

    def update(self, state, finished):
        both = np.concatenate([state.x, finished.x]), np.concatenate([state.y, finished.y])
        return TrialTable.of(state.space, *both)

    def suggest(self, state, pending, n, rng):
        chosen = np.empty((0, state.space.d))
        for _ in range(n):
            chosen = np.concatenate([chosen, sharpest(state, np.concatenate([pending, chosen]), rng)])
        return chosen


def test_what_understanding_proposes_keeps_the_contract():
    check_sampler(ForUnderstanding(), n_trials=18)
