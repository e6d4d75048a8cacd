"""Advice: knobs that may be frozen, ranges that end too early or reach too far, missing log scales, and when to say nothing."""

from __future__ import annotations

import json

import numpy as np
import pytest

import trimtab as tt
from trimtab.errors import InputError
from trimtab.records import TrialTable
from trimtab.sensitivity import Advice, Piece, _surrogate, advice
from trimtab.space import Categorical, Float, Int, Space


def table(space, function, n, seed, noise=0.0, direction="minimize"):
    rng = np.random.default_rng(seed)
    x = space.sample(n, rng)
    return TrialTable.of(space, x, function(x) + noise * rng.standard_normal(n), direction)


def kinds(result):
    return {(piece.kind, piece.parameter) for piece in result.pieces}


def piece(result, kind, parameter):
    return next(p for p in result.of(kind) if p.parameter == parameter)


MIXED = Space(
    {
        "lr": Float(1e-4, 1e-1, log=True),
        "edge": Float(0.0, 1.0),
        "dead": Float(0.0, 1.0),
        "choice": Categorical(["good", "bad", "worst"]),
        "dead_choice": Categorical([(1,), (2,)]),
        "layers": Int(1, 6),
    }
)


def mixed(x):
    return 4 * (x[:, 0] - 0.4) ** 2 + 1.5 * x[:, 1] + np.floor(3 * x[:, 3]) + 0.5 * np.abs(x[:, 5] - 0.6)


@pytest.fixture(scope="module")
def looked_at():
    return advice(table(MIXED, mixed, 100, seed=1, noise=0.02))


def test_dead_knobs_are_frozen_and_live_ones_are_not(looked_at):
    frozen = {p.parameter for p in looked_at.of("freeze")}

    assert {"dead", "dead_choice"} <= frozen
    assert not frozen & {"lr", "edge", "layers"}
    assert all(p.confidence >= 0.95 for p in looked_at.of("freeze"))
    for p in looked_at.of("freeze"):
        assert p.value == looked_at.at[p.parameter]


def test_a_choice_is_frozen_at_the_good_one_or_the_bad_ones_are_dropped(looked_at):
    frozen = {p.parameter: p.value for p in looked_at.of("freeze")}
    dropped = {p.parameter: p.value for p in looked_at.of("shrink")}

    assert frozen.get("choice") == "good" or dropped.get("choice") == ("good",)


def test_an_optimum_at_the_edge_asks_for_a_wider_range(looked_at):
    found = piece(looked_at, "widen", "edge")

    assert "below 0" in found.advice
    assert found.confidence >= 0.8
    assert {p.parameter for p in looked_at.of("widen")} == {"edge"}


def test_parts_of_a_range_that_are_bad_are_cut_and_the_best_stays(looked_at):
    low, high = piece(looked_at, "shrink", "edge").value
    assert (low, high <= 0.6) == (0.0, True)

    low, high = piece(looked_at, "shrink", "lr").value
    assert 1e-4 <= low < 10 ** (-4 + 3 * 0.4) < high <= 1e-1
    assert low > 1e-4 or high < 1e-1


@pytest.mark.parametrize("seed", range(3))
def test_a_linear_learning_rate_should_have_been_logarithmic(seed):
    space = Space(
        {"lr": Float(1e-3, 1.0), "momentum": Float(0.05, 0.95), "width": Int(1, 500), "zero": Float(0.0, 100.0)}
    )

    def function(x):
        lr = np.log10(1e-3 + x[:, 0] * (1.0 - 1e-3))
        return (lr + 1.0) ** 2 + 2 * x[:, 1] + x[:, 2] + x[:, 3]

    found = {p.parameter for p in advice(table(space, function, 80, seed, noise=0.02)).of("log scale")}

    assert found == {"lr"}


def test_many_trials_of_a_bowl_are_enough_and_few_of_a_rough_one_are_not():
    cube = Space({f"x{j}": Float(0.0, 1.0) for j in range(2)})
    smooth = advice(table(cube, lambda x: np.sum((x - 0.5) ** 2, axis=1), 150, seed=0, noise=0.05))
    rough = Space({f"x{j}": Float(0.0, 1.0) for j in range(5)})
    few = advice(table(rough, lambda x: np.sum(np.abs(x - 0.37), axis=1), 25, seed=0))

    assert ("more trials", "") not in kinds(smooth)
    assert ("more trials", "") in kinds(few)


def test_a_large_epsilon_allows_more_and_a_tiny_one_less():
    t = table(
        Space({"a": Float(0, 1), "b": Float(0, 1), "c": Float(0, 1)}),
        lambda x: x[:, 0] + 0.3 * (x[:, 1] - 0.5) ** 2,
        80,
        2,
    )

    tolerant, strict = advice(t, epsilon=0.5), advice(t, epsilon=1e-3)

    assert len(tolerant.of("freeze")) > len(strict.of("freeze"))
    assert tolerant.epsilon == 0.5


def test_live_knobs_are_seldom_frozen_wrongly_under_strong_noise():
    """Freezing x0 or x1 may cost more than epsilon. If 5 % of searches did, more than 2 of 8 would with probability 0.006."""
    cube = Space({f"x{j}": Float(0.0, 1.0) for j in range(4)})
    wrong = 0
    for seed in range(8):
        found = advice(table(cube, lambda x: x[:, 0] + 0.5 * x[:, 1], 40, seed, noise=0.2))
        cost = sum(p.value * {"x0": 1.0, "x1": 0.5}.get(p.parameter, 0.0) for p in found.of("freeze"))
        wrong += cost > found.epsilon
    assert wrong <= 2


def test_conditional_knobs_and_constraints():
    space = Space(
        {
            "solver": Categorical(["adam", "sgd"]),
            "lr": Float(1e-4, 1e-1, log=True),
            "momentum": Float(0.0, 0.99, when={"solver": "sgd"}),
        },
        constraints=["lr < 0.05"],
    )

    def function(x):
        return 4 * (x[:, 1] - 0.5) ** 2 + np.where(x[:, 0] > 0.5, 1.0 + np.nan_to_num(x[:, 2]), 0.0)

    found = advice(table(space, function, 60, seed=3, noise=0.02))

    solver = [p for p in found.pieces if p.parameter == "solver"]
    assert any((p.kind, p.value) in [("freeze", "adam"), ("shrink", ("adam",))] for p in solver)
    assert not any(p.parameter == "momentum" and p.kind in ("freeze", "widen") for p in found.pieces)


def test_both_directions_give_the_same_advice():
    t = table(MIXED, mixed, 60, seed=4, noise=0.02)
    mirrored = TrialTable.of(t.space, t.x, t.y, "maximize")  # y is in minimised sign either way

    assert kinds(advice(t)) == kinds(advice(mirrored))


def test_the_same_call_gives_the_same_advice(looked_at):
    _surrogate._kept.clear()

    assert str(advice(table(MIXED, mixed, 100, seed=1, noise=0.02))) == str(looked_at)


@pytest.mark.parametrize(
    ("x", "y", "kind", "said"),
    [
        (np.empty((0, 1)), [], "more trials", "0 finished trials"),
        (np.array([[0.1], [0.9]]), [1.0, 2.0], "more trials", "2 finished trials"),
        (np.linspace(0, 1, 30)[:, None], [0.5] * 30, "more trials", "same objective"),
        (np.linspace(0, 1, 30)[:, None], [np.nan] * 30, "more trials", "0 finished trials"),
        (np.full((30, 1), 0.25), list(np.random.default_rng(0).random(30)), "more trials", "same configuration"),
        (np.linspace(0, 1, 30)[:, None], list(np.random.default_rng(0).random(30)), "repeats", "noise alone"),
    ],
    ids=["none", "two", "constant", "failed", "one configuration", "noise"],
)
def test_where_nothing_can_be_told_it_says_why(x, y, kind, said):
    found = advice(TrialTable.of(Space({"x": Float(0, 1)}), x, np.array(y)))

    assert [p.kind for p in found.pieces] == [kind]
    assert said in found.pieces[0].evidence


def test_failed_trials_duplicates_and_a_knob_that_never_moved():
    t = table(MIXED, mixed, 60, seed=5)
    x = np.concatenate([t.x, t.x[:10]])
    x[:, 2] = 0.3
    y = np.concatenate([t.y, t.y[:10]])
    y[::7] = np.nan
    found = advice(TrialTable.of(MIXED, x, y))

    assert found.n_failed == 10
    assert "dead" not in {p.parameter for p in found.pieces if p.kind in ("freeze", "shrink", "widen")}
    assert any("Never changed" in note for note in found.notes)


def test_texts_for_people_and_machines(looked_at):
    frame = looked_at.to_pandas()
    plain = json.loads(json.dumps(looked_at.to_dict(), allow_nan=False))

    assert list(frame.columns) == ["kind", "parameter", "value", "advice", "evidence", "confidence"]
    assert [row["kind"] for row in plain["pieces"]] == [p.kind for p in looked_at.pieces]
    assert f"a loss of {looked_at.epsilon:.3g} counts as none" in str(looked_at)
    assert "Freeze dead at" in looked_at._repr_html_()


def test_an_empty_table_is_an_answer():
    nothing = Advice((), {}, 0.1, 0.95, "rank", 50, 0, ())

    assert "nothing to say" in str(nothing)
    assert nothing.columns()[0] == "kind"


def test_bad_arguments_are_refused():
    t = table(MIXED, mixed, 10, seed=0)
    with pytest.raises(InputError, match="epsilon must be positive"):
        advice(t, epsilon=0.0)
    with pytest.raises(InputError, match="between 0 and 1"):
        advice(t, confidence=95)


def test_a_study_gives_its_advice():
    study = tt.minimize(lambda t: (t["x"] - 0.3) ** 2, {"x": tt.Float(0, 1), "y": tt.Float(0, 1)}, n_trials=15, sampler="random",
                        progress=False)  # fmt: skip
    found = study.advice(epsilon=0.01)

    assert isinstance(found, Advice)
    assert all(isinstance(p, Piece) for p in found.pieces)
    assert str(found) == str(advice(study, epsilon=0.01))
