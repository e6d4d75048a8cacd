"""Several objectives and limits, through a whole study."""

from __future__ import annotations

import json
import math
import sqlite3

import numpy as np
import pytest

import trimtab as tt
from trimtab import plots
from trimtab.errors import InputError, ObjectiveError, StudyError
from trimtab.study import Study

SPACE = {"a": tt.Float(0, 1), "b": tt.Float(0, 1)}
TWO = {"error": "minimize", "speed": "maximize"}


def both(trial):
    return {"error": (trial["a"] - 0.2) ** 2 + trial["b"], "speed": trial["a"] + 1.0, "epochs": 3}


def limited(trial):
    return {"value": trial["a"] + trial["b"], "memory": 10.0 - 8.0 * trial["a"]}


def run(**more):
    return tt.minimize(both, SPACE, n_trials=12, objectives=TWO, sampler="random", seed=0, progress=False, **more)


def test_a_front_of_two_objectives():
    study = run()
    front = study.pareto
    assert [t.outcomes["error"] for t in front] == sorted(t.outcomes["error"] for t in front)
    assert [t.outcomes["speed"] for t in front] == sorted(t.outcomes["speed"] for t in front)
    assert all(t.value is None and t.outcomes["epochs"] == 3 for t in front)
    with pytest.raises(TypeError):
        front[0].outcomes["error"] = 0.0
    with pytest.raises(StudyError, match=r"has 2 objectives \(error, speed\), so no trial is the best.*study.pareto"):
        study.best  # noqa: B018
    assert f"{len(front)} on the front" in repr(study)
    assert "outcomes={'error'" in repr(front[0])


def test_hypervolume():
    study = Study(SPACE, objectives=TWO)
    for error, speed in ((1.0, 1.0), (2.0, 3.0), (3.0, 2.0)):
        study.tell(study.ask(), {"error": error, "speed": speed})
    assert study.hypervolume({"error": 4.0, "speed": 0.0}) == pytest.approx(3.0 * 1.0 + 2.0 * 2.0)
    assert study.hypervolume({"error": 0.5, "speed": 0.0}) == 0.0
    assert study.hypervolume() == pytest.approx(1.1 * 0.2 + 0.1 * 2.0)  # reference: error 2.1, speed 0.8
    with pytest.raises(InputError, match=r"one number for each objective, \{'error': ..., 'speed': ...\}"):
        study.hypervolume({"error": 4.0})
    with pytest.raises(InputError, match="finite numbers"):
        study.hypervolume({"error": 4.0, "speed": "low"})
    with pytest.raises(StudyError, match="no front yet"):
        Study(SPACE, objectives=TWO).hypervolume()


def test_the_best_keeps_its_limits():
    study = tt.minimize(
        limited, SPACE, n_trials=25, outcome_constraints=["memory <= 8"], sampler="random", seed=1, progress=False
    )
    kept = [t for t in study.trials if t.outcomes["memory"] <= 8]
    assert study.best.value == min(t.value for t in kept)
    assert study.best.value > min(t.value for t in study.trials)


def test_where_nothing_keeps_its_limits():
    study = Study(SPACE, outcome_constraints=["memory <= 8", "value >= 0"])
    for memory in (9.0, 12.0):
        study.tell(study.ask(), {"value": 1.0, "memory": memory})
    with pytest.raises(
        StudyError, match=r"2 finished trials and none that keeps.*memory <= 8 by 2 of them \(closest: 9\)"
    ):
        study.best  # noqa: B018
    assert study.pareto == []
    assert "best" not in repr(study)


@pytest.mark.parametrize(
    ("value", "match"),
    [
        (0.5, r"must name 'error' and 'speed'.*Got the number 0.5. Return \{'error': ..., 'speed': ...\}"),
        ({"error": 0.5}, "'speed' is missing, got 'error'"),
        ({"error": 0.5, "speed": "fast"}, "Outcome 'speed' of .* must be one real number, got 'fast'"),
    ],
)
def test_what_lacks_an_outcome_is_refused(value, match):
    study = Study(SPACE, objectives=TWO)
    trial = study.ask()
    with pytest.raises(ObjectiveError, match=match):
        study.tell(trial, value)
    assert study.trials[0].state == "running"
    with pytest.raises(ObjectiveError, match=match):
        study.optimize(lambda trial: value, n_trials=1, progress=False)
    assert study.trials[-1].state == "failed"


def test_an_outcome_that_is_not_finite_is_a_failure_and_is_kept():
    study = Study(SPACE, objectives=TWO)
    study.tell(study.ask(), {"error": 0.5, "speed": math.nan, "other": math.inf})
    study.tell(study.ask(), {"error": 0.5, "speed": 1.0, "other": math.nan})
    failed, finished = study.trials
    assert failed.state == "failed"
    assert failed.error == "The objective returned speed = nan."
    assert failed.outcomes["error"] == 0.5
    assert finished.state == "finished"
    assert len(study.pareto) == 1


def test_a_plain_study_keeps_what_else_is_returned():
    study = tt.minimize(lambda t: {"value": t["a"], "accuracy": 0.5}, SPACE, n_trials=3, seed=0, progress=False)
    assert study.best.value == study.best.outcomes["value"]
    assert study.best.outcomes["accuracy"] == 0.5
    assert "objectives" not in study.settings


def test_results_from_elsewhere_and_one_named_objective():
    study = Study(SPACE, objectives=["loss"], direction="maximize")
    study.add_trial({"a": 0.5, "b": 0.5}, 2.0)
    study.add_trial({"a": 0.6, "b": 0.5}, {"loss": 3.0})
    assert study.best.number == 1
    assert dict(study.trials[0].outcomes) == {"loss": 2.0}


def test_workers_bring_mappings():
    here, there = run(), run(workers=2)
    assert {t.number for t in there.trials} == {t.number for t in here.trials}
    assert [dict(t.outcomes) for t in there.trials] == [dict(t.outcomes) for t in here.trials]


@pytest.mark.parametrize("sampler", ["gp", "tpe", "random"])
def test_a_stored_study_goes_on_as_if_it_had_never_stopped(tmp_path, sampler):
    def go(storage, n):
        limits = ["epochs <= 5", "error <= 0.9"]
        return tt.minimize(
            both,
            SPACE,
            n,
            objectives=TWO,
            outcome_constraints=limits,
            sampler=sampler,
            storage=storage,
            seed=3,
            progress=False,
        )

    whole = go(None, 14)
    for n in (5, 9, 14):
        again = go(tmp_path / "s.db", n)
        again.close()
    loaded = Study.load(tmp_path / "s.db")
    assert [t.params for t in loaded.trials] == [t.params for t in whole.trials]
    assert [dict(t.outcomes) for t in loaded.trials] == [dict(t.outcomes) for t in whole.trials]
    assert loaded.goals == whole.goals
    assert [t.number for t in loaded.pareto] == [t.number for t in whole.pareto]
    assert len(loaded._journal.fold.opened) == 1


def test_goals_left_out_are_the_stored_ones(tmp_path):
    run(storage=tmp_path / "s.db").close()
    assert Study(SPACE, storage=tmp_path / "s.db").goals.directions == TWO
    with pytest.raises(InputError, match=r"is stored with objectives=\{'error': 'minimize', 'speed': 'maximize'\}"):
        Study(SPACE, storage=tmp_path / "s.db", objectives=["error"])


def test_a_limit_may_change_where_its_outcome_is_known(tmp_path):
    run(storage=tmp_path / "s.db").close()
    study = Study(SPACE, storage=tmp_path / "s.db", outcome_constraints=["epochs <= 2"])
    assert study.pareto == []
    assert len(study._journal.fold.opened) == 2
    study.close()
    assert Study(SPACE, storage=tmp_path / "s.db", outcome_constraints=[]).pareto
    with pytest.raises(InputError, match=r"cannot go on with a limit on 'memory': its trial \d+ finished without"):
        Study(SPACE, storage=tmp_path / "s.db", outcome_constraints=["memory <= 2"])


def test_the_view_of_the_file_shows_outcomes_in_the_log(tmp_path):
    run(storage=tmp_path / "s.db").close()
    with sqlite3.connect(tmp_path / "s.db") as db:
        bodies = [json.loads(body) for (body,) in db.execute("SELECT body FROM events WHERE kind = 'finished'")]
    db.close()
    assert all(set(body["outcomes"]) == {"error", "speed", "epochs"} and body["value"] is None for body in bodies)


def test_to_pandas():
    pytest.importorskip("pandas")
    frame = run().to_pandas()
    names = ["number", "state", "outcome_error", "speed", "epochs", "a", "b", "seconds", "error"]
    assert list(frame.columns) == names
    plain = tt.minimize(lambda t: t["a"], SPACE, n_trials=2, seed=0, progress=False).to_pandas()
    assert list(plain.columns) == ["number", "state", "value", "a", "b", "seconds", "error"]


def test_patience_counts_what_improves_the_front():
    study = tt.minimize(
        lambda t: {"x": 1.0, "y": 1.0},
        SPACE,
        objectives=["x", "y"],
        patience=4,
        seed=0,
        sampler="random",
        progress=False,
    )
    assert len(study) == 5
    with pytest.raises(InputError, match="target needs a study of one objective"):
        run(target=0.5)


FOUR = ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("sampler", "names", "match"),
    [
        ("gp", FOUR, r"GP\(.*up to 3 objectives, this study has 4 \(a, b, c, d\).*sampler='auto', 'tpe'"),
        ("cmaes", ["a", "b"], r"CMAES\(.*one objective only, this study has 2 \(a, b\).*sampler='auto', 'tpe'"),
    ],
)
def test_samplers_that_take_fewer_objectives_say_so_before_anything_runs(tmp_path, sampler, names, match):
    def never(trial):
        raise AssertionError("a trial ran")

    file = tmp_path / "s.db"
    with pytest.raises(InputError, match=match):
        tt.minimize(never, SPACE, 5, objectives=names, sampler=sampler, storage=file, progress=False)
    assert not file.exists()

    study = tt.minimize(
        lambda t: dict.fromkeys(names, t["a"]), SPACE, 2, objectives=names, storage=file, progress=False
    )
    study.close()
    for again in (  # the goals are the stored ones where none are named
        lambda: tt.minimize(never, SPACE, 5, sampler=sampler, storage=file, progress=False),
        lambda: Study(SPACE, sampler=sampler, storage=file),
        lambda: Study.load(file, sampler=sampler),
        lambda: Study.load(file, space=SPACE, sampler=sampler),
    ):
        with pytest.raises(InputError, match=match):
            again()
    with Study.load(file) as stored:
        assert len(stored) == 2
        assert stored.settings["sampler"].startswith("Auto(")


def test_a_sampler_of_ones_own_says_how_many_objectives_it_takes():
    class Mine(tt.samplers.Random):
        most_objectives = 2

    assert Study(SPACE, objectives=FOUR[:2], sampler=Mine()).goals.m == 2
    with pytest.raises(InputError, match="up to 2 objectives"):
        Study(SPACE, objectives=FOUR[:3], sampler=Mine())


def test_four_objectives_by_default():
    names = FOUR
    study = Study(SPACE, objectives=names, seed=0)
    for _ in range(10):
        trial = study.ask()
        study.tell(trial, {n: trial["a"] * k + trial["b"] * (3 - k) for k, n in enumerate(names)})
    assert study.pareto


def test_a_sensitivity_is_of_one_objective():
    study = run()
    with pytest.raises(
        InputError, match=r"study has 2 objectives. Say which one: pass study.table.of_outcome\('error'\)"
    ):
        study.sensitivity()
    assert study.sensitivity(objective="speed").parameters == ("a", "b")


def test_figure_of_the_front():
    data = plots.pareto_data(run())
    assert data.front.sum() == len(run().pareto)
    assert data.names == ("error", "speed")
    figure = plots.pareto(run())
    assert "beaten by no other" in figure.layout.meta["caption"]
    with pytest.raises(InputError, match="several objectives"):
        plots.pareto(tt.minimize(lambda t: t["a"], SPACE, n_trials=2, seed=0, progress=False))
    with pytest.raises(InputError, match="two of 'error', 'speed'"):
        plots.pareto(run(), ("error", "size"))


@pytest.mark.parametrize("kind", ["several", "limited", "impossible"])
def test_reports_and_commands(tmp_path, kind):
    from click.testing import CliRunner

    from trimtab.cli import main

    file = tmp_path / "s.db"
    if kind == "several":
        study = run(storage=file)
    else:
        rule = "memory <= 8" if kind == "limited" else "memory <= -1"
        study = tt.minimize(
            limited, SPACE, 10, outcome_constraints=[rule], sampler="random", seed=0, storage=file, progress=False
        )
    page = study.report(tmp_path / "r.html").read_text()
    expected = {"several": "No trial is the best in every objective", "limited": "Limits: memory"}
    assert expected.get(kind, "no trial keeps every limit") in page
    study.close()
    for command in (["show"], ["show", "--json"], ["best"], ["best", "--json"]):
        found = CliRunner().invoke(main, [command[0], str(file), *command[1:]])
        if kind == "impossible" and command[0] == "best":
            assert found.exit_code != 0
            continue
        assert found.exit_code == 0, found.output
        if kind == "several":
            assert "front" in found.output.lower()
    assert np.isfinite(study.seed)
