"""What trackers of experiments are given: names they allow, plain parameters, whole steps."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trimtab as tt
from trimtab.integrations._exported import exported, or_warn, safe_names

ALLOWED = r"A-Za-z0-9_.\- "


@given(st.lists(st.text(max_size=8), max_size=6))
@settings(max_examples=200, derandomize=True, deadline=None)
def test_names_become_allowed_ones_and_stay_apart(names):
    found = safe_names(names, ALLOWED)

    assert set(found) == set(names)
    assert len(set(found.values())) == len(set(names))
    assert all(re.fullmatch(f"[{ALLOWED}]+", name) for name in found.values())
    assert not {".", "..", ""} & {name.strip() for name in found.values()}


def test_allowed_names_stay_as_they_are():
    assert safe_names(["lr", "weight decay", "a/b", "a_b", "a?b"], ALLOWED) == {
        "lr": "lr", "weight decay": "weight decay", "a/b": "a_b", "a_b": "a_b_2", "a?b": "a_b_3"
    }  # fmt: skip


def test_choices_that_are_objects_go_by_their_labels_and_a_clash_of_names_is_none():
    space = {
        "layers": tt.Categorical([(50,), (100, 50)]),
        "act": ["relu", None],
        "on": [True, False],
        "n": tt.Int(1, 3),
    }
    study = tt.Study(space, objectives=["seconds", "reported"], sampler="random", seed=0)
    trial = study.ask()
    study.tell(trial, {"seconds": 1.0, "reported": 2.0, "extra": 3.0}, seconds=9.0)
    plain = exported(study, study.trials[0], ALLOWED)

    assert plain.params["layers"] in ("(50,)", "(100, 50)")
    assert plain.params["act"] in ("relu", "None")
    assert isinstance(plain.params["on"], bool)
    assert isinstance(plain.params["n"], int)
    assert plain.metrics == {"seconds": 1.0, "reported": 2.0, "extra": 3.0, "seconds_2": 9.0}
    assert plain.curve_name == "reported_2"


def test_steps_are_whole_or_ranks():
    study = tt.Study({"x": tt.Float(0, 1)}, sampler="random", seed=0)
    for steps in ([10, 0, 20], [0.5, 1.5, 0.25]):
        trial = study.ask()
        for step in steps:
            trial.report(step / 100, step)
        study.tell(trial, 1.0)
    whole, ranks = (exported(study, trial, ALLOWED).curve for trial in study.trials)

    assert whole == ((0, 0.0), (10, 0.1), (20, 0.2))
    assert ranks == ((0, 0.0025), (1, 0.005), (2, 0.015))


def test_a_tracker_that_fails_is_warned_of_and_nothing_more():
    def fails():
        raise ConnectionError("no route\nto it")

    with pytest.warns(RuntimeWarning, match=r"Trial 3 was not written: ConnectionError: no route\. The study goes on"):
        or_warn(fails, "Trial 3", "export_study")
