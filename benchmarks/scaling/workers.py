"""Simulated workers on one PostgreSQL database: each asks, sleeps as long as a trial takes, tells, again and again.

Every worker is a thread with a study and a connection of its own, in about ten processes: as far as the database can see,
each is a machine of its own. The processors of this machine are shared by all workers and the server, so the processor time
of both sides is measured, too: on a cluster each machine has its own.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

import trimtab as tt
from benchmarks.postgres_server import Server

__all__ = ["simulate"]

_SPACE = {"a": tt.Float(0.0, 1.0), "b": tt.Float(0.0, 1.0)}
_PROCESSES = 10


def simulate(server: Server, workers: int, seconds: float, warm: float, length: float) -> dict[str, Any]:
    """One row of results. seconds: of a trial. warm: seconds until trials are counted. length: seconds in which they are."""
    url = server.empty()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.scaling.workers"])
    processes = min(workers, _PROCESSES)
    threads = [workers // processes + (k < workers % processes) for k in range(processes)]
    begin, answers = context.Barrier(processes + 1), context.Queue()
    arguments = [(url, n, k, seconds, warm, length, begin, answers) for k, n in enumerate(threads)]
    members = [context.Process(target=_process, args=told, daemon=True) for told in arguments]
    for member in members:
        member.start()
    begin.wait(timeout=300)
    time.sleep(warm)
    before = _server_seconds(server)
    time.sleep(length)
    used = _server_seconds(server) - before
    heard = [answers.get(timeout=300) for _ in members]
    for member in members:
        member.join()
    ask, tell = (np.concatenate([part[name] for part in heard]) for name in ("ask", "tell"))
    n, slept = len(tell), len(tell) * seconds
    kept = float(ask.sum() + tell.sum())
    return {
        "workers": workers,
        "trial s": seconds,
        "trials": n,
        "trials per s": n / length,
        "bookkeeping share": kept / (kept + slept),
        "ask ms, median": float(np.median(ask)) * 1e3,
        "ask ms, p99": float(np.quantile(ask, 0.99)) * 1e3,
        "tell ms, median": float(np.median(tell)) * 1e3,
        "tell ms, p99": float(np.quantile(tell, 0.99)) * 1e3,
        "server CPU ms per trial": used / n * 1e3,
        "worker CPU ms per trial": sum(part["cpu"] for part in heard) / n * 1e3,
    }


def _process(
    url: str, threads: int, k: int, seconds: float, warm: float, length: float, begin: Any, answers: Any
) -> None:
    """Some workers in a process; the times of all."""
    studies = [tt.Study(_SPACE, sampler="random", storage=url, name="scaling", seed=0) for _ in range(threads)]
    times: dict[str, list[float]] = {"ask": [], "tell": []}
    rng = random.Random(k)
    begin.wait(timeout=300)
    count = time.monotonic() + warm
    crew = [
        threading.Thread(target=_work, args=(study, rng.uniform(0, seconds), seconds, count, count + length, times))
        for study in studies
    ]
    for member in crew:
        member.start()
    time.sleep(warm)
    cpu = _own_seconds()
    time.sleep(length)
    cpu = _own_seconds() - cpu
    for member in crew:
        member.join()
    answers.put({**{name: np.array(each) for name, each in times.items()}, "cpu": cpu})
    for study in studies:
        study.close()


def _work(
    study: tt.Study, late: float, seconds: float, count: float, end: float, times: dict[str, list[float]]
) -> None:
    """One worker. late: it joins so many seconds after the others, as workers do. What ends from `count` to `end` counts."""
    time.sleep(late)
    while True:
        begun = time.perf_counter()
        trial = study.ask()
        asked = time.perf_counter()
        time.sleep(seconds)
        evaluated = time.perf_counter()
        study.tell(trial, trial["a"])
        told, now = time.perf_counter(), time.monotonic()
        if now > end:
            return
        if now > count:
            times["ask"].append(asked - begun)
            times["tell"].append(told - evaluated)


def _own_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _server_seconds(server: Server) -> float:
    """Processor time of the server's processes; the first one's fields hold that of those which have ended."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(stat.parent.name) == server.pid:
            ticks += sum(map(int, fields[11:15]))
        elif int(fields[1]) == server.pid:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
