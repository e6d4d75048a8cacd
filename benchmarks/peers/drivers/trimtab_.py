"""Drives our own samplers: `trimtab_.py --sampler gp`."""

from __future__ import annotations

import argparse
from typing import Any

import trimtab as tt
from _serve import serve


class Trimtab:
    name = "trimtab"
    version = tt.__version__

    def start(self, space: list[dict[str, Any]], seed: int, budget: int) -> None:
        parser = argparse.ArgumentParser()
        parser.add_argument("--sampler", default="auto")
        self.study = tt.Study({p["name"]: _parameter(p) for p in space}, sampler=parser.parse_args().sampler, seed=seed)
        _warm_up(self.study.sampler)

    def ask(self) -> dict[str, Any]:
        self.trial = self.study.ask()
        return dict(self.trial)

    def tell(self, params: dict[str, Any], value: float) -> None:
        self.study.tell(self.trial, value)

    def recommend(self) -> dict[str, Any] | None:
        if not hasattr(self.study, "recommend"):
            return dict(self.study.best.params)
        return dict(self.study.recommend().params)


def _warm_up(sampler: Any) -> None:
    """A few trials of another study: what is imported late is imported now, as the peers' imports are."""
    study = tt.Study({"x": tt.Float(0, 1), "c": tt.Categorical(["a", "b"])}, sampler=sampler, seed=0)
    for _ in range(12):
        trial = study.ask()
        study.tell(trial, trial["x"])


def _parameter(p: dict[str, Any]) -> Any:
    if p["kind"] == "choice":
        return tt.Categorical(p["choices"])
    return (tt.Float if p["kind"] == "float" else tt.Int)(p["low"], p["high"], log=p["log"])


serve(Trimtab)
