"""Trials as runs of MLflow: parameters, outcomes, learning curves, states and errors.

    from trimtab.integrations.mlflow import MLflow

    study.optimize(objective, n_trials=50, callbacks=[MLflow()])         each trial as it ends
    MLflow(tracking_uri="http://localhost:5000").export_study(study)     all ended trials that are not there yet

One run a trial, in an experiment that is named like the study. The run of a finished trial is FINISHED, of a pruned one KILLED,
of a failed one FAILED, with the error in the tag "trimtab.error". Other characters than MLflow allows in names become "_".
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from trimtab.errors import require
from trimtab.integrations._exported import Exported, exported, or_warn
from trimtab.records import FINISHED, STATES, Trial
from trimtab.study import Study

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

__all__ = ["MLflow"]

_ALLOWED = r"A-Za-z0-9_.\- "
_STATUS = {"finished": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
_MOST_METRICS, _MOST_PARAMS = 1_000, 100  # in one request
_MOST_TEXT = 500  # characters of a parameter's value, in older versions
_MOST_ERROR = 4_000


@dataclass(frozen=True, kw_only=True)
class MLflow:
    """A callback for `optimize`, and a way to export a study afterwards.

    tracking_uri: of the server, or a database such as "sqlite:///mlflow.db"; None takes what MLflow is set to.
    experiment: None takes the study's name. It is made where it does not exist.
    As a callback it never ends a study: where MLflow is away it warns, and `export_study` writes what is missing.
    """

    tracking_uri: str | None = None
    experiment: str | None = None

    def __post_init__(self) -> None:
        require("mlflow", "mlflow")

    def __call__(self, study: Study, trial: Trial) -> None:
        """Write one trial."""
        or_warn(
            lambda: self._write(self._experiment_of(study), study, trial),
            f"Trial {trial.number} of study {study.name!r} in MLflow",
            "MLflow(...).export_study(study)",
        )

    def export_study(self, study: Study) -> int:
        """Write the ended trials that the experiment does not have yet; how many these were. Errors are MLflow's own."""
        experiment = self._experiment_of(study)
        there = self._there(experiment, study.name)
        missing = [t for t in study.trials if t.state in STATES[FINISHED:] and t.number not in there]
        for trial in missing:
            self._write(experiment, study, trial)
        return len(missing)

    @cached_property
    def _client(self) -> MlflowClient:
        tracking = require("mlflow.tracking", "mlflow")
        client: MlflowClient = tracking.MlflowClient(tracking_uri=self.tracking_uri)
        return client

    def _experiment_of(self, study: Study) -> str:
        """The experiment's id. Another process may make it at the same time."""
        name = self.experiment or study.name
        found = self._client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(self._client.create_experiment(name))
            except Exception:
                found = self._client.get_experiment_by_name(name)
                if found is None:
                    raise
        return str(found.experiment_id)

    def _there(self, experiment: str, study: str) -> set[int]:
        """Numbers of the study's trials that are written whole."""
        found, token = set(), None
        while True:
            page = self._client.search_runs([experiment], max_results=1_000, page_token=token)
            for run in page:
                tags = run.data.tags
                if tags.get("trimtab.study") == study and run.info.status in _STATUS.values():
                    found.add(int(tags["trimtab.trial"]))
            token = page.token
            if not token:
                return found

    def _write(self, experiment: str, study: Study, trial: Trial) -> None:
        """A run, whose last change is its status: one that was cut short stays RUNNING, and is written again."""
        plain, client = exported(study, trial, _ALLOWED), self._client
        now = int(time.time() * 1_000)
        lasted = int(plain.seconds * 1_000) if plain.seconds == plain.seconds else 0
        tags = {"trimtab.study": study.name, "trimtab.trial": str(plain.number), "trimtab.state": plain.state}
        if plain.error:
            tags["trimtab.error"] = plain.error[-_MOST_ERROR:]
        run = client.create_run(experiment, start_time=now - lasted, tags=tags, run_name=f"trial {plain.number}")
        run_id = run.info.run_id
        params, metrics = _entities(plain, now)
        for start in range(0, len(params), _MOST_PARAMS):
            client.log_batch(run_id, params=params[start : start + _MOST_PARAMS])
        for start in range(0, len(metrics), _MOST_METRICS):
            client.log_batch(run_id, metrics=metrics[start : start + _MOST_METRICS])
        client.set_terminated(run_id, status=_STATUS[plain.state], end_time=now)


def _entities(plain: Exported, now: int) -> tuple[list[Any], list[Any]]:
    """MLflow's parameters and metrics of a trial."""
    entities = require("mlflow.entities", "mlflow")
    params = [entities.Param(name, str(value)[:_MOST_TEXT]) for name, value in plain.params.items()]
    metrics = [entities.Metric(name, value, now, 0) for name, value in plain.metrics.items()]
    metrics += [entities.Metric(plain.curve_name, value, now, step) for step, value in plain.curve]
    return params, metrics
