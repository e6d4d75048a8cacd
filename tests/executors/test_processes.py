"""Processes: a death costs one trial, nothing is left behind, whatever the objective is made of."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from trimtab.errors import InputError, StudyError, WorkerError
from trimtab.executors import Outcome, Processes
from trimtab.executors._launch import threads_per_worker
from trimtab.records import Trial

posix = pytest.mark.skipif(os.name != "posix", reason="signals and process groups are POSIX")


class Notes:
    def __init__(self) -> None:
        self.reports: list[tuple[int, float, float]] = []
        self.stop = False

    def report(self, number: int, step: float, value: float) -> None:
        self.reports.append((number, step, value))

    def should_stop(self, number: int) -> bool:
        return self.stop


def run(objective, *params, workers=1, notes=None) -> list[Outcome]:
    """The outcomes of one trial for each params, in order of number."""
    outcomes: list[Outcome] = []
    with Processes(workers) as executor:
        executor.start(objective, notes or Notes())
        waiting = [Trial(n, p) for n, p in enumerate(params)]
        running = 0
        while waiting or running:
            while waiting and running < workers:
                executor.submit(waiting.pop(0))
                running += 1
            ended = executor.wait(60.0)
            assert ended, "nothing ended for a minute"
            running -= len(ended)
            outcomes += ended
    return sorted(outcomes, key=lambda outcome: outcome.number)


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return (
            ") Z " not in Path(f"/proc/{pid}/stat").read_text() if Path("/proc").is_dir() else os.kill(pid, 0) is None
        )
    except (ProcessLookupError, FileNotFoundError):
        return False


def wait_until(condition, seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


# What an objective may be and return


class Choice:
    """An object as a choice of a Categorical."""

    def __init__(self, value: float) -> None:
        self.value = value


def test_parameters_may_be_any_objects():
    outcomes = run(lambda trial: trial["f"](trial["c"].value), {"f": lambda x: x + 1, "c": Choice(2.0)})

    assert outcomes[0].value == 3.0


@pytest.mark.parametrize("returned", [np.float32(0.5), np.array(0.5), np.array([0.5]), np.int64(2), 3])
def test_results_may_be_numpy_scalars(returned):
    (outcome,) = run(lambda trial: returned, {})

    assert outcome.value == float(np.ravel(returned)[0])
    assert type(outcome.value) is float


def test_a_folder_and_modules_beside_the_script_are_found(tmp_path, monkeypatch):
    (tmp_path / "beside_the_script.py").write_text("def objective(trial):\n    return float(open('data.txt').read())\n")
    (tmp_path / "data.txt").write_text("0.25")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    from beside_the_script import objective

    assert run(objective, {})[0].value == 0.25


SCRIPT = """
from trimtab.executors import Processes
from trimtab.records import Trial

class Bad(Exception):
    pass

def objective(trial):
    print("printed", trial["x"])
    if trial["x"] > 0:
        raise Bad("too big")
    return helper(trial["x"])

def helper(x):
    return x - 1.0

with Processes(2) as executor:
    executor.start(objective, object())  # a channel that nobody calls
    executor.submit(Trial(0, {"x": 0.0}))
    executor.submit(Trial(1, {"x": 1.0}))
    outcomes = executor.wait(60.0)
    outcomes += executor.wait(60.0)
outcomes.sort(key=lambda o: o.number)
print(outcomes[0].value, isinstance(outcomes[1].exception, Bad), outcomes[1].mro[0])
"""


def test_a_script_needs_no_main_guard(tmp_path):
    """Its functions and its own exception classes work, and what workers print is seen."""
    (tmp_path / "script.py").write_text(SCRIPT)

    done = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True, timeout=60)

    assert done.stdout.splitlines()[-1:] == ["-1.0 True __main__.Bad"], done.stderr
    assert {"printed 0.0", "printed 1.0"} <= set(done.stdout.splitlines())


def test_may_start_again_with_another_objective():
    with Processes(1) as executor:
        for value in (1.0, 2.0):
            executor.start(lambda trial, value=value: value, Notes())
            executor.submit(Trial(0, {}))
            with pytest.raises(StudyError, match="running"):
                executor.start(lambda trial: 0.0, Notes())
            assert executor.wait(60.0)[0].value == value


def test_an_objective_that_cannot_be_copied_is_refused():
    lock = threading.Lock()
    with Processes(2) as executor, pytest.raises(InputError, match=r"objective .*lambda.*lock.*workers=1"):
        executor.start(lambda trial: lock.locked(), Notes())


def test_an_objective_that_cannot_be_imported_is_refused(tmp_path, monkeypatch):
    (tmp_path / "vanishing_module.py").write_text("def objective(trial):\n    return 0.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    from vanishing_module import objective

    (tmp_path / "vanishing_module.py").unlink()
    with Processes(1) as executor:
        executor.start(objective, Notes())
        executor.submit(Trial(3, {}))
        with pytest.raises(InputError, match=r"(?s)vanishing_module.*workers=1"):
            executor.wait(60.0)
        assert executor.stop() == [3]


class Awkward(Exception):
    """Can be pickled, not unpickled."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code}: {reason}")


def test_an_exception_that_cannot_be_copied_leaves_its_name_and_text():
    def objective(trial):
        raise Awkward(3, "no luck")

    (outcome,) = run(objective, {})

    assert isinstance(outcome.exception, WorkerError)
    assert "Awkward: 3: no luck" in str(outcome.exception)
    assert outcome.mro[:2] == (f"{__name__}.Awkward", "builtins.Exception")
    assert "in objective" in (outcome.error or "")


def test_the_worker_s_traceback_comes_with_the_exception():
    def objective(trial):
        raise ValueError("here")

    (outcome,) = run(objective, {})

    assert isinstance(outcome.exception, ValueError)
    assert "in objective" in outcome.exception.__notes__[0]


def test_linear_algebra_does_not_oversubscribe(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)

    def objective(trial):
        return float(os.environ["OPENBLAS_NUM_THREADS"])

    assert run(objective, {})[0].value == threads_per_worker(1)
    assert threads_per_worker(10_000) == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert run(lambda trial: float("OPENBLAS_NUM_THREADS" in os.environ), {})[0].value == 0.0


# Death


def die(trial):
    match trial.get("how"):
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            print("last words", file=sys.stderr)
            os._exit(3)
        case "segfault":
            ctypes.string_at(0)
    return float(os.getpid())


@posix
def test_a_death_costs_its_own_trial_only():
    outcomes = run(die, {}, {"how": "kill"}, {}, {"how": "exit"}, {}, {"how": "segfault"}, {}, workers=2)

    assert [outcome.lost for outcome in outcomes] == [False, True, False, True, False, True, False]
    errors = [outcome.error or "" for outcome in outcomes]
    assert "signal 9, SIGKILL" in errors[1]
    assert "exit code 3" in errors[3]
    assert "last words" in errors[3]
    assert "SIGSEGV" in errors[5]
    assert "in die" in errors[5]  # faulthandler's traceback
    for outcome in outcomes[1::2]:
        assert outcome.exception is None
        assert outcome.value is None
        assert outcome.seconds >= 0.0
    assert all(outcome.value is not None for outcome in outcomes[0::2])


@posix
def test_a_worker_killed_from_outside_while_idle_costs_nothing():
    with Processes(1) as executor:
        executor.start(die, Notes())
        executor.submit(Trial(0, {}))
        (first,) = executor.wait(60.0)
        assert first.value is not None
        os.kill(int(first.value), signal.SIGKILL)
        executor.submit(Trial(1, {}))  # perhaps before the death is noticed
        (second,) = executor.wait(60.0)

    assert not second.lost
    assert second.value not in (None, first.value)


@posix
def test_a_death_is_noticed_though_a_grandchild_holds_the_pipe():
    def objective(trial):
        if os.fork() == 0:
            time.sleep(30.0)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGKILL)

    begun = time.monotonic()
    (outcome,) = run(objective, {})

    assert outcome.lost
    assert time.monotonic() - begun < 15.0


class ExitsWhenUnpickled:
    def __call__(self, trial):
        return 0.0

    def __reduce__(self):
        return os._exit, (5,)


def test_workers_that_cannot_start_end_the_study_with_their_last_words(tmp_path, monkeypatch):
    with Processes(2) as executor:
        executor.start(ExitsWhenUnpickled(), Notes())
        executor.submit(Trial(0, {}))
        executor.submit(Trial(1, {}))
        with pytest.raises(WorkerError, match=r"in a row died.*exit code 5"):
            executor.wait(60.0)
        assert sorted(executor.stop()) == [0, 1]


# Stop


@posix
def test_stop_ends_running_trials_and_what_they_started(tmp_path):
    def objective(trial):
        child = subprocess.Popen(["sleep", "60"])
        (tmp_path / str(trial.number)).write_text(f"{os.getpid()} {child.pid}")
        time.sleep(60.0)

    with Processes(2) as executor:
        executor.start(objective, Notes())
        executor.submit(Trial(4, {}))
        executor.submit(Trial(5, {}))
        assert executor.wait(0.0) == []
        assert wait_until(lambda: all((tmp_path / n).exists() and (tmp_path / n).read_text() for n in "45"))
        begun = time.monotonic()
        assert executor.stop() == [4, 5]
        assert time.monotonic() - begun < 3.0

    pids = [int(pid) for n in "45" for pid in (tmp_path / n).read_text().split()]
    assert len(pids) == 4
    assert wait_until(lambda: not any(is_alive(pid) for pid in pids))


@posix
def test_stop_kills_what_does_not_listen(tmp_path):
    def objective(trial):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        (tmp_path / "pid").write_text(str(os.getpid()))
        while True:
            time.sleep(1.0)

    with Processes(1) as executor:
        executor.start(objective, Notes())
        executor.submit(Trial(0, {}))
        assert executor.wait(0.01) == []
        assert wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
        assert executor.stop() == [0]

    assert not is_alive(int((tmp_path / "pid").read_text()))


def test_the_timeout_of_wait_is_kept_and_the_trial_goes_on():
    def objective(trial):
        time.sleep(0.5)
        return 1.0

    with Processes(1) as executor:
        executor.start(objective, Notes())
        executor.submit(Trial(0, {}))
        begun = time.monotonic()
        assert executor.wait(0.05) == []
        assert time.monotonic() - begun < 0.45
        assert executor.wait(60.0)[0].value == 1.0


def test_a_question_asked_while_the_study_is_busy_waits_for_its_answer():
    def objective(trial):
        steps = 0
        while not trial.should_stop():
            trial.report(steps, steps)
            steps += 1
            time.sleep(0.01)
        return steps

    notes = Notes()
    with Processes(1) as executor:
        executor.start(objective, notes)
        executor.submit(Trial(0, {}))
        assert wait_until(lambda: executor.wait(0.05) == [] and len(notes.reports) >= 3)
        time.sleep(0.3)  # nobody serves: the worker must neither fail nor go on
        reported = len(notes.reports)
        notes.stop = True
        (outcome,) = executor.wait(60.0)

    assert outcome.value in (reported, reported + 1)
    assert notes.reports == [(0, float(n), float(n)) for n in range(int(outcome.value))]


def test_an_error_of_the_channel_reaches_the_study_and_loses_no_outcome():
    class Full(Notes):
        def report(self, number, step, value):
            raise OSError("disk full")

    def objective(trial):
        if trial["report"]:
            trial.report(1.0, 0)
            time.sleep(60.0)
        return 2.0

    with Processes(2) as executor:
        executor.start(objective, Full())
        executor.submit(Trial(0, {"report": False}))
        assert executor.wait(60.0)[0].value == 2.0
        executor.submit(Trial(1, {"report": True}))
        with pytest.raises(OSError, match="disk full"):
            executor.wait(60.0)
        assert executor.stop() == [1]


PARENT = """
import os, signal, sys, time
from trimtab.executors import Processes
from trimtab.records import Trial

def busy(trial):
    sys.stdout.write(f"pid {os.getpid()}\\n")  # at once: two threads of the study print
    if trial["busy"] == "stopped":
        os.kill(os.getpid(), signal.SIGSTOP)
    while trial["busy"]:
        pass
    return 0.0

executor = Processes(2, **eval(os.environ["SETTINGS"]))
executor.start(busy, object())  # a channel that nobody calls
executor.submit(Trial(0, {"busy": os.environ["BUSY"]}))
executor.submit(Trial(1, {"busy": ""}))
while not executor.wait(1.0):
    pass
if os.environ.get("FORK") and os.fork() == 0:  # a child of the study keeps the study's end of the pipes open
    time.sleep(8.0)
    os._exit(0)
print("ready", flush=True)
executor.wait(None)
"""


@posix
@pytest.mark.parametrize(
    ("fork", "busy", "settings"),
    [("", "working", "{}"), ("1", "working", "{}"), ("", "stopped", "dict(time_limit=60, memory_limit=10**10)")],
    ids=["killed", "forked", "stopped"],
)
def test_workers_die_with_their_study(fork, busy, settings):
    """Also one that is stopped, and so cannot notice anything."""
    study = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "FORK": fork, "BUSY": busy, "SETTINGS": settings},
    )
    assert study.stdout is not None
    said, pids = "", []
    while (len(pids) < 2 or "ready" not in said) and (line := study.stdout.readline()):
        said += line  # "ready" may stand in the same line as a pid
        pids = [int(pid) for pid in re.findall(r"pid (\d+)\n", said)]
    alive = [is_alive(pid) for pid in pids]

    study.kill()
    study.wait()
    study.stdout.close()

    assert alive == [True, True], said
    assert wait_until(lambda: not any(is_alive(pid) for pid in pids), 6.0)


@posix
def test_ctrl_c_is_the_study_s_alone(tmp_path):
    def objective(trial):
        os.kill(os.getpid(), signal.SIGINT)
        return float(os.getpgid(0) == os.getpid())  # and a terminal's Ctrl-C does not come here

    assert run(objective, {})[0].value == 1.0
