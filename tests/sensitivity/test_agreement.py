"""Agreement of the views: straight effects agree; interactions, cliffs, flat places and bad ranges are named."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from trimtab.errors import InputError
from trimtab.records import TrialTable
from trimtab.sensitivity import agreement, sobol
from trimtab.sensitivity._agreement import VIEWS
from trimtab.space import Categorical, Float, Space


def looked_at(function, seed=0, n=120, noise=0.02, scale="raw", **more):
    space = Space({f"x{j}": Float(0.0, 1.0) for j in range(4)})
    rng = np.random.default_rng(seed)
    x = space.sample(n, rng)
    y = function(x)
    return agreement(TrialTable.of(space, x, y + noise * y.std() * rng.standard_normal(n)), scale=scale, **more)


@pytest.mark.parametrize("seed", range(2))
def test_straight_effects_have_the_same_share_in_every_view(seed):
    """x0 has a fifth of the variance, x1 four fifths: 1 to 2 squared."""
    found = looked_at(lambda x: x[:, 0] + 2 * x[:, 1], seed)

    assert_allclose(found.share[:2], np.outer([0.2, 0.8], np.ones(4)), atol=0.12)
    assert_allclose(found.share[2:], 0.0, atol=0.02)
    assert_array_equal(found.rank[:2], np.outer([2, 1], np.ones(4)))
    assert found.reasons == {}
    assert found.ranges == {}
    assert "no knob differs" in str(found)


@pytest.mark.parametrize("seed", range(2))
def test_knobs_that_work_together_are_called_an_interaction(seed):
    found = looked_at(lambda x: 4 * (x[:, 0] - 0.5) * (x[:, 1] - 0.5) + 0.3 * x[:, 2], seed)

    assert found.reasons["x0"].startswith("interaction: ")
    assert "with x1" in found.reasons["x0"]
    assert "with x0" in found.reasons["x1"]
    assert not {"x2", "x3"} & set(found.reasons)


@pytest.mark.parametrize("seed", range(2))
def test_a_jump_that_the_slope_does_not_show_is_called_a_cliff(seed):
    found = looked_at(lambda x: 2.0 * (x[:, 0] > 0.6) + x[:, 1], seed)

    assert found.reasons["x0"].startswith("cliff: ")
    assert "x1" not in found.reasons


@pytest.mark.parametrize("seed", range(2))
def test_the_bottom_of_a_valley_is_called_a_bad_place(seed):
    """The derivative of 4 (x0 - 1/2)^2 is 0 in the middle and -3.6 at 0.05: slope^2 / 12 is 0 and 6 times the variance."""
    bowl = {
        "at": {"x0": 0.5, "x1": 0.1, "x2": 0.5, "x3": 0.5},
        "function": lambda x: 4 * (x[:, 0] - 0.5) ** 2 + x[:, 1],
    }
    found = looked_at(**bowl, seed=seed)

    assert found.reasons["x0"].startswith("bad place: flat here")
    assert "x1" not in found.reasons
    assert found.share[0, VIEWS.index("gradient")] < 0.05
    assert looked_at(**(bowl | {"at": {f"x{j}": 0.05 for j in range(4)}}), seed=seed).share[0, 1] > 1.0


@pytest.mark.parametrize("seed", range(2))
def test_a_bad_end_of_a_range_is_named_and_a_whole_range_is_not(seed):
    """Below 0.85 nothing depends on x0: without the last fifth its total is almost nothing."""
    found = looked_at(lambda x: x[:, 1] + 30 * np.maximum(x[:, 0] - 0.85, 0.0), seed)

    assert list(found.ranges) == ["x0"]
    assert "above 0.8 " in found.ranges["x0"]
    assert found.ranges["x0"] in found.verdicts["x0"]


def test_without_a_reason_verdicts_are_those_of_the_global_view():
    rng = np.random.default_rng(3)
    space = Space({"a": Categorical(["p", "q"]), "b": Float(0, 1), "c": Float(0, 1, when={"a": "q"})})
    x = space.sample(80, rng)
    t = TrialTable.of(space, x, np.where(x[:, 0] > 0.5, 1.0, 0.0) + x[:, 1])
    found = agreement(t)

    assert np.isnan(found.share[0, VIEWS.index("gradient")])
    assert np.isnan(found.share[2, VIEWS.index("one_at_a_time")])  # inactive in the best trial
    for name, verdict in sobol(t).verdicts.items():
        assert found.verdicts[name].startswith(verdict)


def test_intervals_hold_their_estimates():
    found = looked_at(lambda x: np.sin(5 * x[:, 0]) + x[:, 1] * x[:, 2], 1)

    assert np.all(found.low <= found.share + 1e-9)
    assert np.all(found.share <= found.high + 1e-9)


def test_texts_for_people_and_machines():
    found = looked_at(lambda x: 4 * (x[:, 0] - 0.5) * (x[:, 1] - 0.5), 0, 60)
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    frame = found.to_pandas()

    assert list(frame.columns)[:5] == [
        "parameter",
        "one_at_a_time",
        "one_at_a_time_low",
        "one_at_a_time_high",
        "one_at_a_time_rank",
    ]
    assert list(frame.columns)[-3:] == ["reason", "range", "verdict"]
    assert plain["views"] == list(VIEWS)
    assert "interaction" in str(found)


def test_a_wrong_scale_is_refused():
    with pytest.raises(InputError, match="auto, raw, log, rank"):
        looked_at(lambda x: x[:, 0], scale="ranks")


def reporting(slopes, seed=0, n=60):
    """y = x0 + 2 x1 over two knobs, with reported slopes."""
    space = Space({"x0": Float(0.0, 1.0), "x1": Float(0.0, 1.0)})
    rng = np.random.default_rng(seed)
    x = space.sample(n, rng)
    y = x[:, 0] + 2 * x[:, 1]
    table = TrialTable.of(space, x, y + 0.02 * y.std() * rng.standard_normal(n))
    return agreement(replace(table, derivatives=np.tile(slopes, (n, 1))), scale="raw")


def test_reported_gradients_are_a_view_of_their_own():
    found = reporting([1.0, 2.0])

    assert found.views == ("one_at_a_time", "gradient", "hypergradient", "main", "total")
    assert_allclose(found.share, np.outer([0.2, 0.8], np.ones(5)), atol=0.12)
    assert {said.partition(":")[0] for said in found.reported.values()} == {"agrees"}
    assert found.reported["x1"].startswith("agrees: hypergradient 2 over the range (")
    row = found.rows()[1]
    assert row["hypergradient"] == pytest.approx(0.8, abs=0.12)
    assert set(found.columns()) == set(row)
    assert "hypergradient" in str(found)
    json.dumps(found.rows())


def test_a_hypergradient_that_tells_another_story_differs():
    found = reporting([-3.0, np.nan])

    assert found.reported["x0"].startswith("differs: hypergradient -3 over the range")
    assert "x1" not in found.reported
    assert np.isnan(found.share[1, 2])
    assert "hypergradient" not in found.verdicts["x0"], "the verdicts are those of the global view"


def test_without_gradients_near_the_place_nothing_changes():
    plain = reporting([np.nan, np.nan])
    assert plain.views == VIEWS
    assert plain.reported == {}
    assert "hypergradient_verdict" not in plain.columns()


def test_signs_that_change_among_the_trials_are_said():
    space = Space({"x0": Float(0.0, 1.0), "x1": Float(0.0, 1.0)})
    rng = np.random.default_rng(0)
    x = space.sample(80, rng)
    table = TrialTable.of(space, x, 4 * (x[:, 0] - 0.5) ** 2 + 0.1 * x[:, 1], "maximize")
    slopes = np.stack([8 * (x[:, 0] - 0.5), np.full(80, 0.1)], axis=1)
    found = agreement(replace(table, derivatives=slopes), at={"x0": 0.5, "x1": 0.5})

    assert found.reported["x0"].endswith("; its sign changes among them")
    assert "hypergradient -0.1 over the range" in found.reported["x1"]  # the user's sign
