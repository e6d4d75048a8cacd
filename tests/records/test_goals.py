"""Goals: how they are written, what they make of outcomes, and what a table says of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from trimtab.errors import InputError, ObjectiveError
from trimtab.records import (
    Created,
    Finished,
    Fold,
    Goals,
    Limit,
    TrialTable,
    event_body,
    event_from_row,
    event_key,
    objective_outcomes,
)
from trimtab.space import Float, Space

SPACE = Space({"a": Float(0, 1)})
GOALS = Goals.of("minimize", {"error": "minimize", "speed": "maximize"}, ["memory <= 8", "speed >= 2"])


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("memory <= 8", Limit("memory", "<=", 8.0)),
        ("  test accuracy>=-0.5e-1 ", Limit("test accuracy", ">=", -0.05)),
    ],
)
def test_a_limit_is_read(text, limit):
    assert Limit.of(text) == limit
    assert Limit.of(str(limit)) == limit
    assert Limit.of(limit) is limit


@pytest.mark.parametrize(
    "text", ["memory < 8", "8 >= memory", "memory <= much", "memory <= inf", "<= 8", "a <= b <= 3", 8, ""]
)
def test_what_is_no_limit_is_refused(text):
    with pytest.raises(InputError, match='An outcome constraint is a text such as "memory <= 8"'):
        Limit.of(text)


@pytest.mark.parametrize(
    ("objectives", "match"),
    [
        ("error", "list of names or a mapping"),
        ([], "list of names or a mapping"),
        (["a", "a"], "different names, got 'a'"),
        ({"a": "min"}, r"objectives\['a'\] must be 'minimize' or 'maximize', got 'min'"),
        ([3], "got 3"),
        (7, "got 7"),
    ],
)
def test_what_is_no_objective_is_refused(objectives, match):
    with pytest.raises(InputError, match=match):
        Goals.of("minimize", objectives)


def test_limits_are_a_list_and_say_a_thing_once():
    with pytest.raises(InputError, match=r'a list of texts, such as \["memory <= 8"\], got \'memory <= 8\''):
        Goals.of(limits="memory <= 8")
    with pytest.raises(InputError, match="bound 'memory' by <= twice"):
        Goals.of(limits=["memory <= 8", "memory <= 9"])


def test_names_without_a_direction_take_the_study_s():
    assert Goals.of("maximize", ["a", "b"]).signs == (-1.0, -1.0)
    assert Goals.of("maximize", {"a": "minimize"}).signs == (1.0,)
    assert Goals.of() == Goals()


@pytest.mark.parametrize("goals", [Goals(), Goals.of("maximize"), Goals.of("maximize", ["a"], ["b >= 1"]), GOALS])
def test_goals_survive_settings(goals):
    assert Goals.from_settings(json.loads(json.dumps(goals.to_settings()))) == goals


def test_the_settings_of_a_plain_study_are_those_of_older_versions():
    assert Goals.of("maximize").to_settings() == {"direction": "maximize"}


def test_a_row_has_the_minimised_sign_and_slacks():
    assert GOALS.row({"error": 0.5, "speed": 3.0, "memory": 9.0}).tolist() == [0.5, -3.0, 1.0, -1.0]
    assert GOALS.names == ("error", "speed", "memory")
    rows = np.array([[0, 0, 0, 0], [0, 0, 1, -1], [0, 0, np.nan, -1]], dtype=float)
    assert GOALS.feasible(rows).tolist() == [True, False, False]


def made_table():
    outcomes = [(0.5, 3.0, 4.0), (0.4, 2.5, 4.0), (0.1, 9.0, 9.0), (0.6, 2.6, 1.0), (0.5, 3.0, 2.0)]
    rows = np.array([GOALS.row(dict(zip(("error", "speed", "memory"), o, strict=True))) for o in outcomes])
    return TrialTable.of(SPACE, np.linspace(0, 1, 5)[:, None], rows, goals=GOALS)


def test_a_table_knows_its_front():
    """Trial 2 is best in both and breaks a limit; 3 is dominated by 0; 4 equals 0."""
    table = made_table()
    assert table.feasible.tolist() == [True, True, False, True, True]
    assert table.front.tolist() == [1, 0, 4]
    assert_array_equal(table.y, table.outcomes[:, 0])
    assert table.where(np.array([3, 2])).outcomes[:, 0].tolist() == [0.6, 0.1]


def test_a_table_of_one_outcome():
    table = made_table()
    assert table.of_outcome("speed").value.tolist() == [3.0, 2.5, 9.0, 2.6, 3.0]
    assert table.of_outcome("speed").direction == "maximize"
    assert table.of_outcome("memory").value.tolist() == [4.0, 4.0, 9.0, 1.0, 2.0]
    assert table.of_outcome("memory").goals == Goals(("memory",), (1.0,))
    with pytest.raises(InputError, match="no objective and no limit named 'loss'; it has 'error', 'speed', 'memory'"):
        table.of_outcome("loss")


def test_the_best_keeps_every_limit():
    goals = Goals.of(limits=["memory <= 8"])
    rows = np.array([[0.5, -1.0], [0.1, 2.0], [0.5, -3.0], [np.nan, -1.0]])
    table = TrialTable.of(SPACE, np.linspace(0, 1, 4)[:, None], rows, goals=goals)
    assert table.best == 0
    assert table.state.tolist() == [2, 2, 2, 4]
    assert table.where(np.array([1, 3])).best is None
    assert TrialTable.of(SPACE, np.empty((0, 1)), np.empty(0)).best is None


numbers = st.floats(allow_nan=False)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.lists(st.dictionaries(st.text(max_size=8), numbers, max_size=4), min_size=1, max_size=30))
def test_outcomes_survive_the_log(told):
    """JSON has no infinities, and any text is a name."""
    events = [Created(k, SPACE.store(np.array([[0.5]]))[0], "sampler", 0.0) for k in range(len(told))]
    ends = [Finished(k, "finished", 0.5, 1.0, None, 0.0, outcomes) for k, outcomes in enumerate(told)]
    again = [event_from_row(*event_key(e), e.at, json.loads(json.dumps(event_body(e), allow_nan=False))) for e in ends]
    assert again == ends
    fold = Fold(SPACE, "minimize")
    fold.apply([*events, *again])
    assert [dict(fold.trial(k).outcomes) for k in range(len(told))] == told


def test_events_of_older_versions_have_no_outcomes():
    old = {"state": "finished", "value": 0.5, "seconds": 1.0, "error": None}
    event = event_from_row("finished", 0, 0, 0.0, old)
    assert event == Finished(0, "finished", 0.5, 1.0, None, 0.0)
    assert event_body(event) == old
    fold = Fold(SPACE, "maximize")
    fold.apply([Created(0, SPACE.store(np.array([[0.5]]))[0], "sampler", 0.0), event])
    assert dict(fold.trial(0).outcomes) == {"value": 0.5}
    assert fold.table.outcomes.tolist() == [[-0.5]]


def test_what_an_objective_may_name():
    assert objective_outcomes({"a": np.float32(0.5), "b": 2}) == {"a": 0.5, "b": 2.0}
    assert objective_outcomes(3) == 3.0
    with pytest.raises(ObjectiveError, match="Outcome 'a' of the objective must be one real number, got 'high'"):
        objective_outcomes({"a": "high"})
    with pytest.raises(ObjectiveError, match="named by texts, got the name 1"):
        objective_outcomes({1: 0.5})
    with pytest.raises(ObjectiveError, match="got an empty mapping"):
        objective_outcomes({})
