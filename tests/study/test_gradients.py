"""Reported gradients: refused where they mean nothing, stored with the trial, on the unit cube in the table."""

import math
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from numpy.testing import assert_allclose

import trimtab as tt
from trimtab.errors import InputError, ObjectiveError, StudyError

SPACE = {
    "lr": tt.Float(1e-4, 1e-1, log=True),
    "momentum": tt.Float(0.0, 0.9),
    "width": tt.Int(8, 64, log=True),
    "kind": ["a", "b"],
    "decay": tt.Float(0.0, 1.0, when={"kind": "b"}),
    "epochs": tt.Constant(5),
}


def value(trial):
    return math.log(trial["lr"]) ** 2 + trial["momentum"] + trial.get("decay", 0.0)


def gradient(trial):
    slopes = {"lr": 2.0 * math.log(trial["lr"]) / trial["lr"], "momentum": 1.0}
    return slopes | ({"decay": 1.0} if "decay" in trial else {})


def objective(trial):
    trial.report_gradient(gradient(trial))
    return value(trial)


def run(space=None, objective=objective, n=6, **keywords):
    settings = {"sampler": "random", "seed": 3, "progress": False, **keywords}
    return tt.minimize(objective, space or SPACE, n, **settings)


@pytest.mark.parametrize("workers", [1, 2])
def test_gradients_are_stored_with_the_trial(tmp_path, workers):
    path = tmp_path / "study.db"
    with run(storage=path, workers=workers) as study:
        told = [t.gradient for t in study.trials]
    for again in (tt.Study.load(path), tt.Study(SPACE, storage=path)):
        with again:
            assert [t.gradient for t in again.trials] == told == [gradient(t) for t in again.trials]
    frame = run().to_pandas()
    assert list(frame.columns[-3:]) == ["gradient_lr", "gradient_momentum", "gradient_decay"]
    assert frame["gradient_decay"].isna().sum() == (frame["kind"] == "a").sum() > 0


def test_studies_without_gradients_have_none_anywhere():
    study = run(objective=value)

    assert study.table.derivatives is None
    assert not any(t.gradient for t in study.trials)
    assert not [name for name in study.to_pandas() if name.startswith("gradient")]


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_the_table_has_derivatives_of_what_is_minimised_on_the_unit_cube(direction):
    """Against differences of the objective along the cube."""
    study = tt.Study(SPACE, direction=direction, sampler="random", seed=1)
    study.optimize(objective, 8, progress=False)
    table, space = study.table, study.space

    assert table.derivatives.shape == (8, space.d)
    for j, name in enumerate(space.names):
        known = ~np.isnan(table.derivatives[:, j])
        if name in ("width", "kind"):
            assert not known.any()
            continue
        assert_allclose(known, ~np.isnan(table.x[:, j]))
        for i in np.flatnonzero(known):
            u = table.x[i, j] + np.array([-1e-5, 1e-5])
            params = [study.trials[i].params | {name: space.value(j, at)} for at in u]
            slope = table.sign * (value(params[1]) - value(params[0])) / 2e-5
            assert_allclose(table.derivatives[i, j], slope, rtol=1e-4)
    assert_allclose(table.where(np.array([2, 0])).derivatives, table.derivatives[[2, 0]])


def test_every_kind_of_number_stretches_as_its_values_do():
    from scipy import stats

    space = tt.Space(
        {
            "step": tt.Float(0.0, 1.0, step=0.25),
            "int": tt.Int(2, 20, step=2),
            "log": tt.Int(1, 10_000, log=True),
            "normal": stats.norm(1.0, 2.0),
            "poisson": stats.poisson(400),
        }
    )
    rng = np.random.default_rng(0)
    x = space.snap(rng.uniform(0.2, 0.8, (5, space.d)))
    slopes = space.derivatives(space.store(x), [dict.fromkeys(space.names, 1.0)] * 5)
    for j in range(space.d):
        for i in range(5):
            wide = {"step": 0.2, "int": 0.1, "log": 0.01, "normal": 1e-4, "poisson": 0.1}[space.names[j]]
            low, high = (space.value(j, x[i, j] + sign * wide) for sign in (-1, 1))
            assert_allclose(slopes[i, j], (high - low) / (2 * wide), rtol=0.15)


@pytest.mark.parametrize(
    ("reported", "error", "why"),
    [
        ({"rate": 1.0}, ObjectiveError, "'rate' is none of this configuration's .*'lr', 'momentum', 'width'.$"),
        ({"decay": 1.0}, ObjectiveError, "'decay' is none of this configuration's"),
        ({"kind": 1.0}, ObjectiveError, "'kind' is no number that is searched"),
        ({"epochs": 1.0}, ObjectiveError, "'epochs' is no number that is searched"),
        ({"lr": "steep"}, ObjectiveError, "derivative by 'lr' in report_gradient.* must be one real number"),
        ({"lr": math.nan}, InputError, "derivative by 'lr' must be finite, got nan. Leave it out"),
        ([1.0], ObjectiveError, r"needs derivatives by name, such as \{\"lr\": 0.3\}"),
    ],
)
def test_what_has_no_derivative_is_refused(reported, error, why):
    study = tt.Study(SPACE, seed=0)
    study.enqueue({"lr": 1e-2, "momentum": 0.5, "width": 16, "kind": "a"})
    trial = study.ask()
    for refuse in (
        lambda: trial.report_gradient(reported),
        lambda: study.tell(trial, 1.0, gradient=reported),
        lambda: study.add_trial(trial.params, 1.0, gradient=reported),
    ):
        with pytest.raises(error, match=why.replace("report_gradient", r"\w+")):
            refuse()
    assert not trial.gradient
    assert len(study) == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_a_wrong_name_ends_the_study_and_an_infinite_derivative_fails_the_trial(workers):
    def wrong(trial):
        trial.report_gradient({"momentun": 1.0})
        return 1.0

    def infinite(trial):
        trial.report_gradient({"lr": math.inf})
        return 1.0

    with pytest.raises(ObjectiveError, match="'momentun'"):
        run(objective=wrong, workers=workers)
    study = run(objective=infinite, n=2, workers=workers)
    assert [t.state for t in study.trials] == ["failed", "failed"]
    assert "must be finite" in study.trials[0].error


def test_a_gradient_is_told_by_hand_too():
    study = tt.Study(SPACE, seed=0)
    first, second, third = study.ask(), study.ask(), study.ask()
    first.report_gradient({"lr": 1.0})
    first.report_gradient({"momentum": 2.0, "lr": 3.0})
    study.tell(first, 0.5)
    study.tell(second.number, 0.5, gradient={"lr": 4.0})
    third.report_gradient({"lr": 5.0})
    study.tell(third, math.inf)
    added = study.add_trial(first.params, 0.5, gradient={"lr": 6.0})

    told = [dict(t.gradient) for t in study.trials]
    assert told == [{"lr": 3.0, "momentum": 2.0}, {"lr": 4.0}, {}, {"lr": 6.0}]
    assert added.gradient == {"lr": 6.0}
    with pytest.raises(StudyError, match=r"only a running trial can report. Call report_gradient\(\) inside"):
        added.report_gradient({"lr": 1.0})


def test_gradients_belong_to_the_first_objective():
    space = {"x": tt.Float(0.0, 2.0)}
    study = tt.Study(space, objectives={"speed": "maximize", "loss": "minimize"}, sampler="random", seed=0)

    def two(trial):
        trial.report_gradient({"x": 3.0})
        return {"speed": 3.0 * trial["x"], "loss": 1.0}

    study.optimize(two, 3, progress=False)
    assert study.table.of_outcome("speed").derivatives.tolist() == [[-6.0]] * 3
    assert study.table.of_outcome("loss").derivatives is None


SCRIPT = textwrap.dedent(
    """
    import os, signal, sys
    import trimtab as tt

    def objective(trial):
        if trial.number == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        trial.report_gradient({"a": 2 * (trial["a"] - 0.3), "b": 2 * (trial["b"] - 1.5)})
        return (trial["a"] - 0.3) ** 2 + (trial["b"] - 1.5) ** 2

    space = {"a": tt.Float(0, 1), "b": tt.Float(1, 2), "c": tt.Float(0, 1)}
    tt.minimize(objective, space, 9, sampler="gp", storage=sys.argv[1], seed=5, progress=False).close()
    """
)


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
def test_a_killed_study_goes_on_with_its_gradients(tmp_path):
    """Interrupted or not, the log is the same: numbers, configurations, gradients."""
    script = tmp_path / "tune.py"
    script.write_text(SCRIPT)

    def call(name, die_at):
        return subprocess.run([sys.executable, script, tmp_path / name, str(die_at)], check=False).returncode

    assert call("whole.db", -1) == 0
    assert call("killed.db", 6) == -signal.SIGKILL
    assert call("killed.db", -1) == 0
    whole, again = (tt.Study.load(tmp_path / name) for name in ("whole.db", "killed.db"))
    with whole, again:
        assert [t.params for t in again.trials] == [t.params for t in whole.trials]
        assert [t.gradient for t in again.trials] == [t.gradient for t in whole.trials]
        assert all(len(t.gradient) == 2 for t in again.trials)
