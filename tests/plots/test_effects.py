"""Figures of effects: curves with bands, and maps of pairs."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.plots import made_up

import trimtab as tt
from trimtab import plots
from trimtab.errors import InputError
from trimtab.records import TrialTable
from trimtab.sensitivity import effects


@pytest.fixture(scope="module", params=["minimize", "maximize"])
def result(request):
    """A log knob and a choice with a hostile name that interact, and a knob that hardly matters."""
    space = tt.Space(
        {
            "lr": tt.Float(1e-4, 1e-1, log=True),
            made_up.HOSTILE: tt.Categorical(["x", made_up.HOSTILE]),
            "w": tt.Float(0, 10),
        }
    )
    x = space.sample(60, np.random.default_rng(0))
    v = 2 * (x[:, 0] - 0.5) ** 2 + x[:, 0] * (x[:, 1] > 0.5) + 0.1 * x[:, 2] * x[:, 0]
    return effects(TrialTable.of(space, x, v if request.param == "minimize" else -v, request.param))


def test_curves_are_on_the_knobs_own_scale_with_the_largest_change_first(result):
    data = plots.effects_data(result)

    change = [np.ptp(p.mean) for p in data.panels]
    assert change == sorted(change, reverse=True)
    lr = next(p for p in data.panels if p.parameter == "lr")
    assert lr.ticks.log
    assert len(lr.tried) == 60
    for p in data.panels:
        assert np.all((p.low <= p.mean) & (p.mean <= p.high))
        assert np.all((p.mean >= data.frame.low) & (p.mean <= data.frame.high))


def test_maps_turn_the_surface_so_that_rows_run_along_y(result):
    data = plots.effect_map_data(result)

    surface, panel = result.surfaces[0], data.panels[0]
    assert panel.names == surface.names
    assert_allclose(panel.mean, surface.mean.T)
    assert panel.mean.shape == (len(panel.y), len(panel.x))
    assert [p.contours for p in data.panels].count(True) == 1  # lr and w; the others hold a choice


def test_figures_say_what_is_seen_and_show_names_literally(result):
    for figure in (plots.effects(result), plots.effect_map(result)):
        written = figure.to_json()
        assert figure.layout.meta["caption"]
        assert figure.data
        assert "<script" not in written
        assert "<b>bold" not in written


def test_maps_can_be_read_without_colour(result):
    figure = plots.effect_map(result)

    contour = next(t for t in figure.data if t.type == "contour")
    assert contour.contours.showlabels
    cells = [note for note in figure.layout.annotations if note.bgcolor]
    assert len(cells) >= 8


def test_dark_is_good_in_both_directions(result):
    figure = plots.effect_map(result)

    scale = figure.data[0].colorscale
    assert scale[0 if result.direction == "minimize" else -1][1] == "#00204d"


def test_a_map_on_a_log_axis_has_numbers_in_place_of_labelled_lines():
    space = tt.Space({"a": tt.Float(0, 1), "b": tt.Float(0, 1)})
    x = space.sample(50, np.random.default_rng(0))
    t = TrialTable.of(space, x, np.exp(6 * x[:, 0] * x[:, 1]))
    figure = plots.effect_map(effects(t, scale="log"))

    assert not figure.data[0].contours.showlabels
    assert any(note.bgcolor for note in figure.layout.annotations)
    assert plots.effects(effects(t, scale="log")).layout.yaxis.type == "log"


def test_knobs_and_pairs_are_chosen_by_name(result):
    assert sum("<b>" in note.text for note in plots.effects(result, parameters=["lr"]).layout.annotations) == 1
    assert len(plots.effect_map_data(result, pair=("w", "lr")).panels) == 1
    with pytest.raises(InputError, match="'nope'"):
        plots.effects(result, parameters=["nope"])
    with pytest.raises(InputError, match="nope"):
        plots.effect_map(result, pair=("lr", "nope"))


@pytest.mark.parametrize("draw", [plots.effects, plots.effect_map])
def test_too_few_trials_give_a_sentence_in_place_of_a_figure(draw):
    figure = draw(made_up.table(2, failed=()))

    assert not figure.data
    assert figure.layout.annotations[0].text
    assert draw(made_up.table(30)).to_json()


def test_one_knob_alone_has_no_map():
    space = tt.Space({"a": tt.Float(0, 1)})
    x = space.sample(30, np.random.default_rng(0))

    figure = plots.effect_map(TrialTable.of(space, x, x[:, 0]))
    assert "two knobs" in figure.layout.meta["message"]
