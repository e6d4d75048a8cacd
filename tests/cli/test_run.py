"""`trimtab run`: a program or a function is tuned, interrupted, and goes on."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from trimtab.cli import main
from trimtab.cli._command import Command
from trimtab.cli._settings import read_settings
from trimtab.cli._threads import Threads
from trimtab.records import Released, Started
from trimtab.space import Float
from trimtab.study import Study

SETTINGS = """
[study]
n_trials = 6
seed = 1
sampler = "random"

[space]
x = {type = "float", low = 0, high = 1}
mode = ["plain", "slow"]
speed = {type = "int", low = 1, high = 4, when = {mode = "slow"}}
"""

PROGRAM = """
import argparse, json, sys
parser = argparse.ArgumentParser()
parser.add_argument("--x", type=float)
parser.add_argument("--mode")
parser.add_argument("--speed", type=int, default=0)
a = parser.parse_args()
assert (a.mode == "slow") == (a.speed > 0)
if a.x > 0.9:
    sys.exit(f"x is too large: {a.x}")
print("epoch 1")
print(json.dumps({"loss": a.x, "speed": a.speed}))
"""

COMMAND = ["--", sys.executable, "program.py", "--x", "{x}", "--mode", "{mode}", "--speed", "{speed}"]
LOSS = '\n[objective]\nvalue = "loss"\n'


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.toml").write_text(SETTINGS + LOSS)
    (tmp_path / "program.py").write_text(PROGRAM)
    return tmp_path


def trimtab(*arguments):
    return CliRunner().invoke(main, list(arguments))


def test_a_program_is_tuned(here):
    result = trimtab("run", "study.toml", *COMMAND)

    assert result.exit_code == 0, result.output
    study = Study.load("study.db")
    assert study.name == "study"
    assert len(study) == 6
    assert all(t.value == t["x"] for t in study.trials if t.state == "finished")
    assert f"value {study.best.value:.6g}" in result.stdout
    assert "trimtab sensitivity study.db" in result.stdout


def test_says_why_it_stopped_and_which_sampler_was_chosen(here):
    (here / "study.toml").write_text(SETTINGS.replace('sampler = "random"', "target = 2.0\nmax_regret = 0.5") + LOSS)

    text = trimtab("run", "study.toml", *COMMAND)
    document = json.loads(trimtab("run", "study.toml", "--json", *COMMAND).stdout)

    assert "Stopped: target: 2 was reached." in text.stdout
    assert "Sampler: auto, now gp: 3 columns and fewer than" in text.stdout
    assert document["stopped"] == "target: 2 was reached"
    assert document["sampler"].startswith("auto, now gp: 3 columns")
    assert "sampler auto, now gp: 3 columns" in trimtab("show", "study.db").stdout
    assert json.loads(trimtab("show", "study.db", "--json").stdout)["sampler_choice"] == document["sampler"]


def test_the_same_command_goes_on_to_the_total(here):
    trimtab("run", "study.toml", "--trials", "2", *COMMAND)
    again = trimtab("run", "study.toml", "--trials", "5", *COMMAND)
    done = trimtab("run", "study.toml", "--trials", "5", *COMMAND)

    assert "goes on after 2 trials; 3 to go" in again.stderr
    assert "nothing to do" in done.stderr
    assert done.exit_code == 0
    assert len(Study.load("study.db")) == 5


def test_json_is_one_document(here):
    result = trimtab("run", "study.toml", "--json", *COMMAND)
    document = json.loads(result.stdout)

    assert document["n_trials"] == 6
    assert document["best"]["value"] == Study.load("study.db").best.value
    assert document["interrupted"] is False


def test_the_same_seed_gives_the_same_study(here):
    for storage in ("a.db", "b.db"):
        trimtab("run", "study.toml", "--storage", storage, *COMMAND)

    assert [t.params for t in Study.load("a.db").trials] == [t.params for t in Study.load("b.db").trials]


def test_two_workers(here):
    result = trimtab("run", "study.toml", "--workers", "2", *COMMAND)

    assert result.exit_code == 0
    assert len(Study.load("study.db").table.ended) == 6


def test_when_all_trials_fail_the_reason_is_told(here):
    (here / "program.py").write_text("import sys; sys.exit('out of luck')")
    result = trimtab("run", "study.toml", *COMMAND)

    assert result.exit_code == 1
    assert "out of luck" in result.stdout
    assert "Error: No trial has finished: all 6 failed" in result.stderr
    assert "Traceback" not in result.output


def test_failures_are_grouped_by_reason(here):
    (here / "program.py").write_text(PROGRAM.replace("a.x > 0.9", "a.x > 0.2"))
    result = trimtab("run", "study.toml", "--json", *COMMAND)
    failed = [t.number for t in Study.load("study.db").trials if t["x"] > 0.2]

    (group,) = json.loads(result.stdout)["failures"]
    assert group["reason"].startswith("x is too large: 0.")
    assert group["trials"] == failed


def test_a_function_is_tuned_also_by_worker_processes(here):
    (here / "my_objective.py").write_text("def loss(trial):\n    return trial['x'] ** 2\n")
    (here / "study.toml").write_text(SETTINGS + '\n[objective]\nfunction = "my_objective:loss"\n')
    result = trimtab("run", "study.toml", "--trials", "4", "--workers", "2")

    assert result.exit_code == 0, result.output
    assert [t.value for t in Study.load("study.db").trials] == [t["x"] ** 2 for t in Study.load("study.db").trials]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("no_such_module:f", "There is no module 'no_such_module'"),
        ("json:no_such_name", "has no 'no_such_name'"),
        ("json:__doc__", "must be a function"),
        ("json", "must be 'module:function'"),
        ("broken_objective:f", "cannot be imported: SyntaxError"),
        ("needy_objective:f", "cannot be imported: No module named 'surely_not_here'"),
    ],
)
def test_a_function_that_cannot_be_had(here, reference, message):
    (here / "broken_objective.py").write_text("def f(:\n")
    (here / "needy_objective.py").write_text("import surely_not_here\n")
    (here / "study.toml").write_text(SETTINGS + f'\n[objective]\nfunction = "{reference}"\n')
    result = trimtab("run", "study.toml")

    assert result.exit_code == 2
    assert f"Error: {message}" in result.stderr or message in result.stderr
    assert "Traceback" not in result.output
    assert not (here / "study.db").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "study.toml"], "There is nothing to run"),
        (["run", "none.toml"], "There is no file none.toml"),
        (["run", "study.toml", "--", "no-such-program", "{x}"], "'no-such-program' of the command is not found"),
        (["run", "study.toml", "--", sys.executable, "{z}"], "{z}, which is no hyperparameter"),
        (["run", "study.toml", "--sampler", "gpp", *COMMAND], "There is no sampler 'gpp'"),
        (["run", "study.toml", "--sampler", "grid", *COMMAND], "x"),
        (["run", "study.toml", "--timeout", "-1", *COMMAND], "timeout must be more than 0"),
        (["run", "study.toml", "--trials", "0", *COMMAND], "0 is not in the range"),
        (["run", "study.toml", "python", "program.py", "--x", "{x}"], "put -- before the program"),
    ],
)
def test_wrong_input_ends_before_anything_runs(here, arguments, message):
    result = trimtab(*arguments)

    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert "Traceback" not in result.output
    if (here / "study.db").exists():
        assert len(Study.load("study.db")) == 0


def test_a_study_needs_an_end(here):
    (here / "study.toml").write_text(SETTINGS.replace("n_trials = 6", "") + LOSS)

    assert "Nothing would end this study" in trimtab("run", "study.toml", *COMMAND).stderr


def test_a_changed_space_is_an_error(here):
    trimtab("run", "study.toml", *COMMAND)
    (here / "study.toml").write_text(SETTINGS.replace("high = 1}", "high = 0.001}") + LOSS)
    result = trimtab("run", "study.toml", "--trials", "20", *COMMAND)

    assert result.exit_code == 2
    assert "cannot go on with this space" in result.stderr
    assert len(Study.load("study.db")) == 6


def test_hyperparameters_that_the_command_leaves_out_are_remarked(here):
    result = trimtab("run", "study.toml", "--", sys.executable, "program.py", "--x", "{x}")

    assert "does not use mode, speed" in result.stderr


def test_two_calls_at_the_same_time_share_the_total(here):
    command = [sys.executable, "-m", "trimtab", "run", "study.toml", "--trials", "9", *COMMAND]
    (here / "program.py").write_text(PROGRAM + "\nimport time; time.sleep(0.3)\n")
    calls = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]

    for call in calls:
        _, messages = call.communicate(timeout=120)
        assert call.returncode == 0, messages
    study = Study.load("study.db")
    assert len(study) == len(study.table.ended) == 9


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_interruption_keeps_the_trials_and_ends_the_programs(here, kind, workers):
    (here / "program.py").write_text(
        "import os, sys, time\n"
        "number = int(os.environ['TRIMTAB_TRIAL'])\n"
        "open(f'pid{number}', 'w').write(str(os.getpid()))\n"
        "if number >= 2 and not os.path.exists('go'):\n"
        "    time.sleep(60)\n"
        "print(number)\n"
    )
    command = [sys.executable, "-m", "trimtab", "run", "study.toml", "--workers", workers, *COMMAND]
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    wait_for(lambda: len(Study.load("study.db").table.ended) == 2 if (here / "pid2").exists() else False)
    running.send_signal(kind)
    _, messages = running.communicate(timeout=60)

    assert running.returncode == 130, messages
    assert "The same command goes on" in messages
    assert "Traceback" not in messages
    assert all(is_gone(int(path.read_text())) for path in here.glob("pid*"))
    states = [t.state for t in Study.load("study.db").trials]
    assert states == ["finished"] * 2 + ["created"] * int(workers)

    (here / "go").touch()
    again = trimtab("run", "study.toml", *COMMAND)
    assert again.exit_code == 0, again.output
    assert [t.value for t in Study.load("study.db").trials] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_when_it_is_killed_its_programs_die_and_the_trials_are_run_again(here):
    (here / "program.py").write_text(
        "import os, time\n"
        "open(f'pid{os.environ[\"TRIMTAB_TRIAL\"]}', 'w').write(str(os.getpid()))\n"
        "time.sleep(0 if os.path.exists('go') else 60)\n"
        "print(os.environ['TRIMTAB_TRIAL'])\n"
    )
    running = subprocess.Popen([sys.executable, "-m", "trimtab", "run", "study.toml", "--trials", "2", *COMMAND])
    wait_for(lambda: (here / "pid0").exists() and (here / "pid0").read_text())
    running.kill()
    running.wait()

    assert is_gone(int((here / "pid0").read_text()))
    (here / "go").touch()
    again = trimtab("run", "study.toml", "--trials", "2", *COMMAND)
    assert again.exit_code == 0, again.output
    assert [t.value for t in Study.load("study.db").trials] == [0.0, 1.0]


def test_a_shell_command_with_a_result_file(here):
    text = "echo {x} > {trial}.txt; test {mode} = plain || cat {trial}.txt >&2"
    (here / "study.toml").write_text(
        SETTINGS + f'\n[objective]\nshell = true\ncommand = "{text}"\nresult = "{{trial}}.txt"\n'
    )
    result = trimtab("run", "study.toml", "--trials", "2", "--workers", "2")

    assert result.exit_code == 0, result.output
    assert [t.value for t in Study.load("study.db").trials] == [t["x"] for t in Study.load("study.db").trials]


LEARNS = """
import json, os, sys, time
x = float(sys.argv[1])
for step in range(1, 21):
    print(json.dumps({"step": step, "loss": x + 1 / step}), flush=True)
    time.sleep(0.005)
    if x > 0.5 and step > 10:
        time.sleep(60)  # a pruner that does not end it would be noticed
print(json.dumps({"loss": x}))
"""


def test_a_pruner_ends_programs_early_and_the_plan_is_stored(here):
    (here / "program.py").write_text(LEARNS)
    (here / "study.toml").write_text(SETTINGS.replace("seed = 1", 'seed = 5\npruner = "median"') + LOSS)
    start = [{"x": x, "mode": "plain"} for x in (0.1, 0.2, 0.3, 0.15, 0.25, 0.12, 0.95, 0.9)]
    study = Study(read_settings(here / "study.toml").space, storage="study.db", name="study", sampler="random", seed=5)
    for params in start:
        study.enqueue(params)
    study.close()
    result = trimtab("run", "study.toml", "--trials", "8", "--", sys.executable, "program.py", "{x}")

    assert result.exit_code == 0, result.output
    study = Study.load("study.db")
    states = [t.state for t in study.trials]
    assert states[:6] == ["finished"] * 6
    assert "pruned" in states[6:]
    for trial in study.trials:
        assert trial.state in ("finished", "pruned")
        assert list(trial.reports) == [float(s) for s in range(1, len(trial.reports) + 1)]
        if trial.state == "pruned":
            assert trial.value == trial.reports[max(trial.reports)]
    assert study.settings["plan"]["pruner"] == "median"
    assert study.settings["plan"]["n_trials"] == 8


def test_deterministic_studies_do_not_depend_on_the_number_of_workers(here):
    (here / "study.toml").write_text(SETTINGS.replace('"random"', '"tpe"\ndeterministic = true') + LOSS)
    (here / "program.py").write_text(
        PROGRAM + "import os, time; time.sleep(0.05 * (int(os.environ['TRIMTAB_TRIAL']) % 3))\n"
    )
    for workers in ("1", "3"):
        assert trimtab("run", "study.toml", "--workers", workers, "--storage", f"{workers}.db", *COMMAND).exit_code == 0

    one, three = Study.load("1.db"), Study.load("3.db")
    assert [t.params for t in one.trials] == [t.params for t in three.trials]


def test_a_program_whose_trial_another_took_over_is_ended(here):
    """And what became of it is no end of the trial, which is the other's now."""
    study = Study({"x": Float(0, 1)}, storage="lost.db", sampler="random", seed=0)

    def take_over():
        wait_for((here / "pid").exists)
        with Study.load("lost.db") as other:
            owner = {"host": "elsewhere", "pid": 1, "worker": "w", "lease": 30.0}
            now = time.time()
            other.storage.append("study", [Released(0, 0, now, lost=True), Started(0, 1, owner, now)])

    thief = threading.Thread(target=take_over)
    thief.start()
    program = Command(("sh", "-c", "if [ -e pid ]; then echo 1; else echo $$ > pid~; mv pid~ pid; sleep 60; fi"))
    study.optimize(program, 1, executor=Threads(1), progress=False)
    thief.join()

    assert is_gone(int((here / "pid").read_text()))
    assert [t.state for t in study.trials] == ["running", "finished"]
    study.close()


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        ('shell = true\ncommand = ["true"]', "command must be one text where shell = true"),
        ("shell = true\ncommand = 'echo \"{x}\"'", 'The shell command has {x} behind an open "'),
        ('command = "true"\nresult = "{y}.json"', "{y}, which is no hyperparameter"),
        ('command = "true"\nresult = "out.json"', "one file for 2 programs at the same time"),
        ('command = "true"\nshell = 1', "[objective] shell must be true or false, got 1"),
    ],
)
def test_wrong_ways_to_run_a_program(here, objective, message):
    (here / "study.toml").write_text(f"{SETTINGS}\n[objective]\n{objective}\n")
    result = trimtab("run", "study.toml", "--workers", "2")

    assert result.exit_code == 2
    assert message in result.stderr
    assert not (here / "study.db").exists()


def wait_for(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def is_gone(pid, seconds=10.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            with open(f"/proc/{pid}/stat") as stat:
                if stat.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.02)
    return False


def test_the_example_runs(here, monkeypatch):
    example = Path(__file__).parents[2] / "examples" / "settings"
    for name in ("study.toml", "train.py"):
        shutil.copy(example / name, here)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    result = trimtab("run", "study.toml", "--trials", "2")

    assert result.exit_code == 0, result.output
    assert [t.state for t in Study.load("study.db").trials] == ["finished", "finished"]
