"""The benchmarks run: a quick smoke of each. What they measure is not judged here."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(module, *arguments):
    command = [sys.executable, "-m", f"benchmarks.{module}", "--quick", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_speed_benchmark_runs_quickly_and_writes_nothing():
    before = (ROOT / "README.md").read_text()
    shown = run("speed")
    for word in (
        "import",
        "ask",
        "long",
        "peak MB",
        "sensitivity",
        "rate",
        "load",
        "again ms",
        "bytes a trial",
        "trimtab gp",
        "trimtab tpe",
        "optuna",
    ):
        assert word in shown
    assert (ROOT / "README.md").read_text() == before


def test_the_parallel_benchmark_runs_quickly_and_writes_nothing():
    shown = run("parallel")
    for word in ("trimtab gp", "trimtab tpe", "workers", "price in trials"):
        assert word in shown


@pytest.mark.skipif(importlib.util.find_spec("cocoex") is None, reason="needs coco-experiment")
def test_the_coco_benchmark_runs_quickly_and_writes_nothing():
    shown = run("coco")
    for word in ("bbob-mixint", "bbob-noisy", "trimtab gp", "mean rank"):
        assert word in shown


def test_the_hypergradient_benchmark_of_scikit_learn_runs_quickly_and_writes_nothing():
    shown = run("hypergradient", "--only", "sklearn")
    for word in ("with gradients s", "largest relative error", "largest error where trusted", "momentum"):
        assert word in shown


def test_the_gradients_benchmark_runs_quickly_and_writes_nothing():
    shown = run("gradients")
    for word in ("breast_cancer sgd", "trials with gradients", "error without", "held with"):
        assert word in shown


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch")
def test_the_hypergradient_benchmarks_of_torch_run_quickly_and_write_nothing():
    for part, words in (
        ("torch", ("64-32-10", "p = 8", "largest relative error")),
        ("peers", ("trimtab reverse", "error of lr")),
    ):
        shown = run("hypergradient", "--only", part)
        for word in words:
            assert word in shown
        assert not re.search(r"Error|Traceback", shown)


def test_the_pruners_benchmark_runs_quickly_and_writes_nothing():
    before = sorted((ROOT / "benchmarks/results/pruners").iterdir())
    shown = run("pruners")
    for word in ("trimtab median", "trimtab asha", "evaluations saved", "best trial lost"):
        assert word in shown
    assert sorted((ROOT / "benchmarks/results/pruners").iterdir()) == before
