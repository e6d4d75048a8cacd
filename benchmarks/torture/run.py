"""One torture: starts the workers, kills and replaces them, restarts the server, and waits until the study ended by itself."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from benchmarks.postgres_server import Server
from benchmarks.torture.check import check
from trimtab.records import Event, Finished
from trimtab.storage import open_storage

__all__ = ["torture"]

_LEASE = 3.0  # seconds
_TOO_LONG = 900.0  # seconds
_ROOT = Path(__file__).resolve().parents[2]


@dataclass
class _Worker:
    name: str
    process: subprocess.Popen[bytes]
    errors: IO[bytes]


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
    task = json.dumps({"storage": storage, "trials": trials, "stamps": None})
    crew = [_start(k, stamps, task) for k in range(workers)]
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
                worker.process.kill()
        for worker in [w for w in crew if w.process.poll() is not None]:
            crew.remove(worker)
            problems += _leftover(worker, kills)
        log.read()
        if log.n_ended < trials:
            last_end = time.monotonic()
            if server is not None and not restarts and log.n_ended >= trials // 2:
                server.restart("immediate", pause=0.5)
                restarts += 1
            at_work = [worker for worker in crew if (stamps / worker.name).exists()]  # not those that still import
            enough = most is not None and len(kills) >= most
            if at_work and not enough and time.monotonic() >= last_kill + every:
                last_kill = time.monotonic()
                victim = rng.choice(at_work)
                crew.remove(victim)
                kills[victim.name] = time.monotonic()
                victim.process.kill()
                victim.process.wait()
                victim.errors.close()
                crew.append(_start(n_started, stamps, task))
                n_started += 1
        time.sleep(0.02)
    ended_by_itself = time.monotonic() - last_end
    log.read()
    verdict = check(log.events, stamps, kills, trials)
    problems += verdict.problems
    time.sleep(1.2 * _LEASE)
    log.read()
    if len(log.events) > 0 and not isinstance(log.events[-1], Finished):
        problems.append(f"something still went on after the end: {log.events[-1]}")
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


def _start(k: int, stamps: Path, task: str) -> _Worker:
    name = f"worker-{k:04d}"
    errors = open(stamps.parent / f"{name}.err", "w+b")  # noqa: SIM115 - closed when the worker has ended
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.torture.worker"],
        cwd=_ROOT,
        env={**os.environ, "TRIMTAB_LEASE": str(_LEASE)},
        stdin=subprocess.PIPE,
        stdout=errors,
        stderr=errors,
    )
    assert process.stdin is not None
    with process.stdin as told:  # not the command line: the URL holds a password
        told.write(json.dumps({**json.loads(task), "stamps": str(stamps / name)}).encode() + b"\n")
    return _Worker(name, process, errors)


def _leftover(worker: _Worker, kills: dict[str, float]) -> list[str]:
    """What went wrong in a worker that ended by itself."""
    with worker.errors as errors:
        errors.seek(0)
        text = errors.read().decode(errors="replace").strip()
    if worker.process.returncode == 0 or worker.name in kills:
        return []
    return [f"{worker.name} ended with {worker.process.returncode}: {text[-2000:]}"]
