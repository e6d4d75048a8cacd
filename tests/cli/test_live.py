"""`trimtab show --live`, and who works on a study."""

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time

import pytest
from click.testing import CliRunner
from rich.console import Console

import trimtab as tt
from trimtab.cli import main
from trimtab.cli._activity import Activity
from trimtab.cli._live import picture

SPACE = {"x": tt.Float(0, 1)}


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = tt.Study(SPACE, sampler="random", seed=0, storage="study.db")
    for i in range(4):
        trial = study.ask()
        if i % 2:
            study.tell(trial, state="failed", error=f"x = {i}\nValueError: \x1b[31mno number {i}")
        else:
            study.tell(trial, float(i))
    yield study
    study.close()


def trimtab(*arguments):
    return CliRunner().invoke(main, list(arguments))


def drawn(looker, activity):
    console = Console(width=120, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    with console.file:
        console.print(picture(looker, activity, 3))
    return console.export_text()


def test_show_tells_who_evaluates_what(study):
    study.ask()
    study.ask()
    out = trimtab("show", "study.db").stdout
    document = json.loads(trimtab("show", "study.db", "--json").stdout)

    assert "1 worker\n" in out
    assert re.search(rf"{os.getpid()} +4, 5 +\S+ s +\S+ s ago", out)
    (worker,) = document["workers"]
    assert (worker["pid"], worker["trials"], worker["gone"]) == (str(os.getpid()), [4, 5], False)
    assert document["rate"] > 0


def test_a_worker_that_is_gone_is_told(study):
    code = "import trimtab as tt, os; tt.Study.load('study.db', sampler='random').ask(); os._exit(0)"
    subprocess.run([sys.executable, "-c", code], check=True)

    assert "it is gone: its trials will be run again" in trimtab("show", "study.db").stdout
    workers = json.loads(trimtab("show", "study.db", "--json").stdout)["workers"]
    assert [worker["trials"] for worker in workers if worker["gone"]] == [[4]]


def test_each_picture_shows_what_is_new_and_reads_only_that(study, monkeypatch):
    looker = tt.Study.load("study.db", sampler="random")
    activity = Activity(looker)
    first = drawn(looker, activity)
    read = []
    inside = looker.storage.read
    monkeypatch.setattr(looker.storage, "read", lambda name, since=0: read.append(since) or inside(name, since))
    best = study.ask()
    study.tell(best, -7.5)
    study.ask()
    activity.look()
    second = drawn(looker, activity)

    assert "4 trials: 2 finished, 2 failed" in first
    assert "best: trial 0, value 0" in first
    assert "best: trial 4, value -7.5" in second
    assert (
        "6 trials: 3 finished, 1 running, 2 failed" in second or "6 trials: 1 running, 3 finished, 2 failed" in second
    )
    assert re.search(r"2 +ValueError: \\x1b\[31mno number 3", second)
    assert re.search(r"[\d.]+ trials a minute", second)
    assert str(os.getpid()) in second
    assert read
    assert all(read)  # nothing from the beginning
    looker.close()


def test_on_a_pipe_it_prints_once(study):
    live, once = trimtab("show", "study.db", "--live"), trimtab("show", "study.db")

    assert live.exit_code == 0
    assert [line for line in live.stdout.splitlines() if "ago" not in line] == [
        line for line in once.stdout.splitlines() if "ago" not in line
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal of POSIX")
def test_on_a_terminal_it_goes_on_until_ctrl_c(study):
    import pty

    master, terminal = pty.openpty()
    command = [sys.executable, "-m", "trimtab", "show", "study.db", "--live", "--every", "0.1"]
    process = subprocess.Popen(
        command,
        stdin=terminal,
        stdout=terminal,
        stderr=subprocess.PIPE,
        env={**os.environ, "COLUMNS": "150", "TERM": "xterm"},
    )
    os.close(terminal)
    seen = ""

    def wait_for(text, seconds=60.0):
        nonlocal seen
        deadline = time.monotonic() + seconds
        while text not in seen:
            assert time.monotonic() < deadline, seen[-2000:]
            if select.select([master], [], [], 0.2)[0]:
                seen += os.read(master, 65536).decode(errors="replace")

    try:
        wait_for("4 trials: 2 finished, 2 failed")
        study.tell(study.ask(), -3.25)
        wait_for("value -3.25")
        writer = threading.Thread(target=lambda: [study.tell(study.ask(), float(i)) for i in range(50)])
        writer.start()
        writer.join()
        wait_for("55 trials")
        process.send_signal(signal.SIGINT)
        drain = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < drain:
            if select.select([master], [], [], 0.1)[0]:
                with contextlib.suppress(OSError):  # it is gone between the two
                    os.read(master, 65536)
        assert process.wait(10) == 0
    finally:
        process.kill()
        _, errors = process.communicate()
        os.close(master)
    assert b"Traceback" not in errors
    assert "\x1b[31mno number" not in seen
