"""Milliseconds of one `ask` after n finished trials, 8 mixed parameters, one thread, in memory; Optuna's samplers beside ours.

Every ask is followed by a tell, so that a sampler's work on new results is inside: what is timed is ask + tell. The asks of our
GP go on past its next checkpoint (every 5 % more trials), so that its worst ask holds a fit of the hyperparameters; Optuna's GP
fits at every ask. Without Optuna, or without the PyTorch that its GP needs, those rows have no figures.
"""

from __future__ import annotations

import importlib.util
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np

import trimtab as tt

__all__ = ["PEER_SIZES", "SIZES", "loss", "measure", "optuna_step", "space", "timed", "trimtab_step"]

SIZES = {
    "random": (10, 100, 300, 1_000, 10_000),
    "sobol": (10, 100, 300, 1_000),
    "tpe": (10, 100, 300, 1_000, 10_000),
    "gp": (10, 100, 300, 1_000),
}
PEER_SIZES = {"tpe": (10, 100, 300, 1_000, 10_000), "gp": (100, 300, 1_000)}
SLOW = {300: 7, 1_000: 3}  # asks of Optuna's GP, which takes seconds for each


def space() -> tt.Space:
    """Four real numbers (two log), two integers (one log), two choices."""
    return tt.Space(
        {
            "lr": tt.Float(1e-5, 1e-1, log=True),
            "decay": tt.Float(1e-6, 1e-1, log=True),
            "momentum": tt.Float(0.0, 0.99),
            "dropout": tt.Float(0.0, 0.5),
            "units": tt.Int(16, 1024, log=True),
            "layers": tt.Int(1, 5),
            "activation": tt.Categorical(["relu", "tanh", "elu"]),
            "optimizer": tt.Categorical(["sgd", "adam"]),
        }
    )


def loss(p: dict[str, object], rng: np.random.Generator) -> float:
    """A smooth bowl with a kink for the choices and noise of 2 %."""
    bowl = (np.log10(p["lr"]) + 3) ** 2 + 0.3 * (np.log10(p["decay"]) + 4) ** 2 + (p["momentum"] - 0.9) ** 2  # type: ignore[call-overload,operator]
    rest = (p["dropout"] - 0.2) ** 2 + 0.1 * abs(np.log2(p["units"]) - 8) + 0.05 * p["layers"]  # type: ignore[call-overload,operator]
    return float(
        bowl + rest + 0.2 * (p["activation"] == "tanh") + 0.1 * (p["optimizer"] == "sgd") + 0.02 * rng.standard_normal()
    )


def measure(repeats: int, largest: int, samplers: tuple[str, ...] = tuple(SIZES)) -> list[dict[str, object]]:
    """One row a tool and n: median, least and worst milliseconds over `repeats` asks or more; None where the tool is missing."""
    rows = []
    for name in samplers:
        for n in SIZES[name]:
            if n <= largest:
                asks = max(repeats, n // 20 + 2) if name == "gp" else repeats  # past the next checkpoint
                rows.append(_row(f"trimtab {name}", n, trimtab_step(name, n), asks))
    for name, sizes in PEER_SIZES.items():
        tool, installed = _peer(name)
        for n in sizes:
            if n <= largest:
                asks = min(repeats, SLOW.get(n, repeats)) if name == "gp" else repeats
                rows.append(_row(tool, n, optuna_step(name, n) if installed else None, asks))
    return rows


def _peer(sampler: str) -> tuple[str, bool]:
    """Name of Optuna's sampler with its version, and whether it can run here."""
    if importlib.util.find_spec("optuna") is None:
        return f"optuna {sampler}", False
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    installed = sampler != "gp" or importlib.util.find_spec("torch") is not None
    if sampler == "gp" and installed:
        import torch

        torch.set_num_threads(1)
    return f"optuna {optuna.__version__} {sampler}", installed


def timed(step: Callable[[], None], repeats: int) -> list[float]:
    """Milliseconds of each of `repeats` calls."""
    milliseconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        step()
        milliseconds.append(1e3 * (time.perf_counter() - begun))
    return milliseconds


def _row(tool: str, n: int, step: Callable[[], None] | None, repeats: int) -> dict[str, object]:
    if step is None:
        return {"tool": tool, "n": n, "ms": None, "min": None, "max": None, "asks": 0}
    ms = timed(step, repeats)
    return {"tool": tool, "n": n, "ms": statistics.median(ms), "min": min(ms), "max": max(ms), "asks": repeats}


def trimtab_step(name: str, n: int) -> Callable[[], None]:
    """One ask and tell of our sampler after n trials."""
    rng = np.random.default_rng(0)
    study = tt.Study(space(), sampler=name, seed=0)
    for params in study.space.decode(study.space.sample(n, rng)):
        study.add_trial(params, loss(params, rng))

    def step() -> None:
        trial = study.ask()
        study.tell(trial, loss(trial.params, rng))

    step()  # the first ask replays the table
    return step


def optuna_step(name: str, n: int) -> Callable[[], None]:
    """The same of Optuna's sampler, after the same trials."""
    import optuna

    rng = np.random.default_rng(0)
    d = optuna.distributions
    distributions = {
        "lr": d.FloatDistribution(1e-5, 1e-1, log=True),
        "decay": d.FloatDistribution(1e-6, 1e-1, log=True),
        "momentum": d.FloatDistribution(0.0, 0.99),
        "dropout": d.FloatDistribution(0.0, 0.5),
        "units": d.IntDistribution(16, 1024, log=True),
        "layers": d.IntDistribution(1, 5),
        "activation": d.CategoricalDistribution(["relu", "tanh", "elu"]),
        "optimizer": d.CategoricalDistribution(["sgd", "adam"]),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        samplers = {"tpe": optuna.samplers.TPESampler, "gp": optuna.samplers.GPSampler}
        study = optuna.create_study(sampler=samplers[name](seed=0))
    ours = space()
    study.add_trials(
        [
            optuna.trial.create_trial(params=p, distributions=distributions, value=loss(p, rng))
            for p in ours.decode(ours.sample(n, rng))
        ]
    )

    def step() -> None:
        trial = study.ask(distributions)
        study.tell(trial, loss(trial.params, rng))

    step()
    return step
