"""Which tools stand side by side: those that have nearly all runs. One with fewer is set against ours on the runs that it has.

Runs of ours with understand= are not in the race: what they cost is a table of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from benchmarks.peers.scores import Pair, Run

__all__ = ["UNDERSTAND", "complete", "incomplete", "understanding"]

UNDERSTAND = "-understand"
ENOUGH = 0.9  # of the pairs that half of the tools have


def complete(runs: Collection[Run]) -> list[Run]:
    """The runs of the tools that stand side by side."""
    few = incomplete(runs)
    return [run for run in runs if run["tool"] not in few and not run["tool"].endswith(UNDERSTAND)]


def incomplete(runs: Collection[Run]) -> set[str]:
    """Tools with so few runs that all others would lose most of theirs by being compared on the same ones."""
    pairs = _pairs({run["tool"] for run in runs if not run["tool"].endswith(UNDERSTAND)}, runs)
    counts = Counter(pair for of in pairs.values() for pair in of)
    usual = {pair for pair, n in counts.items() if n >= len(pairs) / 2}
    return {tool for tool, of in pairs.items() if len(usual & of) < ENOUGH * len(usual)}


def understanding(runs: Collection[Run]) -> dict[str, str]:
    """Tools with understand=, and what they are without."""
    tools = {run["tool"] for run in runs}
    return {
        t: t.removesuffix(UNDERSTAND)
        for t in sorted(tools)
        if t.endswith(UNDERSTAND) and t.removesuffix(UNDERSTAND) in tools
    }


def _pairs(tools: Collection[str], runs: Collection[Run]) -> dict[str, set[Pair]]:
    return {tool: {(r["task"], r["seed"]) for r in runs if r["tool"] == tool} for tool in tools}
