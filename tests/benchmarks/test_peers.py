"""The benchmark of peers: its protocol with our drivers, and a small run of the whole command."""

import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.peers import results
from benchmarks.peers.__main__ import main
from benchmarks.peers.driving import Driver, DriverError, python_of
from benchmarks.peers.running import Job, Place, run
from benchmarks.peers.spaces import whole

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"


@pytest.mark.parametrize("tool", ["random", "trimtab-gp"])
def test_a_driver_answers_and_the_same_seed_gives_the_same_search(tool):
    place = Place(envs=None, source=SOURCE)

    found, again = (run(Job(tool, "toy:mixed", 1, 6), place) for _ in range(2))

    assert found["trials"] == again["trials"]
    assert len(found["trials"]) == 6
    assert set(found["checkpoints"]) == {"5"}
    assert (found["checkpoints"]["5"]["recommended"] is None) == (tool == "random")
    assert found["ask_seconds"] > 0
    assert ("+" in found["version"]) == (tool == "trimtab-gp")


def driver_of(body, tmp_path, monkeypatch, limit=60.0):
    """A driver whose class has this body."""
    from benchmarks.peers import driving
    from benchmarks.peers.tools import TOOLS, Tool

    (tmp_path / "drivers").mkdir()
    serve = (ROOT / "benchmarks/peers/drivers/_serve.py").read_text()
    (tmp_path / "drivers" / "_serve.py").write_text(serve)
    text = "from _serve import serve\nimport os, time\nclass Tool:\n    name = version = 't'\n    def start(self, *_): pass\n"
    (tmp_path / "drivers" / "made_up.py").write_text(text + body + "\nserve(Tool)\n")
    monkeypatch.setattr(driving, "HERE", tmp_path)
    monkeypatch.setitem(TOOLS, "made-up", Tool("made_up"))
    return Driver("made-up", None, SOURCE, limit)


def test_what_a_tool_prints_does_not_disturb_the_answers(tmp_path, monkeypatch):
    body = "    def ask(self):\n        print('noise')\n        os.system('echo more noise')\n        return {'i': 3.0}"
    with driver_of(body, tmp_path, monkeypatch) as driver:
        driver.start([whole("i", 0, 5)], 0, 1)

        assert driver.ask() == {"i": 3}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("    def ask(self): return {'i': 9}", "i must be between 0 and 5, got 9"),
        ("    def ask(self): return {'i': 1.5}", "i must be a whole number, got 1.5"),
        ("    def ask(self): return {'j': 1}", r"params must have the names \['i'\], got \['j'\]"),
        ("    def ask(self): raise KeyError('oh dear')", "oh dear"),
        ("    def ask(self): os.write(2, b'last words'); os._exit(3)", "last words"),
    ],
)
def test_a_driver_that_fails_says_why(body, message, tmp_path, monkeypatch):
    with driver_of(body, tmp_path, monkeypatch) as driver:
        driver.start([whole("i", 0, 5)], 0, 1)

        with pytest.raises(DriverError, match=message):
            driver.ask()


def test_a_driver_that_hangs_is_ended(tmp_path, monkeypatch):
    driver = driver_of("    def ask(self): time.sleep(60)", tmp_path, monkeypatch, limit=1.0)
    with driver, pytest.raises(DriverError, match="was ended after 1 s"):
        [driver.start([whole("i", 0, 5)], 0, 1), driver.ask()]


def test_a_missing_environment_says_how_to_make_it(tmp_path):
    with pytest.raises(DriverError, match=r"benchmarks.peers setup --envs .* optuna-tpe"):
        python_of("optuna-tpe", tmp_path)


def test_the_command_runs_resumes_and_prints_its_tables(tmp_path, capsys):
    words = [
        "run",
        "--tools",
        "random,trimtab-random",
        "--families",
        "toy",
        "--budget",
        "10",
        "--results",
        str(tmp_path),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.peers", *words, "--seeds", "1", "--jobs", "2"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr

    assert main([*words, "--seeds", "2"]) == 0

    assert "2 searches to run; 2 are there already." in capsys.readouterr().out
    assert [run["seed"] for run in results.read(tmp_path, ["random"])] == [0, 1]
    assert main(["table", "--families", "toy", "--budget", "10", "--results", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "2 pairs of task and seed that all 2 tools have" in printed
    assert "trimtab-random" in printed
    assert main([*words, "--seeds", "1-1", "--tools", "random", "--again"]) == 0
    assert "1 searches to run; 0 are there already." in capsys.readouterr().out
    assert [run["seed"] for run in results.read(tmp_path, ["random"])] == [0, 1]


def test_a_failed_search_is_told_and_not_kept(tmp_path, capsys):
    words = [
        "run",
        "--tools",
        "ax",
        "--families",
        "toy",
        "--seeds",
        "1",
        "--envs",
        str(tmp_path),
        "--results",
        str(tmp_path),
    ]

    assert main(words) == 1

    assert "benchmarks.peers setup" in capsys.readouterr().err
    assert not (tmp_path / "ax.jsonl").exists()
