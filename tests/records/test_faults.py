"""Whole logs are found whole, each kind of fault is named, and what is mended has none."""

from __future__ import annotations

import random

import pytest

from trimtab.records import Created, Finished, Fold, Opened, Released, Reported, Started
from trimtab.records._faults import faults, mend
from trimtab.space import Float, Space

SPACE = Space({"a": Float(0.0, 1.0)})


def opened(revision=0):
    return Opened(revision, {"space": SPACE.to_dict()}, 0.0)


def created(number):
    return Created(number, {"a": number / 100}, "sampler", 0.0)


def finished(number):
    return Finished(number, "finished", float(number), 1.0, None, 0.0)


def whole(n=12):
    """A log with all that happens: reports, losses, late ends, results from outside, new settings."""
    log = [opened()]
    for k in range(n):
        log += [created(k)]
        if k % 4 == 3:  # from outside
            log += [finished(k)]
            continue
        log += [
            Started(k, 0, {"pid": k}, 0.0),
            Reported(k, 0, (1.0,), (0.5,), 0.0),
            Reported(k, 1, (2.0,), (0.4,), 0.0),
        ]
        if k % 3 == 1:
            log += [
                Released(k, 0, 0.0, lost=True),
                Started(k, 1, {"pid": 99}, 0.0),
                Reported(k, 2, (1.0,), (0.3,), 0.0),
            ]
        log += [finished(k)]
        if k % 3 == 1:
            log += [Released(k, 1, 0.0)]  # its second owner had not heard of the end
        if k == 5:
            log += [opened(1)]
    return log


def test_a_whole_log_has_no_faults_and_mending_changes_nothing():
    assert faults(whole()) == []
    mended = mend(whole())
    assert (mended.events, mended.left_out, mended.remarks) == (whole(), [], [])


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ([], "does not begin with its settings"),
        ([created(0)], "does not begin with its settings"),
        ([opened(), opened(2)], "another revision than the next: 2"),
        ([opened(), created(0), created(2), created(3)], "created with another number than the next: 2"),
        ([opened(), finished(0)], "finished and never created before: 0"),
        ([opened(), created(0), Started(0, 1, {}, 0.0)], "started with another attempt than the next: 0"),
        (
            [opened(), created(0), Started(0, 0, {}, 0.0), Started(0, 1, {}, 0.0)],
            "started again while it was running: 0",
        ),
        ([opened(), created(0), Released(0, 0, 0.0)], "handed back and never started: 0"),
        ([opened(), created(0), Reported(0, 0, (1.0,), (1.0,), 0.0)], "reported and never started: 0"),
        (
            [opened(), created(0), Started(0, 0, {}, 0.0), Reported(0, 1, (1.0,), (1.0,), 0.0)],
            "reported with a gap before: 0",
        ),
        ([opened(), created(0), finished(0), finished(0)], "ended twice: 0"),
    ],
)
def test_names_each_fault(log, said):
    found = faults(log)
    assert len(found) == 1
    assert said in found[0]


def test_many_faults_of_a_kind_are_one_sentence():
    assert faults([opened(), *(finished(k) for k in range(9))]) == [
        "finished and never created before: 0, 1, 2, 3, 4 and 4 more"
    ]


@pytest.mark.parametrize("seed", range(60))
def test_a_mended_log_is_whole_and_keeps_the_trials_that_are_there(seed):
    """Whatever is missing: no fault is left, a study can be made of it, and each trial that is known has its result."""
    rng = random.Random(seed)
    log = whole(20)
    there = [event for event in log if rng.random() > 0.25 and not (isinstance(event, Opened) and rng.random() < 0.5)]
    mended = mend(there)
    problems = faults(mended.events)
    assert problems in ([], ["its log does not begin with its settings"])
    assert (problems != []) == (not any(isinstance(event, Opened) for event in there))

    fold = Fold(SPACE, "minimize")
    fold.apply(mended.events)
    kept = [event.number for event in there if isinstance(event, Created)]
    assert [stored["a"] for stored in fold.stored] == [number / 100 for number in kept]
    ended = {event.number for event in there if isinstance(event, Finished)} & set(kept)
    assert {kept[row]: fold.value(row) for row in fold.ended} == {number: float(number) for number in ended}


def test_says_which_trials_are_lost():
    log = [opened(), *(created(k) for k in (0, 1, 4, 5)), finished(2), finished(5)]
    mended = mend(log)
    assert mended.remarks == [
        "2 trial(s) are lost: 2, 3; trial 4 is now 2, and so on",
        "1 event(s) have no place in its log: 1 finished",
    ]
    assert mended.left_out == [finished(2)]
    assert [event.number for event in mended.events if isinstance(event, Finished)] == [3]
