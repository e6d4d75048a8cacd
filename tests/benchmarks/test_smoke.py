"""The benchmarks run: a quick smoke of each. What they measure is not judged here."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_speed_benchmark_runs_quickly_and_writes_nothing():
    before = (ROOT / "README.md").read_text()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed", "--quick"], cwd=ROOT, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr
    for word in ("import", "ask", "long", "peak MB", "rate", "load", "trimtab gp", "trimtab tpe", "optuna"):
        assert word in done.stdout
    assert (ROOT / "README.md").read_text() == before
