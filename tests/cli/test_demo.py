"""`trimtab demo` on a small data set: it tunes, compares, explains, reports, and goes on."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
from click.testing import CliRunner

from trimtab.cli import main
from trimtab.cli._demo import _call, _judgement
from trimtab.cli._demo_objective import DATA_SETS, Comparison, DemoObjective, _sign_test, _split, compare, demo_space
from trimtab.errors import TrimtabError
from trimtab.study import Study

DEFAULTS = {
    "hidden_layer_sizes": (32,),
    "activation": "relu",
    "solver": "adam",
    "learning_rate_init": 0.01,
    "alpha": 1e-4,
    "batch_size": 32,
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def demo(*arguments):
    return CliRunner().invoke(main, ["demo", "--data", "iris", "--sampler", "random", *arguments])


def test_it_tunes_compares_explains_and_reports(here):
    result = demo("--trials", "4")

    assert result.exit_code == 0, result.output
    best = Study.load("trimtab-demo.db").best
    assert f"Best of 4 trials: number {best.number}, cross-validation error {100 * best.value:.2f} %" in result.stdout
    assert "MLPClassifier(" in result.stdout
    assert "scikit-learn's default" in result.stdout
    assert "Too little data" in result.stdout
    assert "Warning" not in result.output
    assert (here / "trimtab-report.html").stat().st_size > 10_000


def test_what_is_pasted_is_python(here):
    out = demo("--trials", "2").stdout
    pasted = out[out.index("make_pipeline(") : out.index("On 38 held-out")]
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = eval(
        pasted, {"make_pipeline": make_pipeline, "StandardScaler": StandardScaler, "MLPClassifier": MLPClassifier}
    )
    best = Study.load("trimtab-demo.db").best
    assert model.named_steps["mlpclassifier"].get_params()["hidden_layer_sizes"] == best["hidden_layer_sizes"]


def test_it_goes_on_to_the_total_and_then_repeats_the_results(here):
    first = json.loads(demo("--trials", "2", "--json").stdout)
    more = json.loads(demo("--trials", "3", "--json").stdout)
    again = demo("--trials", "3")

    assert (first["n_trials_before"], first["n_trials"]) == (0, 2)
    assert (more["n_trials_before"], more["n_trials"]) == (2, 3)
    assert "All 3 trials of study 'iris-seed-0' are in trimtab-demo.db already" in again.stderr
    assert "Best of 3 trials" in again.stdout
    assert "trimtab demo --trials 33 --data iris --sampler random    thirty more" in again.stdout
    assert len(Study.load("trimtab-demo.db")) == 3


def test_what_to_do_next_goes_on_with_the_same_study(here):
    demo("--trials", "4", "--storage", "my study.db", "--seed", "3")
    out = demo("--trials", "2", "--storage", "my study.db", "--seed", "3").stdout

    assert "trimtab demo --trials 34 --data iris --sampler random --seed 3 --storage 'my study.db'    thirty" in out


def test_the_same_seed_gives_the_same_result(here):
    a, b, c = (
        json.loads(demo("--trials", "3", "--json", "--storage", f, "--seed", s).stdout)
        for f, s in (("a.db", "5"), ("b.db", "5"), ("c.db", "6"))
    )

    assert a["best"]["params"] == b["best"]["params"]
    assert a["best"]["value"] == b["best"]["value"]
    assert a["test"] == b["test"]
    assert a["best"]["params"] != c["best"]["params"]


def test_json_is_one_document(here):
    result = demo("--trials", "2", "--json")
    document = json.loads(result.stdout)

    assert document["best"]["value"] == Study.load("trimtab-demo.db").best.value
    assert {row["parameter"] for row in document["sensitivity"]} == set(demo_space().names)
    assert document["test"]["n_test"] == 38


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--report", "."], "is a folder"),
        (["--report", "none/x.html"], "no folder"),
        (["--sampler", "gpp"], "There is no sampler 'gpp'"),
        (["--sampler", "grid"], "there is no grid. Use auto, gp, tpe, cmaes, sobol or random"),
        (["--trials", "0"], "0 is not in the range"),
        (["--data", "mnist"], "mnist"),
    ],
)
def test_wrong_input_ends_before_the_search(here, arguments, message):
    result = demo(*arguments)

    assert result.exit_code == 2
    assert message in result.stderr
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("data", DATA_SETS)
def test_every_data_set_is_split_the_same_way_each_time(data):
    x, x_test, y, y_test = _split(data)

    assert len(x) == len(y)
    assert abs(len(x_test) / (len(x) + len(x_test)) - 0.25) < 0.01
    assert set(np.unique(y)) == set(np.unique(y_test))


def test_the_objective_is_an_error_and_quiet():
    objective = pickle.loads(pickle.dumps(DemoObjective("iris", 0)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        error = objective(DEFAULTS)

    assert 0 <= error < 0.2
    assert objective(DEFAULTS) == error


def test_a_comparison_counts_rows():
    c = compare("iris", 0, DEFAULTS)

    assert c.n_test == 38
    assert c.accuracy - c.default_accuracy == pytest.approx((c.only_tuned - c.only_default) / 38)


def test_sign_test_against_the_binomial():
    from scipy.stats import binomtest

    for wins, losses in ((0, 0), (3, 1), (1, 9), (5, 5), (12, 2)):
        expected = 1.0 if wins + losses == 0 else binomtest(wins, wins + losses).pvalue
        assert _sign_test(wins, losses) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("wins", "losses", "word"),
    [
        (0, 0, "the same answers"),
        (1, 1, "right on 1 row, only the default on 1: no difference."),
        (3, 1, "no clear difference"),
        (12, 1, "better"),
        (1, 12, "worse"),
    ],
)
def test_a_difference_is_claimed_only_where_there_is_one(wins, losses, word):
    assert word in _judgement(Comparison(100, 0.9, 0.9, wins, losses, _sign_test(wins, losses)))


def test_a_long_call_is_broken_into_lines():
    lines = _call("f", [f"argument_{i}={i}" for i in range(12)], 4)

    assert max(map(len, lines)) <= 76
    assert eval(" ".join(lines).strip(), {"f": lambda **k: len(k)}) == 12


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_interruption_keeps_the_trials(here, workers):
    command = [sys.executable, "-m", "trimtab", "demo", "--sampler", "random", "--workers", workers]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.monotonic() + 60
    while ended(here / "trimtab-demo.db") < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: to all of its processes
    _, messages = running.communicate(timeout=60)

    assert running.returncode == 130, messages
    assert "Interrupted: " in messages
    assert "Warning" not in messages
    assert "Traceback" not in messages
    assert "running" not in {t.state for t in Study.load("trimtab-demo.db").trials}


def ended(path):
    """Trials that have ended; 0 while the study is being made."""
    try:
        return len(Study.load(path).table.ended)
    except TrimtabError:
        return 0
