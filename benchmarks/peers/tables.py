"""The tables that `python -m benchmarks.peers table` prints and writes into the README."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from benchmarks.peers import scores
from benchmarks.peers.choice_of_tools import complete, incomplete, understanding
from benchmarks.peers.running import CHECKPOINTS
from benchmarks.peers.scores import Estimate, Pair, Run
from benchmarks.tables import markdown, replace_block

__all__ = ["beside", "compared", "everything", "is_ours", "write_readme"]

Compared = Mapping[str, Mapping[Pair, Run]]
REFERENCE = "optuna-tpe"
FIRST = "trimtab-gp"  # what a tool with few runs is set against
FIELDS = {
    "quantile": "best observed",
    "tried": "truly best of the tried",
    "recommended": "recommended, else best observed",
}
FULL = "benchmarks/results/peers/TABLES.md"


def is_ours(tool: str) -> bool:
    return tool.startswith("trimtab")


def everything(runs: Collection[Run]) -> str:
    """Every table, Markdown: all tasks together, then the families apart. ValueError if the tools share no task and seed."""
    them = compared(runs)
    families = dict.fromkeys(run["family"] for run in next(iter(them.values())).values())
    apart = [_section(f, compared([r for r in runs if r["family"] == f])) for f in families if len(families) > 1]
    return "\n\n".join([_about(runs, them), _section("All tasks", them), *apart, *_besides(runs)])


def write_readme(runs: Collection[Run], readme: Path) -> None:
    """The README's block `peers`, and beside the results all tables. ValueError if the README has no such block."""
    (readme.parent / FULL).write_text("# Peers: every table\n\n" + everything(runs) + "\n")
    replace_block(readme, "peers", _summary(runs))


def beside(runs: Collection[Run], stored: Collection[Run]) -> str:
    """For each tool and family that both have: our runs, the stored ones of the same tasks, and the gap in standard errors."""
    rows = []
    for tool, family in dict.fromkeys((run["tool"], run["family"]) for run in stored):
        old = {(r["task"], r["seed"]): r for r in stored if (r["tool"], r["family"]) == (tool, family)}
        tasks = {task for task, _ in old}
        new = {
            (r["task"], r["seed"]): r for r in runs if r["tool"] == tool and r["task"] in tasks and r["budget"] == 50
        }
        if {task for task, _ in new} != tasks:
            continue
        row: dict[str, object] = {"tool": tool, "family": family}
        for n in (10, 20, 30, 50):
            ours, theirs = _mean(new, n), _mean(old, n)
            spread = math.hypot(ours.se, theirs.se)
            row[f"{n}"] = f"{_text(ours)}; stored {_text(theirs)}; {(ours.mean - theirs.mean) / spread:+.1f} se"
        rows.append(row)
    return markdown(rows)


def compared(runs: Collection[Run]) -> Compared:
    """The runs on the tasks and seeds that all complete tools have, best tool first. ValueError if there are none."""
    runs = complete(runs) or runs
    counts = Counter(run["tool"] for run in runs)
    them = scores.common(runs, sorted(counts))
    if not next(iter(them.values())):
        had = ", ".join(f"{tool} {n}" for tool, n in counts.items())
        raise ValueError(f"No task and seed was run by all tools; runs: {had}. Choose some by --tools.")
    last = _checkpoints(them)[-1]
    return dict(sorted(them.items(), key=lambda item: _mean(item[1], last).mean))


def _summary(runs: Collection[Run]) -> str:
    them = compared(runs)
    checkpoints = [n for n in _checkpoints(them) if n >= 10]
    pairs = list(next(iter(them.values())))
    families = dict.fromkeys(run["family"] for run in next(iter(them.values())).values())
    apart = {f: compared([r for r in runs if r["family"] == f]) for f in families}
    last = checkpoints[-1]
    by_family = [
        {"tool": tool, **{f"{f}, {last} trials": _text(_mean(of[tool], last)) for f, of in apart.items()}}
        for tool in them
    ]
    texts = [
        f"log10 of the share of all configurations truly better than the best observed one: -3 means one in a thousand. Mean of "
        f"{len({t for t, _ in pairs})} tasks ({_seeds(pairs)}) ± standard error; lower is better. "
        "ms an ask: processor time of ask and tell, one thread.",
        markdown(_main_rows(them, checkpoints)),
        markdown(by_family) if len(apart) > 1 else "",
        *_besides(runs),
        "![Mean log10 share of better configurations against trials, for each tool](docs/pictures/peers.png)",
        f"Written by `python -m benchmarks.peers table --readme` from `benchmarks/results/peers` ({_versions(them)}); "
        f"all tables are in [`{FULL}`]({FULL}).",
    ]
    return "\n\n".join(text for text in texts if text)


def _besides(runs: Collection[Run]) -> list[str]:
    """Tools with few runs, and what understand= costs the search."""
    texts = []
    if few := [_set_against(runs, tool) for tool in sorted(incomplete(runs))]:
        texts.append(
            f"Tools with fewer runs: {FIRST} minus the tool, paired (negative: ours is better)\n\n{markdown(few)}"
        )
    if costs := [row for tool, plain in understanding(runs).items() for row in _costs(runs, tool, plain)]:
        texts.append(
            "What `understand=0.2` costs the search: with it minus without, paired, and after how many trials the search without it "
            f"is where the one with it ends\n\n{markdown(costs)}"
        )
    return texts


def _set_against(runs: Collection[Run], tool: str) -> dict[str, object]:
    """A tool with few runs: ours minus it on the tasks and seeds that it has."""
    them = scores.common(runs, [FIRST, tool])
    pairs = list(them[tool])
    row: dict[str, object] = {"tool": tool, "tasks": len({t for t, _ in pairs}), "runs": len(pairs)}
    if pairs:
        row |= {f"{n}": _gap(_levels(them[FIRST], n), _levels(them[tool], n)) for n in _checkpoints(them)}
        spent = scores.mean_over_tasks(scores.seconds(them[tool]))
        row["ms an ask"] = f"{1000 * spent.mean:.3g}"
    return row


def _costs(runs: Collection[Run], tool: str, plain: str) -> list[dict[str, object]]:
    """All tasks and each family: the search with understand= beside the one without."""
    families = dict.fromkeys(sorted(run["family"] for run in runs if run["tool"] == tool))
    rows = []
    for family in ["all", *families]:
        them = scores.common([r for r in runs if family in ("all", r["family"])], [tool, plain])
        if not them[tool]:
            continue
        checkpoints = _checkpoints(them)
        gaps = {f"{n}": _gap(_levels(them[tool], n), _levels(them[plain], n)) for n in checkpoints}
        level = f"trials without it to its level at {checkpoints[-1]}"
        reached = _text(scores.trials_to_reach(them[plain], them[tool]), 0)
        rows.append({"sampler": plain, "tasks": family, "runs": len(them[tool]), **gaps, level: reached})
    return rows


def _section(title: str, them: Compared) -> str:
    pairs, checkpoints = next(iter(them.values())), _checkpoints(them)
    parts = [
        f"## {title}: {len({t for t, _ in pairs})} tasks, {_seeds(list(pairs))}",
        "The best observed configuration: log10 of the share of all that is truly better (lower is better)\n\n"
        + markdown(_main_rows(them, checkpoints)),
        _field_table("tried", "The truly best configuration among those tried", them, checkpoints),
        _field_table("recommended", "The tool's own recommendation", them, checkpoints),
        _differences(them, checkpoints),
        _from_each(them, checkpoints[-1]),
    ]
    return "\n\n".join(part for part in parts if part)


def _main_rows(them: Compared, checkpoints: Sequence[int]) -> list[dict[str, object]]:
    last = checkpoints[-1]
    ranked = scores.ranks({tool: _levels(runs, last) for tool, runs in them.items()})
    rows = []
    for tool, runs in them.items():
        row: dict[str, object] = {"tool": tool}
        row |= {f"{n}": _text(_mean(runs, n)) for n in checkpoints}
        row[f"regret at {last}"] = _text(_mean(runs, last, "regret"), 3)
        row[f"mean rank at {last}"] = _text(scores.mean_over_tasks(ranked[tool]), 1)
        if REFERENCE in them:
            row[f"trials to {REFERENCE}'s {last}"] = _text(scores.trials_to_reach(runs, them[REFERENCE]), 0)
        spent = scores.mean_over_tasks(scores.seconds(runs))
        digits = 0 if spent.se >= 0.01 else 1 if spent.se >= 0.001 else 2
        row["ms an ask"] = f"{1000 * spent.mean:.3g} ± {1000 * spent.se:.{digits}f}"
        rows.append(row)
    return rows


def _field_table(field: str, title: str, them: Compared, checkpoints: Sequence[int]) -> str:
    """One of the other two scores, for the tools and tasks that have it."""
    rows = []
    for tool, runs in them.items():
        has = {pair: run for pair, run in runs.items() if scores.levels({pair: run}, checkpoints[-1], field)}
        if has:
            cells = {f"{n}": _text(_mean(has, n, field)) if scores.levels(has, n, field) else "" for n in checkpoints}
            rows.append({"tool": tool, **cells, "runs": len(has)})
    return f"{title}\n\n{markdown(rows)}" if rows else ""


def _differences(them: Compared, checkpoints: Sequence[int]) -> str:
    """Each of ours minus the best peer at each checkpoint, paired; in brackets that peer and the difference in standard errors."""
    peers, rows = [tool for tool in them if not is_ours(tool)], []
    for field, title in FIELDS.items():
        for tool in (tool for tool in them if is_ours(tool) and peers):
            row = {"ours minus the best peer": tool, "score": title}
            for n in checkpoints:
                values = {t: _scored(runs, n, field) for t, runs in them.items()}
                if not values[tool]:
                    break
                best = scores.best_peer(values, peers)
                row[f"{n}"] = _gap(values[tool], values[best], best)
            else:
                rows.append(row)
    return "Paired differences (negative: ours is better)\n\n" + markdown(rows) if rows else ""


def _from_each(them: Compared, n: int) -> str:
    """Ours minus each peer after n trials, paired."""
    ours, peers = ([tool for tool in them if is_ours(tool) == mine] for mine in (True, False))
    rows = [
        {f"minus, at {n}": peer, **{tool: _gap(_levels(them[tool], n), _levels(them[peer], n)) for tool in ours}}
        for peer in peers
    ]
    return markdown(rows) if ours and peers else ""


def _gap(ours: Mapping[Pair, float], theirs: Mapping[Pair, float], *about: str) -> str:
    gap = scores.difference(ours, theirs)
    told = [*about, f"{gap.mean / gap.se:+.1f} se"] if gap.se > 1e-9 else list(about)
    return f"{_text(gap)} ({', '.join(told)})" if told else _text(gap)


def _scored(runs: Mapping[Pair, Run], n: int, field: str) -> dict[Pair, float]:
    """A score where there is one; what a tool recommends is the best observed where it has nothing of its own."""
    at = {pair: run["checkpoints"][str(n)] for pair, run in runs.items()}
    found = {pair: c["quantile"] if field == "recommended" and c[field] is None else c[field] for pair, c in at.items()}
    return {pair: value for pair, value in found.items() if value is not None}


def _about(runs: Collection[Run], them: Compared) -> str:
    pairs, counts = next(iter(them.values())), Counter(run["tool"] for run in runs)
    left = ", ".join(f"{tool} {n - len(pairs)}" for tool, n in counts.items() if n > len(pairs))
    return (
        f"{len(pairs)} pairs of task and seed that all {len(them)} tools have{f' (left out: {left})' if left else ''}. "
        f"Versions: {_versions(them)}."
    )


def _versions(them: Compared) -> str:
    return ", ".join(f"{tool} {'/'.join(sorted({r['version'] for r in runs.values()}))}" for tool, runs in them.items())


def _seeds(pairs: Sequence[Pair]) -> str:
    counts = Counter(task for task, _ in pairs).values()
    few, many = min(counts), max(counts)
    return f"{few} seeds each" if few == many else f"{few} to {many} seeds each"


def _checkpoints(them: Compared) -> list[int]:
    budget = next(run["budget"] for runs in them.values() for run in runs.values())
    return [n for n in CHECKPOINTS if n <= budget]


def _levels(runs: Mapping[Pair, Run], n: int, field: str = "quantile") -> dict[Pair, float]:
    found = scores.levels(runs, n, field)
    if found is None:
        raise ValueError(f"A run has no {field} at {n} trials.")
    return found


def _mean(runs: Mapping[Pair, Run], n: int, field: str = "quantile") -> Estimate:
    return scores.mean_over_tasks(_levels(runs, n, field))


def _text(estimate: Estimate, digits: int = 2) -> str:
    if math.isinf(estimate.mean):
        return "never"
    error = "" if math.isnan(estimate.se) else f" ± {estimate.se:.{digits}f}"
    return f"{estimate.mean:.{digits}f}{error}"
