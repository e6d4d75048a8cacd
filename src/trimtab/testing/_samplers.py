"""The contract of a sampler, as checks that anyone's sampler can be put through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.testing import assert_array_equal

from trimtab.errors import InputError, SearchEnded
from trimtab.numerics import FloatArray
from trimtab.records import TrialTable
from trimtab.samplers import Sampler
from trimtab.space import Categorical, Float, Int, Space

__all__ = ["check_sampler", "contract_spaces"]

WORKERS = 3


def contract_spaces() -> dict[str, Space]:
    """The spaces of `check_sampler`: mixed, conditional with a constraint, and finite with both."""
    return {
        "mixed": Space(
            {
                "lr": Float(1e-5, 1e-1, log=True),
                "dropout": Float(0.0, 0.6),
                "width": Int(16, 256, log=True),
                "act": Categorical(["relu", "tanh", "gelu"]),
            }
        ),
        "conditional": Space(
            {
                "solver": Categorical(["adam", "sgd"]),
                "lr": Float(1e-4, 1.0, log=True),
                "momentum": Float(0.0, 0.99, when={"solver": "sgd"}),
                "layers": Int(1, 3),
            },
            constraints=["momentum <= 0.9 or lr <= 0.1", "layers <= 2 or lr < 0.5"],
        ),
        "finite": Space(
            {
                "a": Categorical(["x", "y"]),
                "b": Int(1, 3),
                "c": Float(0.0, 1.0, step=0.5, when={"a": "x"}),
            },
            constraints=["b + c <= 3.5"],
        ),
    }


def check_sampler(sampler: Sampler, *, n_trials: int = 24, seed: int = 0) -> None:
    """Raise AssertionError, naming the broken promise, unless `sampler` keeps those of `trimtab.samplers.Sampler`.

    Three spaces (`contract_spaces`), n_trials each, with pending trials, failures and ties; the finite one to its end.
    A sampler may refuse a space by InputError in `init` (a grid without levels), but not all of them.
    """
    accepted = 0
    for name, space in contract_spaces().items():
        try:
            sampler.init(space, seed)
        except InputError:
            continue
        accepted += 1
        rows = _lives_through(sampler, name, space, n_trials, seed)
        _replays(sampler, name, rows, seed)
        _takes_batches(sampler, name, rows, seed)
        if space.cells is not None:
            _ends(sampler, name, space, seed)
    assert accepted, f"{sampler!r} refuses every space of the contract; it must accept at least one."


def _rng(seed: int, number: int) -> np.random.Generator:
    return np.random.default_rng([seed, number])


def _objective(x: FloatArray, number: int) -> float:
    """A bowl with ties; every seventh trial fails."""
    return float("nan") if number % 7 == 3 else float(np.round(np.nansum((x - 0.3) ** 2), 1))


def _suggest(
    sampler: Sampler, name: str, space: Space, state: Any, pending: FloatArray, seed: int, number: int
) -> FloatArray:
    """One suggestion (1, d), checked to be a point of the space, and to depend on nothing but its arguments."""
    x = sampler.suggest(state, pending, 1, _rng(seed, number))
    where = f"{type(sampler).__name__} on the {name} space, trial {number}"
    assert isinstance(x, np.ndarray), f"{where}: suggest must return an array, got {type(x).__name__}."
    assert x.shape == (1, space.d), f"{where}: suggest must return shape (1, {space.d}), got {x.shape}."
    assert x.dtype == np.float64, f"{where}: suggest must return float64, got {x.dtype}."
    message = f"{where}: points must be snapped: on levels, NaN exactly where inactive"
    assert_array_equal(x, space.snap(np.nan_to_num(x, nan=0.5)), err_msg=message)
    assert space.feasible(x).all(), f"{where}: {space.decode(x)[0]} breaks a constraint."
    sampler.suggest(state, pending, 1, _rng(seed + 1, number))
    again = sampler.suggest(state, pending, 1, _rng(seed, number))
    assert_array_equal(x, again, err_msg=f"{where}: same state, pending and rng must give the same point")
    return x


def _lives_through(sampler: Sampler, name: str, space: Space, n_trials: int, seed: int) -> TrialTable:
    """Trials of three workers, which end out of order; the table in the order of ending."""
    state = sampler.init(space, seed)
    waiting: list[tuple[int, FloatArray]] = []
    done_x: list[FloatArray] = []
    done_y: list[float] = []
    for number in range(n_trials):
        pending = np.concatenate([np.empty((0, space.d)), *(x for _, x in waiting)])
        try:
            waiting.append((number, _suggest(sampler, name, space, state, pending, seed, number)))
        except SearchEnded:
            assert space.cells is not None, f"{sampler!r}: an infinite space has no end."
            break
        if len(waiting) == WORKERS:
            ended, x = waiting.pop(number % WORKERS)
            done_x.append(x)
            done_y.append(_objective(x, ended))
            state = sampler.update(state, TrialTable.of(space, x, np.array(done_y[-1:])))
    return TrialTable.of(space, np.concatenate(done_x), np.array(done_y))


def _advance(sampler: Sampler, state: Any, table: TrialTable, cuts: Sequence[int]) -> Any:
    """State after the table, taken in pieces that end at `cuts`."""
    for start, end in zip([0, *cuts], [*cuts, table.n], strict=True):
        state = sampler.update(state, table.where(np.arange(start, end)))
    return state


def _replays(sampler: Sampler, name: str, table: TrialTable, seed: int) -> None:
    """One by one, in blocks, at once, or from an old state: the same next suggestion."""
    none = np.empty((0, table.space.d))
    nexts = []
    for cuts in (range(1, table.n), [table.n // 2], []):
        state = sampler.init(table.space, seed)
        middle = _advance(sampler, state, table.where(np.arange(table.n // 2)), [])
        sampler.update(middle, table.where(np.arange(1)))  # a side branch, which must leave its origin as it was
        nexts.append(sampler.suggest(_advance(sampler, state, table, list(cuts)), none, 1, _rng(seed, table.n)))
        rest = sampler.update(middle, table.where(np.arange(table.n // 2, table.n)))
        nexts.append(sampler.suggest(rest, none, 1, _rng(seed, table.n)))
    for x in nexts[1:]:
        message = (
            f"{type(sampler).__name__} on the {name} space: replaying equals living through, old states stay valid"
        )
        assert_array_equal(nexts[0], x, err_msg=message)


def _takes_batches(sampler: Sampler, name: str, table: TrialTable, seed: int) -> None:
    """n = 4 gives four points; n = 0 gives none."""
    space = table.space
    state = sampler.update(sampler.init(space, seed), table.where(np.arange(4)))
    pending = table.x[4:6]
    where = f"{type(sampler).__name__} on the {name} space"
    batch = sampler.suggest(state, pending, 4, _rng(seed, 99))
    assert batch.shape == (4, space.d), f"{where}: n=4 must give shape (4, {space.d}), got {batch.shape}."
    assert space.feasible(batch).all(), f"{where}: a point of a batch breaks a constraint."
    assert sampler.suggest(state, pending, 0, _rng(seed, 99)).shape == (0, space.d), (
        f"{where}: n=0 must give no points."
    )


def _ends(sampler: Sampler, name: str, space: Space, seed: int) -> None:
    """A finite space: each feasible configuration exactly once, two workers, then SearchEnded."""
    state, waiting, seen = sampler.init(space, seed), np.empty((0, space.d)), set()
    where = f"{type(sampler).__name__} on the {name} space"
    assert space.cells is not None
    for number in range(2 * space.cells):
        try:
            x = sampler.suggest(state, waiting, 1, _rng(seed, number))
        except SearchEnded:
            break
        cell = tuple(np.nan_to_num(x[0], nan=-1.0).round(9).tolist())
        assert cell not in seen, f"{where}: {space.decode(x)[0]} was suggested twice while others were left."
        seen.add(cell)
        waiting = np.concatenate([waiting, x])
        if len(waiting) == 2:
            state = sampler.update(state, TrialTable.of(space, waiting[:1], np.array([_objective(x, number)])))
            waiting = waiting[1:]
    else:
        raise AssertionError(f"{where}: it must raise SearchEnded when every configuration was handed out.")
    exist = space.snap(np.random.default_rng(0).random((2_000, space.d)))
    exist = np.unique(np.nan_to_num(exist[space.feasible(exist)], nan=-1.0).round(9), axis=0)
    assert len(seen) == len(exist), f"{where}: it ended after {len(seen)} of {len(exist)} configurations."
