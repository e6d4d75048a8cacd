"""Drives Hyperopt's TPE with `tpe.suggest`'s defaults: 20 random trials first, gamma 0.25, 24 candidates.

Hyperopt documents no ask and tell: these are the steps its `fmin` takes for one trial (`FMinIter.run`,
`serial_evaluate`), with its `Trials` and `Domain`. Integers are `hp.quniform` (on a log scale `hp.qloguniform`), half
a step wider than their range, so that the first and the last whole number are as likely as the others; `hp.choice`
gives the index of a choice. It recommends the best observed trial.
"""

from __future__ import annotations

import math
from typing import Any

from _serve import serve

import hyperopt
import numpy as np
from hyperopt import hp, tpe
from hyperopt.base import JOB_STATE_DONE, STATUS_OK, Domain, Trials, spec_from_misc


class Hyperopt:
    name = "hyperopt-tpe"
    version = hyperopt.__version__

    def start(self, space: list[dict[str, Any]], seed: int, budget: int) -> None:
        self.space, self.trials, self.rng = space, Trials(), np.random.default_rng(seed)
        self.domain = Domain(lambda params: 0.0, {p["name"]: _expression(p) for p in space})

    def ask(self) -> dict[str, Any]:
        ids = self.trials.new_trial_ids(1)
        self.trials.refresh()
        docs = tpe.suggest(ids, self.domain, self.trials, self.rng.integers(2**31 - 1), verbose=False)
        self.trials.insert_trial_docs(docs)
        self.trials.refresh()
        drawn = spec_from_misc(docs[0]["misc"])
        return {p["name"]: _value(p, drawn[p["name"]]) for p in self.space}

    def tell(self, params: dict[str, Any], value: float) -> None:
        trial = self.trials._dynamic_trials[-1]
        trial["state"], trial["result"] = JOB_STATE_DONE, {"status": STATUS_OK, "loss": value}
        self.trials.refresh()

    def recommend(self) -> dict[str, Any] | None:
        return None


def _expression(p: dict[str, Any]) -> Any:
    name, low, high = p["name"], p["low"], p["high"]
    if p["kind"] == "choice":
        return hp.choice(name, p["choices"])
    if p["kind"] == "int":
        low, high = low - 0.5, high + 0.5
        return hp.qloguniform(name, math.log(low), math.log(high), 1) if p["log"] else hp.quniform(name, low, high, 1)
    return hp.loguniform(name, math.log(low), math.log(high)) if p["log"] else hp.uniform(name, low, high)


def _value(p: dict[str, Any], drawn: Any) -> Any:
    if p["kind"] == "choice":
        return p["choices"][int(drawn)]
    value = min(max(float(drawn), p["low"]), p["high"])  # exp(log(high)) may pass high by a rounding
    return round(value) if p["kind"] == "int" else value


serve(Hyperopt)
