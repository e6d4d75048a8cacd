"""Learning curves from reports."""

from __future__ import annotations

import math

import numpy as np
from numpy.testing import assert_array_equal

from trimtab.records import RUNNING, Curve


def test_reports_in_any_order_become_a_curve_by_step():
    curve = Curve.of(3, RUNNING, {2.0: 0.5, 1.0: 0.9, 4.0: 0.4}, 1.0)

    assert (curve.number, curve.state, len(curve)) == (3, RUNNING, 3)
    assert_array_equal(curve.steps, [1.0, 2.0, 4.0])
    assert_array_equal(curve.values, [0.9, 0.5, 0.4])


def test_a_maximised_objective_turns_its_sign():
    assert_array_equal(Curve.of(0, RUNNING, {1.0: 0.8, 2.0: 0.9}, -1.0).values, [-0.8, -0.9])


def test_what_is_not_finite_is_a_divergence_and_a_step_that_is_no_number_has_no_place():
    curve = Curve.of(0, RUNNING, {1.0: math.inf, 2.0: math.nan, 3.0: -math.inf, math.nan: 1.0, math.inf: 1.0}, 1.0)

    assert_array_equal(curve.steps, [1.0, 2.0, 3.0])
    assert np.isnan(curve.values).all()


def test_no_report_is_an_empty_curve():
    curve = Curve.of(0, RUNNING, {}, 1.0)

    assert len(curve) == 0
    assert curve.steps.dtype == curve.values.dtype == np.float64
