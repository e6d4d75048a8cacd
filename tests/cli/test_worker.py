"""`trimtab worker`: joins a stored study, evaluates what it still wants, leaves."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
from click.testing import CliRunner

import trimtab as tt
from trimtab.cli import main

SETTINGS = """
[study]
n_trials = {n}
seed = 1
sampler = "random"
storage = "{storage}"
[space]
x = {{type = "float", low = 0, high = 1}}
[objective]
command = "echo {{x}}"
"""
ECHO = ["--", "echo", '{{"loss": {x}}}']


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trimtab(*arguments):
    return CliRunner().invoke(main, list(arguments))


def begin(n=6, done=2, storage="study.db"):
    """A study that wants n trials and has some, as `trimtab run` leaves it."""
    with open("study.toml", "w") as file:
        file.write(SETTINGS.format(n=n, storage=storage))
    assert trimtab("run", "study.toml", "--trials", str(done)).exit_code == 0
    study = tt.Study.load(storage)
    study._journal.plan({**study.settings["plan"], "n_trials": n})
    study.close()


def test_it_evaluates_what_is_left():
    begin()
    result = trimtab("worker", "study.db", "--value", "loss", *ECHO)

    assert result.exit_code == 0, result.output
    assert (
        "This worker evaluated 4 trials of study 'study' in study.db, which has 6 trials: 6 finished." in result.stdout
    )
    assert "Stopped: n_trials: the study has its 6 trials" in result.stdout
    study = tt.Study.load("study.db")
    assert [t.value for t in study.trials] == [t["x"] for t in study.trials]
    assert study.settings["sampler"] == "Random()"
    again = json.loads(trimtab("worker", "study.db", "--json", *ECHO).stdout)
    assert (again["evaluated"], again["states"]) == (0, {"finished": 6})


def test_it_may_do_less_or_more_than_is_planned():
    begin()
    trimtab("worker", "study.db", "--trials", "1", "--value", "loss", *ECHO)

    assert len(tt.Study.load("study.db")) == 3
    study = tt.Study({"x": tt.Float(0, 1)}, storage="free.db", sampler="random", seed=0)
    study.close()
    assert "no number of trials is stored with it" in trimtab("worker", "free.db", *ECHO).stderr
    assert "evaluated 3 trials" in trimtab("worker", "free.db", "--trials", "3", "--value", "loss", *ECHO).stdout


def test_a_function_with_several_workers(here):
    begin()
    (here / "mine.py").write_text("def loss(trial):\n    return trial['x']\n")
    result = trimtab("worker", "study.db", "--function", "mine:loss", "--workers", "2")

    assert result.exit_code == 0, result.output
    assert [t.value for t in tt.Study.load("study.db").trials] == [t["x"] for t in tt.Study.load("study.db").trials]


def test_it_waits_for_the_study_to_appear():
    late = threading.Timer(0.7, begin)
    late.start()
    result = trimtab("worker", "study.db", "--wait", "30", "--trials", "1", "--value", "loss", *ECHO)
    late.join()

    assert result.exit_code == 0, result.output
    assert "Waiting up to 30 seconds: There is no file 'study.db'" in result.stderr


def test_its_end_waits_for_the_trials_of_others(here):
    """Another process evaluates the last trial; when it dies, the worker takes that over."""
    begin(n=3, done=2)
    code = (
        "import trimtab as tt, time; study = tt.Study.load('study.db', sampler='random'); study.ask();"
        "print('asked', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert other.stdout.readline() == b"asked\n"
    killer = threading.Timer(1.0, other.kill)
    killer.start()
    begun = time.monotonic()
    result = trimtab("worker", "study.db", "--value", "loss", *ECHO)
    other.communicate()

    assert "evaluated 1 trial of" in result.stdout
    assert time.monotonic() - begun > 0.9
    assert [t.state for t in tt.Study.load("study.db").trials] == ["finished"] * 3


def test_leaving_hands_the_trial_back(here):
    begin()
    command = [sys.executable, "-m", "trimtab", "worker", "study.db", "--", "sh", "-c", "touch began; sleep 60"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not os.path.exists("began"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    out, messages = process.communicate(timeout=60)

    assert process.returncode == 130, messages
    assert "handed back" in messages
    assert "evaluated 0 trials" in out
    study = tt.Study.load("study.db")
    assert [t.state for t in study.trials] == ["finished", "finished", "created"]
    assert study.storage.beats() == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["worker", "none.db", *ECHO], "There is no file 'none.db'"),
        (["worker", "study.db", "--study", "other", *ECHO], "no study named 'other' (its studies: 'study')"),
        (["worker", "study.db"], "A worker needs what to execute, one of the two"),
        (["worker", "study.db", "--function", "a:b", *ECHO], "A worker needs what to execute, one of the two"),
        (["worker", "study.db", "--function", "none:f"], "There is no module 'none'"),
        (["worker", "study.db", "--", "echo", "{y}"], "{y}, which is no hyperparameter"),
        (["worker", "study.db", "--sampler", "gpp", *ECHO], "There is no sampler 'gpp'"),
        (["worker", "study.db", "--trial-timeout", "0", *ECHO], "--trial-timeout must be more than 0"),
        (["worker", "study.db", "python", "--lr", "{x}"], "worker STORAGE -- python"),
    ],
)  # fmt: skip
def test_wrong_input(arguments, message):
    begin()
    result = trimtab(*arguments)

    assert result.exit_code == 2, result.output
    assert message in " ".join(result.stderr.split())
    assert len(tt.Study.load("study.db")) == 2


def test_what_no_storage_holds_is_named():
    def rule(x):
        return x["x"] < 0.5

    space = tt.Space({"x": tt.Float(0, 1)}, constraints=[rule])
    tt.Study(space, storage="code.db", sampler="random", seed=0).close()

    assert "the code of the constraint" in trimtab("worker", "code.db", "--trials", "1", *ECHO).stderr


def edit_settings(change):
    db = sqlite3.connect("study.db")
    key, body = db.execute("SELECT id, body FROM events WHERE kind = 'opened' ORDER BY id DESC").fetchone()
    db.execute("UPDATE events SET body = ? WHERE id = ?", (json.dumps(change(json.loads(body))), key))
    db.commit()
    db.close()


def test_nothing_in_a_storage_is_executed(here):
    begin()
    hit = f"touch {here}/hit"
    edit_settings(
        lambda s: {**s, "command": hit, "plan": {**s["plan"], "command": hit, "function": "os:getcwd", "shell": True}}
    )
    assert "A worker needs what to execute" in trimtab("worker", "study.db").stderr
    result = trimtab("worker", "study.db", "--value", "loss", *ECHO)

    assert result.exit_code == 0, result.output
    assert not (here / "hit").exists()
    assert "command" not in json.dumps(tt.Study.load("study.db").settings["space"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda s: {**s, "plan": {**s["plan"], "n_trials": "many"}},
            "The plan that is stored with study 'study' is none: n_trials",
        ),
        (lambda s: {**s, "plan": {**s["plan"], "pruner": "os.system"}}, "os.system"),
        (
            lambda s: {**s, "sampler": "TPE(n=9)"},
            "has settings of its own and cannot be made from a text. Give --sampler NAME",
        ),
        (lambda s: {**s, "sampler": "__import__('os')"}, "cannot be made from a text"),
    ],
)
def test_a_plan_that_no_trimtab_wrote(change, message):
    begin()
    edit_settings(change)
    result = trimtab("worker", "study.db", "--value", "loss", *ECHO)

    assert result.exit_code in (1, 2)
    assert message in result.stderr
    assert "not meant to happen" not in result.stderr
    assert len(tt.Study.load("study.db", sampler="random")) == 2


def test_many_workers_on_one_database(postgres_url):
    """Two of them at once, in processes of their own."""
    begin(n=7, done=1, storage=postgres_url)
    command = [sys.executable, "-m", "trimtab", "worker", postgres_url, "--value", "loss", "--json", *ECHO]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [worker.communicate(timeout=120) for worker in workers]

    assert [worker.returncode for worker in workers] == [0, 0], outputs
    assert sum(json.loads(out)["evaluated"] for out, _ in outputs) == 6
    study = tt.Study.load(postgres_url, sampler="random")
    assert [t.value for t in study.trials] == [t["x"] for t in study.trials]
    assert len(study) == 7
    study.close()
