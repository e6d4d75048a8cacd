"""Milliseconds of one `ask` after n finished trials, 8 mixed parameters, one thread, in memory; Optuna's TPE beside ours if installed.

Every ask is followed by a tell, so that a sampler's work on new results is inside: what is timed is ask + tell.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np

import trimtab as tt

__all__ = ["SIZES", "measure"]

SIZES = {
    "random": (10, 100, 300, 1_000, 10_000),
    "sobol": (10, 100, 300, 1_000),
    "tpe": (10, 100, 300, 1_000, 10_000),
    "gp": (10, 100, 300, 1_000),
}


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
    """One row a tool and n: median, minimum and maximum milliseconds over `repeats` asks."""
    rows = []
    for name in samplers:
        rows += [_row(f"trimtab {name}", n, _trimtab(name, n), repeats) for n in SIZES[name] if n <= largest]
    try:
        import optuna
    except ImportError:
        return rows
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    name = f"optuna {optuna.__version__} tpe"
    return rows + [_row(name, n, _optuna(n), repeats) for n in SIZES["tpe"] if n <= largest]


def _row(tool: str, n: int, step: Callable[[], None], repeats: int) -> dict[str, object]:
    milliseconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        step()
        milliseconds.append(1e3 * (time.perf_counter() - begun))
    return {
        "tool": tool,
        "n": n,
        "ms": statistics.median(milliseconds),
        "min": min(milliseconds),
        "max": max(milliseconds),
        "asks": repeats,
    }


def _trimtab(name: str, n: int) -> Callable[[], None]:
    rng = np.random.default_rng(0)
    study = tt.Study(space(), sampler=name, seed=0)
    for params in study.space.decode(study.space.sample(n, rng)):
        study.add_trial(params, loss(params, rng))

    def step() -> None:
        trial = study.ask()
        study.tell(trial, loss(trial.params, rng))

    step()  # the first ask replays the table
    return step


def _optuna(n: int) -> Callable[[], None]:
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
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
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
