"""Drives our own samplers: `trimtab_.py --sampler gp`, or a run that spends a share on the sensitivities: `--understand 0.2`."""

from __future__ import annotations

import argparse
import threading
from queue import SimpleQueue
from typing import Any

import trimtab as tt
from _serve import serve


class Trimtab:
    name = "trimtab"
    version = tt.__version__

    def start(self, space: list[dict[str, Any]], seed: int, budget: int) -> None:
        parser = argparse.ArgumentParser()
        parser.add_argument("--sampler", default="auto")
        parser.add_argument("--understand", type=float, default=0.0)
        arguments = parser.parse_args()
        self.study = tt.Study({p["name"]: _parameter(p) for p in space}, sampler=arguments.sampler, seed=seed)
        _warm_up(self.study.sampler)
        self.running = Running(self.study, budget, arguments.understand) if arguments.understand else None

    def ask(self) -> dict[str, Any]:
        self.trial = self.running.ask() if self.running else self.study.ask()
        return dict(self.trial)

    def tell(self, params: dict[str, Any], value: float) -> None:
        if self.running:
            self.running.tell(value)
        else:
            self.study.tell(self.trial, value)

    def recommend(self) -> dict[str, Any] | None:
        if not hasattr(self.study, "recommend"):
            return dict(self.study.best.params)
        return dict(self.study.recommend().params)


class Running:
    """`Study.optimize` in a thread, where alone understand= is known. The objective hands its trial over and waits for the value."""

    def __init__(self, study: tt.Study, budget: int, understand: float) -> None:
        self._trials: SimpleQueue[Any] = SimpleQueue()
        self._values: SimpleQueue[float] = SimpleQueue()

        def objective(trial: tt.Trial) -> float:
            self._trials.put(trial)
            return self._values.get()

        def run() -> None:
            try:
                study.optimize(objective, budget, understand=understand, progress=False, callbacks=[self._told])
                self._trials.put(RuntimeError("the run has ended"))
            except BaseException as error:
                self._trials.put(error)
                self._heard.set()

        self._heard = threading.Event()
        threading.Thread(target=run, daemon=True).start()

    def ask(self) -> tt.Trial:
        trial = self._trials.get()
        if isinstance(trial, BaseException):
            raise trial
        return trial

    def tell(self, value: float) -> None:
        self._heard.clear()
        self._values.put(value)
        self._heard.wait()  # the value is in the study

    def _told(self, study: tt.Study, trial: tt.Trial) -> None:
        self._heard.set()


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
