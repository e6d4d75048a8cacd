"""Refinement: a few steps along reported gradients, each a trial of the study, and what they gained."""

import math

import numpy as np
import pytest

import trimtab as tt
from trimtab.errors import InputError, ObjectiveError, StudyError

SPACE = {
    "lr": tt.Float(1e-4, 1e0, log=True),
    "decay": tt.Float(1e-6, 1e-1, log=True),
    "momentum": tt.Float(0.0, 0.99),
    "width": tt.Int(8, 64),
    "kind": ["a", "b"],
}
BEST = {"lr": 3e-2, "decay": 1e-3, "momentum": 0.8}


def value(params):
    """A bent valley in the logarithms, its bottom at BEST."""
    a, b = math.log10(params["lr"] / BEST["lr"]), math.log10(params["decay"] / BEST["decay"])
    return (
        0.1 + a**2 + 0.5 * (b + 0.5 * a) ** 2 + 4.0 * (params["momentum"] - 0.8) ** 2 + 0.01 * (params["kind"] == "b")
    )


def gradient(params):
    a, b = math.log10(params["lr"] / BEST["lr"]), math.log10(params["decay"] / BEST["decay"])
    ten = math.log(10.0)
    return {
        "lr": (2.0 * a + 0.5 * (b + 0.5 * a)) / (ten * params["lr"]),
        "decay": (b + 0.5 * a) / (ten * params["decay"]),
        "momentum": 8.0 * (params["momentum"] - 0.8),
    }


def objective(trial):
    trial.report_gradient(gradient(trial))
    return value(trial)


def searched(objective=objective, n=6, **keywords):
    return tt.minimize(objective, SPACE, n, **{"sampler": "random", "seed": 2, "progress": False, **keywords})


@pytest.mark.parametrize("seed", range(4))
def test_a_few_steps_reach_the_bottom_of_the_valley(seed):
    study = searched(seed=seed)
    before = study.best

    found = study.refine(objective, 12)
    assert found.start.number == before.number
    assert found.best.number == study.best.number
    assert found.gain == pytest.approx(before.value - study.best.value)
    assert study.best.value - 0.1 - 0.01 * (study.best["kind"] == "b") < 1e-2 * (before.value - 0.1)
    assert all(t["width"] == before["width"] and t["kind"] == before["kind"] for t in found.steps)
    assert found.accepted <= len(found.steps) <= 12
    assert len(study) == 6 + len(found.steps)
    assert f"{before.value:.6g} -> {study.best.value:.6g}" in str(found)


def test_a_maximised_objective_is_refined_upwards():
    def upwards(trial):
        trial.report_gradient({name: -slope for name, slope in gradient(trial).items()})
        return -value(trial)

    study = tt.maximize(upwards, SPACE, 6, sampler="random", seed=2, progress=False)
    found = study.refine(upwards, 8, held_out=lambda params: -value(params))
    assert found.gain > 0.0
    assert found.held_out_gain == pytest.approx(found.gain)


def test_held_out_data_may_say_otherwise():
    found = searched().refine(objective, 8, held_out=lambda params: -value(params))

    assert found.held_out_gain == pytest.approx(-found.gain)
    assert f"(worse by {found.gain:.3g})" in str(found)


def test_the_steps_are_trials_of_the_stored_study(tmp_path):
    path = tmp_path / "study.db"
    with searched(storage=path) as study:
        found = study.refine(objective, 3)
        told = [(t.number, t.value, t.gradient) for t in found.steps]
    with tt.Study.load(path) as again:
        assert [(t.number, t.value, t.gradient) for t in again.trials[6:]] == told
        assert again._journal.fold.refined == {6, 7, 8}
        assert not again.table.from_sampler[6:].any()


def test_a_best_trial_without_gradient_is_evaluated_again():
    study = searched(value)
    found = study.refine(objective, 6)

    assert found.steps[0].params == found.start.params
    assert found.gain > 0.0


def test_an_objective_without_gradients_is_refused():
    study = searched(value)
    with pytest.raises(
        StudyError, match=r"trial 6 reported none of the parameters that move. .*'lr', 'decay', 'momentum'"
    ):
        study.refine(value, 3)

    def only_at_first(trial):
        return value(trial) if trial.number == 7 else objective(trial)

    with pytest.raises(StudyError, match="trial 7 reported none"):
        searched().refine(only_at_first, 3)


def test_worse_steps_make_it_shorter_until_it_gives_up():
    """A gradient that points the wrong way gains nothing, costs few trials and leaves the best as it was."""

    def lie(trial):
        trial.report_gradient({name: -slope for name, slope in gradient(trial).items()})
        return value(trial)

    study = searched(lie)
    before = study.best
    found = study.refine(lie, 30)
    assert (found.gain, found.accepted, found.best.number) == (0.0, 0, before.number)
    assert len(found.steps) < 12
    assert "no step of 0.001" in found.stopped


def test_failed_steps_are_stepped_back_from():
    """Beyond lr = 0.03 training diverges: the walk stays below it, and still gains."""

    def cliff(trial):
        trial.report_gradient(gradient(trial))
        return math.inf if trial["lr"] > 0.025 else value(trial)

    study = tt.Study(SPACE, seed=0)
    known = {"lr": 1e-2, "decay": 1e-5, "momentum": 0.3, "width": 8, "kind": "a"}
    study.add_trial(known, value(known))
    found = study.refine(cliff, 12, step=0.3)
    assert found.gain > 0.0
    assert found.best["lr"] <= 0.025


def test_constraints_are_kept():
    space = tt.Space({"a": tt.Float(0, 1), "b": tt.Float(0, 1)}, constraints=["a + b <= 1"])

    def down(trial):
        trial.report_gradient({"a": -1.0, "b": 0.5})
        return 0.5 * trial["b"] - trial["a"]

    study = tt.Study(space, seed=0)
    study.add_trial({"a": 0.4, "b": 0.5}, -0.15)
    found = study.refine(down, 12)
    assert all(t["a"] + t["b"] <= 1.0 for t in found.steps)
    assert found.gain > 0.0


def test_a_diverged_trial_does_not_make_all_gradients_look_flat():
    study = searched()
    study.add_trial({**BEST, "lr": 1.0, "width": 8, "kind": "a"}, 1e120)

    assert study.refine(objective, 6).gain > 0.0


def test_a_vanished_gradient_ends_it():
    study = tt.Study(SPACE, seed=0)
    study.add_trial({**BEST, "width": 8, "kind": "a"}, 0.1, gradient=dict.fromkeys(BEST, 0.0))

    found = study.refine(objective, 5)
    assert (found.gain, found.steps) == (0.0, ())
    assert "promises nothing more" in found.stopped


def test_arguments_are_checked():
    study = searched()
    for wrong in (0, 1.5, True):
        with pytest.raises(InputError, match="n_trials"):
            study.refine(objective, wrong)
    for wrong in (0.0, 1.5, math.nan):
        with pytest.raises(InputError, match="step must be"):
            study.refine(objective, 3, step=wrong)
    with pytest.raises(ObjectiveError, match="What held_out returns must be one real number"):
        study.refine(objective, 3, held_out=lambda params: "good")
    with pytest.raises(StudyError, match="no finished trial yet"):
        tt.Study(SPACE).refine(objective, 3)
    with pytest.raises(InputError, match="this space has none"):
        tt.minimize(lambda t: t["n"], {"n": tt.Int(1, 5)}, 2, progress=False).refine(objective, 3)
    two = tt.Study(SPACE, objectives=["a", "b"])
    with pytest.raises(InputError, match="2 objectives"):
        two.refine(objective, 3)


def test_steps_do_not_wear_out_patience():
    study = searched()
    study.refine(objective, 6)
    study.optimize(objective, 3, patience=4, progress=False)

    assert np.sum(study.table.from_sampler) == 9
