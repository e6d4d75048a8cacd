"""Why a study stops: each rule, in words, over calls, directions and workers."""

from __future__ import annotations

import pytest

import trimtab as tt
from trimtab.errors import InputError

SPACE = {"x": tt.Float(0.0, 1.0), "k": tt.Int(1, 3)}


def new(**keywords):
    return tt.Study(SPACE, **{"sampler": "random", "seed": 0, **keywords})


def bowl(trial):
    return (trial["x"] - 0.3) ** 2 + 0.1 * trial["k"]


def run(objective=bowl, n_trials=None, study=None, **budget):
    study = new() if study is None else study
    study.optimize(objective, n_trials, progress=False, **budget)
    return study.stopped


def test_before_the_first_run_there_is_no_reason():
    assert new().stopped is None


def test_each_end_has_its_reason():
    assert run(n_trials=3) == "n_trials: 3 trials were evaluated"
    assert run(lambda t: 1.0, patience=4) == "patience: the last 4 finished trials were no better"
    assert run(lambda t: 1.0, patience=1) == "patience: the last finished trial was no better"
    assert run(lambda t: 0.25, target=0.5) == "target: 0.5 was reached"
    assert run(timeout=0.05) == "timeout: 0.05 seconds have passed"
    assert (
        run(study=tt.Study({"a": [1, 2]}, sampler="grid"), objective=lambda t: 1.0) == "every configuration was tried"
    )


def test_the_total_of_minimize_is_the_studys(tmp_path):
    for _ in range(2):
        study = tt.minimize(bowl, SPACE, 4, sampler="random", seed=0, storage=tmp_path / "x.db", progress=False)
        assert study.stopped == "n_trials: the study has its 4 trials"
        study.close()


@pytest.mark.parametrize("workers", [1, 3])
def test_target_when_maximising_with_several_workers(workers):
    study = new(direction="maximize")

    assert run(lambda t: t["x"], 200, study, target=0.9, workers=workers) == "target: 0.9 was reached"
    assert study.best.value >= 0.9
    assert len(study) < 200


def test_a_run_that_is_cut_short_has_no_reason():
    def fails(trial):
        raise KeyError("no")

    study = new()
    study.optimize(bowl, 1, progress=False)
    with pytest.raises(KeyError):
        study.optimize(fails, 3, catch=(ValueError,), progress=False)
    assert study.stopped is None


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_max_regret_stops_where_nothing_is_left_and_stays_stopped(direction, tmp_path):
    sign = -1.0 if direction == "maximize" else 1.0
    study = new(direction=direction, sampler="gp", storage=tmp_path / "x.db")
    objective = lambda trial: sign * bowl(trial)  # noqa: E731
    reason = "max_regret: the best possible further gain is below 0.01 with 95 %"

    assert run(objective, 60, study, max_regret=0.01) == reason
    n = len(study)
    assert 10 <= n < 60
    assert abs(study.best.value) - 0.1 < 0.01
    study.close()
    again = new(direction=direction, sampler="gp", storage=tmp_path / "x.db")
    assert run(objective, 60, again, max_regret=0.01) == reason
    assert len(again) == n


def test_max_regret_waits_for_ten_trials_and_asks_a_model_that_can_be_trusted():
    import random

    noise = random.Random(0)
    study = new()

    assert run(lambda t: noise.random(), 20, study, max_regret=1.0) == "n_trials: 20 trials were evaluated"


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("inf"), float("nan"), "0.1", True])
def test_a_wrong_max_regret_is_refused(wrong):
    with pytest.raises(InputError, match="max_regret must be"):
        run(n_trials=1, max_regret=wrong)


def test_max_regret_alone_may_end_a_study():
    assert run(study=new(sampler="gp"), max_regret=0.05).startswith("max_regret")


def test_says_which_sampler_is_asked_and_why():
    assert (
        new(sampler="auto").sampler_choice == "gp: 2 columns and fewer than 3,000 trials: a GP needs the fewest trials"
    )
    assert new().sampler_choice == "Random()"


def test_patience_with_several_objectives_waits_for_the_front():
    """Each trial trades one objective for the other until the sixth: from then on they are dominated."""
    study = tt.Study(SPACE, sampler="random", seed=0, objectives=["a", "b"])

    def trade(trial):
        k = min(trial.number, 5)
        return {"a": float(k), "b": float(-k) + (trial.number > 5)}

    assert run(trade, 100, study, patience=3) == "patience: the last 3 finished trials were no better"
    assert len(study) == 6 + 3


@pytest.mark.parametrize("rule", [{"target": 1.0}, {"max_regret": 1.0}])
def test_several_objectives_have_no_single_target_and_no_single_gain(rule):
    study = tt.Study(SPACE, sampler="random", seed=0, objectives=["a", "b"])

    with pytest.raises(InputError, match=f"{next(iter(rule))} needs a study of one objective"):
        run(lambda trial: {"a": 1.0, "b": 2.0}, 5, study, **rule)


def test_trials_that_break_a_limit_are_no_better_and_reach_no_target():
    study = tt.Study(SPACE, sampler="random", seed=0, outcome_constraints=["size <= 1"])

    assert run(lambda trial: {"value": -trial.number, "size": 2.0}, 50, study, patience=4, target=-1.0).startswith(
        "patience"
    )
    assert len(study) == 4


def bar_of(monkeypatch, objective, n_trials, study, **budget):
    """What the progress bar shows after each trial: its texts, joined."""
    from rich.progress import Progress, TextColumn

    bars, shown = [], []

    def look(study, trial):
        columns = [column for column in bars[0].columns if isinstance(column, TextColumn)]
        shown.append(" ".join(str(column.render(bars[0].tasks[0])) for column in columns))

    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr(Progress, "start", lambda bar: bars.append(bar))
    study.optimize(objective, n_trials, callbacks=[look], **budget)
    return shown


def test_the_bar_shows_the_best_and_how_patient_the_run_still_is(monkeypatch):
    values = iter([2.0, 3.0, 1.0, 1.5, 1.0])

    assert bar_of(monkeypatch, lambda t: next(values), None, new(), patience=2) == [
        "trial 1 best 2, 0 of 2 without gain",
        "trial 2 best 2, 1 of 2 without gain",
        "trial 3 best 1, 0 of 2 without gain",
        "trial 4 best 1, 1 of 2 without gain",
        "trial 5 best 1, 2 of 2 without gain",
    ]


def test_the_bar_of_several_objectives_shows_the_size_of_the_front(monkeypatch):
    study = new(objectives=["a", "b"], outcome_constraints=["c <= 1"])
    results = iter([(1, 1, 2), (1, 1, 0), (0, 2, 0), (0, 0, 0)])

    shown = bar_of(monkeypatch, lambda t: dict(zip("abc", map(float, next(results)), strict=True)), 4, study)
    assert [text.replace(" left", "") for text in shown] == [
        "trial front - (limits broken)",
        "trial front of 1 trial",
        "trial front of 2 trials",
        "trial front of 1 trial",
    ]


def test_the_bar_counts_failures_and_only_what_keeps_its_limits(monkeypatch):
    study = new(direction="maximize", outcome_constraints=["c <= 1"])
    results = iter([(5.0, 2.0), (1.0, 0.0), (float("nan"), 0.0), (3.0, 1.0)])

    def objective(trial):
        return dict(zip(("value", "c"), next(results), strict=True))

    shown = bar_of(monkeypatch, objective, 4, study)
    assert [text.replace(" left", "") for text in shown] == [
        "trial best - (limits broken)",
        "trial best 1",
        "trial best 1, 1 failed",
        "trial best 3, 1 failed",
    ]
