"""The tables that `python -m benchmarks.quality table` prints and writes. A row here holds its `scores`."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.scores import Estimate, difference, mean_over_tasks
from benchmarks.quality.analyses import is_ours
from benchmarks.quality.designs import UNIFORM
from benchmarks.quality.scores import LIVE
from benchmarks.tables import markdown, replace_block

__all__ = ["everything", "named", "of", "write_readme"]

Row = Mapping[str, Any]
Values = dict[tuple[str, int], float]
FULL = "benchmarks/results/quality/TABLES.md"
HEADLINE = "rank"
AT, SEARCHED = 60, 50  # trials at which the tables look closer: uniform, and of an optimiser
BASE = "equal"
BRIEF = ("analysis", "design", "trials", "total covered", "total width", "main covered", "main width", "pair covered", "dead: matters",
         "live: missed")  # fmt: skip


def everything(rows: Collection[Row]) -> str:
    """Every table, Markdown: each scale, then the families apart."""
    scales = [s for s in ("rank", "log", "raw") if any(r["scale"] == s for r in rows)]
    return "\n\n".join([_about(rows), *(_section(s, [r for r in rows if r["scale"] == s]) for s in scales)])


def write_readme(rows: Collection[Row], readme: Path) -> None:
    """The README's block `quality`, and beside the results all tables. ValueError if the README has no such block."""
    (readme.parent / FULL).write_text("# Sensitivities: every table\n\n" + everything(rows) + "\n")
    replace_block(readme, "quality", _summary([r for r in rows if r["scale"] == HEADLINE]))


def named(rows: Collection[Row]) -> list[str]:
    """The analyses, ours first, then by their error on AT uniform trials; the one that knows nothing last."""

    def place(name: str) -> tuple[int, float]:
        values = of(rows, "total_error", analysis=name, design=UNIFORM, n=AT)
        return (0 if is_ours(name) else 2 if name == BASE else 1, mean_over_tasks(values).mean if values else 1.0)

    return sorted({r["analysis"] for r in rows}, key=place)


def of(rows: Collection[Row], score: str, **where: object) -> Values:
    """A score by task and seed, of the rows that have it and whose fields are as in `where`."""
    chosen = (r for r in rows if all(r[k] == v for k, v in where.items()))
    return {(r["task"], r["seed"]): r["scores"][score] for r in chosen if score in r["scores"]}


def _summary(rows: Collection[Row]) -> str:
    tasks, seeds = {r["task"] for r in rows}, {r["seed"] for r in rows}
    names = named(rows)
    grids = sum(task.startswith(("fcnet", "hpobench")) for task in tasks)
    texts = [
        "How far the shares of variance are from the right ones: half the sum of absolute differences of total shares that sum to 1, "
        f"on ranks; 0 is right, lower is better. {len(tasks)} tasks ({grids} full grids of trained networks, {len(tasks) - grids} "
        f"formulas), up to {len(seeds)} seeds; mean ± standard error. † fewer tasks or seeds than ours.",
        markdown(_errors(rows, names)),
        markdown(_searched(rows, names)),
        "Our 90 % intervals, and verdicts: dead knobs said to matter, and live ones "
        f"(a share of {100 * LIVE:.0f} % or more) that were not.",
        markdown([{k: r[k] for k in BRIEF} for r in _intervals(rows) if r["trials"] in (AT, SEARCHED)]),
        "![Error of the shares against trials, for each analysis](docs/pictures/quality.png)",
        f"Written by `python -m benchmarks.quality table --readme` from `benchmarks/results/quality` ({_versions(rows)}); "
        f"all tables are in [`{FULL}`]({FULL}).",
    ]
    return "\n\n".join(texts)


def _about(rows: Collection[Row]) -> str:
    return (
        f"{len({r['task'] for r in rows})} tasks, {len({r['seed'] for r in rows})} seeds. Versions: {_versions(rows)}. "
        "Scores are explained in `benchmarks/quality/scores.py`, truths in `anova.py` and `functions.py`. Others are given the values on "
        "the scale (ranks: those among the trials). `equal` gives every knob the same share. hypershap is asked for up to 10 knobs only. "
        "† fewer tasks or seeds than ours."
    )


def _section(scale: str, rows: Collection[Row]) -> str:
    names = named(rows)
    mains = "Main effects: error of the main shares (of a tool with one number a knob: of that number)"
    parts = [
        f"## Scale {scale}: {len({r['task'] for r in rows})} tasks",
        "Uniform trials: error of total shares, and at " + f"{AT} trials the rest\n\n" + markdown(_errors(rows, names)),
        f"Trials of an optimiser: error of total shares\n\n{markdown(_searched(rows, names, every=True))}",
        f"{mains}\n\n{markdown(_mains(rows, names))}",
        "Ours against the best other tool, by family and design: error of total shares\n\n" + markdown(_beside(rows)),
        "Our 90 % intervals and verdicts\n\n" + markdown(_intervals(rows)),
        "The same by family\n\n" + markdown(_by(rows, "family")),
        "The same by task\n\n" + markdown(_by(rows, "task")),
    ]
    return "\n\n".join(parts)


def _errors(rows: Collection[Row], names: Sequence[str]) -> list[dict[str, object]]:
    """A row an analysis: error on uniform trials, then what else counts at AT trials."""
    here = [r for r in rows if r["design"] == UNIFORM]
    table = []
    for name in names:
        row: dict[str, object] = {"analysis": name}
        for n in sorted({r["n"] for r in here}):
            row[f"{n} uniform"] = _marked(of(here, "total_error", analysis=name, n=n), here, n=n)
        at = [r for r in here if r["analysis"] == name and r["n"] == AT]
        row["wrong order"] = _text(of(at, "rank_error"))
        row["dead above live"] = _percent(of(at, "outranked"))
        row["top share on noise"] = _text(of(at, "top"))
        row["s"] = f"{_mean(r['seconds'] for r in at):.2g}" if at else ""
        table.append(row)
    return table


def _searched(rows: Collection[Row], names: Sequence[str], every: bool = False) -> list[dict[str, object]]:
    """A row an analysis: error on the trials of each optimiser."""
    here = [r for r in rows if r["design"] != UNIFORM and (every or r["n"] == SEARCHED)]
    cells = sorted({(r["design"], r["n"]) for r in here})
    return [
        {"analysis": name}
        | {
            f"{n} of {d}": _marked(of(here, "total_error", analysis=name, design=d, n=n), here, design=d, n=n)
            for d, n in cells
        }
        for name in names
        if cells
    ]


def _mains(rows: Collection[Row], names: Sequence[str]) -> list[dict[str, object]]:
    cells = _cells(rows)
    return [
        {"analysis": name}
        | {f"{n} {d}": _text(of(rows, "main_error", analysis=name, design=d, n=n), error=False) for d, n in cells}
        for name in names
    ]


def _beside(rows: Collection[Row]) -> list[dict[str, object]]:
    """Each family, design and number of trials: ours, the best of the others that have all its tasks, ratio and difference.

    Both on the tasks and seeds that the two have.
    """
    table = []
    ours = [n for n in named(rows) if is_ours(n)]
    for family in ["all", *dict.fromkeys(sorted(r["family"] for r in rows))]:
        inside = [r for r in rows if family in ("all", r["family"])]
        for design, n in _cells(inside):
            here = [r for r in inside if (r["design"], r["n"]) == (design, n)]
            values = {name: of(here, "total_error", analysis=name) for name in {r["analysis"] for r in here}}
            tasks = {t for v in values.values() for t, _ in v}
            others = {k: v for k, v in values.items() if k != BASE and not is_ours(k) and {t for t, _ in v} == tasks}
            for name in (name for name in ours if values.get(name) and others):
                best = min(others, key=lambda k: mean_over_tasks(others[k]).mean)
                a, b = ({pair: values[k][pair] for pair in values[name] if pair in values[best]} for k in (name, best))
                if not a:
                    continue
                ratio = mean_over_tasks(a).mean / mean_over_tasks(b).mean
                table.append(
                    {"family": family, "design": design, "trials": n, "ours": name, "error": _text(a), "best other": best,
                     "its error": _text(b), "ratio": f"{ratio:.2f}", "difference": _estimate(difference(a, b))}
                )  # fmt: skip
    return table


def _intervals(rows: Collection[Row], only: str = "") -> list[dict[str, object]]:
    """Each of ours, design and number of trials: coverage over all cases of task, knob and seed."""
    table = []
    for name in (name for name in named(rows) if is_ours(name)):
        for design, n in _cells(rows):
            here = [r for r in rows if (r["analysis"], r["design"], r["n"]) == (name, design, n)]
            if here:
                first = {only: here[0][only]} if only else {}
                table.append({"analysis": name, **first, "design": design, "trials": n, **_judged(here)})
    return table


def _by(rows: Collection[Row], field: str) -> list[dict[str, object]]:
    found = []
    for value in dict.fromkeys(sorted(r[field] for r in rows)):
        found += _intervals([r for r in rows if r[field] == value], only=field)
    return found


def _judged(rows: Collection[Row]) -> dict[str, object]:
    scores = [r["scores"] for r in rows]

    def share(name: str) -> str:
        values = [s[name] for s in scores if name in s]
        return f"{100 * _mean(values):.0f} %" if values else ""

    cells: dict[str, object] = {}
    for kind in ("total", "main", "pair"):
        with_it = [s for s in scores if f"{kind}_cases" in s]
        cases = sum(s[f"{kind}_cases"] for s in with_it)
        if not cases:
            cells |= {f"{kind} covered": "", f"{kind} too high": "", f"{kind} width": ""}
            continue
        for part, title in (("covered", "covered"), ("above", "too high")):
            inside = sum(s[f"{kind}_{part}"] * s[f"{kind}_cases"] for s in with_it)
            cells[f"{kind} {title}"] = f"{100 * inside / cases:.0f} %"
        cells[f"{kind} width"] = f"{_mean(s[f'{kind}_width'] for s in with_it):.2f}"
    return cells | {"dead: matters": share("false"), "live: missed": share("missed"), "declined": share("declined")}


def _cells(rows: Collection[Row]) -> list[tuple[str, int]]:
    return sorted({(r["design"], r["n"]) for r in rows}, key=lambda c: (c[0] != UNIFORM, c))


def _versions(rows: Collection[Row]) -> str:
    """One version for each tool: analyses of one tool share the first word of their names."""
    found: dict[str, dict[str, None]] = {}
    for r in rows:
        if r["analysis"] != BASE:
            found.setdefault(r["analysis"].partition("-")[0], {})[r["version"]] = None
    return ", ".join(f"{tool} {'/'.join(versions)}" for tool, versions in sorted(found.items(), reverse=True))


def _text(values: Values, error: bool = True) -> str:
    if not values:
        return ""
    estimate = mean_over_tasks(values)
    return _estimate(estimate) if error else f"{estimate.mean:.3f}"


def _estimate(estimate: Estimate) -> str:
    return f"{estimate.mean:.3f}" + ("" if math.isnan(estimate.se) else f" ± {estimate.se:.3f}")


def _marked(values: Values, rows: Collection[Row], **where: object) -> str:
    """The same, marked where it is not of the tasks and seeds that ours has."""
    ours = next((n for n in named(rows) if is_ours(n)), None)
    same = ours is None or set(values) == set(of(rows, "total_error", analysis=ours, **where))
    return _text(values) + ("" if same or not values else " †")


def _percent(values: Values) -> str:
    return f"{100 * mean_over_tasks(values).mean:.0f} %" if values else ""


def _mean(values: Collection[float] | Any) -> float:
    several = list(values)
    return sum(several) / len(several) if several else math.nan
