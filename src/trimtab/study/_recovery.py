"""Trials that lost their process: handed back, or given up when they took it down too often."""

from __future__ import annotations

import time

from trimtab.errors import Conflict
from trimtab.logs import log_event
from trimtab.records import Finished, Released, Started
from trimtab.study._journal import Journal

__all__ = ["MOST_LOSSES", "RUNS", "recover"]

MOST_LOSSES = 3  # a trial that took its process down so often has failed, unless retries= says more

RUNS: set[str] = set()  # runs of this process that go on


def recover(journal: Journal, retries: int = 0) -> None:
    """Have trials wait again whose process is gone. Another process may do the same at once: the first one wins.

    retries: how often a trial is tried again, if that is more often than MOST_LOSSES allows.
    """
    most = max(MOST_LOSSES, retries + 1)
    for number, started in list(journal.fold.running.items()):
        is_lost = journal.lease.is_lost(started.owner)
        if not is_lost and not _is_left(journal, started):
            continue
        event: Finished | Released = Released(number, started.attempt, time.time(), lost=is_lost)
        what, text = "trial_lost", f"{started.owner.get('host')}, process {started.owner.get('pid')}"
        if is_lost and journal.fold.losses.get(number, 0) + 1 >= most:
            what, text = "trial_given_up", f"The process that evaluated this trial died {most} times."
            event = Finished(number, "failed", None, None, text, time.time())
        try:
            journal.append([event])
        except Conflict:
            journal.sync()
            continue
        log_event(what, journal.name, number, reason=text)


def _is_left(journal: Journal, started: Started) -> bool:
    """Whether a run of this process began the trial, ended, and could not hand it back: the storage was away."""
    run = started.owner.get("run")
    return isinstance(run, str) and run not in RUNS and journal.lease.is_own(started.owner)
