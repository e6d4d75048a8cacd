"""Limits of a trial in a worker process: time and memory, and the thread that enforces them.

It is a thread of the study's process, so that limits hold while the study proposes, stores or calls back.
"""

from __future__ import annotations

import math
import os
import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from trimtab.errors import InputError
from trimtab.executors._guard import family
from trimtab.executors._process import Process

__all__ = ["Limits", "Watch"]

_UNITS = (
    {"": 1, "B": 1}
    | {f"{p}B": 1000**k for k, p in enumerate("KMGT", 1)}
    | {f"{p}iB": 1024**k for k, p in enumerate("KMGT", 1)}
)
_LOOK = 0.1  # seconds between two looks at the workers
_SHARE = 0.05  # of a core's time that reading their memory may cost
_SAY_WHERE = 0.2  # seconds that a worker has to say where it stands before SIGTERM
_GRACE = 1.0  # seconds between SIGTERM and SIGKILL
_START = 300.0  # seconds beyond the time limit until a new worker must have begun: imports of the objective may be slow
_AGAIN = 30.0  # likewise for one that began before


@dataclass(frozen=True, slots=True)
class Limits:
    """seconds: of one evaluation. memory: bytes of the worker and what it started. None: no limit."""

    seconds: float | None = None
    memory: int | None = None

    @classmethod
    def of(cls, time_limit: object, memory_limit: object) -> Limits:
        """From what the user wrote. InputError for anything that is no limit, or that this system cannot watch."""
        return cls(_seconds(time_limit), _bytes(memory_limit))

    @property
    def exist(self) -> bool:
        return self != Limits()

    def are_reached_by(self, worker: Process) -> bool:
        """Whether an idle worker holds more memory than a trial may: the next one would pay for the last."""
        return self.memory is not None and _resident(worker.pid, self.memory) > self.memory


class Watch:
    """Kills the workers whose trial goes beyond its limits, while `workers()` lists any."""

    def __init__(self, limits: Limits, workers: Callable[[], Iterable[Process]]) -> None:
        self._limits = limits
        self._workers = workers
        self._doomed: dict[Process, float] = {}  # since when
        self._asked: set[Process] = set()  # those of them that got SIGTERM
        self._memory_look = 0.0  # when to read it again
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="trimtab-limits", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(_LOOK):
            workers = list(self._workers())
            self._doomed = {worker: since for worker, since in self._doomed.items() if worker in workers}
            self._asked &= self._doomed.keys()
            for worker in workers:
                if worker in self._doomed:
                    self._press(worker, time.monotonic() - self._doomed[worker])
                else:
                    self._check_time(worker)
            begun = time.monotonic()
            if self._limits.memory is not None and begun >= self._memory_look:
                for worker in workers:
                    self._check_memory(worker)
                self._memory_look = begun + (time.monotonic() - begun) / _SHARE

    def _check_time(self, worker: Process) -> None:
        limit = self._limits.seconds
        with worker.lock:
            if limit is None or worker.trial is None or worker.doom:
                return
            now = time.monotonic()
            if worker.begun is not None and now - worker.begun > limit:
                worker.doom = f"Time limit: the trial ran longer than {limit:g} s, so it was killed."
            elif worker.begun is None and now - worker.since > limit + (_AGAIN if worker.warm else _START):
                worker.doom = "It did not begin."
            else:
                return
        self._doomed[worker] = now
        worker.ask_where()

    def _check_memory(self, worker: Process) -> None:
        limit, trial = self._limits.memory, worker.trial
        if limit is None or trial is None or worker.doom or (held := _resident(worker.pid, limit)) <= limit:
            return
        with worker.lock:
            if worker.trial is trial and not worker.doom:  # else another trial would pay for it
                worker.doom = (
                    f"Memory limit: the trial held {_shown(held)} and may hold {_shown(limit)}, so it was killed."
                )
                self._doomed[worker] = -math.inf  # SIGKILL at once: it would grow meanwhile
                worker.kill()

    def _press(self, worker: Process, seconds: float) -> None:
        """The worker is to end, `seconds` after it was doomed."""
        if seconds > _SAY_WHERE + _GRACE:
            worker.kill()
        elif seconds > _SAY_WHERE and worker not in self._asked:
            self._asked.add(worker)
            worker.terminate()


def _seconds(limit: Any) -> float | None:
    if limit is None:
        return None
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0.0 < limit < math.inf:
        raise InputError(f"time_limit must be a number of seconds above 0, got {limit!r}. None is no limit.")
    return float(limit)


def _bytes(limit: Any) -> int | None:
    if limit is None:
        return None
    amount: float | None = None
    if isinstance(limit, str) and (found := re.fullmatch(r"\s*([\d.]+)\s*([A-Za-z]*)\s*", limit)):
        units = {unit.lower(): size for unit, size in _UNITS.items()}
        number, unit = found.groups()
        if unit.lower() in units and re.fullmatch(r"\d+\.?\d*|\.\d+", number):
            amount = float(number) * units[unit.lower()]
    elif isinstance(limit, int | float) and not isinstance(limit, bool):
        amount = float(limit)
    if amount is None or not 1.0 <= amount < math.inf:
        raise InputError(
            f"memory_limit must be a number of bytes or a text such as '2GB' or '512MiB', got {limit!r}. None is no limit."
        )
    if not os.path.exists("/proc/self/statm"):
        raise InputError(
            "memory_limit needs Linux: the memory of a worker is read from /proc, which this system lacks. "
            "Leave it out here; time_limit and fresh work everywhere."
        )
    return int(amount)


def _resident(pid: int, limit: int) -> int:
    """Bytes of memory that a worker and what it started hold.

    Pages that several share count in each of them, unless that exceeds `limit`: then each page counts once.
    """
    members = family(pid)
    total = sum(map(_own_resident, members))
    if total > limit and len(members) > 1:
        total = sum(map(_proportional, members))
    return total


def _own_resident(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb") as sizes:
            return int(sizes.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    except (OSError, IndexError):
        return 0


def _proportional(pid: int) -> int:
    """Of memory that several processes share its part only. Slower to read."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as sizes:
            found = re.search(rb"^Pss:\s+(\d+) kB", sizes.read(), re.MULTILINE)
            return int(found[1]) * 1024 if found else _own_resident(pid)
    except OSError:  # an old kernel, or no permission
        return _own_resident(pid)


def _shown(size: int) -> str:
    power = min(4, max(0, int(math.log10(max(size, 1))) // 3))
    return f"{size / 1000**power:.3g} {['B', 'KB', 'MB', 'GB', 'TB'][power]}"
