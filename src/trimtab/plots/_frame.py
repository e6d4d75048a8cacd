"""Range and scale on which objective values are shown: logarithmic where they span decades, without far outliers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.plots._style import number
from trimtab.plots._ticks import nice

__all__ = ["Frame", "frame_of", "outside_text"]

_LOG_FROM = 30.0  # largest / smallest value from which a log axis is easier to read
_FAR = 5.0  # interquartile ranges beyond the worse quartile that are still shown


@dataclass(frozen=True)
class Frame:
    """low, high: ends of the axis in the objective's units. n_outside: values worse than what is shown."""

    low: float
    high: float
    log: bool
    n_outside: int

    @property
    def axis(self) -> dict[str, Any]:
        """As properties of a plotly axis."""
        if not self.log:
            return {"range": [self.low, self.high]}
        range_ = np.log10([self.low, self.high]).tolist()
        marks = nice(self.low, self.high, 7, True).tolist()
        return {"type": "log", "range": range_, "tickvals": marks, "ticktext": [number(m) for m in marks]}

    def share(self, value: FloatArray) -> FloatArray:
        """Position of values within the frame, 0 at `low` and 1 at `high`, clipped; NaN stays NaN."""
        a, b, v = self.low, self.high, np.asarray(value, dtype=float)
        if self.log:
            a, b, v = float(np.log(a)), float(np.log(b)), np.log(np.maximum(v, self.low))
        return np.clip((v - a) / (b - a), 0.0, 1.0)


def frame_of(value: FloatArray, direction: str, *, every: bool = False, log: bool | None = None) -> Frame:
    """The frame for finite objective values in the user's sign (n,).

    every: keep outliers in the frame. log: whether the axis is logarithmic where it can be; None decides by the values.
    """
    v = np.asarray(value, dtype=float)
    v = np.clip(v[np.isfinite(v)], -1e300, 1e300)
    if not len(v):
        return Frame(0.0, 1.0, False, 0)
    wanted = v.max() > _LOG_FROM * v.min() if log is None else log
    log = bool(v.min() > 0 and wanted)
    t = np.log(v) if log else v
    better = t if direction == "maximize" else -t
    low, middle, high = np.quantile(better, [0.25, 0.5, 0.75])
    far = low - _FAR * max(float(high - low), float(better.max() - middle), 1e-12)
    shown = (better >= far) | every
    kept = t[shown] if shown.sum() < len(t) else t
    pad = (
        0.06 * float(kept.max() - kept.min()) or 0.5 * max(abs(float(kept.max())), 1e-9) * (0.2 if log else 0.1) + 1e-12
    )
    a, b = float(kept.min() - pad), float(kept.max() + pad)
    if log:
        a, b = float(np.exp(max(a, -740.0))), float(np.exp(min(b, 709.0)))
    return Frame(a, b, log, int((~shown).sum()))


def outside_text(n: int) -> str:
    """What a title says of n values that the frame does not show; empty for none."""
    return f" {n} much worse value{'s lie' if n > 1 else ' lies'} outside the frame." if n else ""
