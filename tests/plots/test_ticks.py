"""Ticks carry the user's own values and stand where those values lie."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import trimtab as tt
from trimtab.plots._frame import frame_of
from trimtab.plots._style import shorten, text
from trimtab.plots._ticks import column_ticks, nice


@pytest.mark.parametrize(
    "parameter",
    [
        tt.Float(1e-6, 1e-1, log=True),
        tt.Float(-3.0, 8.0),
        tt.Int(1, 9),
        tt.Int(16, 256, log=True),
        tt.Int(0, 10**9),
        tt.Float(0, 1, step=0.25),
        tt.Float(2e-15, 3e-15),
    ],
)
def test_numeric_ticks_stand_at_their_values(parameter):
    space = tt.Space({"p": parameter})
    marks = column_ticks(space, 0)

    values = [float(label.replace("−", "-").replace(",", "")) for label in marks.labels]
    assert len(values) >= 2
    assert values == sorted(values)
    whole = [round(v) if isinstance(parameter, tt.Int) else v for v in values]
    assert_allclose(marks.at, [space.coordinate(0, v) for v in whole], atol=0.02)


def test_choices_each_have_their_label():
    space = tt.Space({"p": tt.Categorical([(50,), None, "relu"])})

    assert column_ticks(space, 0).labels == ("(50,)", "None", "relu")


def test_a_normal_distribution_has_ticks_at_its_quantiles():
    stats = pytest.importorskip("scipy.stats")
    space = tt.Space({"p": stats.norm(0, 1)})

    marks = column_ticks(space, 0)

    assert_allclose(marks.at, stats.norm.cdf([float(s.replace("−", "-")) for s in marks.labels]), atol=0.02)


@given(st.floats(-1e12, 1e12), st.floats(1e-9, 1e12), st.integers(2, 9))
def test_nice_numbers_are_few_and_inside(low, span, most):
    high = low + span
    if high > low:
        marks = nice(low, high, most, log=False)
        slack = 1e-6 * span + 1e-9 * abs(low)
        assert 1 <= len(marks) <= most
        assert marks.min() >= low - slack
        assert marks.max() <= high + slack


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=30), st.sampled_from(["minimize", "maximize"]))
def test_every_list_of_values_has_a_frame_that_holds_its_best(values, direction):
    frame = frame_of(np.array(values), direction)

    finite = [v for v in values if np.isfinite(v) and abs(v) < 1e290]
    assert frame.low < frame.high
    if finite and len(finite) == sum(map(np.isfinite, values)):
        best = min(finite) if direction == "minimize" else max(finite)
        assert frame.low <= best <= frame.high


@given(st.text(max_size=200), st.integers(5, 60))
def test_text_never_holds_a_tag_and_never_grows_beyond_its_length(value, most):
    assert len(shorten(value, most)) <= max(most, len("(empty)"))
    assert "<" not in text(value, most)
    assert "$" not in text(value, most)
