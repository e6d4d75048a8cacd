"""Tortures a study: worker processes are killed all the time, the database restarts in the middle, and nothing may be lost.

    python -m benchmarks.torture --storage postgresql     8 workers, 2,000 trials of 20 to 60 ms, a SIGKILL a second, and a
                                                          crash and restart of the server when half of the trials have ended
    python -m benchmarks.torture --storage sqlite         the same without the restart
    python -m benchmarks.torture --storage sqlite --quick a smoke run; writes nothing

Every killed worker is replaced at once. At the end the log is compared with what the objective itself wrote (check.py). Exits
with 1 if anything is wrong. Results: benchmarks/results/torture. Needs PostgreSQL's programs for --storage postgresql.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import json
import platform
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.postgres_server import Server
from benchmarks.tables import markdown
from benchmarks.torture.run import torture

RESULTS = Path(__file__).resolve().parent.parent / "results" / "torture"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--storage", choices=["sqlite", "postgresql"], required=True)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--trials", type=int, default=2_000)
    parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS", help="between two kills")
    parser.add_argument("--runs", type=int, default=3, help="how often, with other kills each time")
    parser.add_argument(
        "--quick", action="store_true", help="a smoke run: 3 workers, 80 trials, 4 kills; writes nothing"
    )
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.workers, arguments.trials, arguments.every, arguments.runs = 3, 80, 0.25, 1
    rows: list[dict[str, Any]] = []
    for seed in range(arguments.runs):
        rows.append({"storage": arguments.storage, "run": seed, **_one(arguments, seed)})
        print(markdown(_columns(rows)), flush=True)
    if not arguments.quick:
        RESULTS.mkdir(parents=True, exist_ok=True)
        measured = {"python": platform.python_version(), "cores": os.cpu_count(), "runs": rows}
        (RESULTS / f"{arguments.storage}.json").write_text(json.dumps(measured, indent=1) + "\n")
        write_tables()
    problems = [problem for row in rows for problem in row["problems"]]
    if problems:
        sys.exit("\n".join(problems[:50]))


def _one(arguments: argparse.Namespace, seed: int) -> dict[str, Any]:
    with ExitStack() as end:
        room = Path(end.enter_context(tempfile.TemporaryDirectory()))
        server = end.enter_context(Server()) if arguments.storage == "postgresql" else None
        storage = str(room / "study.db") if server is None else server.empty()
        most = 4 if arguments.quick else None
        return torture(
            storage, server, room / "stamps", arguments.workers, arguments.trials, arguments.every, most, seed
        )


def _columns(rows: list[dict[str, Any]]) -> list[dict[str, object]]:
    """What happened, and what must be nothing, one column a run."""
    names = [name for name in rows[0] if name not in ("storage", "run", "problems")]
    table: list[dict[str, object]] = [
        {"": name, **{f"{r['storage']}, run {r['run'] + 1}": r[name] for r in rows}} for name in names
    ]
    return [*table, {"": "problems", **{f"{r['storage']}, run {r['run'] + 1}": len(r["problems"]) for r in rows}}]


def write_tables() -> None:
    """TABLES.md from all results."""
    parts = [
        "# Torture\n\nWritten by `python -m benchmarks.torture`; benchmarks/torture/check.py says what is checked.\n"
    ]
    for path in sorted(RESULTS.glob("*.json")):
        measured = json.loads(path.read_text())
        note = f"Python {measured['python']}, {measured['cores']} cores."
        parts.append(f"## {path.stem}\n\n{note}\n\n{markdown(_columns(measured['runs']))}\n")
    (RESULTS / "TABLES.md").write_text("\n".join(parts))


if __name__ == "__main__":
    main()
