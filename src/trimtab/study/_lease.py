"""Leases: a process says that it lives, and sees which others do not any more.

A process that evaluates trials gives a sign of life (`Storage.beat`) every third of its lease, from a thread of its own, and
looks at those of the others. A worker whose count did not change for a whole lease of looks has lost its trials.

No clock is compared with another machine's, and no wall clock is read: a look is a tick of this process's own thread. While
the storage cannot be reached nobody ticks, so a database that was down for an hour costs nobody a lease. A process on the same
machine is judged by its number and birth instead, at once and for certain (`_owner`).
"""

from __future__ import annotations

import atexit
import math
import os
import secrets
import threading
import time
import weakref
from contextlib import suppress
from typing import Any

from trimtab.errors import InputError
from trimtab.storage import Memory, Storage
from trimtab.study._owner import is_gone, is_here, this_process

__all__ = ["LEASE", "Lease"]

LEASE = 30.0  # seconds without a sign of life after which a worker's trials are handed to others
TICKS = 3  # signs of life in a lease
GLANCE = 0.2  # seconds between two looks at a process of this machine
PATIENCE = 2.0  # seconds to wait for the last one: where the storage is away, the lease runs out by itself


class Lease:
    """Of one study object. seconds: None takes the environment variable TRIMTAB_LEASE, or 30.

    The thread starts with the first trial and ends with the study or the process.
    """

    def __init__(self, storage: Storage, study: str, seconds: float | None = None) -> None:
        self.seconds = _seconds_of(os.environ.get("TRIMTAB_LEASE")) if seconds is None else seconds
        self._storage = storage
        self._study = study
        self._misses: dict[str, tuple[int | None, int]] = {}  # worker -> its count, and our ticks since it changed
        self._seen: dict[tuple[object, object], float] = {}  # when a process of this machine was last seen alive
        self._begin()

    def _begin(self) -> None:
        self.worker = secrets.token_hex(8)
        self._pid = os.getpid()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def __reduce__(self) -> tuple[type[Lease], tuple[Storage, str, float]]:
        return Lease, (self._storage, self._study, self.seconds)  # a copy is a worker of its own

    def owner(self) -> dict[str, Any]:
        """What a trial's `Started` says of this process; from here on it gives signs of life."""
        if self._pid != os.getpid():  # a fork: the thread is the parent's
            self._begin()
        if self._thread is None and not isinstance(self._storage, Memory):
            about = {**this_process(), "study": self._study, "lease": self.seconds, "since": time.time()}
            self._storage.beat(self.worker, about)
            life = (weakref.ref(self), self._stopped, self._storage, self.worker, self.seconds / TICKS, about)
            self._thread = threading.Thread(target=_live, args=life, name="trimtab lease", daemon=True)
            self._thread.start()
            weakref.finalize(self, self._stopped.set).atexit = False
            _alive.add(self)
        return {**this_process(), "worker": self.worker, "lease": self.seconds}

    def is_lost(self, owner: dict[str, Any]) -> bool:
        """Whether that process does not live any more, as far as can be known from here."""
        if is_here(owner):
            return self._is_gone(owner)
        worker, lease = owner.get("worker"), owner.get("lease")
        if not isinstance(worker, str) or not isinstance(lease, (int, float)):
            return False  # of a trimtab without leases, on another machine: nobody can tell
        _, misses = self._misses.setdefault(worker, (None, 0))
        return misses > TICKS and misses * self.seconds / TICKS > lease

    def _is_gone(self, owner: dict[str, Any]) -> bool:
        """A look at a process of this machine costs 0.1 ms: one that was seen alive is not looked at again for a while."""
        who, now = (owner.get("pid"), owner.get("born")), time.monotonic()
        if now < self._seen.get(who, -math.inf) + GLANCE:
            return False
        if is_gone(owner):
            return True
        if len(self._seen) > 1_000:
            self._seen.clear()
        self._seen[who] = now
        return False

    def can_be_judged(self, owner: dict[str, Any]) -> bool:
        """Whether its death would be noticed: on this machine, or by its lease."""
        return is_here(owner) or isinstance(owner.get("worker"), str)

    def is_own(self, owner: dict[str, Any]) -> bool:
        """Whether it is this process."""
        return is_here(owner) and int(owner["pid"]) == os.getpid()

    def tick(self, about: dict[str, Any]) -> None:
        """A sign of life, and a look at the others."""
        self._storage.beat(self.worker, about)
        beats = self._storage.beats()
        for worker, (count, misses) in list(self._misses.items()):
            now = beats[worker].count if worker in beats else None
            self._misses[worker] = (now, misses + 1 if now == count else 0)

    def end(self) -> None:
        """The worker leaves, from its own thread. A second call does nothing."""
        if self._thread is not None and self._pid == os.getpid():
            self._stopped.set()
            self._thread.join(PATIENCE)
            self._begin()


def _live(
    reference: weakref.ref[Lease],
    stopped: threading.Event,
    storage: Storage,
    worker: str,
    pause: float,
    about: dict[str, Any],
) -> None:
    """The thread. It alone leaves, since a study may be collected in the middle of another's transaction."""
    while not stopped.wait(pause):
        lease = reference()
        if lease is None:
            break
        with suppress(Exception):  # it cannot be reached now: whoever appends will say so
            lease.tick(about)
        del lease
    with suppress(Exception):  # closed, or unreachable: the lease runs out
        storage.beat(worker, None)


_alive: weakref.WeakSet[Lease] = weakref.WeakSet()


@atexit.register
def _leave_all() -> None:
    """At the end of the process, while threads still run."""
    for lease in list(_alive):
        lease.end()


def _seconds_of(text: str | None) -> float:
    if not text:
        return LEASE
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0.1 <= seconds < math.inf:
        raise InputError(f"The environment variable TRIMTAB_LEASE must be a number of seconds from 0.1, got {text!r}.")
    return seconds
