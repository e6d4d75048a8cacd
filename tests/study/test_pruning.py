"""The wire of early stopping: reports reach the storage, should_stop() is answered from it, pruned trials are stored as such."""

from __future__ import annotations

import math

import pytest

import trimtab as tt
from trimtab.errors import InputError, StudyError
from trimtab.records import Reported
from trimtab.study import _channel

SPACE = {"x": tt.Float(0.0, 1.0)}


class StopAt:
    """Stops every trial from a step on; remembers what it saw."""

    def __init__(self, step):
        self.step = step
        self.seen = []

    def should_stop(self, curve, others, seed):
        self.seen.append((curve.number, sorted(other.number for other in others), seed))
        return bool(curve.steps[-1] >= self.step)


def curve(trial):
    for step in range(10):
        trial.report(trial["x"] + 1 / (step + 1), step)
        if trial.should_stop():
            raise tt.TrialPruned
    return trial["x"]


def test_a_trial_that_gives_up_is_pruned_with_its_last_report():
    study = tt.minimize(curve, SPACE, 3, seed=5, pruner=StopAt(4), progress=False)
    for trial in study.trials:
        assert (trial.state, trial.error) == ("pruned", None)
        assert trial.value == trial.reports[4.0] == trial["x"] + 1 / 5
        assert list(trial.reports) == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_a_value_that_is_returned_after_the_pruner_said_stop_is_a_pruned_one():
    def objective(trial):
        trial.report(3.0, 1)
        trial.should_stop()
        return 2.0

    study = tt.minimize(objective, SPACE, 2, pruner=StopAt(1), progress=False)
    assert [(t.state, t.value) for t in study.trials] == [("pruned", 2.0)] * 2
    assert tt.minimize(objective, SPACE, 1, pruner=StopAt(2), progress=False).trials[0].state == "finished"


def test_the_pruner_sees_all_other_curves_and_the_seed_and_its_word_is_kept():
    pruner = StopAt(0)

    def objective(trial):
        trial.report(1.0, 0)
        assert trial.should_stop()
        assert trial.should_stop()
        return 1.0

    tt.minimize(objective, SPACE, 3, seed=7, pruner=pruner, progress=False)
    assert pruner.seen == [(0, [], 7), (1, [0], 7), (2, [0, 1], 7)]


def test_a_trial_without_reports_is_never_stopped_and_nobody_stops_without_a_pruner():
    pruner = StopAt(0)
    stops = []
    tt.minimize(lambda trial: stops.append(trial.should_stop()) or 0.0, SPACE, 2, pruner=pruner, progress=False)

    def objective(trial):
        trial.report(1.0, 0)
        stops.append(trial.should_stop())
        return 0.0

    tt.minimize(objective, SPACE, 2, progress=False)
    assert stops == [False] * 4
    assert pruner.seen == []


@pytest.mark.parametrize("keywords", [{"workers": 2}, {"workers": 1}])
@pytest.mark.parametrize("pruner", ["median", "asha"])
def test_both_pruners_stop_bad_trials_in_every_executor(pruner, keywords, tmp_path):
    def objective(trial):
        for step in range(1, 17):
            trial.report(trial["x"] + 1 / step, step)
            if trial.should_stop():
                raise tt.TrialPruned
        return trial["x"]

    study = tt.minimize(
        objective,
        SPACE,
        40,
        sampler="random",
        seed=1,
        pruner=pruner,
        storage=tmp_path / "x.db",
        progress=False,
        **keywords,
    )
    pruned = [t for t in study.trials if t.state == "pruned"]
    finished = [t for t in study.trials if t.state == "finished"]
    assert len(pruned) + len(finished) == 40
    assert len(pruned) >= 8
    assert min(t["x"] for t in finished) < min(t["x"] for t in pruned)
    assert study.best.state == "finished"


def test_a_trial_that_diverged_is_pruned_without_a_value():
    def objective(trial):
        trial.report(1.0, 0)
        trial.report(math.nan, 1)
        raise tt.TrialPruned

    (trial,) = tt.minimize(objective, SPACE, 1, progress=False).trials
    assert (trial.state, trial.value) == ("pruned", None)
    assert math.isnan(trial.reports[1.0])


def test_quick_reports_are_written_together_and_none_is_lost(tmp_path):
    def objective(trial):
        for step in range(1000):
            trial.report(float(step), step)
        return 0.0

    study = tt.minimize(objective, SPACE, 2, storage=tmp_path / "x.db", progress=False)
    for trial in study.trials:
        assert trial.reports == {float(step): float(step) for step in range(1000)}
    written = [event for event in study.events()[0] if isinstance(event, Reported)]
    assert len(written) <= 20


def test_slow_reports_are_written_at_once(monkeypatch, tmp_path):
    monkeypatch.setattr(_channel, "PAUSE", 0.0)
    study = tt.Study(SPACE, storage=tmp_path / "x.db")
    trial = study.ask()
    for step in range(3):
        trial.report(1.0, step)
        assert len(tt.Study.load(tmp_path / "x.db").trials[0].reports) == step + 1


def test_asked_by_hand_reports_are_there_when_the_trial_is_told(tmp_path):
    study = tt.Study(SPACE, storage=tmp_path / "x.db", pruner=StopAt(2))
    trial = study.ask()
    for step in range(3):
        trial.report(1.0 / (step + 1), step)
    assert trial.should_stop()
    study.tell(trial, 0.5, state="pruned")
    assert list(study.trials[0].reports.values()) == [1.0, 0.5, 1.0 / 3]
    with pytest.raises(StudyError, match="not running"):
        trial.report(1.0, 9)


def test_curves_are_minimised_and_sorted():
    study = tt.Study(SPACE, direction="maximize")
    trial = study.ask()
    for step, value in ((2, 0.5), (1, 0.25), (2, 0.75)):
        trial.report(value, step)
    study.tell(trial, 0.75)
    (found,) = study.curves
    assert found.steps.tolist() == [1.0, 2.0]
    assert found.values.tolist() == [-0.25, -0.75]


def test_events_can_be_followed():
    study = tt.Study(SPACE)
    kinds, position = [], 0
    for _ in range(2):
        study.tell(study.ask(), 1.0)
        events, position = study.events(position)
        kinds.append([event.kind for event in events])
    assert kinds == [["opened", "created", "started", "finished"], ["created", "started", "finished"]]
    assert study.events(position) == ([], position)


def test_an_unknown_pruner_is_refused():
    with pytest.raises(InputError, match="asha"):
        tt.Study(SPACE, pruner="hyperband")
