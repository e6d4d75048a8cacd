"""The loop: budgets, failures, callbacks, interruption."""

import math
import time

import pytest

import trimtab as tt
from trimtab.errors import InputError, ObjectiveError, StudyError
from trimtab.executors import Serial

SPACE = {"x": tt.Float(0.0, 1.0), "k": tt.Int(1, 9)}


def bowl(trial):
    return (trial["x"] - 0.3) ** 2 + 0.01 * trial["k"]


def run(objective, n_trials=12, **keywords):
    return tt.minimize(objective, SPACE, n_trials, **{"sampler": "random", "seed": 0, "progress": False, **keywords})


def test_minimize_runs_the_trials_and_finds_the_best():
    study = run(bowl, 40)
    assert [t.state for t in study.trials] == ["finished"] * 40
    assert study.best.value == min(t.value for t in study.trials)
    assert bowl(study.best.params) == study.best.value


def test_maximize_turns_the_sign_and_keeps_the_users_values():
    study = tt.maximize(lambda t: -bowl(t), SPACE, 40, sampler="random", seed=0, progress=False)
    assert study.best.value == max(t.value for t in study.trials) < 0
    assert study.best.params == run(bowl, 40).best.params


def test_exceptions_and_nan_become_failed_trials_and_the_study_goes_on():
    def objective(trial):
        if trial.number == 2:
            raise RuntimeError("out of memory, says the test")
        return math.nan if trial.number == 3 else bowl(trial)

    study = run(objective)
    assert [t.state for t in study.trials].count("failed") == 2
    assert "RuntimeError: out of memory, says the test" in study.trials[2].error
    assert "in objective" in study.trials[2].error
    assert "nan" in study.trials[3].error
    assert study.best.state == "finished"


def test_an_exception_outside_catch_ends_the_study_after_it_was_recorded():
    def objective(trial):
        if trial.number == 2:
            raise KeyError("lr")
        return bowl(trial)

    study = tt.Study(SPACE, sampler="random", seed=0)
    with pytest.raises(KeyError):
        study.optimize(objective, 10, catch=(ValueError,), progress=False)
    assert [t.state for t in study.trials] == ["finished", "finished", "failed"]
    study.optimize(bowl, 2, progress=False)
    assert len(study) == 5


@pytest.mark.parametrize("returned", ["0.3", None, (1.0, 2.0)])
def test_an_objective_that_returns_no_number_ends_the_study_with_a_clear_error(returned):
    study = tt.Study(SPACE, sampler="random", seed=0)
    with pytest.raises(ObjectiveError, match="must return one real number, got"):
        study.optimize(lambda trial: returned, 10, progress=False)
    assert [t.state for t in study.trials] == ["failed"]


def test_all_trials_failed_is_said_with_the_last_error():
    study = run(lambda trial: 1 / 0, 3)
    with pytest.raises(StudyError, match=r"3 failed\. The last error was: ZeroDivisionError"):
        study.best  # noqa: B018


def test_patience_stops_after_that_many_trials_without_a_better_one():
    study = run(lambda trial: float(trial.number == 0 or trial.number >= 3), 100, patience=5)
    assert len(study) == 1 + 1 + 5  # 1.0, then 0.0 at trial 1, then five that are no better


def test_target_stops_in_both_directions():
    assert run(lambda t: 10.0 - t.number, 100, target=6.0).best.value == 6.0
    study = tt.maximize(lambda t: float(t.number), SPACE, 100, sampler="random", target=4, progress=False)
    assert len(study) == 5


def test_timeout_starts_no_new_trial_and_asks_running_ones_to_stop():
    asked = []

    def objective(trial):
        begun = time.monotonic()
        while not trial.should_stop() and time.monotonic() - begun < 0.15:
            time.sleep(0.01)
        asked.append(trial.should_stop())
        return 0.0

    study = run(objective, None, timeout=0.4)
    assert 2 <= len(study) <= 4
    assert all(t.state == "finished" for t in study.trials)


def test_callbacks_see_each_ended_trial_and_their_errors_are_raised():
    seen = []
    run(bowl, 5, callbacks=[lambda study, trial: seen.append((trial.number, trial.state, len(study)))])
    assert seen == [(i, "finished", i + 1) for i in range(5)]

    def bad(study, trial):
        raise ValueError("callback")

    with pytest.raises(ValueError, match="callback"):
        run(bowl, 5, callbacks=[bad])


def test_ctrl_c_hands_the_trial_back_and_the_study_goes_on_where_it_was():
    whole = [t.params for t in run(bowl, 12, sampler="tpe").trials]
    study = tt.Study(SPACE, sampler="tpe", seed=0)

    def interrupted(trial):
        if trial.number == 5:
            raise KeyboardInterrupt
        return bowl(trial)

    with pytest.raises(KeyboardInterrupt):
        study.optimize(interrupted, 12, progress=False)
    assert [t.state for t in study.trials] == ["finished"] * 5 + ["created"]
    study.optimize(bowl, 7, progress=False)
    assert [t.params for t in study.trials] == whole


def test_optimize_counts_further_trials_and_minimize_counts_all(tmp_path):
    path = tmp_path / "x.db"
    study = run(bowl, 6, storage=path)
    study.optimize(bowl, 4, progress=False)
    study.close()
    assert len(run(bowl, 12, storage=path)) == 12
    assert len(run(bowl, 12, storage=path)) == 12


def test_a_grid_ends_by_itself_each_cell_once():
    study = tt.minimize(lambda t: t["a"] * t["b"], {"a": [1, 2, 3], "b": [1, 2]}, sampler="grid", progress=False)
    cells = [(t["a"], t["b"]) for t in study.trials]
    assert sorted(cells) == [(a, b) for a in (1, 2, 3) for b in (1, 2)]


def test_an_endless_budget_is_refused():
    with pytest.raises(InputError, match="Nothing would end this study"):
        run(bowl, None)


@pytest.mark.parametrize(
    ("keywords", "text"),
    [
        ({"n_trials": -1}, "n_trials must be a whole number >= 0, got -1"),
        ({"n_trials": 2.5}, "n_trials"),
        ({"timeout": 0}, "timeout must be more than 0"),
        ({"timeout": "1h"}, "timeout must be a number"),
        ({"patience": 0}, "patience"),
        ({"target": "low"}, "target"),
        ({"workers": 0}, "workers"),
        ({"workers": 1.5}, "workers"),
        ({"retries": -1}, "retries"),
    ],
)
def test_bad_budgets_are_named(keywords, text):
    with pytest.raises(InputError, match=text):
        run(bowl, **keywords)


def test_an_objective_that_is_no_function_is_refused():
    with pytest.raises(InputError, match="must be a function"):
        run(3.0)


class Inline(Serial):
    """An executor of the user's own that evaluates inside wait."""

    def __init__(self):
        super().__init__()
        self.waits = 0

    def wait(self, timeout=None):
        self.waits += 1
        return super().wait(timeout)


def test_what_was_interrupted_is_not_evaluated_again_at_once():
    def interrupted(trial):
        raise KeyboardInterrupt

    study, inline = tt.Study(SPACE, sampler="random", seed=0), Inline()
    with pytest.raises(KeyboardInterrupt):
        study.optimize(interrupted, 3, executor=inline, progress=False)
    assert inline.waits == 1
    assert [t.state for t in study.trials] == ["created"]


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"catch": "ValueError"}, r"catch must be an exception class or a tuple of them, .* got 'ValueError'"),
        ({"catch": (ValueError, 3)}, "catch must be"),
        (
            {"callbacks": print},
            r"callbacks must be a list of functions of \(study, trial\), got <built-in function print>",
        ),
        ({"callbacks": [3]}, r"callbacks must be a list of functions .* got \[3\]"),
    ],
)
def test_a_wrong_argument_is_refused_before_the_first_trial(keywords, message):
    study = tt.Study(SPACE, sampler="random", seed=0)
    with pytest.raises(InputError, match=message):
        study.optimize(bowl, 2, progress=False, **keywords)
    assert len(study) == 0
