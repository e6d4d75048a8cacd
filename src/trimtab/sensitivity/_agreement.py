"""Whether one-at-a-time, gradient and global views tell the same story of each knob, and if not, why.

    one at a time   variance of the objective along this knob alone, the others as in the best trial
    gradient        variance along a straight line with the slope at the best trial: slope^2 / 12
    main            variance that the knob moves on its own, the others averaged over the space
    total           the same, alone and together with others

All are divided by the variance over the space, so that they can be compared; they are equal for a knob with a straight effect of its
own. Where trials near the best reported gradients (`Trial.report_gradient`), their mean is a fifth view, "hypergradient". The views
answer different questions, and where they differ the difference tells something: knobs work together, the objective has a step, or the
place is special.

A second flag, `ranges`: a part of the range, not the knob, causes the importance (see `_range_share`).

Sources: Saltelli and Annoni 2010 (doi:10.1016/j.envsoft.2010.04.012) on what one-at-a-time views miss; Razavi and Gupta 2015
(doi:10.1002/2014WR016527) on views that differ by the question they ask.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.numerics._threads import one_blas_thread
from trimtab.records import table_of
from trimtab.sensitivity._curves import Curve
from trimtab.sensitivity._gradient import Gradient, gradient
from trimtab.sensitivity._one_at_a_time import one_at_a_time
from trimtab.sensitivity._range_share import important_ranges
from trimtab.sensitivity._reported import reported_near
from trimtab.sensitivity._result import DEAD, MATTERS, TOO_LITTLE, Result
from trimtab.sensitivity._sobol import Sensitivity, sobol
from trimtab.sensitivity._surrogate import Prepared, prepare
from trimtab.sensitivity._views import VIEWS, slope_shares, views_of

__all__ = ["VIEWS", "Agreement", "agreement"]

APART = 0.2  # of the variance: a difference between two views that is worth a word
TOGETHER = 0.1  # of the variance: an interaction that is worth a word
JUMP = 0.5  # of a curve's range, within JUMP_WIDTH of the knob's range: a cliff
JUMP_WIDTH = 0.1
STEEPER = 4.0  # a cliff is so many times as steep as the slope here


@dataclass(frozen=True, eq=False)
class Agreement(Result):
    """The views of each knob side by side. Arrays are (d, views), columns in the order of `views`; NaN where a view does not know the
    knob. There are four views, and a fifth, "hypergradient", where trials near the place reported gradients.

    share, low, high   what the knob does in each view, as a share of the variance over the space, with its interval; the two local
                       views may exceed 1 where the place is steeper than the space
    rank               1 is the most influential knob of a view
    reasons            a sentence a knob where the views differ, beginning with "interaction", "cliff", "noise" or "bad place"
    ranges             a sentence a knob where a part of the range causes the importance
    reported           a sentence a knob whose gradient was reported, beginning with "agrees" or "differs": its hypergradient against the
                       slope of a surrogate that knows the values alone; {} where none was
    verdicts           those of the global view
    """

    parameters: tuple[str, ...]
    views: tuple[str, ...]
    share: FloatArray
    low: FloatArray
    high: FloatArray
    rank: FloatArray
    reasons: dict[str, str]
    ranges: dict[str, str]
    verdicts: dict[str, str]
    at: Mapping[str, object]
    scale: str
    confidence: float
    n_used: int
    n_failed: int
    notes: tuple[str, ...]
    reported: dict[str, str] = field(default_factory=dict)

    def columns(self) -> list[str]:
        each = [f"{view}{end}" for view in self.views for end in ("", "_low", "_high", "_rank")]
        return ["parameter", *each, "reason", "range", *["hypergradient_verdict"][: len(self.reported)], "verdict"]

    def rows(self) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = []
        for j, name in enumerate(self.parameters):
            row: dict[str, object] = {"parameter": name}
            for k, view in enumerate(self.views):
                row |= {view: float(self.share[j, k]), f"{view}_low": float(self.low[j, k])}
                row |= {f"{view}_high": float(self.high[j, k]), f"{view}_rank": _whole(self.rank[j, k])}
            row |= {
                "reason": self.reasons.get(name, ""),
                "range": self.ranges.get(name, ""),
                "verdict": self.verdicts[name],
            }
            if self.reported:
                row["hypergradient_verdict"] = self.reported.get(name, "")
            rows.append(row)
        return rows

    def title(self) -> str:
        differ = f"{len(self.reasons)} of {len(self.parameters)} knobs differ" if self.reasons else "no knob differs"
        if np.isnan(self.share).all():
            differ = "nothing to compare"
        return (
            f"Agreement of the views: shares of the variance and ranks, {differ}; scale {self.scale}, "
            f"{100 * self.confidence:g} % intervals, {self.n_used} trials used"
        )

    def shown(self) -> list[dict[str, str]]:
        return [
            {
                "parameter": name,
                **{view.replace("_", " "): self._cell(j, k) for k, view in enumerate(self.views)},
                "flags": self._flags(name),
            }
            for j, name in enumerate(self.parameters)
        ]

    def _flags(self, name: str) -> str:
        if not np.isfinite(self.share[self.parameters.index(name)]).any():
            return self.verdicts[name]
        return "; ".join(filter(None, (self.reasons.get(name), self.ranges.get(name), self.reported.get(name)))) or "-"

    def _cell(self, j: int, k: int) -> str:
        return f"{100 * self.share[j, k]:.0f} % (#{self.rank[j, k]:.0f})" if np.isfinite(self.share[j, k]) else "-"


def agreement(
    source: object, *, at: Mapping[str, object] | None = None, scale: str = "auto", confidence: float = 0.9
) -> Agreement:
    """One-at-a-time, gradient and global views of each knob side by side, with a flag where they differ, and the likely reason.

    source      a Study or a TrialTable; failed and pruned trials are left out
    at          a configuration for the two local views; by default the best trial's
    scale       of the objective: "auto", "raw", "log" or "rank"
    confidence  of the intervals

    interaction  the total share is far above the main share: what the knob does depends on others, so no view of it alone is enough
    cliff        the slope here is small, but the objective jumps somewhere along the knob
    bad place    flat here (as at the bottom of a valley), but the knob matters over the space
    noise        the estimates differ, but their intervals meet: more trials or repeats would tell
    `reported` says whether hypergradients that trials near the place reported agree with the slope that the values alone show.

    Use it before trusting a single view; it says nothing that the views do not. Unordered choices have no slope. Where few trials lie all
    views rest on the same surrogate and may agree on the same error. Raises InputError for bad arguments, SpaceError for a configuration
    that the space does not have. Saltelli and Annoni 2010.
    """
    p = prepare(source, scale)
    shares = sobol(source, scale=scale, confidence=confidence)
    local = one_at_a_time(source, at=at, scale=scale, confidence=confidence)
    slopes = gradient(source, at=at, scale=scale, confidence=confidence)
    with one_blas_thread():
        share, low, high = views_of(p, local, slopes, shares)
    reasons: dict[str, str] = {}
    ranges: dict[str, str] = {}
    if p.explained:
        curves = {curve.name: curve for curve in local.curves}
        for j, name in enumerate(p.names):
            reason = _reason(shares, j, (share[j], low[j], high[j]), curves.get(name), slopes)
            if reason:
                reasons[name] = reason
        with one_blas_thread():
            ranges = important_ranges(p, shares)
    views: tuple[str, ...] = VIEWS
    reported: dict[str, str] = {}
    table = table_of(source)
    near = reported_near(table, p.scale, p.point(at)) if p.explained else None
    if near is not None:  # the surrogate has learned from the gradients; one that has not is a view of its own
        alone = gradient(replace(table, derivatives=None), at=at, scale=scale, confidence=confidence)
        reported = near.said(p.names, alone, p.scale.width)
    if near is not None and reported:
        at_views = VIEWS.index("main")
        views = (*VIEWS[:at_views], "hypergradient", *VIEWS[at_views:])
        told = slope_shares(p, near.mean, near.low, near.high)
        share, low, high = (np.insert(a, at_views, b, axis=1) for a, b in zip((share, low, high), told, strict=True))
    return Agreement(
        parameters=p.names, views=views, share=share, low=low, high=high, rank=_ranks(share), reasons=reasons, ranges=ranges,
        verdicts=_verdicts(shares, reasons, ranges), at=local.at, scale=shares.scale, confidence=confidence, n_used=p.n,
        n_failed=p.n_failed, notes=_notes(p), reported=reported,
    )  # fmt: skip


def _whole(rank: float) -> int | None:
    return int(rank) if np.isfinite(rank) else None


def _ranks(share: FloatArray) -> FloatArray:
    """1 is the largest of each column; equal ones share the better rank; NaN stays NaN."""
    above = share[:, None, :] < share[None, :, :]
    return np.where(np.isnan(share), np.nan, 1.0 + above.sum(axis=1))


def _reason(
    shares: Sensitivity, j: int, seen: tuple[FloatArray, FloatArray, FloatArray], curve: Curve | None, slopes: Gradient
) -> str:
    """Why the views of knob j differ; empty if they do not, or if it cannot be told from a dead knob."""
    share, low, high = seen
    if not shares.verdicts[shares.parameters[j]].startswith(MATTERS):
        return ""
    together = shares.total[j] - shares.main[j]
    if together >= TOGETHER and shares.total_low[j] > shares.main_high[j]:
        return (
            f"interaction: it moves {_percent(shares.main[j])} of the variance on its own, "
            f"{_percent(shares.total[j])} with others{_partner(shares, j)}"
        )
    slope = dict(zip(slopes.parameters, slopes.slope, strict=True)).get(shares.parameters[j], np.nan)
    cliff = "" if curve is None else _cliff(curve, abs(slope))
    if cliff:
        return f"cliff: the slope here does not show that the objective jumps {cliff}"
    known = np.isfinite(share)
    if known.sum() < 2 or np.ptp(share[known]) < APART:
        return ""
    if bool(low[known].max() <= high[known].min()):
        return "noise: the views differ, but their intervals meet"
    if np.isfinite(share[1]) and share[1] < share[3] - APART / 2:
        return f"bad place: flat here, but it moves {_percent(share[3])} of the variance over the space"
    if together >= TOGETHER:
        return f"interaction: {_percent(together)} of the variance are moved together with others{_partner(shares, j)}"
    here = np.nanmax(share[:2])
    return f"bad place: it does {'more' if here > share[3] else 'less'} here than over the space"


def _partner(shares: Sensitivity, j: int) -> str:
    """The knob with which it shares most."""
    name, pairs = shares.parameters[j], shares.interactions
    for first, second, share in zip(pairs.first, pairs.second, pairs.share, strict=True):
        if name in (first, second) and share >= TOGETHER / 2:
            return f", most with {second if name == first else first} ({_percent(share)})"
    return ""


def _cliff(curve: Curve, slope: float) -> str:
    """Where most of the curve's range is passed within a tenth of the knob's, much steeper than here; empty if nowhere."""
    if curve.kind != "continuous" or np.ptp(curve.effect) * JUMP < STEEPER * JUMP_WIDTH * slope:
        return ""
    whole_range = float(np.ptp(curve.effect))
    for i, u in enumerate(curve.u):
        within = (curve.u >= u - 1e-9) & (curve.u <= u + JUMP_WIDTH + 1e-9)
        if whole_range > 0.0 and np.ptp(curve.effect[within]) >= JUMP * whole_range:
            last = int(np.flatnonzero(within)[-1])
            return f"between {curve.labels[i]} and {curve.labels[last]}"
    return ""


def _verdicts(shares: Sensitivity, reasons: Mapping[str, str], ranges: Mapping[str, str]) -> dict[str, str]:
    """Those of the global view, with what is to be added."""
    verdicts = {}
    for name, verdict in shares.verdicts.items():
        more = [text for text in (reasons.get(name), ranges.get(name)) if text]
        verdicts[name] = "; ".join([verdict, *more]) if verdict.startswith(MATTERS) else verdict
    assert all(v.startswith((MATTERS, DEAD, TOO_LITTLE)) for v in verdicts.values())
    return verdicts


def _notes(p: Prepared) -> tuple[str, ...]:
    notes = [
        *p.notes,
        "Every view is given as the share of the variance that the objective would have over the space if the knob did there what it does "
        "in that view.",
    ]
    if p.space.constrained:
        notes.append("Constraints are not applied here.")
    return tuple(notes)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
