"""`trimtab run` with several objectives, limits, known configurations and repeats."""

import json
import os
import sys

import pytest
from click.testing import CliRunner

from trimtab.cli import main
from trimtab.study import Study

PROGRAM = """
import json, os, sys
x, seed = float(sys.argv[1]), sys.argv[2]
assert seed == os.environ["TRIMTAB_SEED"]
print(json.dumps({"error": (x - 0.2) ** 2, "latency": (x - 0.8) ** 2, "memory": 10 * x, "note": "done"}))
"""
COMMAND = ["--", sys.executable, "program.py", "{x}", "{seed}"]
TWO = 'objectives = {error = "minimize", latency = "minimize"}\n'


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "program.py").write_text(PROGRAM)

    def write(study, objective="", space="", name="study.toml"):
        start = f'[study]\nn_trials = 5\nseed = 1\nsampler = "random"\n{study}\n'
        (tmp_path / name).write_text(
            f'{start}[space]\nx = {{type = "float", low = 0, high = 1}}\n{space}\n[objective]\n{objective}\n'
        )

    return write


def trimtab(*arguments):
    return CliRunner().invoke(main, list(arguments))


def test_the_end_of_several_objectives_is_the_front(write):
    write(TWO + 'outcome_constraints = ["memory <= 6"]\n')
    result = trimtab("run", "study.toml", *COMMAND)
    document = json.loads(trimtab("run", "study.toml", "--json", *COMMAND).stdout)

    assert result.exit_code == 0, result.output
    study = Study.load("study.db")
    front = [t.number for t in study.pareto]
    assert study.goals.directions == {"error": "minimize", "latency": "minimize"}
    assert study.trials[0].outcomes["memory"] == 10 * study.trials[0]["x"]
    assert all(study.trials[number].outcomes["memory"] <= 6 for number in front)
    assert "Pareto front (minimize error, minimize latency; memory <= 6)" in result.stdout
    assert "trimtab sensitivity study.db --objective error" in result.stdout
    assert [t["number"] for t in document["best"]["front"]] == front
    assert document["best"]["objectives"] == study.goals.directions


def test_names_in_a_list_take_the_direction(write):
    write('direction = "maximize"\nobjectives = ["error", "latency"]\n')

    assert trimtab("run", "study.toml", *COMMAND).exit_code == 0
    assert Study.load("study.db").goals.directions == {"error": "maximize", "latency": "maximize"}


def test_limits_alone_keep_the_value_key(write):
    write('outcome_constraints = ["memory <= 6"]', 'value = "error"')
    result = trimtab("run", "study.toml", *COMMAND)

    assert result.exit_code == 0, result.output
    best = Study.load("study.db").best
    assert best.value == best.outcomes["error"] == pytest.approx((best["x"] - 0.2) ** 2)
    assert f"keeps memory <= 6: {best.outcomes['memory']:.6g}" in result.stdout


def test_no_trial_keeps_the_limit(write):
    write('outcome_constraints = ["memory <= -1"]', 'value = "error"')
    result = trimtab("run", "study.toml", *COMMAND)

    assert result.exit_code == 0
    assert "none that keeps every limit. Broken: memory <= -1 by 5 of them" in result.stdout
    assert json.loads(trimtab("run", "study.toml", "--json", *COMMAND).stdout)["best"] is None


def test_a_stored_study_knows_its_objectives(write):
    write(TWO)
    trimtab("run", "study.toml", "--trials", "2", *COMMAND)
    write("")
    again = trimtab("run", "study.toml", "--trials", "4", *COMMAND)

    assert again.exit_code == 0, again.output
    assert [t.state for t in Study.load("study.db").trials] == ["finished"] * 4


def test_other_objectives_than_the_stored_ones_are_an_error(write):
    write(TWO)
    trimtab("run", "study.toml", *COMMAND)
    write('objectives = ["error", "memory"]')
    result = trimtab("run", "study.toml", "--trials", "9", *COMMAND)

    assert result.exit_code == 2
    assert "is stored with objectives=" in result.stderr


def test_trials_without_a_needed_number_fail_and_say_which(write):
    write('objectives = ["error", "power"]')
    result = trimtab("run", "study.toml", *COMMAND)

    assert result.exit_code == 1
    assert "all 5 failed" in result.stderr
    assert "It needs a number for 'power'" in result.stderr


def test_a_function_that_names_its_results(write, tmp_path):
    (tmp_path / "named_results.py").write_text("def f(t):\n    return {'error': t['x'], 'latency': -t['x'], 'n': 1}\n")
    write(TWO, 'function = "named_results:f"')
    result = trimtab("run", "study.toml")

    assert result.exit_code == 0, result.output
    assert len(Study.load("study.db").pareto) == 5


def test_known_configurations_come_first(write):
    layers = "layers = [[50], [100, 50]]"
    write("", 'value = "error"', layers, "earlier.toml")
    trimtab("run", "earlier.toml", *COMMAND)
    write('start = [{x = 0.5, layers = [100, 50]}]\nwarm_start = "earlier.db"', 'value = "error"', layers)
    result = trimtab("run", "study.toml", *COMMAND)

    assert result.exit_code == 0, result.output
    trials, earlier = Study.load("study.db").trials, Study.load("earlier.db")
    assert (trials[0]["x"], list(trials[0]["layers"])) == (0.5, [100, 50])
    assert trials[1]["x"] == earlier.best["x"]
    assert len(trials) == 5

    os.remove("earlier.db")
    assert trimtab("run", "study.toml", "--trials", "6", *COMMAND).exit_code == 0


@pytest.mark.parametrize(
    ("study", "message"),
    [
        ("start = [{x = 0.1}]", "breaks a constraint"),
        ('warm_start = "none.db"', "warm_start: there is no file 'none.db'"),
        ("repeats = 0", "repeats must be a whole number >= 1, got 0"),
        ("understand = 1", "understand must be a number from 0 to below 1, got 1"),
        (TWO + "target = 0.5", "target needs a study of one objective"),
    ],
)
def test_wrong_input_ends_before_anything_runs(write, study, message):
    write(study, 'value = "error"' if "objectives" not in study else "", 'constraints = ["x > 0.2"]')
    result = trimtab("run", "study.toml", *COMMAND)

    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert not Study.load("study.db").table.ended.n


def test_repeats_have_seeds_of_their_own(write):
    write("repeats = 3", 'value = "error"')
    result = trimtab("run", "study.toml", "--trials", "30", *COMMAND)

    assert result.exit_code == 0, result.output
    trials = Study.load("study.db").trials
    assert len({t["x"] for t in trials}) < 30
    assert len({t.seed for t in trials}) == 30


def test_a_share_of_the_trials_is_for_understanding(write):
    write("understand = 0.2", 'value = "error"')
    result = trimtab("run", "study.toml", "--trials", "10", *COMMAND)
    again = trimtab("run", "study.toml", "--trials", "10", "--json", *COMMAND)

    assert result.exit_code == again.exit_code == 0, result.output
    assert "Understanding: 2 of 10 trials were spent on the sensitivities" in " ".join(result.stdout.split())
    assert json.loads(again.stdout)["understanding"].startswith("2 of 10 trials were spent")


def test_sensitivity_asks_which_objective_and_takes_it(tmp_path):
    file = str(tmp_path / "two.db")
    study = Study({"x": [0.0, 0.5, 1.0], "y": [0.0, 1.0]}, objectives=["error", "latency"], storage=file, seed=0)
    study.optimize(lambda t: {"error": t["x"], "latency": t["y"]}, 6, progress=False)
    study.close()

    which, wrong = trimtab("sensitivity", file), trimtab("sensitivity", file, "--objective", "memory")
    chosen = trimtab("sensitivity", file, "--objective", "latency", "--json")

    assert which.exit_code == 2
    assert "--objective error" in which.stderr
    assert wrong.exit_code == 2
    assert "'error', 'latency'" in wrong.stderr
    assert [row["parameter"] for row in json.loads(chosen.stdout)["rows"]] == ["x", "y"]
