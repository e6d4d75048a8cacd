"""Every figure draws every kind of source, escapes what users named, and says what is seen."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from tests.plots import made_up

import trimtab as tt
from trimtab import plots
from trimtab.errors import InputError
from trimtab.records import TrialTable

FROM_TRIALS = [plots.history, plots.parallel_coordinates, plots.failures]
FROM_RESULTS = [
    (plots.sensitivity, made_up.sensitivity),
    (plots.interactions, made_up.sensitivity),
    (plots.one_at_a_time, made_up.one_at_a_time),
    (plots.tornado, made_up.one_at_a_time),
    (plots.gradient, made_up.gradient),
]


@pytest.mark.parametrize("draw", FROM_TRIALS)
@pytest.mark.parametrize("n", [0, 1, 2, 30])
@pytest.mark.parametrize("failed", [(), (0,), tuple(range(30))])
def test_figures_of_trials_draw_any_number_of_them(draw, n, failed):
    figure = draw(made_up.table(n, failed=failed))

    assert figure.layout.meta["caption"]
    assert figure.to_json()


@pytest.mark.parametrize(("draw", "make"), FROM_RESULTS)
def test_figures_of_results_say_in_their_title_what_is_seen(draw, make):
    figure = draw(make())

    caption = figure.layout.meta["caption"]
    assert figure.layout.title.text.replace("<br>", " ") == caption
    assert any(name in caption for name in ("lr", "units", "layers"))
    assert len(figure.data) >= 1


def test_shares_and_slopes_name_what_they_are_of():
    for make, draw, said in (
        (made_up.sensitivity, plots.sensitivity, "share of the variance of the objective's logarithm"),
        (made_up.gradient, plots.gradient, "change of the objective's logarithm"),
    ):
        assert draw(replace(make(), scale="log")).layout.xaxis.title.text == said


@pytest.mark.parametrize(
    "draw", [plots.sensitivity, plots.interactions, plots.one_at_a_time, plots.tornado, plots.gradient]
)
def test_too_few_trials_give_a_sentence_in_place_of_a_figure(draw):
    figure = draw(made_up.table(2, failed=()))

    assert not figure.data
    assert "Too little data" in figure.layout.meta["caption"]
    assert figure.layout.annotations[0].text


@pytest.mark.parametrize("draw", FROM_TRIALS)
def test_names_and_choices_are_shown_literally(draw):
    x = tt.Space({made_up.HOSTILE: tt.Float(0, 1)}).sample(9, np.random.default_rng(0))
    table = TrialTable.of(tt.Space({made_up.HOSTILE: tt.Float(0, 1)}), x, np.where(x[:, 0] > 0.7, np.nan, x[:, 0]))

    for source in (table, made_up.table()):
        written = draw(source).to_json()
        assert "<script" not in written
        assert "<b>bold" not in written


def test_sensitivity_tells_dead_knobs_apart_without_colour_and_shows_verdicts():
    figure = plots.sensitivity(made_up.sensitivity())
    total, main = figure.data

    assert total.marker.pattern.shape == "/"
    assert not main.marker.pattern.shape
    assert total.error_x.symmetric is False
    labels = "".join(figure.layout.yaxis.ticktext)
    assert "cannot be told from a dead knob" in labels
    assert "too little data" in labels
    assert len(set(main.marker.color)) == 2


def test_one_at_a_time_draws_the_knobs_that_are_asked_for():
    figure = plots.one_at_a_time(made_up.one_at_a_time(), parameters=["lr"])

    assert sum("<b>" in note.text for note in figure.layout.annotations) == 1
    with pytest.raises(InputError, match="'momentum'"):
        plots.one_at_a_time(made_up.one_at_a_time(), parameters=["momentum"])


def test_tornado_points_to_the_better_side():
    result = made_up.one_at_a_time()

    assert plots.tornado(result, direction="maximize").layout.xaxis.title.text.startswith("← worse")
    assert plots.tornado(result, direction="minimize").layout.xaxis.title.text.startswith("← better")


def test_gradient_names_the_slopes_that_are_sure():
    assert "rises with lr" in plots.gradient(made_up.gradient()).layout.meta["caption"]


def test_a_figure_of_a_study_analyses_it_first():
    table = made_up.table(40, failed=(1,))
    from_result = plots.sensitivity(tt.sensitivity.sobol(table))

    assert plots.sensitivity(table).layout.meta["caption"] == from_result.layout.meta["caption"]


def test_anything_else_is_refused_by_name():
    with pytest.raises(InputError, match="Expected a Study or a TrialTable, got int"):
        plots.history(3)


def test_importing_the_figures_does_not_import_plotly():
    heavy = "('plotly', 'pandas', 'scipy')"
    code = f"import sys, trimtab.plots, trimtab.report; print([m for m in {heavy} if m in sys.modules])"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert said.strip() == "[]"
