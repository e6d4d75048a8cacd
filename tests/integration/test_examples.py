"""Each example runs as a newcomer runs it: in a process of its own, in some folder, with nothing on standard error."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
VERDICT = re.compile(r"^  (\S+) .*(matters|cannot be told from a dead knob|too little data)", re.MULTILINE)


def run(name: str, folder: Path) -> str:
    """What the example prints."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, EXAMPLES / name], cwd=folder, env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def judged(output: str) -> set[str]:
    """The parameters that got a verdict."""
    return {name for name, _ in VERDICT.findall(output)}


def number(pattern: str, output: str) -> float:
    found = re.search(pattern, output)
    assert found is not None, output
    return float(found[1])


def test_each_example_has_a_test_and_says_how_to_run_it():
    names = {path.name for path in EXAMPLES.glob("*.py")}

    here = Path(__file__).read_text()
    assert names == set(re.findall(r'run\("(\w+\.py)"', here))
    for name in names:
        text = (EXAMPLES / name).read_text()
        assert text.startswith('"""')
        assert f"python examples/{name}\n" in text


def test_grid_search(tmp_path):
    output = run("grid_search.py", tmp_path)

    assert output.startswith("16 combinations")
    assert number(r"accuracy: ([\d.]+) in cross-validation", output) > 0.9
    assert judged(output) == {"hidden_layer_sizes", "activation", "learning_rate_init"}
    assert re.search(r"learning_rate_init .* matters", output)  # 30-fold apart: nobody doubts that


def test_random_search(tmp_path):
    output = run("random_search.py", tmp_path)

    losses = [float(text) for text in re.findall(r"^  (0\.\d{4})  \{", output, re.MULTILINE)]
    assert len(losses) == 5
    assert losses == sorted(losses)
    assert number(r"never saw: ([\d.]+)", output) < 0.2
    assert len(judged(output)) == 4


def test_bayesian_search(tmp_path):
    output = run("bayesian_search.py", tmp_path)

    assert "30 trials" in output
    assert number(r"lowest validation loss ([\d.]+)", output) < 0.25
    assert output.count("learning_rate_init") >= 4  # the best configuration and three tables
    assert "Sensitivity:" in output
    assert "One at a time" in output
    assert "Gradient:" in output


def test_understand_network(tmp_path):
    output = run("understand_network.py", tmp_path)

    assert "40 trials, 40 finished" in output
    assert 1 <= number(r"(\d+) of 40 trials (?:was|were) spent on the sensitivities", output) <= 8
    assert judged(output) == {"hidden_layer_sizes", "activation", "learning_rate_init", "alpha", "batch_size"}
    assert re.search(r"learning_rate_init .* matters", output)
    for title in ("Sensitivity:", "Robustness of the best configuration", "Advice:"):
        assert output.count(title) == 1


def test_ask_and_tell(tmp_path):
    output = run("ask_and_tell.py", tmp_path)

    assert "found 14 trials in the file, going on" in output
    assert len(re.findall(r"^ +\d+  .*\{", output, re.MULTILINE)) == 19
    assert "failed: the machine lost its power" in output
    assert number(r"R squared ([\d.]+)", output) > 0.45


def test_analyse_old_study(tmp_path):
    output = run("analyse_old_study.py", tmp_path)

    assert "50 trials, 50 finished, best=0.125" in output
    assert judged(output) == {
        "hidden_layer_sizes",
        "activation",
        "learning_rate_init",
        "momentum",
        "alpha",
        "batch_size",
    }
    assert re.search(r"learning_rate_init .* matters", output)
    assert "a good next trial: {" in output
    assert (tmp_path / "trimtab-report.html").stat().st_size > 100_000


def test_sklearn_hypergradient(tmp_path):
    output = run("sklearn_hypergradient.py", tmp_path)

    table = output[: output.index("gradient is per unit")]
    assert [row.split()[0] for row in table.splitlines()[2:-1]] == [
        "alpha", "learning_rate_init", "beta_1", "beta_2", "epsilon",
    ]  # fmt: skip
    assert all(row.endswith("  trust") for row in table.splitlines()[2:-1])
    losses = [float(text) for text in re.findall(r"validation loss ([\d.]+)", output)]
    assert len(losses) == 12
    assert min(losses) == losses[-1] < 0.75 * losses[0]
    before, after = (float(text) for text in re.findall(r"loss on test data ([\d.]+)", output))
    assert after < 0.8 * before
    assert "wrt has 'batch_size', which is 32 here and not continuous" in output


def test_pytorch_loop_without_torch(tmp_path):
    """Says so and ends well: a folder on the path hides torch."""
    (tmp_path / "torch.py").write_text("raise ImportError('hidden')")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path))
        output = run("pytorch_loop.py", tmp_path)

    assert output.startswith("torch is not installed")
    assert "python -m pip install 'trimtab[torch]'" in output


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
def test_pytorch_loop(tmp_path):
    output = run("pytorch_loop.py", tmp_path)

    assert number(r"lowest validation loss ([\d.]+)", output) < 0.3
    curve = re.search(r"learning curve: (.+)", output)
    assert curve is not None
    losses = [float(text) for text in curve[1].split()]
    assert len(losses) == 15
    assert losses[-1] < losses[0]
    assert judged(output) == {"optimizer", "lr", "momentum", "units", "dropout", "batch_size"}


def test_torch_hypergradient_without_torch(tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('hidden')")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]))
        output = run("torch_hypergradient.py", tmp_path)

    assert output.startswith("torch is not installed")
    assert "python -m pip install 'trimtab[torch]'" in output


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
def test_torch_hypergradient(tmp_path):
    output = run("torch_hypergradient.py", tmp_path)

    rows = re.findall(r"^  (\S+) .* (\S+) +trust$", output, re.MULTILINE)
    assert [name for name, _ in rows] == ["lr", "decay", "momentum", "weight_decay", "smoothing"]
    assert all(float(error) < 1e-5 for _, error in rows)
    assert number(r"after a step against the hypergradients ([\d.]+)", output) < number(
        r"validation loss ([\d.]+)", output
    )
