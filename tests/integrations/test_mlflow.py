"""MLflow: what was written is read back by its own client, from a store in files."""

from __future__ import annotations

import pytest

import trimtab as tt
from trimtab.integrations.mlflow import MLflow

SPACE = {"lr": tt.Float(1e-4, 1.0, log=True), "act": ["relu", "tanh"], "where?": tt.Categorical([(50,), (100, 50)])}


def objective(trial):
    for epoch in range(3):
        trial.report(1.0 / (epoch + 1), epoch)
    if trial.number == 1:
        raise ValueError("diverged\nat epoch 3")
    if trial.number == 2:
        raise tt.TrialPruned
    return {"value": 0.25, "accuracy": 0.5}


@pytest.fixture
def uri(tmp_path, monkeypatch):
    """Of an empty store; nothing is sent anywhere."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    pytest.importorskip("mlflow", reason="mlflow is not installed")
    return (tmp_path / "store").as_uri()


def studied(**settings):
    return tt.Study(SPACE, sampler="random", seed=0, **settings)


def runs_of(uri, experiment):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    found = client.get_experiment_by_name(experiment)
    runs = client.search_runs([found.experiment_id])
    return client, sorted(runs, key=lambda run: int(run.data.tags["trimtab.trial"]))


def test_each_trial_is_a_run_with_parameters_outcomes_curve_and_state(uri):
    study = studied(name="digits")
    study.optimize(objective, n_trials=3, progress=False, callbacks=[MLflow(tracking_uri=uri)])
    client, runs = runs_of(uri, "digits")

    assert [run.info.status for run in runs] == ["FINISHED", "FAILED", "KILLED"]
    for run, trial in zip(runs, study.trials, strict=True):
        expected = {"lr": str(trial["lr"]), "act": trial["act"], "where_": str(trial["where?"])}
        assert run.data.params == expected
        assert run.data.tags["trimtab.state"] == trial.state
        assert run.data.tags["trimtab.study"] == "digits"
        assert run.info.run_name == f"trial {trial.number}"
        assert run.info.end_time - run.info.start_time == pytest.approx(1e3 * trial.seconds, abs=1)
        points = client.get_metric_history(run.info.run_id, "reported")
        assert sorted((p.step, p.value) for p in points) == [(0, 1.0), (1, 0.5), (2, 1 / 3)]
    assert runs[0].data.metrics["value"] == 0.25
    assert runs[0].data.metrics["accuracy"] == 0.5
    assert "value" not in runs[1].data.metrics
    assert runs[1].data.tags["trimtab.error"].endswith("ValueError: diverged\nat epoch 3\n")


def test_a_finished_study_is_exported_once_and_a_run_that_was_cut_short_again(uri):
    study = studied()
    study.optimize(objective, n_trials=3, progress=False)
    study.ask()
    tracker = MLflow(tracking_uri=uri, experiment="mine")

    assert tracker.export_study(study) == 3
    assert tracker.export_study(study) == 0
    client, runs = runs_of(uri, "mine")
    client.set_terminated(runs[1].info.run_id, status="RUNNING")
    assert tracker.export_study(study) == 1


def test_a_study_of_the_same_experiment_under_another_name_is_told_apart(uri):
    tracker = MLflow(tracking_uri=uri, experiment="both")
    for name in ("a", "b"):
        study = studied(name=name)
        study.optimize(objective, n_trials=2, progress=False)
        assert tracker.export_study(study) == 2


def test_many_points_and_parameters_go_in_several_requests(uri):
    study = tt.Study({f"p{j}": tt.Float(0, 1) for j in range(120)}, sampler="random", seed=0)
    trial = study.ask()
    for step in range(1_200):
        trial.report(step, step)
    study.tell(trial, 1.0)
    tracker = MLflow(tracking_uri=uri)
    tracker.export_study(study)
    client, (run,) = runs_of(uri, "study")

    assert len(run.data.params) == 120
    assert len(client.get_metric_history(run.info.run_id, "reported")) == 1_200


def test_a_server_that_is_away_ends_no_study(uri, tmp_path):
    (tmp_path / "file").write_text("no folder")
    study = studied()
    with pytest.warns(RuntimeWarning, match="Trial 0 of study 'study' in MLflow was not written"):
        study.optimize(
            objective, n_trials=1, progress=False, callbacks=[MLflow(tracking_uri=(tmp_path / "file" / "x").as_uri())]
        )

    assert study.best.value == 0.25
