"""The contract of an executor: call `check_executor(MyExecutor(...))` in a test of your own."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable
from typing import NoReturn

from trimtab.errors import ObjectiveError, StudyError
from trimtab.executors import Executor, Outcome
from trimtab.records import Trial

__all__ = ["check_executor"]


class _Notes:
    """A channel that remembers, and the thread that called it."""

    def __init__(self) -> None:
        self.reports: list[tuple[int, float, float]] = []
        self.threads: set[int] = set()

    def report(self, number: int, step: float, value: float) -> None:
        self.threads.add(threading.get_ident())
        self.reports.append((number, step, value))

    def should_stop(self, number: int) -> bool:
        self.threads.add(threading.get_ident())
        return number % 2 == 1


class _Odd(Exception):
    """Cannot be unpickled: its __init__ takes what its base does not know of."""

    def __init__(self, first: int, second: object) -> None:
        super().__init__("odd")
        self.lambda_ = lambda: (first, second)


def check_executor(make: Callable[[], Executor]) -> None:
    """Raises AssertionError, saying what is wrong, unless the executors that `make()` gives keep the contract of
    `trimtab.executors.Executor`.

    Of one that evaluates elsewhere than in this process, also that it survives trials that never end or kill their
    process.
    """
    assert isinstance(make(), Executor), "make() must return an Executor"
    _gives_every_outcome_once(make())
    _tells_what_was_raised(make())
    _connects_trials_to_the_study(make())
    _keeps_to_its_capacity(make())
    _survives_what_never_ends(make())
    _loses_what_kills_its_process(make())


def _run(executor: Executor, trials: list[Trial]) -> list[Outcome]:
    """Evaluate all, `capacity` at a time."""
    waiting, running, outcomes = list(trials), 0, []
    while waiting or running:
        while waiting and running < executor.capacity:
            executor.submit(waiting.pop(0))
            running += 1
        ended = executor.wait(None)
        assert ended, "wait(None) returns when something ended"
        running -= len(ended)
        outcomes += ended
    return outcomes


def _gives_every_outcome_once(executor: Executor) -> None:
    offset = 0.5  # a closure: what notebooks write

    with executor:
        executor.start(lambda trial: trial["x"] + offset, _Notes())
        outcomes = _run(executor, [Trial(n, {"x": n * 1.0}) for n in range(3 * executor.capacity)])
        assert executor.wait(None) == [], "with nothing running, wait returns at once"
        assert executor.stop() == [], "stop() names running trials only"
    assert sorted(o.number for o in outcomes) == list(range(3 * executor.capacity)), "each trial has one outcome"
    for outcome in outcomes:
        assert outcome.value == outcome.number + offset, f"expected {outcome.number + offset}, got {outcome}"
        assert outcome.error is None, f"no error, yet: {outcome}"
        assert outcome.exception is None, f"no error, yet: {outcome}"
        assert not outcome.lost, f"it ended by itself: {outcome}"
        assert 0.0 <= outcome.seconds < 10.0, f"seconds of the evaluation, got {outcome.seconds}"


def _tells_what_was_raised(executor: Executor) -> None:
    def fail(error: BaseException) -> NoReturn:
        raise error

    def objective(trial: Trial) -> object:
        match trial["how"]:
            case "value":
                fail(ValueError("a message"))
            case "odd":
                fail(_Odd(1, 2))
            case "exit":
                fail(SystemExit(3))
            case "none":
                return None
        return math.nan

    hows = ["value", "odd", "exit", "none", "nan"]
    with executor:
        executor.start(objective, _Notes())
        outcomes = {hows[o.number]: o for o in _run(executor, [Trial(n, {"how": how}) for n, how in enumerate(hows)])}
    for how, kind, name in (
        ("value", ValueError, "builtins.ValueError"),
        ("odd", Exception, f"{__name__}._Odd"),
        ("exit", SystemExit, "builtins.SystemExit"),
        ("none", ObjectiveError, "trimtab.errors.ObjectiveError"),
    ):
        outcome = outcomes[how]
        assert outcome.value is None, f"a failure has no value: {outcome}"
        assert isinstance(outcome.exception, kind), f"expected a {kind.__name__}, got {outcome.exception!r}"
        assert outcome.mro[0] == name, f"mro begins with the class, got {outcome.mro}"
        assert outcome.mro[-1] == "builtins.object", f"mro ends with object, got {outcome.mro}"
        assert not outcome.lost, f"it ended by itself: {outcome}"
    text = outcomes["value"].error or ""
    assert "a message" in text, f"the traceback tells the message, got {text}"
    assert "in fail" in text, f"the traceback leads to the line that raised, got {text}"
    value = outcomes["nan"].value
    assert isinstance(value, float), "NaN is a value: the study judges it"
    assert math.isnan(value), "NaN is a value: the study judges it"


def _connects_trials_to_the_study(executor: Executor) -> None:
    def objective(trial: Trial) -> float:
        for step in range(3):
            trial.report(trial["x"] * step, step)
        trial.report_gradient({"x": 0.5})
        return float(trial.should_stop())

    notes = _Notes()
    with executor:
        executor.start(objective, notes)
        outcomes = _run(executor, [Trial(n, {"x": 10.0}, numeric=("x",)) for n in range(4)])
    assert {o.number: o.value for o in outcomes} == {0: 0.0, 1: 1.0, 2: 0.0, 3: 1.0}, (
        f"should_stop() was answered wrongly: {outcomes}"
    )
    assert all(outcome.gradient == {"x": 0.5} for outcome in outcomes), f"a reported gradient was lost: {outcomes}"
    expected = [(n, float(step), 10.0 * step) for n in range(4) for step in range(3)]
    assert sorted(notes.reports) == expected, f"reports were lost or changed: {notes.reports}"
    assert notes.threads == {threading.get_ident()}, "the channel is called in the thread that waits"


def _keeps_to_its_capacity(executor: Executor) -> None:
    def objective(trial: Trial) -> float:
        time.sleep(trial["seconds"])
        return 0.0

    with executor:
        try:
            executor.submit(Trial(0, {"seconds": 0.0}))
        except StudyError:
            pass
        else:
            raise AssertionError("submit() before start() must raise StudyError")
        executor.start(objective, _Notes())
        for number in range(executor.capacity):
            executor.submit(Trial(number, {"seconds": 60.0}))
        try:
            executor.submit(Trial(executor.capacity, {"seconds": 0.0}))
        except StudyError:
            pass
        else:
            raise AssertionError("submit() beyond the capacity must raise StudyError")
        begun = time.monotonic()
        given_up = executor.stop()
        assert time.monotonic() - begun < 10.0, "stop() must not wait for running trials"
        assert given_up == list(range(executor.capacity)), f"stop() names the trials given up, got {given_up}"
        assert executor.stop() == [], "a second stop() finds nothing"


def _survives_what_never_ends(executor: Executor) -> None:
    """It costs its own trial only, `stop` gives it up, and its place is free again."""

    def objective(trial: Trial) -> float:
        while trial["hangs"] and not trial.should_stop():
            time.sleep(0.02)
        return float(os.getpid())

    with executor:
        executor.start(objective, _Notes())
        if _is_here(executor):
            return
        executor.submit(Trial(2, {"hangs": True}))
        for number in range(4, 8) if executor.capacity > 1 else ():
            executor.submit(Trial(number, {"hangs": False}))
            ended = executor.wait(60.0)
            assert [o.number for o in ended] == [number], f"a trial that hangs holds up another one: {ended}"
        assert executor.wait(1.0) == [], "a trial that hangs ended"
        begun = time.monotonic()
        assert executor.stop() == [2], "stop() names the trial that hangs"
        assert time.monotonic() - begun < 10.0, "stop() must not wait for a trial that hangs"
        executor.start(objective, _Notes())
        for number in range(executor.capacity):
            executor.submit(Trial(number, {"hangs": False}))
        ended = [outcome for _ in range(executor.capacity) for outcome in executor.wait(60.0)]
        assert len(ended) == executor.capacity, "after stop() every place is free again"


def _loses_what_kills_its_process(executor: Executor) -> None:
    """The outcome says so, the executor does not try it again by itself, and the next trial runs."""

    def objective(trial: Trial) -> float:
        if trial["dies"]:
            trial.report(0.0, 0)
            trial.should_stop()  # answered, so the report has arrived
            os._exit(1)
        return float(os.getpid())

    notes = _Notes()
    with executor:
        executor.start(objective, notes)
        if _is_here(executor):
            return
        outcomes = _run(executor, [Trial(n, {"dies": n == 1}) for n in range(1, 4)])
    by_number = {outcome.number: outcome for outcome in outcomes}
    assert sorted(by_number) == [1, 2, 3], f"each trial has one outcome, got {outcomes}"
    assert by_number[1].lost, f"its process died: {by_number[1]}"
    assert by_number[1].error, f"an outcome that is lost says why: {by_number[1]}"
    assert by_number[1].exception is None, f"it raised nothing: {by_number[1]}"
    assert not by_number[2].lost, f"it ended by itself: {by_number[2]}"
    assert not by_number[3].lost, f"it ended by itself: {by_number[3]}"
    assert [number for number, *_ in notes.reports] == [1], "a trial whose process died was evaluated again, unasked"


def _is_here(executor: Executor) -> bool:
    """Whether it evaluates in this process, by an objective that tells where it runs."""
    executor.submit(Trial(0, {"hangs": False, "dies": False}))
    (outcome,) = executor.wait(None)
    return outcome.value == float(os.getpid())
