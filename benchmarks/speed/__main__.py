"""Measures speed and writes the tables of README.md and docs.

    python -m benchmarks.speed                everything, some minutes; writes benchmarks/results/speed.json and the README's table
    python -m benchmarks.speed --quick        a smoke run of a few seconds; writes nothing

Install optuna to have it measured beside trimtab in the same run.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import json
import platform
from pathlib import Path

import trimtab
from benchmarks.speed import asks, imports, storage
from benchmarks.tables import markdown, replace_block

HERE = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="a smoke run: few repeats, small sizes, nothing is written"
    )
    quick = parser.parse_args().quick
    results = HERE / "results" / "speed.json"
    measured: dict[str, object] = {
        "trimtab": trimtab.__version__,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
    }
    jobs = {
        "import": lambda: imports.measure(2 if quick else 11),
        "ask": lambda: asks.measure(3 if quick else 21, 100 if quick else 10_000),
        "rate": lambda: storage.rates(40 if quick else 2_000, 1 if quick else 3),
        "load": lambda: storage.loading(1_000 if quick else 10_000, 1 if quick else 5),
    }
    for name, job in jobs.items():
        measured[name] = job()
        print(f"\n{name}\n{markdown(measured[name])}", flush=True)  # type: ignore[arg-type]
        if not quick:
            results.write_text(json.dumps(measured, indent=1) + "\n")
    if not quick:
        note = f"Measured by `python -m benchmarks.speed` (Python {measured['python']}, {measured['cores']} cores, one thread)."
        replace_block(HERE.parent / "README.md", "speed", f"{summary(measured)}\n\n{note}")


def summary(measured: dict[str, object]) -> str:
    """The README's table: what a user waits for, median and range."""
    rows: list[dict[str, object]] = []

    def add(what: str, row: dict[str, object], key: str, unit: str) -> None:
        rows.append({"what": what, "median": f"{row[key]:.3g} {unit}", "range": f"{row['min']:.3g}-{row['max']:.3g}"})

    for row in measured["import"]:  # type: ignore[attr-defined]
        add(f"start Python and import {row['import']}", row, "seconds", "s")
    for row in measured["ask"]:  # type: ignore[attr-defined]
        if row["n"] in (100, 300, 1_000, 10_000):
            add(f"ask + tell, {row['tool']}, n = {row['n']:,}", row, "ms", "ms")
    for row in measured["rate"]:  # type: ignore[attr-defined]
        add(f"durable trials on SQLite, {row['tool']}, {row['processes']} processes", row, "trials_per_s", "/s")
    for row in measured["load"]:  # type: ignore[attr-defined]
        add(f"load {row['load']} x 10 parameters from SQLite", row, "seconds", "s")
    return markdown(rows)


if __name__ == "__main__":
    main()
