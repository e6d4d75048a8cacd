"""Whole durable trials a second on PostgreSQL (created, started, finished; random sampler, 2 parameters).

Optuna's RDBStorage runs beside ours, on the same server in turn, if it is installed. The server is one of our own on loopback.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
import warnings
from typing import Any

import trimtab as tt
from benchmarks.postgres_server import Server, why_not

__all__ = ["rates"]

_SPACE = {"a": tt.Float(0.0, 1.0), "b": tt.Float(0.0, 1.0)}


def rates(trials: int, repeats: int) -> list[dict[str, object]]:
    """One row a tool and number of writing processes: median, minimum and maximum trials a second. None without PostgreSQL."""
    if why_not() is not None:
        return []
    tools = {"trimtab": _trimtab_worker}
    try:
        import optuna

        tools[f"optuna {optuna.__version__}"] = _optuna_worker
    except ImportError:
        pass
    rows: list[dict[str, object]] = []
    with Server() as server:
        for processes in (1, 4):
            found: dict[str, list[float]] = {tool: [] for tool in tools}
            for _ in range(repeats):
                for tool, worker in tools.items():  # in turn, so that drift hits all alike
                    n = trials if tool == "trimtab" else max(trials // 5, 8)
                    found[tool].append(_rate(server, worker, processes, n))
            rows += [
                {
                    "tool": tool,
                    "processes": processes,
                    "trials_per_s": statistics.median(r),
                    "min": min(r),
                    "max": max(r),
                    "runs": repeats,
                }
                for tool, r in found.items()
            ]
    return rows


def _rate(server: Server, worker: Any, processes: int, trials: int) -> float:
    """Trials a second of all processes together, from the moment when all are ready."""
    url = server.empty()
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(processes + 1)
    share = trials // processes
    if worker is _optuna_worker:
        _optuna_study(url)  # two processes that create Optuna's tables at once fail
    members = [context.Process(target=worker, args=(url, share, barrier)) for _ in range(processes)]
    for member in members:
        member.start()
    barrier.wait(timeout=120)
    begun = time.perf_counter()
    for member in members:
        member.join()
        if member.exitcode:
            raise RuntimeError(f"a benchmark process failed with exit code {member.exitcode}")
    return processes * share / (time.perf_counter() - begun)


def _trimtab_worker(url: str, trials: int, barrier: Any) -> None:
    study = tt.Study(_SPACE, sampler="random", storage=url, seed=0)
    barrier.wait(timeout=120)
    for _ in range(trials):
        trial = study.ask()
        study.tell(trial, trial["a"])
    study.close()


def _optuna_study(url: str) -> Any:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampler = optuna.samplers.RandomSampler(seed=0)
        driver = url.replace("postgresql://", "postgresql+psycopg://")
        return optuna.create_study(storage=driver, study_name="x", load_if_exists=True, sampler=sampler)


def _optuna_worker(url: str, trials: int, barrier: Any) -> None:
    study = _optuna_study(url)
    barrier.wait(timeout=120)
    for _ in range(trials):
        trial = study.ask()
        study.tell(trial, trial.suggest_float("a", 0, 1) + 0 * trial.suggest_float("b", 0, 1))
