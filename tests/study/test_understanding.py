"""understand= and Study.understand: exactly the share, the same in every process, until the answer is settled."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import trimtab as tt
from trimtab.errors import InputError
from trimtab.records import Created
from trimtab.study._understanding import Turns, Understanding, verdict

SPACE = {
    "lr": tt.Float(1e-4, 1e-1, log=True),
    "layers": tt.Int(1, 5),
    "solver": tt.Categorical(["adam", "sgd"]),
    "momentum": tt.Float(0.5, 0.99, when={"solver": "sgd"}),
}
LINE = {"x": tt.Float(0, 1), "y": tt.Float(0, 1), "z": tt.Float(0, 1)}


def loss(trial):
    return (math.log10(trial["lr"]) + 2.0) ** 2 + 0.3 * trial["layers"] * (trial["solver"] == "sgd")


def noise(trial):
    return float(np.random.default_rng(trial.seed).standard_normal())


def origins(study):
    return [e.origin for e in study.storage.read(study.name)[0] if isinstance(e, Created)]


def understood(study):
    return [i for i, origin in enumerate(origins(study)) if origin == "understand"]


@pytest.fixture
def unsettled(monkeypatch):
    monkeypatch.setattr(Understanding, "settled", lambda self, fold: "")


# -- which trials -----------------------------------------------------------------------------------------------------


EARLY = [1, 2, 3, 4, 5, 6, 8, 11, 14, 18]


@pytest.mark.parametrize(("share", "expected"), [(0.2, [1, 2, 7, 15]), (0.5, EARLY), (0.0, [])])
def test_the_share_is_exact_and_mostly_early(unsettled, share, expected):
    study = tt.minimize(noise, SPACE, 20, sampler="random", seed=0, understand=share, progress=False)

    assert understood(study) == expected


@pytest.mark.parametrize("share", [0.01, 0.2, 0.37, 0.95, 0.99])
def test_of_any_number_of_trials_the_share_is_exact(share):
    for n in (1, 2, 7, 50, 100):
        spent = 0
        for own in range(n):
            from_sampler = np.arange(own) >= spent
            log = SimpleNamespace(n_from_sampler=int(from_sampler.sum()), repeated=(), understood=range(spent))
            spent += Turns(share, n).has_come(log)
        assert spent == math.floor(share * n + 1e-9)


def test_without_a_number_of_trials_it_is_every_fourth(unsettled):
    study = tt.minimize(lambda t: 1.0, LINE, patience=16, sampler="random", seed=0, understand=0.25, progress=False)

    assert understood(study) == [3, 7, 11, 15, 19]


def test_further_trials_get_their_share(unsettled):
    study = tt.Study(LINE, sampler="random", seed=0)
    for _ in range(3):
        study.optimize(noise, 10, understand=0.2, progress=False)

    assert len(understood(study)) == 6


@pytest.mark.parametrize("sampler", ["random", "tpe", "gp", "sobol", "cmaes", "auto"])
def test_any_sampler_searches_between(unsettled, sampler):
    study = tt.maximize(loss, SPACE, 12, sampler=sampler, seed=0, understand=0.25, progress=False)

    assert understood(study) == [1, 3, 8]
    assert len({tuple(t.params.items()) for t in study.trials}) == 12


def test_trials_of_the_user_do_not_count(unsettled):
    start = [{"x": 0.1 * i, "y": 0.5, "z": 0.5} for i in range(3)]
    study = tt.minimize(noise, LINE, 13, sampler="random", seed=0, understand=0.2, start=start, progress=False)

    assert understood(study) == [4, 8]  # of the ten others


def test_repeats_leave_it_its_share(unsettled):
    study = tt.minimize(noise, LINE, 40, sampler="random", seed=0, understand=0.2, repeats=3, progress=False)

    assert len(understood(study)) == 8
    assert origins(study).count("repeat") > 0


# -- the same everywhere ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", ["random", "gp"])
def test_resuming_goes_on_as_if_nothing_had_been(tmp_path, unsettled, sampler):
    settings = {"sampler": sampler, "seed": 3, "understand": 0.4, "progress": False}
    whole = tt.minimize(loss, SPACE, 16, **settings)
    for stop in (2, 3, 9, 99):

        def interrupted(trial, stop=stop):
            if trial.number == stop:
                raise KeyboardInterrupt
            return loss(trial)

        with contextlib.suppress(KeyboardInterrupt):
            tt.minimize(interrupted, SPACE, 16, storage=tmp_path / "s.db", **settings)

    part = tt.Study(SPACE, sampler=sampler, storage=tmp_path / "s.db")
    assert_array_equal(part.table.x, whole.table.x)
    assert understood(part) == understood(whole)


def test_a_second_reader_of_the_log_proposes_the_same(tmp_path, unsettled):
    first = tt.Study(SPACE, sampler="tpe", storage=tmp_path / "s.db", seed=1)
    first.optimize(loss, 12, understand=0.5, progress=False)
    running = first.ask()
    second = tt.Study(SPACE, sampler="tpe", storage=tmp_path / "s.db")
    second.table  # noqa: B018  reads the log

    proposals = [s._proposals.next(s._journal.fold, 1, Turns(1.0)) for s in (first, second)]

    assert running.number == 12
    assert proposals[0] == proposals[1]
    assert proposals[0][1] == "understand"


def test_running_trials_are_kept_away_from(unsettled):
    study = tt.Study(LINE, sampler="random", seed=0)
    study.optimize(noise, 10, understand=0.5, progress=False)
    fold = study._journal.fold
    table = study.table
    near = study._proposals.understanding.next(fold, Turns(1.0))
    study.enqueue(dict(study.space.decode(near)[0]))
    study.ask()

    then = study._proposals.understanding.next(study._journal.fold, Turns(1.0))

    assert table.n == 10
    assert np.abs(then - near).max() > 0.05


def _evaluate(path):
    tt.minimize(noise, LINE, 30, sampler="random", storage=path, name="s", understand=0.2, progress=False)


def test_processes_that_share_a_study_share_the_share(tmp_path):
    path = str(tmp_path / "s.db")
    tt.Study(LINE, sampler="random", storage=path, name="s", seed=0).close()
    both = [multiprocessing.get_context("spawn").Process(target=_evaluate, args=(path,)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(60)

    study = tt.Study.load(path)
    assert [p.exitcode for p in both] == [0, 0]
    assert study.table.ended.n == 30
    assert len(understood(study)) == 6


def test_workers_get_the_share_too(unsettled):
    study = tt.minimize(noise, LINE, 10, sampler="random", seed=0, understand=0.2, workers=2, progress=False)

    assert understood(study) == [1, 5]


# -- hard spaces and results ------------------------------------------------------------------------------------------


def test_constraints_and_a_finite_space_hold(unsettled):
    space = tt.Space({"a": ["x", "y"], "b": tt.Int(1, 4)}, constraints=["b <= 3"])
    study = tt.minimize(lambda t: t["b"], space, 20, sampler="random", seed=0, understand=0.5, progress=False)

    assert len(study) == 6
    assert len({tuple(t.params.items()) for t in study.trials}) == 6
    assert study.stopped == "every configuration was tried"


def test_what_fails_is_left_alone(unsettled):
    def half(trial):
        if trial["x"] > 0.5:
            raise ValueError("diverged")
        return trial["x"] + trial["y"]

    study = tt.minimize(half, LINE, 40, sampler="random", seed=0, understand=0.5, progress=False)
    late = [study.trials[i] for i in understood(study)[5:]]

    assert sum(t.state == "failed" for t in late) <= len(late) / 3  # of the random ones half fail


def test_nothing_but_failures_and_equal_values_are_survived(unsettled):
    for objective in (lambda t: float("nan"), lambda t: 1.0):
        study = tt.minimize(objective, SPACE, 15, sampler="random", seed=0, understand=0.4, progress=False)
        assert len(understood(study)) == 6


def test_of_several_objectives_the_first_is_understood():
    study = tt.minimize(
        lambda t: {"error": 9 * t["x"], "latency": t["y"]},
        LINE,
        25,
        objectives=["error", "latency"],
        sampler="random",
        seed=0,
        understand=0.2,
        progress=False,
    )

    assert "x matters, each other knob moves less than 5 %" in study.understanding


# -- when it is settled -----------------------------------------------------------------------------------------------


def test_what_is_settled_costs_no_more_trials_and_is_said():
    study = tt.minimize(lambda t: t["x"], LINE, 30, sampler="random", seed=0, understand=0.2, progress=False)

    assert understood(study) == [1, 2, 5, 10, 16]  # the first check is after 20 trials
    assert study.understanding.startswith(
        "5 of 30 trials were spent on the sensitivities; settled, asked after 29 trials"
    )
    assert "x matters, each other knob moves less than 5 % of the variance (90 %)" in study.understanding


def test_noise_settles_nothing():
    study = tt.minimize(noise, LINE, 30, sampler="random", seed=0, understand=0.2, progress=False)

    assert study.understanding == (
        "6 of 30 trials were spent on the sensitivities; neither their order nor what to freeze is settled yet"
    )


def test_a_plain_study_says_that_it_spent_nothing():
    assert tt.Study(LINE).understanding == "no trial was spent on the sensitivities"


def found(low, high):
    low, high = np.array(low), np.array(high)
    return SimpleNamespace(
        parameters=("a", "b", "c"), total=(low + high) / 2, total_low=low, total_high=high, confidence=0.9
    )


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        ([0.06, 0.4, 0.2], [0.5, 0.6, 0.5], "b, c, a matter (90 %)"),
        ([0.0, 0.4, 0.0], [0.04, 0.6, 0.01], "b matters, each other knob moves less than 5 % of the variance (90 %)"),
        ([0.0, 0.0, 0.0], [0.04, 0.01, 0.01], "no knob matters, each other knob moves less than 5 % of the variance (90 %)"),
        ([0.0, 0.4, 0.2], [0.1, 0.6, 0.3], "the order is b > c > a (90 %)"),
        ([0.0, 0.4, 0.2], [0.1, 0.6, 0.5], ""),
        ([0.0, 0.0, 0.0], [1.0, 1.0, 1.0], ""),
    ],
)  # fmt: skip
def test_the_verdict(low, high, expected):
    assert verdict(found(low, high)) == expected


# -- Study.understand -------------------------------------------------------------------------------------------------


def test_understand_afterwards_spends_all_trials_on_it():
    study = tt.minimize(noise, LINE, 12, sampler="random", seed=0, progress=False)
    study.understand(noise, 5, progress=False)

    assert understood(study) == [12, 13, 14, 15, 16]
    assert study.stopped == "n_trials: 5 trials were evaluated"


def test_understand_stops_when_the_answer_is_settled():
    study = tt.Study(LINE, sampler="random", seed=0)
    study.understand(lambda t: t["x"], 100, progress=False)

    assert len(study) == 20
    assert study.stopped.startswith("understand: settled, asked after 20 trials: x matters")
    assert study.understand(lambda t: t["x"], 100, progress=False).table.n == 20


# -- wrong input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [1.0, -0.1, float("nan"), True, "0.2", None])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(InputError, match="understand must be a number from 0 to below 1"):
        tt.minimize(noise, LINE, 3, understand=share, progress=False)


def test_a_grid_has_no_room_for_it():
    with pytest.raises(InputError, match="understand= chooses trials between those of the search, and a grid"):
        tt.minimize(noise, {"a": [1, 2]}, sampler="grid", understand=0.2, progress=False)


def test_understand_needs_an_end():
    with pytest.raises(InputError, match="Nothing would end this study"):
        tt.Study(LINE).understand(noise, progress=False)


def test_patience_does_not_count_its_trials(unsettled):
    study = tt.minimize(lambda t: 1.0, LINE, 60, sampler="random", seed=0, understand=0.5, patience=5, progress=False)

    assert study.stopped == "patience: the last 5 finished trials were no better (trials for the sensitivities aside)"
    assert origins(study).count("sampler") == 6
    assert len(understood(study)) >= 5
