"""What goes on in a study now: who works on it, at what, and how fast trials end. Each look reads only what is new.

Times are of the clocks of those who wrote them: for people only.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trimtab.cli._view import Failure, failures_among
from trimtab.records import FAILED, Finished, Started
from trimtab.study._owner import is_gone

if TYPE_CHECKING:
    from trimtab.study import Study

__all__ = ["Activity", "Worker"]

_WINDOW = 300.0  # seconds over which the rate is taken
_BACK = 3_000  # events that the first look goes back: enough for a rate, and quick in a log of any length


@dataclass(frozen=True)
class Worker:
    """A process that evaluates trials, or may do so.

    trials: numbers of those that it evaluates now. busy: seconds since it began the oldest of them. silent: seconds since its
    last sign of life. Both None where there is none. gone: whether it surely lives no more; its trials wait to be noticed.
    """

    host: str
    pid: str
    trials: tuple[int, ...]
    busy: float | None
    silent: float | None
    gone: bool


class Activity:
    """Of one study."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._position = max(study._journal._position - _BACK, 0)
        self._ends: deque[float] = deque()
        self._earliest: float | None = None  # time of the first event that was read
        self._failures: tuple[int, list[Failure]] = (0, [])
        self.look()

    def look(self) -> None:
        """Take in what happened since."""
        events, self._position = self._study.events(self._position)
        for event in events:
            if self._earliest is None:
                self._earliest = event.at
            if isinstance(event, Finished):
                self._ends.append(event.at)
        while self._ends and self._ends[0] < time.time() - _WINDOW:
            self._ends.popleft()

    @property
    def rate(self) -> float | None:
        """Trials that ended per minute, over the last minutes; None where none did."""
        if not self._ends or self._earliest is None:
            return None
        span = min(max(time.time() - self._earliest, 1.0), _WINDOW)
        return 60 * len(self._ends) / span

    @property
    def failures(self) -> list[Failure]:
        """Failed trials grouped by reason."""
        with self._study._lock:
            table, errors = self._study.table, self._study._journal.fold.errors
            numbers = table.number[table.state == FAILED].tolist()
            if self._failures[0] != len(numbers):
                self._failures = len(numbers), failures_among((i, errors.get(i)) for i in numbers)
        return self._failures[1]

    @property
    def workers(self) -> list[Worker]:
        """Those that evaluate trials first, oldest trial first; then the idle ones."""
        now = time.time()
        running: dict[str, list[Started]] = {}
        with self._study._lock:
            self._study._journal.sync()
            for started in self._study._journal.fold.running.values():
                owner = started.owner
                key = owner.get("worker")
                running.setdefault(key if isinstance(key, str) else _place(owner), []).append(started)
        beats = self._study.storage.beats()
        found = []
        for key, trials in running.items():
            owner = trials[0].owner
            beat = beats.get(key)
            silent = None if beat is None else max(now - beat.at, 0.0)
            numbers = tuple(sorted(t.number for t in trials))
            busy = max(now - min(t.at for t in trials), 0.0)
            found.append(Worker(_host(owner), str(owner.get("pid", "?")), numbers, busy, silent, is_gone(owner)))
        found.sort(key=lambda w: -(w.busy or 0.0))
        for key, beat in beats.items():
            if key not in running and beat.about.get("study") == self._study.name:
                silent = max(now - beat.at, 0.0)
                found.append(Worker(_host(beat.about), str(beat.about.get("pid", "?")), (), None, silent, False))
        return found


def _host(about: Mapping[str, Any]) -> str:
    """The name of the machine, without what tells its starts apart."""
    return str(about.get("host", "?")).partition(":")[0]


def _place(owner: Mapping[str, Any]) -> str:
    return f"{owner.get('host')} {owner.get('pid')}"
