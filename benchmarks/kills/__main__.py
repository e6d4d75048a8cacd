"""Kills writers of a SQLite storage at random moments, and looks at the file after each.

    python -m benchmarks.kills                  500 kills, under a minute; writes benchmarks/results/kills.json
    python -m benchmarks.kills --quick          20 kills; writes nothing

Two processes append to one file, each to a study of its own, and acknowledge through a pipe what `append` took. The write-ahead log
is moved into the file every 100 kB, so that kills fall into checkpoints, too. Each is killed at a random moment: some while they
open the file, the others up to 20 ms after their first append. Then the file is opened and read: no acknowledged event may be missing,
no `append` may be there in part, SQLite's integrity check must pass.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import tempfile
import time
from pathlib import Path

from benchmarks.kills.killing import campaign

RESULTS = Path(__file__).resolve().parent.parent / "results" / "kills.json"
KILLS = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a smoke run: few kills, nothing is written")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        found = campaign(os.path.join(folder, "x.db"), 20 if arguments.quick else KILLS, arguments.seed)
    measured = {
        **found,
        "seconds": round(time.perf_counter() - begun, 1),
        "seed": arguments.seed,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "cores": os.cpu_count(),
    }
    print(json.dumps(measured, indent=1))
    if not arguments.quick:
        RESULTS.write_text(json.dumps(measured, indent=1) + "\n")


if __name__ == "__main__":
    main()
