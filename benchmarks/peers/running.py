"""One search of one tool on one task, and what is kept of it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.driving import Driver, DriverError, commit
from benchmarks.peers.spaces import Params
from benchmarks.peers.tasks import MissingData, Task, load
from benchmarks.peers.tools import TOOLS

__all__ = ["CHECKPOINTS", "Job", "Place", "attempt", "noise", "record", "run", "tool_seed"]

CHECKPOINTS = (5, 10, 20, 30, 50)


@dataclass(frozen=True, slots=True)
class Job:
    """One search. seed: the same one means the same noise by trial for every tool, and the tool's own seed made of it and the task."""

    tool: str
    task: str
    seed: int
    budget: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run finds its tool: see `Driver`."""

    envs: Path | None
    source: Path
    limit: float = 3600.0


def run(job: Job, place: Place) -> dict[str, Any]:
    """The search's line of results. DriverError, MissingData if it could not be finished."""
    task = load(job.task)
    trials: list[tuple[Params, float]] = []
    recommended: dict[int, Params | None] = {}
    with Driver(job.tool, place.envs, place.source, place.limit) as driver:
        version = driver.start(task.space, tool_seed(job.task, job.seed), job.budget)
        for number in range(1, job.budget + 1):
            params = driver.ask()
            value = task.observe(params, noise(job.task, job.seed, number))
            driver.tell(params, value)
            trials.append((params, value))
            if number in CHECKPOINTS:
                recommended[number] = driver.recommend()
    if TOOLS[job.tool].driver == "trimtab_":
        version = f"{version}+{commit(place.source)}"
    return {
        "tool": job.tool,
        "version": version,
        "task": task.name,
        "family": task.family,
        "seed": job.seed,
        "budget": job.budget,
        **record(task, trials, recommended),
        "ask_seconds": _short(driver.asked_cpu / job.budget),
        "tell_seconds": _short(driver.told_cpu / job.budget),
        "wall": _short(driver.wall),
    }


def attempt(job: Job, place: Place) -> dict[str, Any] | DriverError | MissingData:
    """The same, with the error as the answer: other searches go on."""
    try:
        return run(job, place)
    except (DriverError, MissingData) as error:
        return error


def record(
    task: Task, trials: Sequence[tuple[Params, float]], recommended: Mapping[int, Params | None]
) -> dict[str, Any]:
    """What is scored of a search.

    trials: the observed values. incumbents: [[trial, quantile], ...] whenever the best observed value (the earliest of
    equal ones) changed hands. checkpoints: after so many trials the incumbent's quantile and regret; `tried`, the quantile of the
    truly best configuration so far (None where a truth is dear); `recommended`, that of the tool's own recommendation (None: it has none).
    """
    values = [value for _, value in trials]
    at = np.flatnonzero(np.array(values) < np.minimum.accumulate([np.inf, *values])[:-1])
    truths = [task.truth(trials[int(i)][0]) for i in at]
    tried = np.minimum.accumulate([task.truth(p) for p, _ in trials]) if task.tries else None
    checkpoints = {}
    for n in (c for c in CHECKPOINTS if c <= len(trials)):
        incumbent = truths[int(np.searchsorted(at, n)) - 1]
        own = recommended.get(n)
        checkpoints[str(n)] = {
            "quantile": round(task.quantile(incumbent), 4),
            "tried": None if tried is None else round(task.quantile(tried[n - 1]), 4),
            "recommended": None if own is None else round(task.quantile(task.truth(own)), 4),
            "regret": round(task.regret(incumbent), 5),
        }
    return {
        "trials": [float(f"{value:.6g}") for value in values],
        "incumbents": [[int(i) + 1, round(task.quantile(true), 3)] for i, true in zip(at, truths, strict=True)],
        "checkpoints": checkpoints,
    }


def noise(task: str, seed: int, number: int) -> np.random.Generator:
    """The random numbers of one evaluation, whoever asks for it."""
    return np.random.default_rng([zlib.crc32(task.encode()), seed, number])


def tool_seed(task: str, seed: int) -> int:
    """A tool's seed: another one on every task, so that tasks are independent of each other. Below 2**31."""
    return int(np.random.default_rng([zlib.crc32(task.encode()), seed]).integers(2**31))


def _short(seconds: float) -> float:
    return float(f"{seconds:.4g}")
