"""Learning curves: the user's own sign, the best and the pruned ones told apart, long studies thinned."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tests.plots import made_up

import trimtab as tt
from trimtab import plots
from trimtab.errors import InputError

FATES = ("finished", "finished", "pruned", "failed")


def study(n, steps=5, direction="minimize"):
    """Trial i reports i + 1/step: minimised trial 0 is the best. Every third is pruned, every fourth diverges at its end."""
    s = tt.Study({"x": tt.Float(0, 1)}, direction=direction, sampler="random", seed=0)
    for i in range(n):
        trial, fate = s.ask(), FATES[i % 4]
        for step in range(1, steps + 1):
            trial.report(math.nan if fate == "failed" and step == steps else i + 1 / step, step)
        s.tell(trial, None if fate == "failed" else i + 1 / steps, state=fate)
    return s


@pytest.mark.parametrize(("direction", "best"), [("minimize", 0), ("maximize", 5)])
def test_curves_are_in_the_users_sign_and_the_best_is_the_studys(direction, best):
    data = plots.learning_curves_data(study(8, direction=direction))

    assert [c.number for c in data.curves] == list(range(8))
    assert_array_equal(data.curves[2].steps, [1, 2, 3, 4, 5])
    assert_array_equal(data.curves[2].values, 2 + 1 / np.arange(1.0, 6.0))
    assert data.curves[data.best].number == best
    assert (data.n, data.n_pruned, data.n_diverged) == (8, 2, 2)
    assert [c.number for c in data.curves if c.pruned] == [2, 6]
    assert [len(c.steps) for c in data.curves if c.diverged] == [4, 4]


def test_trials_that_reported_nothing_have_no_curve():
    s = study(4)
    s.tell(s.ask(), -1.0)
    data = plots.learning_curves_data(s)

    assert data.n == len(data.curves) == 4
    assert data.best is None  # the best trial is the one that reported nothing
    assert "The best" not in plots.learning_curves(s).layout.meta["caption"]


def test_long_studies_are_thinned_and_keep_the_best_and_the_ends():
    s = study(400, steps=60)
    s.tell(s.ask(), 5.0)
    data = plots.learning_curves_data(s)

    assert 300 <= len(data.curves) <= 301
    assert data.n == 400
    assert data.curves[data.best].number == 0
    assert sum(len(c.steps) for c in data.curves) <= 9_100
    assert all(c.steps[0] == 1 for c in data.curves)
    assert all(c.steps[-1] == (59 if c.diverged else 60) for c in data.curves)
    assert len(plots.learning_curves(s).to_json()) < 1_000_000


@pytest.mark.parametrize("n", [1, 2, 8])
@pytest.mark.parametrize("steps", [1, 5])
def test_the_figure_says_how_many_were_pruned_and_diverged(n, steps):
    figure = plots.learning_curves(study(n, steps))
    caption = figure.layout.meta["caption"]

    assert caption.startswith(f"{n} trial{'s' if n > 1 else ''} reported.")
    assert ("2 were pruned (diamonds)" in caption) is (n == 8)
    assert ("2 diverged (crosses)" in caption) is (n == 8)
    assert f"The best, trial 0, reported {1 / steps:.5g} last." in caption
    assert json.loads(figure.to_json())


def test_a_study_in_which_every_report_diverged_draws():
    s = tt.Study({"x": tt.Float(0, 1)}, sampler="random", seed=0)
    trial = s.ask()
    trial.report(math.inf, 1)
    s.tell(trial, math.inf)

    assert "1 diverged" in plots.learning_curves(s).layout.meta["caption"]


def test_a_study_without_reports_gives_a_sentence():
    s = tt.Study({"x": tt.Float(0, 1)}, sampler="random", seed=0)
    figure = plots.learning_curves(s)

    assert not figure.data
    assert "trial.report" in figure.layout.annotations[0].text


def test_of_several_objectives_the_first_is_shown():
    s = tt.Study(
        {"x": tt.Float(0, 1)}, objectives={"<b>error</b>": "maximize", "b": "minimize"}, sampler="random", seed=0
    )
    trial = s.ask()
    trial.report(0.25, 1)
    s.tell(trial, {"<b>error</b>": 0.5, "b": 1.0})
    figure = plots.learning_curves(s)

    assert figure.data[0].y[0] == 0.25
    assert figure.layout.yaxis.title.text == "&lt;b&gt;error&lt;/b&gt; (maximize)"


def test_a_table_has_no_curves():
    with pytest.raises(
        InputError, match="Learning curves need a Study, which keeps what trials reported, got TrialTable"
    ):
        plots.learning_curves(made_up.table())
