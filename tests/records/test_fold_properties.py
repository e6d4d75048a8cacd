"""The table is a function of the log alone, however the log was cut into pieces."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from trimtab.records import (
    STATES,
    Created,
    Event,
    Finished,
    Fold,
    Released,
    Reported,
    Started,
    event_body,
    event_from_row,
    event_key,
)
from trimtab.space import Categorical, Float, Int, Space

SPACE = Space(
    {"solver": Categorical(["adam", "sgd"]), "lr": Float(1e-4, 1e-1, log=True), "n": Int(1, 9, when={"solver": "sgd"})}
)


@st.composite
def logs(draw: st.DrawFn) -> list[Event]:
    """A valid log: what storages accept, in an order that several workers could have made."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    events: list[Event] = []
    attempts: list[int] = []
    reports: list[int] = []
    running: dict[int, int] = {}
    open_trials: set[int] = set()
    for at in range(draw(st.integers(1, 200))):
        move = rng.choice(["create", "create", "start", "report", "release", "lose", "finish", "finish"])
        k = int(rng.choice(sorted(open_trials))) if open_trials else None
        if move == "create" or k is None:
            number = len(attempts)
            events.append(
                Created(number, SPACE.store(SPACE.sample(1, rng))[0], str(rng.choice(["sampler", "user"])), at)
            )
            attempts.append(0)
            reports.append(0)
            open_trials.add(number)
        elif (move == "start" and k not in running) or (move == "lose" and k in running):  # a lost one is started again
            events.append(Started(k, attempts[k], {"pid": 1}, at))
            running[k] = attempts[k]
            attempts[k] += 1
        elif move == "report" and k in running:
            steps = tuple(float(step) for step in rng.integers(0, 5, rng.integers(1, 4)))
            events.append(Reported(k, reports[k], steps, tuple(rng.normal(size=len(steps)).tolist()), at))
            reports[k] += 1
        elif move == "release" and k in running:
            events.append(Released(k, running.pop(k), at))
        elif move == "finish":
            state = str(rng.choice(["finished", "pruned", "failed"]))
            value = None if state == "failed" else float(rng.normal())
            error = "Traceback" if state == "failed" else None
            events.append(Finished(k, state, value, float(at), error, at))
            running.pop(k, None)
            open_trials.discard(k)
    return events


def picture(fold: Fold) -> object:
    """All that a fold says."""
    table = fold.table
    columns = [table.number, table.x, table.y, table.state, table.seconds, table.from_sampler]
    rest = [
        fold.ended,
        fold.running,
        list(fold.waiting),
        fold.attempts,
        fold.errors,
        [(curve.number, curve.steps.tolist(), curve.values.tolist()) for curve in fold.curves],
        fold.n_reports,
        fold.n,
    ]
    return [c.tobytes() for c in columns], repr(rest), [repr(fold.trial(k)) for k in range(fold.n)]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(logs(), st.sampled_from(["minimize", "maximize"]), st.integers(0, 2**32 - 1))
def test_at_once_is_one_by_one_is_in_pieces(events: list[Event], direction: str, seed: int) -> None:
    once, single, pieces = (Fold(SPACE, direction) for _ in range(3))
    once.apply(events)
    for event in events:
        single.apply([event])
        assert single.table.n == single.n
    cuts = np.sort(np.random.default_rng(seed).integers(0, len(events) + 1, 4))
    for part in np.split(np.arange(len(events)), cuts):
        pieces.apply([events[i] for i in part])

    assert picture(once) == picture(single) == picture(pieces)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(logs())
def test_the_table_tells_the_log(events: list[Event]) -> None:
    """Against a second reading of the log, written the slow way."""
    fold = Fold(SPACE, "maximize")
    fold.apply(events)
    table = fold.table
    ends = [e for e in events if isinstance(e, Finished)]

    assert fold.ended == [e.number for e in ends]
    assert table.n == sum(isinstance(e, Created) for e in events)
    for k in range(table.n):
        mine = [e for e in events if e.number == k]
        last = [e for e in mine if isinstance(e, (Created, Started, Released, Finished))][-1]
        match last:
            case Finished():
                assert STATES[table.state[k]] == last.state
                value = np.nan if last.value is None else last.value
                assert_array_equal(table.value[k], value)
                assert_array_equal(table.y[k], -value)
            case Started():
                assert STATES[table.state[k]] == "running"
                assert fold.running[k].attempt == last.attempt
            case _:
                assert STATES[table.state[k]] == "created"
                assert k in fold.waiting
        begun = max([i for i, e in enumerate(mine) if isinstance(e, Started)], default=0)
        told = [p for e in mine[begun:] if isinstance(e, Reported) for p in zip(e.steps, e.values, strict=True)]
        assert fold.trial(k).reports == dict(told)  # of the last attempt; the last report of a step counts
        curve = {
            step: value for c in fold.curves if c.number == k for step, value in zip(c.steps, c.values, strict=True)
        }
        assert list(curve.items()) == sorted((step, -value) for step, value in dict(told).items())
        assert fold.trial(k).params == SPACE.load([fold.stored[k]])[0]
    assert table.finished.n == sum(e.state == "finished" for e in ends)
    assert table.ended.n == len(ends)
    assert set(fold.running) | set(fold.waiting) | set(fold.ended) == set(range(table.n))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(logs())
def test_events_survive_json(events: list[Event]) -> None:
    for event in events:
        kind, number, part = event_key(event)
        assert event_from_row(kind, number, part, event.at, json.loads(json.dumps(event_body(event)))) == event
    assert len({event_key(e) for e in events}) == len(events)


def test_who_lost_a_trial_cannot_hand_it_back() -> None:
    """Its second attempt runs elsewhere."""
    fold = Fold(SPACE, "minimize")
    stored = SPACE.store(SPACE.sample(1, np.random.default_rng(0)))[0]
    fold.apply(
        [Created(0, stored, "sampler", 0.0), Started(0, 0, {}, 1.0), Started(0, 1, {}, 2.0), Released(0, 0, 3.0)]
    )

    assert list(fold.running) == [0]
    assert not fold.waiting


def test_old_tables_stay_as_they_were() -> None:
    fold = Fold(SPACE, "minimize")
    stored = SPACE.store(SPACE.sample(200, np.random.default_rng(0)))
    fold.apply([Created(0, stored[0], "sampler", 0.0)])
    table = fold.table
    fold.apply([Finished(0, "finished", 1.0, 1.0, None, 1.0)])
    fold.apply([Created(k, stored[k], "sampler", 0.0) for k in range(1, 200)])

    assert table.n == 1
    assert np.isnan(table.y[0])
    assert fold.table.n == 200
    assert_array_equal(fold.table.x, SPACE.restore(stored))
