"""Trials as columns: for pandas, and for the files of `Study.export`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trimtab.errors import require
from trimtab.records import VALUE, Trial

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["columns_of", "frame_of"]


def columns_of(trials: Sequence[Trial], names: Sequence[str]) -> dict[str, list[Any]]:
    """One entry a trial: number, state, value, each outcome that has a name, each parameter `names` (None where inactive),
    seconds, error; then the derivatives that were reported, as gradient_<parameter>. NaN where there is no number.

    With several objectives there is no value. An outcome that has the name of another column gets the prefix
    "outcome_", then a parameter "param_".
    """
    columns: dict[str, list[Any]] = {
        "number": [t.number for t in trials],
        "state": [t.state for t in trials],
        "value": [math.nan if t.value is None else t.value for t in trials],
    }
    if any(t.value is None and t.outcomes and t.state == "finished" for t in trials):  # several objectives
        del columns["value"]
    told = dict.fromkeys(name for t in trials for name in t.outcomes)
    for name in told:
        if name != VALUE or "value" not in columns:
            column = f"outcome_{name}" if name in {*columns, "seconds", "error"} else name
            columns[column] = [t.outcomes.get(name, math.nan) for t in trials]
    taken = {*columns, "seconds", "error"}
    for name in names:
        columns[f"param_{name}" if name in taken else name] = [t.get(name) for t in trials]
    columns["seconds"] = [t.seconds for t in trials]
    columns["error"] = [t.error for t in trials]
    for name in dict.fromkeys(name for t in trials for name in t.gradient):
        columns[f"gradient_{name}"] = [t.gradient.get(name, math.nan) for t in trials]
    return columns


def frame_of(trials: Sequence[Trial], names: Sequence[str]) -> pd.DataFrame:
    """`columns_of` as a table of pandas."""
    pandas = require("pandas", "pandas")
    frame: pd.DataFrame = pandas.DataFrame(
        {name: _series(pandas, cells) for name, cells in columns_of(trials, names).items()}
    )
    return frame


def _series(pandas: Any, cells: list[Any]) -> Any:
    """A cell may hold a list or a tuple: nothing of it is taken apart."""
    values = np.empty(len(cells), dtype=object)
    values[:] = cells
    return pandas.Series(values).infer_objects()
