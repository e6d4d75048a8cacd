"""How often advice is right, on full tables of trained networks, where every answer is known.

    python -m benchmarks.quality.advice --seeds 5 --write              uniform trials (60) and those of our own GP (50), all six tables
    python -m benchmarks.quality.advice --designs uniform --trials 30,60,120 --tasks hpobench:car
    python -m benchmarks.quality.advice --quick                        one table, one seed

What counts as right
    freeze         the best value that the table holds with this and the frozen knobs above it at their values is within epsilon of the best
    shrink         the best configuration of the table is not in the part cut off (strict: nothing within epsilon of it is)
    widen          the best configuration lies at that end (near: one within epsilon of it does)
    more trials    the configuration called best is truly worse than the best one by more than epsilon
    enough trials  it is not
    repeats        another one tried is truly better

epsilon is that of the advice, in objective units. Truth is the mean over the seeds that the table holds. The optimiser's trials are kept in
benchmarks/results/quality, as for `benchmarks.quality`.
"""

from __future__ import annotations

import os

if __name__ == "__main__":  # before NumPy is imported
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import trimtab as tt
from benchmarks.peers.driving import commit
from benchmarks.peers.tasks import Grid
from benchmarks.quality.analyses import table_of
from benchmarks.quality.designs import UNIFORM, trials
from benchmarks.quality.tasks import load, task_names

__all__ = ["judged", "main"]

RULES = (
    "Freeze: the best that the table still holds is within epsilon. Shrink: the best configuration is not cut off (second "
    "rule: nothing within epsilon of it is). Widen: the best configuration lies at that end (second rule: one within epsilon "
    "does). More or enough trials: the configuration called best is, or is not, worse than the best by more than epsilon. "
    "Repeats: another one tried is truly better."
)
ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "quality"
LENGTH = {UNIFORM: [60], "trimtab-gp": [50]}
Judged = tuple[
    str, bool, bool, float
]  # kind, right, right by the second rule, what the advice said of its own probability


def judged(grid: Grid, given: tt.sensitivity.Advice, tried: Sequence[dict[str, Any]]) -> Iterator[Judged]:
    """Every piece of advice that the table can judge."""
    truth = grid.tensor.mean(axis=-1)
    names = [p["name"] for p in grid.space]
    best, worst_kept = truth.min(), truth.min() + given.epsilon
    place = np.unravel_index(int(np.argmin(truth)), truth.shape)
    here = grid.truth(given.at)
    frozen: list[Any] = [slice(None)] * truth.ndim
    for piece in given.pieces:
        sure = 1.0 if piece.confidence is None else piece.confidence
        axis = names.index(piece.parameter) if piece.parameter in names else -1
        if piece.kind == "freeze":
            frozen[axis] = slice(_level(grid, axis, piece.value), _level(grid, axis, piece.value) + 1)
            right = bool(truth[tuple(frozen)].min() <= worst_kept)
            yield piece.kind, right, right, sure
        elif piece.kind == "shrink":
            levels = truth.shape[axis]
            kept = _kept(grid, axis, piece.value)
            cut = np.take(truth, [k for k in range(levels) if k not in kept], axis=axis)
            yield piece.kind, int(place[axis]) in kept, bool(cut.min() > worst_kept), sure
        elif piece.kind == "widen":
            end = 0 if " below " in piece.advice else truth.shape[axis] - 1
            there = np.take(truth, end, axis=axis).min()
            yield piece.kind, int(place[axis]) == end, bool(there <= worst_kept), sure
        elif piece.kind in ("more trials", "enough trials") and not piece.parameter and piece.confidence is not None:
            right = (here - best > given.epsilon) == (piece.kind == "more trials")
            yield piece.kind, right, right, sure
        elif piece.kind == "repeats" and piece.confidence is not None:
            right = any(grid.truth(params) < here for params in tried)
            yield piece.kind, right, right, sure


def _level(grid: Grid, axis: int, value: Any) -> int:
    p = grid.space[axis]
    return p["choices"].index(value) if p["kind"] == "choice" else int(value)


def _kept(grid: Grid, axis: int, value: Any) -> list[int]:
    ends = [_level(grid, axis, v) for v in value]
    return ends if grid.space[axis]["kind"] == "choice" else list(range(ends[0], ends[1] + 1))


def main(words: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(words)
    tasks, seeds = arguments.tasks or task_names(["fcnet", "hpobench"]), range(arguments.seeds)
    if arguments.quick:
        tasks, seeds, arguments.designs = tasks[-1:], range(1), [UNIFORM]
    lines = [
        "| trials | kind | pieces | right | by the second rule | said of itself | searches with it |",
        "|---|---|---|---|---|---|---|",
    ]
    print("\n".join(lines))
    for design in arguments.designs:
        for n in arguments.trials or LENGTH.get(design, [50]):
            found = list(
                _lines(f"{n} {design}", [_one(design, t, seed, n, arguments) for t in tasks for seed in seeds])
            )
            print("\n".join(found), flush=True)
            lines += found
    if arguments.write:
        whole = f"{len(tasks)} full tables of trained networks, {len(seeds)} seeds; trimtab {commit(ROOT / 'src')}."
        (arguments.results / "ADVICE.md").write_text(
            f"# How often advice was right\n\n{whole} {RULES}\n\n" + "\n".join(lines) + "\n"
        )
    return 0


def _one(design: str, task: str, seed: int, n: int, arguments: argparse.Namespace) -> list[Judged]:
    grid = load(task)
    assert isinstance(grid, Grid)
    params, values = trials(design, task, seed, n, n, arguments.results, None, ROOT / "src")
    table = table_of(grid.space, params, values)
    begun = time.perf_counter()
    given = tt.sensitivity.advice(table)
    if arguments.verbose:
        print(f"\n{task} seed {seed}, {time.perf_counter() - begun:.1f} s\n{given}", file=sys.stderr, flush=True)
    found = list(judged(grid, given, params))
    if arguments.verbose:
        print(*[f"    {kind}: {right}, {second}" for kind, right, second, _ in found], sep="\n", file=sys.stderr)
    return found


def _lines(name: str, searches: Sequence[Sequence[Judged]]) -> Iterator[str]:
    for kind in ("freeze", "shrink", "widen", "repeats", "more trials", "enough trials"):
        rows = [row for search in searches for row in search if row[0] == kind]
        having = sum(any(row[0] == kind for row in search) for search in searches)
        if not rows:
            yield f"| {name} | {kind} | 0 | - | - | - | 0 of {len(searches)} |"
            continue
        right, second, said = (100 * float(np.mean([row[k] for row in rows])) for k in (1, 2, 3))
        yield (
            f"| {name} | {kind} | {len(rows)} | {right:.0f} % | {second:.0f} % | {said:.0f} % | {having} of {len(searches)} |"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality.advice",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--tasks", type=_words, help="such as hpobench:car,fcnet:protein_structure; otherwise all six")
    parser.add_argument("--designs", type=_words, default=list(LENGTH), help="with commas between")
    parser.add_argument("--trials", type=lambda t: [int(w) for w in _words(t)], help="numbers of trials")
    parser.add_argument("--seeds", type=int, default=5, help="how many")
    parser.add_argument("--results", type=lambda t: Path(t).resolve(), default=RESULTS)
    parser.add_argument("--quick", action="store_true", help="one table, one seed, uniform trials")
    parser.add_argument("--write", action="store_true", help="keep the table as ADVICE.md among the results")
    parser.add_argument("--verbose", action="store_true", help="every piece of advice, to standard error")
    return parser


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


if __name__ == "__main__":
    sys.exit(main())
