"""Drives `optuna.importance.get_param_importances` with each evaluator's default settings: fanova, ped, mdi."""

from __future__ import annotations

import sys
from typing import Any

from _serve import serve

import optuna
from optuna import importance
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

EVALUATOR = sys.argv[sys.argv.index("--evaluator") + 1]


class Optuna:
    version = optuna.__version__

    def analyse(
        self, space: list[dict[str, Any]], params: list[dict[str, Any]], values: list[float], seed: int
    ) -> list[float]:
        distributions = {p["name"]: _distribution(p) for p in space}
        study = optuna.create_study()
        study.add_trials(
            optuna.trial.create_trial(params=p, distributions=distributions, value=v)
            for p, v in zip(params, values, strict=True)
        )
        shares = importance.get_param_importances(study, evaluator=_evaluator(seed))
        return [shares[p["name"]] for p in space]


def _evaluator(seed: int) -> importance.BaseImportanceEvaluator:
    if EVALUATOR == "ped":
        return importance.PedAnovaImportanceEvaluator()
    kinds = {
        "fanova": importance.FanovaImportanceEvaluator,
        "mdi": importance.MeanDecreaseImpurityImportanceEvaluator,
    }
    return kinds[EVALUATOR](seed=seed)


def _distribution(p: dict[str, Any]) -> BaseDistribution:
    if p["kind"] == "choice":
        return CategoricalDistribution(p["choices"])
    return (IntDistribution if p["kind"] == "int" else FloatDistribution)(p["low"], p["high"], log=p["log"])


optuna.logging.set_verbosity(optuna.logging.WARNING)
serve(Optuna)
