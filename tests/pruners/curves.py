"""Learning curves for the tests of pruners."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from trimtab.records import FINISHED, RUNNING, Curve


def curve(number, values, state=RUNNING, first=1.0):
    """Values at steps first, first + 1, ..."""
    values = np.asarray(values, dtype=float)
    return Curve(number, state, first + np.arange(len(values)), values)


def constant(number, value, length, state=FINISHED):
    return curve(number, np.full(length, float(value)), state)


@st.composite
def many_curves(draw):
    """Running curves of up to 8 trials and up to 12 steps, with ties and divergences; some are finished."""
    values = st.one_of(st.integers(0, 4).map(float), st.just(np.nan))
    n = draw(st.integers(2, 8))
    return [
        curve(i, draw(st.lists(values, min_size=1, max_size=12)), draw(st.sampled_from([RUNNING, FINISHED])))
        for i in range(n)
    ]
