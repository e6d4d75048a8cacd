"""Whole durable trials a second on PostgreSQL (created, started, finished; random sampler, 2 parameters).

Optuna's RDBStorage runs beside ours, on the same server in turn, if it is installed. The server is one of our own on loopback.
"""

from __future__ import annotations

import warnings
from typing import Any

import trimtab as tt
from benchmarks.postgres_server import Server, why_not
from benchmarks.speed.storage import compared, rate

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
    with Server() as server:

        def once(tool: str, processes: int) -> float:
            url = server.empty()
            if tool != "trimtab":
                _optuna_study(url)  # two processes that create Optuna's tables at once fail
            return rate(tools[tool], url, processes, trials if tool == "trimtab" else max(trials // 5, 8))

        return compared(tools, (1, 4), repeats, once)


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
