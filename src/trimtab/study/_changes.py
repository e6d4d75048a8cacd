"""Changes of a study's log that another process may make first: each is decided again until it holds.

Notation
    number   rank of a trial in its study, from 0
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab.errors import Conflict, InputError, SpaceError, StorageError, StudyError
from trimtab.logs import log_event
from trimtab.records import FINISHED, STATES, Created, Event, Finished, Fold, Started, Trial
from trimtab.study._in_order import GENERATION
from trimtab.study._journal import TRIES, Journal
from trimtab.study._proposals import Proposals
from trimtab.study._recovery import recover
from trimtab.study._told import Told
from trimtab.study._understanding import Turns

__all__ = ["NotYet", "Wanted", "create", "ending", "finish", "known", "start_next"]


@dataclass(frozen=True)
class Wanted:
    """How the next trial is chosen.

    most: trials that the whole study shall evaluate, over all processes; None: no such limit. repeats: evaluations that a
    promising configuration may get. turns: of the trials that sharpen the sensitivities, if there are any. retries: as in
    `recover`.
    """

    most: int | None = None
    repeats: int = 1
    turns: Turns | None = None
    retries: int = 0


class NotYet(Exception):
    """No trial can begin now; others that run have to end first. `why`: in words."""


def start_next(journal: Journal, proposals: Proposals, owner: dict[str, Any], wanted: Wanted) -> int | None:
    """Start the trial that waits longest, else a new one. None if the study has all its trials.

    Raises SearchEnded when the sampler has nothing left, NotYet where trials that run have to end first.
    """
    with ExitStack() as turn:
        for vain in range(TRIES):
            if vain == 0 and not journal.is_alone:  # others propose too: one after the other, rather than in vain
                turn.enter_context(journal.storage.turn(journal.name))
            journal.sync()
            recover(journal, wanted.retries)
            number, events = _next_start(journal, proposals, owner, wanted)
            if number is None:
                return None
            try:
                is_read = journal.write(events)
            except Conflict as error:
                log_event("conflict", journal.name, number, reason=str(error))
                continue
            turn.close()
            if not is_read:
                journal.sync()
            if number in journal.fold.running:  # else its old owner has told it meanwhile
                return number
    raise _starved(journal)


def _next_start(
    journal: Journal, proposals: Proposals, owner: dict[str, Any], wanted: Wanted
) -> tuple[int | None, list[Event]]:
    """The trial to start, and the events that do it. Raises as `start_next`."""
    fold, now = journal.fold, time.time()
    if wanted.most is not None and fold.n_evaluated + _under_way(journal) >= wanted.most:
        if fold.n_evaluated < wanted.most and not all(journal.lease.is_own(s.owner) for s in fold.running.values()):
            raise NotYet("other processes evaluate the last trials")
        return None, []
    events: list[Event] = []
    if fold.waiting and journal.in_order is not None:
        number = min(fold.waiting)
        if journal.in_order.before(number - number % GENERATION) is None:  # a pruner asks how those before it ended
            raise _generation_runs(journal, number)
    elif fold.waiting:
        number = next(iter(fold.waiting))
    else:
        number = fold.n
        known = fold if journal.in_order is None else journal.in_order.before(number)
        if known is None:
            raise _generation_runs(journal, number)
        stored, origin = proposals.next(known, wanted.repeats, wanted.turns)
        events = [Created(number, stored, origin, now)]
    return number, [*events, Started(number, fold.attempts.get(number, 0), owner, now)]


def _generation_runs(journal: Journal, number: int) -> NotYet | StudyError:
    """Why trial `number` cannot begin: for a while, or for good where `ask` gave in this process all that it waits for."""
    running, lease = journal.fold.running, journal.lease
    before = [i for i in running if i < number - number % GENERATION]
    if before and all("run" not in running[i].owner and lease.is_own(running[i].owner) for i in before):
        return StudyError(
            f"deterministic=True needs the result of trial {min(before)} before trial {number}, and ask() gave it in this "
            "process: tell it, or release it."
        )
    return NotYet("the generation before has not ended")


def create(
    journal: Journal, stored: dict[str, Any], more: Callable[[int], Sequence[Event]], origin: str = "user"
) -> int:
    """Add a trial that no sampler proposed, with `more` events of it; its number."""
    for _ in range(TRIES):
        journal.sync()
        number = journal.fold.n
        try:
            journal.append([Created(number, stored, origin, time.time()), *more(number)])
        except Conflict:
            continue
        return number
    raise _starved(journal)


def finish(journal: Journal, number: int, end: Told, seconds: float | None) -> None:
    """End a trial. StudyError if another process ended it first."""
    try:
        journal.append([ending(number, end, seconds)])
    except Conflict:
        journal.sync()
        known(journal, number)
    log_event(f"trial_{end.state}", journal.name, number, value=end.value, seconds=seconds, reason=end.error)


def ending(number: int, end: Told, seconds: float | None) -> Finished:
    """What became of a trial, as an event of now."""
    return Finished(number, end.state, end.value, seconds, end.error, time.time(), end.outcomes, end.gradient)


def known(journal: Journal, trial: Trial | int) -> int:
    """The number of a trial that has not ended. StudyError if it has, or if this study has no such trial."""
    number = trial.number if isinstance(trial, Trial) else trial
    if isinstance(number, bool) or not isinstance(number, (int, np.integer)):
        raise InputError(f"Expected a Trial or its number, got {trial!r}.")
    number = int(number)
    if not 0 <= number < journal.fold.n:
        journal.sync()
    fold = journal.fold
    if not 0 <= number < fold.n:
        has = f"it has {fold.n} (numbers 0 to {fold.n - 1})." if fold.n else "it has none yet. Call ask() first."
        raise StudyError(f"Study {journal.name!r} has no trial {number}; {has}")
    if isinstance(trial, Trial) and not _is_ours(fold, trial):
        raise StudyError(
            f"Trial {number} is of another study: it has {trial.params!r}, and trial {number} of study "
            f"{journal.name!r} has {fold.params(number)!r}. Tell the study that gave it."
        )
    if fold.code(number) >= FINISHED:
        value = "" if fold.value(number) is None else f" with the value {fold.value(number):.6g}"
        raise StudyError(
            f"Trial {number} of study {journal.name!r} has already ended: it is {STATES[fold.code(number)]}{value}. "
            "A trial is told once."
        )
    return number


def _under_way(journal: Journal) -> int:
    """Trials that somebody evaluates now. One whose owner's death nobody would notice does not count."""
    return sum(journal.lease.can_be_judged(started.owner) for started in journal.fold.running.values())


def _is_ours(fold: Fold, trial: Trial) -> bool:
    """Whether a trial has the configuration that its number has in this study."""
    try:
        if trial.params == fold.params(trial.number):
            return True
        x = fold.space.encode([trial.params])  # copies of choices need not be equal to them
    except (SpaceError, ValueError):
        return False
    return bool(np.allclose(x, fold.point(trial.number), atol=1e-9, equal_nan=True))


def _starved(journal: Journal) -> StorageError:
    return StorageError(f"Study {journal.name!r}: other processes were faster {TRIES} times in a row. Run fewer.")
