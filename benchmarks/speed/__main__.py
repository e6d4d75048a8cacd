"""Measures speed and writes the tables of README.md and docs.

    python -m benchmarks.speed                everything, some minutes; writes benchmarks/results/speed.json and the README's table
    python -m benchmarks.speed --quick        a smoke run of a few seconds; writes nothing

Install optuna to have it measured beside trimtab in the same run, and torch for its GP. On a quiet machine only: nothing here
knows what else runs.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import trimtab
from benchmarks.speed import asks, imports, long, many, postgres, sensitivities, storage
from benchmarks.tables import markdown, replace_block

HERE = Path(__file__).resolve().parent.parent
README = HERE.parent / "README.md"
PEER = "Optuna 5"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="a smoke run: few repeats, small sizes, nothing is written"
    )
    parser.add_argument("--readme", action="store_true", help="only write the README's table again, from the results")
    parser.add_argument("--only", metavar="PART", help="only this part; the results keep the others")
    arguments = parser.parse_args()
    quick, results = arguments.quick, HERE / "results" / "speed.json"
    if arguments.readme:
        replace_block(README, "speed", summary(json.loads(results.read_text())))
        return
    before = json.loads(results.read_text()) if arguments.only and results.exists() else {}
    measured: dict[str, Any] = before | {
        "trimtab": trimtab.__version__,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
    }
    jobs = {
        "import": lambda: imports.measure(2 if quick else 11),
        "ask": lambda: asks.measure(3 if quick else 21, 100 if quick else 10_000),
        "sensitivity": lambda: sensitivities.measure(1 if quick else 3, 60 if quick else 10_000),
        "long": lambda: long.measure(3 if quick else 61, 60 if quick else 10_000),
        "rate": lambda: storage.rates(40 if quick else 2_000, 1 if quick else 3),
        "postgres": lambda: postgres.rates(40 if quick else 1_000, 1 if quick else 3),
        "load": lambda: storage.loading((1_000,) if quick else (10_000, 100_000), 1 if quick else 5),
        "many": lambda: many.measure(200 if quick else 100_000),
    }
    if arguments.only and arguments.only not in jobs:
        parser.error(f"there is no part {arguments.only!r}; parts: {', '.join(jobs)}")
    for name, job in jobs.items():
        if arguments.only not in (None, name):
            continue
        measured[name] = job()
        print(f"\n{name}\n{markdown(measured[name])}", flush=True)
        if name == "ask" and (lines := requirements(measured)):
            print(f"\nrequirements\n{markdown(lines)}", flush=True)
        if not quick:
            results.write_text(json.dumps(measured, indent=1) + "\n")
    if not quick:
        replace_block(README, "speed", summary(measured))


def requirements(measured: Mapping[str, Any]) -> list[dict[str, object]]:
    """The lines that a release is held to: what is measured, the peer of the same run, their ratio, and the line."""
    asked = _asked(measured)
    lines: list[dict[str, object]] = []
    for sampler, n, peer, line in (
        ("gp", 300, "gp", "at least 10x"),
        ("gp", 300, "tpe", "under 50 ms"),
        ("gp", 1_000, "gp", "under 300 ms"),
        ("tpe", 10_000, "tpe", "at least 8x"),
    ):
        ours, theirs = asked.get(("trimtab", sampler, n)), asked.get(("optuna", peer, n))
        if ours is None:
            continue
        lines.append(
            {
                "ask and tell": f"{sampler.upper()} after {n:,} trials",
                "median ms": _short(ours["ms"]),
                "worst ms": _short(ours["max"]),
                "beside": f"Optuna {peer.upper()}",
                "its median ms": None if theirs is None else _short(theirs["ms"]),
                "its worst ms": None if theirs is None else _short(theirs["max"]),
                "times faster": None if theirs is None else f"{theirs['ms'] / ours['ms']:.1f}",
                "required": line,
            }
        )
    return lines


def _asked(measured: Mapping[str, Any]) -> dict[tuple[str, str, int], dict[str, Any]]:
    """The rows of asks that have figures, by package, sampler and n."""
    rows = (row for row in measured["ask"] if row["ms"] is not None)
    return {(row["tool"].split()[0], row["tool"].split()[-1], row["n"]): row for row in rows}


def summary(measured: Mapping[str, Any]) -> str:
    """The README's table: what a user waits for, medians side by side with the peer of the same run, and their ratio."""
    rows: list[dict[str, object]] = []

    def add(what: str, unit: str, ours: float, peer: float | None) -> None:
        better = None if peer is None else max(ours / peer, peer / ours)
        rows.append(
            {
                "": what,
                "trimtab": f"{_short(ours)} {unit}",
                PEER: "" if peer is None else f"{_short(peer)} {unit}",
                "ratio": "" if better is None else f"{better:.0f}x" if better >= 10 else f"{better:.1f}x",
            }
        )

    imports_ = {row["import"]: row["seconds"] for row in measured["import"]}
    add(
        f"start Python and import it (numpy alone: {_short(imports_['numpy'])} s)",
        "s",
        imports_["trimtab"],
        imports_.get("optuna"),
    )
    asked = _asked(measured)
    for sampler, n in (("tpe", 100), ("tpe", 1_000), ("tpe", 10_000), ("gp", 100), ("gp", 300), ("gp", 1_000)):
        if ("trimtab", sampler, n) in asked:
            what = f"ask and tell after {n:,} trials, {sampler.upper()}"
            peer = asked.get(("optuna", sampler, n))
            add(what, "ms", asked["trimtab", sampler, n]["ms"], None if peer is None else peer["ms"])
    analysed = {(row["analysis"], row["n"]): row["seconds"] for row in measured.get("sensitivity", ())}
    for n in (100, 300, 10_000):
        if ("trimtab sobol", n) in analysed:
            what = f"sensitivities of {n:,} trials, 10 parameters (Optuna: fANOVA)"
            add(what, "s", analysed["trimtab sobol", n], analysed.get(("optuna fanova", n)))
    rate = {(row["tool"].split()[0], row["processes"]): row["trials_per_s"] for row in measured["rate"]}
    for processes in sorted({processes for _, processes in rate}):
        what = f"durable trials a second on SQLite, {processes} process{'es' * (processes > 1)}"
        add(what, "/s", rate["trimtab", processes], rate.get(("optuna", processes)))
    on_postgres = {
        (row["tool"].split()[0], row["processes"]): row["trials_per_s"] for row in measured.get("postgres", ())
    }
    for processes in (1, 4):
        if ("trimtab", processes) in on_postgres:
            what = f"durable trials a second on PostgreSQL, {processes} process{'es' * (processes > 1)}"
            add(what, "/s", on_postgres["trimtab", processes], on_postgres.get(("optuna", processes)))
    for row in measured["load"]:
        add(f"load {row['load']} x 10 parameters from SQLite", "s", row["seconds"], None)
    for row in measured["load"]:
        if "again ms" in row:
            add(f"`study.table` of {row['load']} again, nothing new", "ms", row["again ms"], None)
    for row in measured.get("many", ()):
        add(f"durable trials a second, trials {row['trials']}, 1 process", "/s", row["trials_per_s"], None)
    for row in measured.get("long", ()):
        if row["n"] == 10_000 and row["tool"] != "trimtab auto":
            add(
                f"memory of a process with 10,000 trials, {row['tool'].split()[-1].upper()}", "MB", row["peak MB"], None
            )
    without = "" if ("optuna", "gp", 300) in asked else f" {PEER} has no GP without PyTorch, so none is beside ours."
    note = (
        f"Medians, written by `python -m benchmarks.speed` (Python {measured['python']}, {measured['cores']} cores, one thread); "
        f"ranges are in [`benchmarks/results/speed.json`](benchmarks/results/speed.json).{without}"
    )
    return f"{markdown(rows)}\n\n{note}"


def _short(number: float) -> str:
    """Three digits, without an exponent."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


if __name__ == "__main__":
    main()
