"""What was found beside what is right: errors of the shares, intervals, verdicts. Nothing is read or printed.

Shares of all tools are made to sum to 1 (negative ones count as 0; nothing found counts as equal shares): others give nothing else.
Intervals are those of shares as they are.

    total_error, main_error   total variation: half the sum of absolute differences, 0 to 1
    rank_error                (1 - Kendall's tau-b) / 2 of the totals: share of pairs in the wrong order
    outranked                 a dead knob has a larger share than a live one: 0 or 1
    top                       the largest share where nothing matters (0 where nothing was found)
    covered, above, width     share of intervals that hold the truth, that lie above it, and their mean width, of total, main and pair
    false, missed             dead knobs that "matter", live knobs that do not: shares of them
    declined                  no shares were given: 0 or 1

A knob is dead if its total is 0, live if it is at least LIVE. Where nothing matters every share is 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.quality.tasks import truth

__all__ = ["LIVE", "error", "normalised", "rank_error", "scored"]

Row = Mapping[str, Any]
LIVE = 0.05
SLACK = 0.003  # how exact the truths are


def scored(row: Row) -> dict[str, float]:
    """The scores of a line of results; those that make no sense for it are left out."""
    right = truth(row["task"], row["scale"])
    total, main = _array(row["total"]), _array(row.get("main", row["total"]))
    nothing = bool(np.isnan(right.total).all())
    scores: dict[str, float] = {"declined": float(np.isnan(total).all())}
    right_total, right_main = np.nan_to_num(right.total), np.nan_to_num(right.main)
    if nothing:
        scores["top"] = 0.0 if scores["declined"] else float(normalised(total).max())
    else:
        scores["total_error"] = error(total, right_total)
        scores["rank_error"] = rank_error(normalised(total), right_total)
        if right_main.sum() > 0:
            scores["main_error"] = error(main, right_main)
    dead, live = right_total == 0, right_total >= LIVE
    if dead.any() and live.any():
        shares = normalised(total)
        scores["outranked"] = float(shares[dead].max() >= shares[live].min())
    for name, known in (("total", right_total), ("main", right_main)):
        if f"{name}_interval" in row:
            low, high = (_array(ends) for ends in row[f"{name}_interval"])
            scores |= _intervals(name, known, low, high)
    if "pairs" in row and (nothing or not np.isnan(right.pair).any()):
        first, second = np.array(row["pairs"]).T
        low, high = (_array(ends) for ends in row["pair_interval"])
        scores |= _intervals("pair", np.nan_to_num(right.pair)[first, second], low, high)
    if "verdicts" in row:
        matters = np.array([v == "matters" for v in row["verdicts"]])
        if dead.any():
            scores["false"] = float(matters[dead].mean())
        if live.any():
            scores["missed"] = float(1.0 - matters[live].mean())
    return scores


def normalised(shares: np.ndarray) -> np.ndarray:
    """Shares that sum to 1."""
    positive = np.clip(np.nan_to_num(shares, nan=0.0), 0.0, None)
    total = positive.sum()
    return positive / total if total > 0 else np.full(len(shares), 1.0 / len(shares))


def error(shares: np.ndarray, right: np.ndarray) -> float:
    """Total variation between normalised shares."""
    return float(0.5 * np.abs(normalised(shares) - normalised(right)).sum())


def rank_error(shares: np.ndarray, right: np.ndarray) -> float:
    """0: the same order; 0.5: no relation, or all shares equal; 1: the opposite order."""
    i, j = np.triu_indices(len(right), 1)
    a, b = np.sign(shares[i] - shares[j]), np.sign(right[i] - right[j])
    scale = np.sqrt(np.sum(a != 0) * np.sum(b != 0))
    return 0.5 if scale == 0 else float(0.5 * (1.0 - np.sum(a * b) / scale))


def _intervals(name: str, known: np.ndarray, low: np.ndarray, high: np.ndarray) -> dict[str, float]:
    covered = (low - SLACK <= known) & (known <= high + SLACK)
    return {
        f"{name}_covered": float(covered.mean()),
        f"{name}_above": float(np.mean(low - SLACK > known)),
        f"{name}_width": float((high - low).mean()),
        f"{name}_cases": float(len(known)),
    }


def _array(values: Any) -> np.ndarray:
    return np.array([np.nan if v is None else v for v in values], dtype=float)
