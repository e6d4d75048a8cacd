"""What the figures show: arrays before any drawing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.plots import made_up

import trimtab as tt
from trimtab import plots
from trimtab.errors import InputError
from trimtab.records import PRUNED, TrialTable


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_history_keeps_the_best_value_so_far_in_the_users_sign(direction):
    data = plots.history_data(made_up.table(direction=direction))

    fold = np.fmin if direction == "minimize" else np.fmax
    finished = data.value[data.finished]
    assert_allclose(data.best_so_far, fold.accumulate(data.value))
    assert data.value[data.best] == (finished.min() if direction == "minimize" else finished.max())
    assert data.failed.sum() == 2
    assert data.improved[data.best]
    assert data.number[data.improved][0] == 0


def test_history_leaves_a_far_outlier_outside_the_frame_but_never_the_best():
    y = np.concatenate([np.linspace(-1, 1, 40), [1e9, -1.5]])
    table = TrialTable.of(tt.Space({"a": tt.Float(0, 1)}), np.linspace(0, 1, 42)[:, None], y)

    frame = plots.history_data(table).frame

    assert frame.n_outside == 1
    assert frame.low < -1.5 < frame.high < 100


def test_history_of_values_over_decades_has_a_log_axis():
    table = TrialTable.of(tt.Space({"a": tt.Float(0, 1)}), np.linspace(0, 1, 20)[:, None], np.logspace(-6, 2, 20))

    frame = plots.history_data(table).frame

    assert frame.log
    assert frame.n_outside == 0
    assert frame.low > 0


def test_sensitivity_puts_the_strongest_knob_first_and_unknown_ones_last():
    data = plots.sensitivity_data(made_up.sensitivity())

    assert data.parameters == ("units", "lr", "layers", "momentum")
    assert data.matters.tolist() == [True, True, False, False]
    assert data.verdict[2] == "cannot be told from a dead knob"
    assert data.reason[2] == "flat"
    assert_allclose(data.total, [0.7, 0.2, 0.05, np.nan])


def test_interactions_are_a_symmetric_matrix_of_all_pairs():
    result = made_up.sensitivity()
    data = plots.interactions_data(result)

    assert_allclose(data.share, data.share.T)
    assert np.isnan(np.diag(data.share)).all()
    for a, b, share in zip(*(getattr(result.interactions, k) for k in ("first", "second", "share")), strict=True):
        assert data.share[data.parameters.index(a), data.parameters.index(b)] == share


def test_one_at_a_time_places_the_tolerated_span_on_the_knobs_own_log_scale():
    data = plots.one_at_a_time_data(made_up.one_at_a_time())
    layers, lr = data.panels

    assert lr.parameter == "lr"
    assert lr.ticks.log
    assert_allclose(lr.span, (1 / 3, 2 / 3), atol=1e-6)
    assert layers.tolerated.tolist() == [True, True, False]
    assert layers.span is None


def test_one_at_a_time_shows_every_predicted_value_inside_its_frame():
    data = plots.one_at_a_time_data(made_up.one_at_a_time())

    for panel in data.panels:
        assert np.all((panel.middle > data.frame.low) & (panel.middle < data.frame.high))


def test_tornado_and_gradient_put_the_largest_change_first():
    assert plots.tornado_data(made_up.one_at_a_time()).parameters == ("layers", "lr")
    assert plots.gradient_data(made_up.gradient()).parameters == ("units", "lr", "momentum")


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_parallel_coordinates_put_the_better_end_on_top(direction):
    data = plots.parallel_coordinates_data(made_up.table(direction=direction))

    assert np.nanargmax(data.goodness) == data.best
    order = np.argsort(data.ticks[-1].at)
    shown = [float(s.replace("−", "-")) for s in np.array(data.ticks[-1].labels)[order]]
    assert shown == sorted(shown, reverse=direction == "minimize")


def test_parallel_coordinates_keep_inactive_knobs_apart_from_low_values():
    table = made_up.table()
    data = plots.parallel_coordinates_data(table)

    inactive = ~table.space.active(table.x)[:, 3]
    assert 0 < inactive.sum() < table.n
    assert np.isnan(data.height[inactive, 3]).all()
    assert np.isfinite(data.height[~inactive, 3]).all()
    assert np.abs(data.spread).max() <= 0.1
    assert not data.spread[data.best].any()


def test_parallel_coordinates_name_an_unknown_parameter():
    with pytest.raises(InputError, match="'width'"):
        plots.parallel_coordinates_data(made_up.table(), parameters=["width"])


def test_failures_rank_the_knob_that_decides_first():
    space = tt.Space({"noise": tt.Float(0, 1), "lr": tt.Float(1e-4, 1, log=True)})
    x = space.sample(60, np.random.default_rng(5))
    table = TrialTable.of(space, x, np.where(x[:, 1] > 0.8, np.nan, 1.0))

    data = plots.failures_data(table)

    assert data.parameters[0] == "lr"
    assert data.contrast[0] == 1.0
    assert data.contrast[1] < 0.6
    assert data.ticks[0].labels == ("0.0001", "0.001", "0.01", "0.1", "1")


def test_ten_thousand_trials_are_thinned_but_keep_their_best():
    table = made_up.table(10_000, failed=tuple(range(0, 10_000, 10)))
    data = plots.parallel_coordinates_data(table)

    assert len(data.number) + data.n_hidden == 10_000
    assert len(data.number) <= 1_200
    assert data.number[data.best] == plots.history_data(table).number[plots.history_data(table).best]
    assert 20 <= data.failed.sum() <= 300
    assert "ordinary trials are left out" in plots.parallel_coordinates(table).layout.meta["caption"]
    assert max(len(trace.x) for trace in plots.failures(table).data) <= 500 * 6


def test_pruned_trials_are_shown_apart_from_finished_ones():
    table = made_up.table(10, failed=())
    state = table.state.copy()
    state[[2, 5]] = PRUNED
    pruned = replace(table, state=state)

    data = plots.history_data(pruned)

    assert data.pruned.sum() == 2
    assert data.finished.sum() == 8
    assert [trace.name for trace in plots.history(pruned).data] == ["finished", "pruned", "best so far", "best"]
