"""One torture: starts the workers, kills and replaces them, restarts the server, and waits until the study ended by itself.

Workers are forked from a process that has imported trimtab: they are at work at once, so each kill hits one that is.
"""

from __future__ import annotations

import multiprocessing
import random
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from benchmarks.postgres_server import Server
from benchmarks.torture.check import check
from benchmarks.torture.worker import work
from trimtab.records import Event, Finished
from trimtab.storage import open_storage

__all__ = ["torture"]

_LEASE = 3.0  # seconds
_TOO_LONG = 900.0  # seconds


def torture(
    storage: str,
    server: Server | None,
    stamps: Path,
    workers: int,
    trials: int,
    every: float,
    most: int | None,
    seed: int,
) -> dict[str, Any]:
    """What happened, counts first, and the problems.

    server: crashes and starts again when half of the trials have ended. every: seconds between two kills. most: of them.
    """
    rng = random.Random(seed)
    stamps.mkdir()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.torture.worker"])

    def start(k: int) -> BaseProcess:
        name = f"worker-{k:04d}"
        told = (storage, trials, _LEASE, str(stamps / name))
        process = context.Process(target=work, args=told, name=name, daemon=True)
        process.start()
        return process

    crew = [start(k) for k in range(workers)]
    looking = open_storage(storage)
    log = _Log(looking)
    problems: list[str] = []
    kills: dict[str, float] = {}
    begun = last_kill = time.monotonic()
    restarts, n_started, last_end = 0, workers, begun
    while crew:
        if time.monotonic() - begun > _TOO_LONG:
            problems.append(f"the study did not end in {_TOO_LONG:.0f} s: {log.n_ended} trials ended")
            for worker in crew:
                worker.kill()
                worker.join()
        for worker in [w for w in crew if not w.is_alive()]:
            crew.remove(worker)
            if worker.exitcode != 0:
                text = (stamps / f"{worker.name}.err").read_text(errors="replace").strip()
                problems.append(f"{worker.name} ended with {worker.exitcode}: {text[-2000:]}")
        log.read()
        if log.n_ended < trials:
            last_end = time.monotonic()
            if server is not None and not restarts and log.n_ended >= trials // 2:
                server.restart("immediate", pause=0.5)
                restarts += 1
            enough = most is not None and len(kills) >= most
            if crew and not enough and time.monotonic() >= last_kill + every:
                last_kill = time.monotonic()
                victim = crew.pop(rng.randrange(len(crew)))
                kills[victim.name] = time.monotonic()
                victim.kill()
                victim.join()
                crew.append(start(n_started))
                n_started += 1
        time.sleep(0.02)
    ended_by_itself = time.monotonic() - last_end
    log.read()
    verdict = check(log.events, stamps, kills, trials)
    problems += verdict.problems
    before = len(log.events)
    time.sleep(1.2 * _LEASE)
    log.read()
    if len(log.events) > before:
        problems.append(f"something still went on after the end: {log.events[before:]}")
    looking.close()
    seconds = last_end - begun
    return {
        "workers": workers,
        "SIGKILLs": len(kills),
        "restarts of the server": restarts,
        "seconds": round(seconds, 1),
        "trials per s": round(trials / seconds, 1),
        "seconds from the last trial to the end of all workers": round(ended_by_itself, 2),
        **verdict.counts,
        "problems": problems,
    }


class _Log:
    """What is in the storage, read on and on."""

    def __init__(self, storage: Any) -> None:
        self._storage = storage
        self._position = 0
        self.events: list[Event] = []
        self.n_ended = 0

    def read(self) -> None:
        new, self._position = self._storage.read("torture", self._position)
        self.events += new
        self.n_ended += sum(isinstance(event, Finished) for event in new)
