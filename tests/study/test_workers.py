"""Worker processes: the results are those of one process, and the death of a worker costs its own trial only."""

import os
import signal

import pytest

import trimtab as tt

SPACE = {"x": tt.Float(0.0, 1.0), "k": tt.Int(1, 9)}


def die(parent):
    """Kill this worker process the hard way; never the tests' own process."""
    if os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("the objective runs in the study's own process")


def run(objective, n, **keywords):
    settings = {"sampler": "random", "seed": 0, "progress": False, "workers": 2, **keywords}
    return tt.minimize(objective, SPACE, n, **settings)


def test_closures_run_in_worker_processes():
    here = os.getpid()
    shift = 0.3

    def objective(trial):
        assert os.getpid() != here
        return (trial["x"] - shift) ** 2

    study = run(objective, 8)
    assert [t.state for t in study.trials] == ["finished"] * 8
    assert all(t.value == (t["x"] - shift) ** 2 for t in study.trials)


def test_a_killed_worker_costs_its_own_trial_only():
    here = os.getpid()

    def objective(trial):
        if trial.number in (1, 4):
            die(here)
        return trial["x"]

    study = run(objective, 10)
    assert [t.number for t in study.trials if t.state == "failed"] == [1, 4]
    assert "died" in study.trials[1].error
    assert sum(t.state == "finished" for t in study.trials) == 8


def test_retries_run_a_lost_trial_again(tmp_path):
    here = os.getpid()

    def objective(trial, folder=str(tmp_path)):
        mark = os.path.join(folder, str(trial.number))
        if trial.number == 2 and not os.path.exists(mark):
            open(mark, "w").close()
            die(here)
        return trial["x"]

    study = run(objective, 6, retries=1)
    assert [t.state for t in study.trials] == ["finished"] * 6


def test_exceptions_come_back_with_their_traceback_and_catch_is_obeyed():
    def objective(trial):
        raise LookupError(f"no such knob in trial {trial.number}")

    assert "LookupError: no such knob in trial 0" in run(objective, 2).trials[0].error
    with pytest.raises(LookupError):
        run(objective, 2, catch=(ValueError,))


def test_reports_come_back_from_workers():
    def objective(trial):
        for step in range(3):
            trial.report(1.0 / (1 + step), step=step)
        return trial["x"]

    assert all(t.reports == {0.0: 1.0, 1.0: 0.5, 2.0: 1 / 3} for t in run(objective, 3).trials)


def test_an_interrupted_parallel_study_hands_its_trials_back():
    study = tt.Study(SPACE, sampler="random", seed=0)

    def stop(study, trial):
        raise KeyboardInterrupt

    def objective(trial):
        import time

        time.sleep(0.05 if trial.number == 0 else 30)
        return trial["x"]

    with pytest.raises(KeyboardInterrupt):
        study.optimize(objective, 4, workers=2, progress=False, callbacks=[stop])
    assert [t.state for t in study.trials] == ["finished", "created"]
    assert study.ask().number == 1
