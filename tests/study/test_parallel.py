"""Workers that finish in any order: the seed and the order of finishing decide the study, and the log is all that it needs."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

import trimtab as tt

SPACE = {
    "lr": tt.Float(1e-4, 1.0, log=True),
    "units": tt.Int(4, 64, log=True),
    "solver": tt.Categorical(["adam", "sgd"]),
    "momentum": tt.Float(0.0, 0.99, when={"solver": "sgd"}),
    "depth": tt.Int(1, 3),
}
WORKERS, N_TRIALS = 4, 24


def loss(params):
    """A bowl; one region crashes."""
    if params["lr"] > 0.3:
        return float("nan")
    far = (np.log10(params["lr"]) + 2) ** 2 + 0.1 * (params["depth"] - 2) ** 2 + params.get("momentum", 0.4)
    return float(far + abs(np.log2(params["units"]) - 4))


def live(order, ask, tell):
    """Keep WORKERS trials open and let them finish in an order: order[i] picks among the open ones. Gives all proposals."""
    open_, proposals = [], []
    for pick in order:
        while len(open_) < WORKERS and len(proposals) < N_TRIALS:
            trial = ask()
            open_.append(trial)
            proposals.append(dict(trial.params))
        trial = open_.pop(pick % len(open_))
        tell(trial.number, loss(trial.params))
    return proposals


def orders(seed):
    return np.random.default_rng(seed).integers(0, 100, N_TRIALS).tolist()


def samplers():
    for name in ("gp", "tpe", "auto", "random", "sobol", "cmaes"):
        missing = name == "cmaes" and importlib.util.find_spec("cmaes") is None
        yield pytest.param(name, marks=pytest.mark.skipif(missing, reason="needs trimtab[cmaes]"))


@pytest.mark.parametrize("sampler", list(samplers()))
def test_the_seed_and_the_order_of_finishing_decide_the_study(sampler, tmp_path):
    """One study lives through in memory; the other is opened anew from its file before every single step."""
    order = orders(1)
    one = tt.Study(SPACE, sampler=sampler, seed=5)
    lived = live(order, one.ask, one.tell)

    def reopened():
        return tt.Study(SPACE, sampler=sampler, storage=tmp_path / "study.db", seed=5)

    def ask():
        with reopened() as study:
            return study.ask()

    def tell(number, value):
        with reopened() as study:
            study.tell(number, value)

    assert live(order, ask, tell) == lived
    with reopened() as study:
        assert [dict(t.params) for t in study.trials] == lived
        assert study.best.value == one.best.value


@pytest.mark.parametrize("sampler", ["gp", "tpe"])
def test_another_order_of_finishing_gives_another_study(sampler):
    """The results of others are used as soon as they are there: nobody waits for an older trial."""
    first, second = (tt.Study(SPACE, sampler=sampler, seed=5) for _ in range(2))

    assert live(orders(1), first.ask, first.tell) != live(orders(2), second.ask, second.tell)
