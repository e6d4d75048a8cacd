"""Designs as studies: a fixed list, a list that is a function of the trials, going on, and giving up where others evaluate."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from trimtab.errors import InputError
from trimtab.space import Float, Space
from trimtab.storage import Memory
from trimtab.study import Study
from trimtab.study._designs import evaluate_points

SPACE = Space({"x": Float(0, 1)})


def halves(table):
    """0.5, then as long as the objective is above 0.1 half of the last point."""
    points = [0.5]
    while len(points) < 8 and len(table.ended) >= len(points) and table.value[len(points) - 1] > 0.1:
        points.append(points[-1] / 2)
    return np.array(points)[:, None]


def test_a_list_that_is_a_function_of_the_trials():
    table = evaluate_points(lambda t: t["x"], SPACE, halves, seed=0, progress=False)

    assert_array_equal(table.value, [0.5, 0.25, 0.125, 0.0625])


def test_it_goes_on_where_it_was(tmp_path):
    path, seen = tmp_path / "s.db", []

    def objective(trial):
        seen.append(trial["x"])
        if len(seen) == 3:
            raise KeyboardInterrupt
        return trial["x"]

    with pytest.raises(KeyboardInterrupt):
        evaluate_points(objective, SPACE, halves, seed=0, storage=path, progress=False)
    table = evaluate_points(objective, SPACE, halves, seed=0, storage=path, progress=False)
    again = evaluate_points(objective, SPACE, halves, seed=0, storage=path, progress=False)

    assert seen == [0.5, 0.25, 0.125, 0.125, 0.0625]
    assert_array_equal(table.value, again.value)


def test_what_another_process_evaluates_is_left_to_it():
    """A point that somebody holds and has not told: the call ends, and does not wait or evaluate it twice."""
    storage = Memory()
    study = Study(SPACE, storage=storage, name="design")
    study.enqueue({"x": 0.5})
    held = study.ask()
    seen = []
    table = evaluate_points(
        lambda t: seen.append(t["x"]) or 1.0, SPACE, halves, seed=0, storage=storage, progress=False
    )

    assert held["x"] == 0.5
    assert seen == []
    assert len(table.ended) == 0


def test_a_timeout_holds_for_all_rounds_together():
    table = evaluate_points(lambda t: t["x"], SPACE, halves, seed=0, timeout=1e-6, progress=False)

    assert len(table.ended) <= 1
    with pytest.raises(InputError, match="timeout must be more than 0"):
        evaluate_points(lambda t: t["x"], SPACE, halves, seed=0, timeout=-1, progress=False)


def test_a_fixed_list_is_evaluated_as_often_as_it_says():
    points = np.array([[0.25], [0.75], [0.25]])
    table = evaluate_points(lambda t: t["x"], SPACE, points, seed=0, progress=False)

    assert sorted(table.value) == [0.25, 0.25, 0.75]
