"""Whole durable trials a second on SQLite (created, started, finished; random sampler, 2 parameters), seconds to load a study, and
milliseconds to ask for its table again.

Optuna's SQLite storage runs beside ours, in the same folder, if it is installed.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

import trimtab as tt
from trimtab.records import Created, Event, Finished, Fold, Opened, Started
from trimtab.storage import open_storage

__all__ = ["compared", "loading", "rate", "rates"]

_SPACE = {"a": tt.Float(0.0, 1.0), "b": tt.Float(0.0, 1.0)}


def rates(trials: int, repeats: int) -> list[dict[str, object]]:
    """One row a tool and number of writing processes: median, minimum and maximum trials a second."""
    tools = {"trimtab": _trimtab_worker}
    try:
        import optuna

        tools[f"optuna {optuna.__version__}"] = _optuna_worker
    except ImportError:
        pass

    def once(tool: str, processes: int) -> float:
        with tempfile.TemporaryDirectory() as folder:
            n = trials if tool == "trimtab" else max(trials // 20, 10)
            return rate(tools[tool], str(Path(folder) / "x.db"), processes, n)

    return compared(tools, (1, 2, 4), repeats, once)


def compared(
    tools: Iterable[str], numbers: Sequence[int], repeats: int, once: Callable[[str, int], float]
) -> list[dict[str, object]]:
    """One row a tool and number of processes, from `repeats` measurements once(tool, processes) each, in trials a second."""
    rows: list[dict[str, object]] = []
    for processes in numbers:
        found: dict[str, list[float]] = {tool: [] for tool in tools}
        for _ in range(repeats):
            for tool, rates in found.items():  # in turn, so that drift hits all alike
                rates.append(once(tool, processes))
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


def rate(worker: object, target: str, processes: int, trials: int) -> float:
    """Trials a second of all processes worker(target, its share of the trials, barrier) together, once all are ready."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(processes + 1)
    share = trials // processes
    members = [context.Process(target=worker, args=(target, share, barrier)) for _ in range(processes)]  # type: ignore[arg-type]
    for member in members:
        member.start()
    barrier.wait(timeout=120)
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


def loading(sizes: Sequence[int], repeats: int) -> list[dict[str, object]]:
    """One row a size: seconds from opening the file to a TrialTable of so many trials with 10 parameters, and milliseconds of
    `study.table` when nothing is new."""
    space = tt.Space({f"p{i}": tt.Float(0.0, 1.0) for i in range(10)})
    rows: list[dict[str, object]] = []
    for trials in sizes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "x.db"
            _fill(path, space, trials)
            seconds = [_load(path, space, trials) for _ in range(repeats)]
            with tt.Study.load(path) as study:
                again = [_timed(lambda: study.table) for _ in range(20 * repeats + 1)][1:]
        rows.append(
            {
                "load": f"{trials:,} trials",
                "seconds": statistics.median(seconds),
                "min": min(seconds),
                "max": max(seconds),
                "runs": repeats,
                "again ms": 1e3 * statistics.median(again),
                "again ms max": 1e3 * max(again),
            }
        )
    return rows


def _fill(path: Path, space: tt.Space, trials: int) -> None:
    """A study as a process leaves it that evaluated so many trials."""
    owner = {"host": "machine:0123abcd", "pid": 1, "born": 1, "ns": 1, "worker": "0123456789abcdef", "lease": 60.0}
    settings = {"space": space.to_dict(), "direction": "minimize", "seed": 0, "sampler": "Random()", "trimtab": "0"}
    stored = space.store(space.sample(trials, np.random.default_rng(0)))
    storage = open_storage(path)
    storage.append("study", [Opened(0, settings, 0.0)])
    for k in range(0, trials, 1_000):
        events: list[Event] = []
        for i, params in enumerate(stored[k : k + 1_000], start=k):
            at = 1.7e9 + i
            events += [Created(i, params, "sampler", at), Started(i, 0, owner, at)]
            events.append(Finished(i, "finished", i / 7.0, 1.0 / 3.0, None, at))
        storage.append("study", events)
    storage.close()


def _load(path: Path, space: tt.Space, trials: int) -> float:
    begun = time.perf_counter()
    storage = open_storage(path)
    fold = Fold(space, "minimize")
    fold.apply(storage.read("study")[0])
    table = fold.table
    seconds = time.perf_counter() - begun
    storage.close()
    if table.n != trials:
        raise RuntimeError(f"expected {trials} trials, loaded {table.n}")
    return seconds


def _timed(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun
