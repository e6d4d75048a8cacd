"""The torture runs, finds nothing wrong, and would find what is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.postgres_server import why_not
from benchmarks.torture.check import check
from benchmarks.torture.worker import value_of

from trimtab.records import Created, Finished, Released, Started

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("storage", ["sqlite", "postgresql"])
def test_a_tortured_study_loses_nothing(storage):
    if storage == "postgresql" and why_not() is not None:
        pytest.skip(why_not())
    command = [sys.executable, "-m", "benchmarks.torture", "--quick", "--storage", storage]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)

    assert done.returncode == 0, done.stderr + done.stdout
    for line in ("| SIGKILLs | 4 |", "| trials | 80 |", "| problems | 0 |"):
        assert line in done.stdout
    assert f"| restarts of the server | {1 if storage == 'postgresql' else 0} |" in done.stdout


def log():
    """A sound study of two trials: the first one was killed once."""
    return [
        Created(0, {"a": 0.5, "b": 0.5}, "sampler", 0.0),
        Started(0, 0, {}, 0.0),
        Created(1, {"a": 0.25, "b": 0.5}, "sampler", 0.0),
        Started(1, 0, {}, 0.0),
        Released(0, 0, 0.0, lost=True),
        Started(0, 1, {}, 0.0),
        Finished(1, "finished", value_of(0.25, 0.5), 0.1, None, 0.0),
        Finished(0, "finished", value_of(0.5, 0.5), 0.1, None, 0.0),
    ]


@pytest.fixture
def stamps(tmp_path):
    (tmp_path / "one").write_text("start 0 1.0\n")
    (tmp_path / "two").write_text("start 1 1.0\nend 1 1.5\ntold 1 1.6\nstart 0 3.0\nend 0 4.0\ntold 0 4.1\n")
    return tmp_path


def problems(events, stamps, killed=2.0):
    return check(events, stamps, {"one": killed}, 2).problems


def test_a_sound_study_has_no_problems(stamps):
    verdict = check(log(), stamps, {"one": 2.0}, 2)

    assert verdict.problems == []
    assert verdict.counts == {
        "trials": 2,
        "finished": 2,
        "failed since their process died too often": 0,
        "evaluations": 3,
        "cut off by a kill": 1,
        "ended, killed before it was told": 0,
        "handed to another process": 1,
        "told after they were handed on": 0,
    }


def test_a_late_result_of_the_old_owner_is_sound(stamps):
    """Its last words were on their way when it was killed; the process that took the trial over was too late."""
    (stamps / "one").write_text("start 0 1.0\nend 0 1.9\n")
    (stamps / "two").write_text("start 1 1.0\nend 1 1.5\ntold 1 1.6\n")

    verdict = check(log()[:5] + log()[6:], stamps, {"one": 2.0}, 2)

    assert verdict.problems == []
    assert verdict.counts["told after they were handed on"] == 1
    assert verdict.counts["ended, killed before it was told"] == 1


def test_each_fault_is_a_problem(stamps):
    assert "ran twice at the same time" in problems(log(), stamps, killed=3.5)[0]
    assert "has not ended" in problems(log()[:-1], stamps)[0]
    assert any("expected trials 0 to 1" in p for p in problems(log()[:2] + log()[4:6] + log()[7:], stamps))
    wrong = [*log()[:-1], Finished(0, "finished", 7.0, 0.1, None, 0.0)]
    assert "value of another" in problems(wrong, stamps)[0]
    failed = [*log()[:-1], Finished(0, "failed", None, None, "boom", 0.0)]
    assert "another reason: boom" in problems(failed, stamps)[0]
    assert "ended twice" in problems([*log(), log()[-1]], stamps)[0]
    assert "2 starts, 0 handed back" in problems(log()[:4] + log()[5:], stamps)[0]
    assert "1 starts, 2 handed back" in problems([*log()[:5], Released(0, 1, 0.0), *log()[6:]], stamps)[0]
    (stamps / "two").write_text("start 1 1.0\nend 1 1.5\ntold 1 1.6\n")
    assert "no evaluation of it ended" in problems(log(), stamps)[0]
