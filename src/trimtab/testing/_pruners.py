"""The contract of a pruner, as checks that anyone's pruner can be put through."""

from __future__ import annotations

import numpy as np

from trimtab.pruners import Pruner
from trimtab.records import FAILED, FINISHED, PRUNED, RUNNING, Curve

__all__ = ["check_pruner"]

_STATES = (FINISHED, FINISHED, RUNNING, PRUNED, FAILED)


def check_pruner(pruner: Pruner, *, n_trials: int = 40, seed: int = 0) -> None:
    """Raise AssertionError, naming the broken promise, unless `pruner` keeps those of `trimtab.pruners.Pruner`.

    n_trials curves of up to 60 steps, which begin, end and are spaced differently; one in seven diverges. Each is judged at
    several lengths.
    """
    rng = np.random.default_rng(seed)
    curves = [_curve(number, rng) for number in range(n_trials)]
    _lets_the_first_ones_go_on(pruner, curves[0], seed)
    for curve in curves:
        others = [other for other in curves if other is not curve]
        for length in sorted({1, len(curve) // 3 + 1, len(curve)}):
            now = _running(curve, length)
            _is_a_function_of_the_curves(pruner, now, others, seed, rng)
            _lets_the_best_go_on(pruner, now, others, seed)


def _curve(number: int, rng: np.random.Generator) -> Curve:
    """A falling curve with noise; steps from 0 or 1, one or three apart."""
    steps = np.arange(float(rng.integers(2)), float(rng.integers(5, 61)), float(rng.choice([1, 3])))
    values = rng.random() + rng.random() * np.exp(-steps / 15) + 0.05 * rng.standard_normal(len(steps))
    state = _STATES[number % len(_STATES)]
    if number % 7 == 3:
        values[len(values) // 2 :], state = np.nan, FAILED
    for array in (steps, values):
        array.flags.writeable = False
    return Curve(number, state, steps, values)


def _running(curve: Curve, length: int) -> Curve:
    return Curve(curve.number, RUNNING, curve.steps[:length], curve.values[:length])


def _lets_the_first_ones_go_on(pruner: Pruner, curve: Curve, seed: int) -> None:
    where = repr(pruner)
    none = Curve(curve.number, RUNNING, np.empty(0), np.empty(0))
    assert not pruner.should_stop(curve, [], seed), f"{where}: a trial without others must go on."
    assert not pruner.should_stop(none, [curve], seed), f"{where}: a trial without reports must go on."
    unheard = Curve(curve.number + 1, RUNNING, np.empty(0), np.empty(0))
    assert not pruner.should_stop(curve, [unheard], seed), f"{where}: others without reports are no reason to stop."


def _is_a_function_of_the_curves(
    pruner: Pruner, curve: Curve, others: list[Curve], seed: int, rng: np.random.Generator
) -> None:
    where = f"{pruner!r}, trial {curve.number} at step {curve.steps[-1]:g}"
    first = pruner.should_stop(curve, others, seed)
    assert isinstance(first, bool), f"{where}: should_stop must return a bool, got {type(first).__name__}."
    assert pruner.should_stop(curve, others, seed) is first, f"{where}: the same curves must give the same answer."
    shuffled = [others[i] for i in rng.permutation(len(others))]
    assert pruner.should_stop(curve, shuffled, seed) is first, f"{where}: the order of the others must not matter."


def _lets_the_best_go_on(pruner: Pruner, curve: Curve, others: list[Curve], seed: int) -> None:
    best = Curve(curve.number, RUNNING, curve.steps, np.full(len(curve), -1.0) - 0.01 * curve.steps)
    where = f"{pruner!r}, trial {curve.number} at step {curve.steps[-1]:g}"
    assert not pruner.should_stop(best, others, seed), f"{where}: the best of all at every step must go on."
