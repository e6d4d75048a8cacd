"""What a running trial can say to its study, and ask of it (records.Channel).

Reports that follow each other quickly are written together: the first at once, later ones every PAUSE seconds, all of them
before a question is answered and before the trial ends.
"""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING

from trimtab.errors import Conflict, StudyError
from trimtab.records import Reported
from trimtab.study._journal import Journal

if TYPE_CHECKING:
    from trimtab.pruners import Pruner

__all__ = ["StudyChannel"]

PAUSE = 0.1  # seconds between two writings of reports, and between two readings for a question


class StudyChannel:
    """deadline: monotonic time in seconds from which trials are asked to give up. stop_asked: give up now.

    pruned: numbers of the trials that the pruner stopped.
    """

    def __init__(
        self,
        journal: Journal,
        lock: threading.RLock,
        pruner: Pruner | None = None,
        seed: int = 0,
        deadline: float = math.inf,
    ) -> None:
        self._journal = journal
        self._lock = lock
        self._pruner = pruner
        self._seed = seed
        self._deadline = deadline
        self._attempts: dict[int, int] = {}  # the attempt at each trial that this channel serves
        self._unwritten: dict[int, list[tuple[float, float]]] = {}
        self._written: dict[int, float] = {}  # when reports were last written, and when the log was last read
        self._read = -math.inf
        self.stop_asked = False
        self.pruned: set[int] = set()

    def began(self, number: int) -> None:
        """The trial was started for this channel."""
        self._attempts[number] = self._journal.fold.running[number].attempt
        self._written.pop(number, None)
        self.pruned.discard(number)  # what an attempt before came to

    def report(self, number: int, step: float, value: float) -> None:
        """Store an intermediate value. StudyError if the trial does not run."""
        with self._lock:
            if number not in self._attempts:
                raise StudyError(f"Trial {number} is not running; only a running trial can report.")
            self._unwritten.setdefault(number, []).append((step, value))
            if time.monotonic() >= self._written.get(number, -math.inf) + PAUSE:
                self.flush(number)

    def flush(self, number: int) -> None:
        """Write what was reported. A trial that is another's by now has nothing more to say."""
        with self._lock:
            points = self._unwritten.pop(number, None)
            if points:
                self._journal.sync()  # else they would count as the new owner's, who may have begun meanwhile
            while points and self._is_ours(number):
                steps, values = zip(*points, strict=True)
                part = self._journal.fold.n_reports.get(number, 0)
                try:
                    self._journal.append([Reported(number, part, steps, values, time.time())])
                    points = None
                except Conflict:
                    self._journal.sync()
            self._written[number] = self._read = time.monotonic()

    def ended(self, number: int) -> None:
        """The trial is told: write the rest, forget it."""
        with self._lock:
            self.flush(number)
            for known in (self._attempts, self._written):
                known.pop(number, None)

    def should_stop(self, number: int) -> bool:
        """Whether the trial should give up: time is over, it is another's by now, or the pruner says so."""
        if self.stop_asked or time.monotonic() >= self._deadline:
            return True
        with self._lock:
            if self._unwritten.get(number):
                self.flush(number)
            elif time.monotonic() >= self._read + PAUSE:
                self._journal.sync()
                self._read = time.monotonic()
            if number in self._attempts and not self._is_ours(number):
                return True
            if self._pruner is not None and number not in self.pruned and self._is_pruned(self._pruner, number):
                self.pruned.add(number)
            return number in self.pruned

    def is_lost(self, number: int) -> bool:
        """Whether the trial is another's by now, or ended by another."""
        with self._lock:
            self._journal.sync()
            return number in self._attempts and not self._is_ours(number)

    def _is_pruned(self, pruner: Pruner, number: int) -> bool:
        journal = self._journal
        curves = journal.fold.curves
        own = next((curve for curve in curves if curve.number == number), None)
        if own is None:
            return False
        if journal.in_order is not None:  # what others of this generation reported is a matter of timing
            curves = journal.in_order.curves(number)
        return pruner.should_stop(own, [curve for curve in curves if curve.number != number], self._seed)

    def _is_ours(self, number: int) -> bool:
        """Whether the trial still runs in the attempt that this channel serves."""
        running = self._journal.fold.running.get(number)
        return running is not None and running.attempt == self._attempts.get(number)
