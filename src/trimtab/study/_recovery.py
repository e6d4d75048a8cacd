"""Trials that lost their process: handed back, or given up when they took it down too often."""

from __future__ import annotations

import time

from trimtab.errors import Conflict
from trimtab.logs import log_event
from trimtab.records import Finished, Released
from trimtab.study._journal import Journal

__all__ = ["MOST_LOSSES", "recover"]

MOST_LOSSES = (
    3  # a trial that took its whole process down this often is failed, not tried again (unless retries= says more)
)


def recover(journal: Journal, retries: int = 0) -> None:
    """Have trials wait again whose process is gone. Another process may do the same at once: the first one wins.

    retries: how often a trial is tried again, if that is more often than MOST_LOSSES allows.
    """
    most = max(MOST_LOSSES, retries + 1)
    for number, started in list(journal.fold.running.items()):
        if not journal.lease.is_lost(started.owner):
            continue
        event: Finished | Released = Released(number, started.attempt, time.time(), lost=True)
        what, text = "trial_lost", f"{started.owner.get('host')}, process {started.owner.get('pid')}"
        if journal.fold.losses.get(number, 0) + 1 >= most:
            what, text = "trial_given_up", f"The process that evaluated this trial died {most} times."
            event = Finished(number, "failed", None, None, text, time.time())
        try:
            journal.append([event])
        except Conflict:
            journal.sync()
            continue
        log_event(what, journal.name, number, reason=text)
