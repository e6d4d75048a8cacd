"""Whole durable trials a second on SQLite (created, started, finished; random sampler, 2 parameters), and seconds to load 10,000 trials.

Optuna's SQLite storage runs beside ours, in the same folder, if it is installed.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import statistics
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import trimtab as tt
from trimtab.records import Created, Finished, Fold, Opened, Started
from trimtab.storage import open_storage

__all__ = ["loading", "rates"]

_SPACE = {"a": tt.Float(0.0, 1.0), "b": tt.Float(0.0, 1.0)}


def rates(trials: int, repeats: int) -> list[dict[str, object]]:
    """One row a tool and number of writing processes: median, minimum and maximum trials a second."""
    tools = {"trimtab": _trimtab_worker}
    try:
        import optuna

        tools[f"optuna {optuna.__version__}"] = _optuna_worker
    except ImportError:
        pass
    rows: list[dict[str, object]] = []
    for processes in (1, 2):
        found: dict[str, list[float]] = {tool: [] for tool in tools}
        for _ in range(repeats):
            for tool, worker in tools.items():  # in turn, so that drift hits all alike
                n = trials if tool == "trimtab" else max(trials // 20, 10)
                with tempfile.TemporaryDirectory() as folder:
                    found[tool].append(_rate(worker, str(Path(folder) / "x.db"), processes, n))
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


def _rate(worker: object, path: str, processes: int, trials: int) -> float:
    """Trials a second of all processes together, from the moment when all are ready."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(processes + 1)
    share = trials // processes
    members = [context.Process(target=worker, args=(path, share, barrier)) for _ in range(processes)]  # type: ignore[arg-type]
    for member in members:
        member.start()
    barrier.wait(timeout=60)
    begun = time.perf_counter()
    for member in members:
        member.join()
        if member.exitcode:
            raise RuntimeError(f"a benchmark process failed with exit code {member.exitcode}")
    return processes * share / (time.perf_counter() - begun)


def _trimtab_worker(path: str, trials: int, barrier: object) -> None:
    study = tt.Study(_SPACE, sampler="random", storage=path, seed=0)
    barrier.wait(timeout=60)  # type: ignore[attr-defined]
    for _ in range(trials):
        trial = study.ask()
        study.tell(trial, trial["a"])


@contextlib.contextmanager
def _one_at_a_time(path: str) -> Iterator[None]:
    """One process at a time: two that create Optuna's tables at once fail."""
    import fcntl

    with open(f"{path}.lock", "w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield


def _optuna_worker(path: str, trials: int, barrier: object) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings(), _one_at_a_time(path):
        warnings.simplefilter("ignore")
        sampler = optuna.samplers.RandomSampler(seed=0)
        study = optuna.create_study(storage=f"sqlite:///{path}", study_name="x", load_if_exists=True, sampler=sampler)
    barrier.wait(timeout=60)  # type: ignore[attr-defined]
    for _ in range(trials):
        trial = study.ask()
        study.tell(trial, trial.suggest_float("a", 0, 1) + 0 * trial.suggest_float("b", 0, 1))


def loading(trials: int, repeats: int) -> list[dict[str, object]]:
    """Seconds from opening the file to a TrialTable of `trials` trials with 10 parameters."""
    import numpy as np

    space = tt.Space({f"p{i}": tt.Float(0.0, 1.0) for i in range(10)})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.db"
        storage = open_storage(path)
        storage.append(
            "study", [Opened(0, {"space": space.to_dict(), "direction": "minimize", "seed": 0, "sampler": "x"}, 0.0)]
        )
        stored = space.store(space.sample(trials, np.random.default_rng(0)))
        for k in range(0, trials, 1_000):
            events: list[object] = []
            for i, params in enumerate(stored[k : k + 1_000], start=k):
                events += [Created(i, params, "sampler", 0.0), Started(i, 0, {"host": "x", "pid": 1, "born": 1}, 0.0)]
                events.append(Finished(i, "finished", float(i), 1.0, None, 0.0))
            storage.append("study", events)  # type: ignore[arg-type]
        storage.close()
        seconds = []
        for _ in range(repeats):
            begun = time.perf_counter()
            again = open_storage(path)
            fold = Fold(space, "minimize")
            fold.apply(again.read("study")[0])
            table = fold.table
            seconds.append(time.perf_counter() - begun)
            again.close()
            if table.n != trials:
                raise RuntimeError(f"expected {trials} trials, loaded {table.n}")
    return [
        {
            "load": f"{trials:,} trials",
            "seconds": statistics.median(seconds),
            "min": min(seconds),
            "max": max(seconds),
            "runs": repeats,
        }
    ]
