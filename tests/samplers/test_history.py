"""The history is a value, though its arrays are shared."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_array_equal

from trimtab.records import FINISHED, PRUNED, TrialTable
from trimtab.samplers._history import History, Taken, ended
from trimtab.space import Float, Space


def points(*values):
    return np.array(values, dtype=float)[:, None]


def test_appending_leaves_the_old_history_as_it_was():
    start = History.empty(1).append(points(0.1, 0.2), np.array([1.0, 2.0]))

    one = start.append(points(0.3), np.array([3.0]))
    other = start.append(points(0.4), np.array([4.0]))
    for i in range(200):  # grows past the first allocation
        one = one.append(points(0.5 + i / 1_000), np.array([float(i)]))

    assert_array_equal(start.x, points(0.1, 0.2))
    assert_array_equal(other.x, points(0.1, 0.2, 0.4))
    assert_array_equal(one.y[:4], [1.0, 2.0, 3.0, 0.0])
    assert one.n == 203


def test_each_history_knows_its_own_points_only():
    start = History.empty(1).append(points(0.1), np.array([1.0]))
    one, other = (start.append(points(u), np.array([0.0])) for u in (0.3, 0.4))
    asked = points(0.1, 0.3, 0.4, 0.5)

    assert_array_equal(Taken(start, np.empty((0, 1)))(asked), [1, 0, 0, 0])
    assert_array_equal(Taken(one, np.empty((0, 1)))(asked), [1, 1, 0, 0])
    assert_array_equal(Taken(other, points(0.5))(asked), [1, 0, 1, 1])


def test_points_that_differ_by_rounding_are_one():
    taken = Taken(History.empty(2), np.array([[0.3, np.nan]]))

    assert_array_equal(taken(np.array([[0.1 + 0.2, np.nan], [0.3, 0.0], [0.300001, np.nan]])), [1, 0, 0])


def test_only_finished_trials_have_a_value():
    space = Space({"a": Float(0.0, 1.0)})
    table = TrialTable.of(space, points(0.1, 0.2, 0.3, 0.4), np.array([1.0, np.nan, 3.0, -np.inf]))
    table.state[2] = PRUNED

    _, y = ended(table)

    assert table.state[0] == FINISHED
    assert_array_equal(y, [1.0, np.nan, np.nan, np.nan])
