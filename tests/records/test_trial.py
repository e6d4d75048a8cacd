"""A trial is a read-only mapping, and what an objective returns is one number."""

from __future__ import annotations

import copy
import math
import pickle
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from trimtab.errors import InputError, ObjectiveError, StorageError, StudyError
from trimtab.records import Trial, TrialTable, event_from_row, objective_value, table_of
from trimtab.space import Float, Int, Space

SPACE = Space({"a": Float(0, 1), "n": Int(1, 4)})


class Listener:
    """A channel that remembers."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, float, float]] = []

    def report(self, number: int, step: float, value: float) -> None:
        self.heard.append((number, step, value))

    def should_stop(self, number: int) -> bool:
        return len(self.heard) > 1


def test_a_trial_is_a_read_only_mapping() -> None:
    trial = Trial(3, {"a": 0.5, "n": 2})
    trial.params["a"] = 9.0

    assert dict(**trial) == {"a": 0.5, "n": 2}
    assert list(trial) == ["a", "n"]
    assert len(trial) == 2
    assert "n" in trial
    with pytest.raises(TypeError):
        trial["a"] = 1.0  # type: ignore[index]
    with pytest.raises(TypeError):
        trial.reports[0.0] = 1.0  # type: ignore[index]


def test_a_trial_reports_to_its_channel() -> None:
    channel = Listener()
    trial = Trial(3, {"a": 0.5}, channel=channel)
    trial.report(np.float32(0.25), step=1)  # type: ignore[arg-type]
    assert not trial.should_stop()
    trial.report(np.array([0.5]), step=np.int64(2))  # type: ignore[arg-type]

    assert channel.heard == [(3, 1.0, 0.25), (3, 2.0, 0.5)]
    assert trial.should_stop()
    with pytest.raises(ObjectiveError, match=r"value= of report\(\) must be one real number, got 'high'"):
        trial.report("high", step=3)  # type: ignore[arg-type]
    with pytest.raises(ObjectiveError, match=r"step= of report\(\)"):
        trial.report(0.5, step=None)  # type: ignore[arg-type]


def test_only_a_running_trial_reports() -> None:
    with pytest.raises(StudyError, match="Trial 3 is finished; only a running trial can report"):
        Trial(3, {}, state="finished").report(0.1, step=1)
    assert Trial(3, {}).should_stop() is False


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_a_trial_travels_as_a_record(copied: Any) -> None:
    trial = Trial(3, {"a": 0.5}, state="failed", seconds=2.0, error="Traceback", reports={1.0: 0.3}, channel=Listener())
    again = copied(trial)

    for name in ("number", "params", "state", "value", "seconds", "error", "reports"):
        assert getattr(again, name) == getattr(trial, name)
    with pytest.raises(StudyError):
        again.report(0.1, step=1)


@pytest.mark.parametrize(
    ("returned", "value"),
    [(1, 1.0), (np.float32(0.5), 0.5), (np.array([[2.0]]), 2.0), (Fraction(1, 4), 0.25), (np.int8(-3), -3.0)],
)
def test_one_real_number_in_any_wrapping(returned: object, value: float) -> None:
    assert objective_value(returned) == value
    assert type(objective_value(returned)) is float


@pytest.mark.parametrize(
    "returned", ["0.5", None, True, np.True_, (0.1, 0.2), np.zeros(2), 1j, [0.1], {"loss": 1.0}, np.array("x"), object]
)
def test_anything_else_is_refused(returned: object) -> None:
    with pytest.raises(ObjectiveError, match=r"The objective must return one real number, got .*\. (Add|Give)"):
        objective_value(returned)


def test_what_is_no_finite_number_passes() -> None:
    assert math.isnan(objective_value(float("nan")))
    assert objective_value(-np.inf) == -math.inf
    assert objective_value(-(10**400)) == -math.inf


def test_a_missing_return_is_named() -> None:
    with pytest.raises(ObjectiveError, match="Add `return loss` to it"):
        objective_value(None)


def test_a_table_has_one_sign_inside() -> None:
    x = SPACE.snap(np.random.default_rng(0).random((3, 2)))
    table = TrialTable.of(SPACE, x, np.array([-1.0, np.nan, np.inf]), direction="maximize")

    assert table.n == len(table) == 3
    assert table.sign == -1.0
    assert table.value[0] == 1.0
    assert table.finished.number.tolist() == [0]
    assert table.ended.n == 3
    assert table.params == SPACE.decode(x)
    assert table.where(np.array([2, 0])).number.tolist() == [2, 0]
    assert table_of(table) is table


def test_a_table_checks_its_shapes() -> None:
    with pytest.raises(InputError, match=r"x of shape \(n, 2\) and y of shape \(n,\), got \(3, 1\) and \(3,\)"):
        TrialTable.of(SPACE, np.zeros((3, 1)), np.zeros(3))
    with pytest.raises(InputError, match="direction must be 'minimize' or 'maximize', got 'max'"):
        TrialTable.of(SPACE, np.zeros((3, 2)), np.zeros(3), direction="max")
    with pytest.raises(InputError, match="Expected a Study or a TrialTable, got list"):
        table_of([1])


def test_an_unknown_event_is_of_a_newer_version() -> None:
    with pytest.raises(StorageError, match=r"unknown kind 'paused'.*update this one"):
        event_from_row("paused", 0, 0, 0.0, {})
