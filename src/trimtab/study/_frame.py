"""Trials as a pandas DataFrame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trimtab.errors import require
from trimtab.records import Trial

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["frame_of"]


def frame_of(trials: Sequence[Trial], names: Sequence[str]) -> pd.DataFrame:
    """One row a trial: number, state, value, a column for each parameter (missing where inactive), seconds, error.

    A parameter that has the name of another column gets the prefix "param_".
    """
    pandas = require("pandas", "pandas")
    columns: dict[str, Any] = {
        "number": [t.number for t in trials],
        "state": [t.state for t in trials],
        "value": [math.nan if t.value is None else t.value for t in trials],
    }
    taken = {*columns, "seconds", "error"}
    for name in names:
        values = np.empty(len(trials), dtype=object)
        values[:] = [t.params.get(name) for t in trials]
        columns[f"param_{name}" if name in taken else name] = pandas.Series(values).infer_objects()
    columns["seconds"] = [t.seconds for t in trials]
    columns["error"] = [t.error for t in trials]
    frame: pd.DataFrame = pandas.DataFrame(columns)
    return frame
