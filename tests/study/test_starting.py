"""Known configurations first, and the best of earlier studies: evaluated once, matched by name, robust on resume."""

from __future__ import annotations

import numpy as np
import pytest

import trimtab as tt
from trimtab.errors import InputError, SpaceError
from trimtab.records import TrialTable
from trimtab.study._starting import best_of

SPACE = {"a": tt.Float(0.0, 1.0), "b": tt.Int(1, 9), "c": ["x", "y"]}
KNOWN = [{"a": 0.25, "b": 3, "c": "x"}, {"a": 0.75, "b": 7, "c": "y"}]


def bowl(trial):
    return (trial["a"] - 0.3) ** 2 + 0.1 * abs(trial["b"] - 4)


def quiet(**more):
    return {"sampler": "random", "seed": 1, "progress": False, **more}


def test_known_configurations_come_first_and_count_as_trials():
    study = tt.minimize(bowl, SPACE, 5, start=KNOWN, **quiet())

    assert [t.params for t in study.trials[:2]] == KNOWN
    assert len(study) == 5
    assert not study.table.from_sampler[:2].any()


def test_a_resumed_study_does_not_evaluate_them_again(tmp_path):
    earlier = tt.minimize(bowl, SPACE, 6, **quiet())
    calls = []

    def counted(trial):
        calls.append(trial.params)
        return bowl(trial)

    for n in (3, 8, 8):
        tt.minimize(counted, SPACE, n, start=KNOWN, warm_start=earlier, **quiet(storage=tmp_path / "s.db"))

    assert len(calls) == 8
    assert [c for c in calls if c in KNOWN] == KNOWN
    assert calls[2] == earlier.best.params


def test_optimize_takes_them_too_and_only_new_ones():
    study = tt.Study(SPACE, sampler="random", seed=0)
    study.optimize(bowl, 2, start=KNOWN[:1], progress=False)
    study.optimize(bowl, 2, start=KNOWN, progress=False)

    assert [t.params for t in study.trials].count(KNOWN[0]) == 1
    assert study.trials[2].params == KNOWN[1]


@pytest.mark.parametrize(
    ("start", "error", "message"),
    [
        ([{"a": 0.5}], SpaceError, "lacks parameter 'b'"),
        ([{**KNOWN[0], "d": 1}], SpaceError, "'d'"),
        ([{**KNOWN[0], "a": 2.0}], SpaceError, "must lie in"),
        (KNOWN[0], InputError, "list of configurations"),
    ],
)
def test_a_wrong_one_is_named_before_anything_runs(start, error, message):
    study = tt.Study(SPACE, sampler="random", seed=0)
    with pytest.raises(error, match=message):
        study.optimize(bowl, 2, start=start, progress=False)

    assert len(study) == 0


def test_a_forbidden_one_names_the_constraint():
    with pytest.raises(SpaceError, match="a \\* b < 1"):
        tt.minimize(bowl, tt.Space(SPACE, ["a * b < 1"]), 2, start=KNOWN[1:], **quiet())


def test_the_best_that_differ_are_taken_from_an_earlier_study(seed=0):
    space = tt.Space(SPACE)
    x = space.sample(40, np.random.default_rng(seed))
    x[1] = x[0]
    x[1, 0] = min(x[0, 0] + 0.01, 1.0)
    y = np.arange(40.0)
    y[-5:] = np.nan
    found = best_of(space, TrialTable.of(space, x, y), 3)

    assert found.used == 35
    assert found.left_out == 0
    assert list(found.stored)[:2] == [space.store(x[:1])[0], space.store(x[2:3])[0]]
    assert len(found.stored) == 3


def test_parameters_are_matched_by_name(tmp_path):
    path = tmp_path / "old.db"
    old = tt.Study({"a": tt.Float(0.0, 2.0), "gone": [1, 2], "c": ["x", "z"]}, sampler="random", storage=path)
    for a, c, value in ((0.2, "x", 1.0), (1.5, "x", 0.0), (0.4, "z", 0.5), (0.9, "x", 2.0)):
        old.add_trial({"a": a, "gone": 1, "c": c}, value)
    old.close()
    study = tt.Study({**SPACE, "b": tt.Int(1, 9, prior=8)}, sampler="random", seed=0)
    found = study.warm_start(path)

    assert [t.params for t in study.trials] == [{"a": 0.2, "b": 8, "c": "x"}, {"a": 0.9, "b": 8, "c": "x"}]
    assert (found.used, found.left_out) == (2, 2)
    assert "2 left out (Parameter 'a' must lie in [0, 1]" in str(found)
    assert [t.state for t in study.trials] == ["created", "created"]


def test_a_maximised_study_gives_its_highest():
    old = tt.maximize(bowl, SPACE, 8, **quiet())
    study = tt.Study(SPACE, sampler="random", seed=0)
    study.warm_start(old, best=1)

    assert study.ask().params == old.best.params


def test_what_is_no_study_or_shares_nothing_is_refused():
    study = tt.Study(SPACE, sampler="random", seed=0)
    with pytest.raises(InputError, match="studies, tables or paths"):
        study.warm_start(3)
    with pytest.raises(InputError, match="matched by name"):
        study.warm_start(tt.Study({"other": tt.Float(0, 1)}, sampler="random", seed=0))
    with pytest.raises(InputError, match="best must be"):
        study.warm_start(study, best=0)


def test_conditional_parameters_follow_their_parents():
    old = tt.Study({"solver": ["adam", "sgd"], "momentum": tt.Float(0, 1)}, sampler="random", seed=0)
    old.add_trial({"solver": "adam", "momentum": 0.3}, 1.0)
    old.add_trial({"solver": "sgd", "momentum": 0.4}, 2.0)
    study = tt.Study({"solver": ["adam", "sgd"], "momentum": tt.Float(0, 1, when={"solver": "sgd"})}, seed=0)
    study.warm_start(old)

    assert [t.params for t in study.trials] == [{"solver": "adam"}, {"solver": "sgd", "momentum": 0.4}]


def test_a_changed_prior_is_the_same_space_for_old_trials(tmp_path):
    path = tmp_path / "s.db"
    tt.minimize(bowl, SPACE, 4, **quiet(storage=path))
    study = tt.minimize(bowl, {**SPACE, "a": tt.Float(0.0, 1.0, prior=0.3)}, 6, **quiet(storage=path))

    assert len(study) == 6
    assert tt.Study.load(path).space.parameters["a"].prior == 0.3
