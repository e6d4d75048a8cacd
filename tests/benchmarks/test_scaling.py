"""The benchmarks of PostgreSQL run: a quick smoke of each. What they measure is not judged here."""

import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.postgres_server import why_not

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
@pytest.mark.parametrize(
    ("module", "words"),
    [
        (["scaling"], ["| 2 | 0.1 |", "| 12 | 0.1 |", "bookkeeping share"]),
        (["speed", "--only", "postgres"], ["| trimtab | 1 |", "| trimtab | 4 |"]),
    ],
)
def test_runs_quickly_and_writes_nothing(module, words):
    before = (ROOT / "docs" / "scaling.md").read_text()
    command = [sys.executable, "-m", f"benchmarks.{module[0]}", "--quick", *module[1:]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)

    assert done.returncode == 0, done.stderr
    assert all(word in done.stdout for word in words), done.stdout
    assert (ROOT / "docs" / "scaling.md").read_text() == before
