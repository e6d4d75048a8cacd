"""Real signals to real processes: nothing that ended is lost or repeated, and the study goes on as if never stopped."""

import os
import signal
import subprocess
import sys
import textwrap
import time
import warnings

import numpy as np
import pytest

import trimtab as tt

SCRIPT = textwrap.dedent(
    """
    import os, sys, time
    import trimtab as tt

    log, path, sampler, n, workers, pause = sys.argv[1:]

    def objective(trial, log=log, pause=float(pause)):
        with open(log, "a") as file:
            print("begun", trial.number, file=file, flush=True)
        time.sleep(pause)
        with open(log, "a") as file:
            print("ended", trial.number, file=file, flush=True)
        return (trial["x"] - 0.3) ** 2 + 0.01 * trial["k"]

    space = {"x": tt.Float(0.0, 1.0), "k": tt.Int(1, 9)}
    if sampler == "grid":
        space["x"] = [0.1, 0.2, 0.3, 0.4]
    tt.minimize(
        objective, space, int(n), sampler=sampler, storage=path, seed=7, workers=int(workers), progress=False
    )
    """
)


class Run:
    """The script in a process group of its own, with a log of what its objective did."""

    def __init__(self, folder, *, sampler="random", n=10, workers=1, pause=0.05):
        self.log = folder / "log.txt"
        script = folder / "tune.py"
        script.write_text(SCRIPT)
        arguments = [self.log, folder / "study.db", sampler, n, workers, pause]
        self.process = subprocess.Popen(
            [sys.executable, str(script), *map(str, arguments)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def lines(self, word):
        return [line.split()[1] for line in self.log.read_text().splitlines() if line.startswith(word)]

    def wait_for(self, word, n):
        """Until the log says `word` n times."""
        end = time.monotonic() + 60
        while not self.log.exists() or len(self.lines(word)) < n:
            assert self.process.poll() is None, self.process.stderr.read()
            assert time.monotonic() < end
            time.sleep(0.002)

    def signal(self, *numbers, apart=0.0):
        for number in numbers:
            os.killpg(self.process.pid, number)
            time.sleep(apart)
        return self.end()

    def end(self):
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors


def study_of(folder):
    with tt.Study.load(folder / "study.db") as study:
        return [(t.params, t.value, t.state) for t in study.trials]


def whole_study(folder, **keywords):
    """What an uninterrupted run gives."""
    folder.mkdir()
    assert Run(folder, **keywords, pause=0).end() == (0, "")
    return study_of(folder)


@pytest.mark.parametrize("sampler", ["random", "sobol", "tpe", "gp", "grid"])
def test_ctrl_c_and_resume_gives_the_study_that_was_never_interrupted(tmp_path, sampler):
    for at in (3, 7):
        run = Run(tmp_path, sampler=sampler, n=10)
        run.wait_for("begun", at)
        code, errors = run.signal(signal.SIGINT)
        assert code == -signal.SIGINT, errors
        assert "KeyboardInterrupt" in errors
    assert Run(tmp_path, sampler=sampler, n=10, pause=0).end() == (0, "")

    assert study_of(tmp_path) == whole_study(tmp_path / "whole", sampler=sampler, n=10)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    "signals", [[signal.SIGINT], [signal.SIGINT, signal.SIGINT], [signal.SIGTERM], [signal.SIGKILL]], ids=str
)
def test_no_trial_that_ended_is_evaluated_again(tmp_path, workers, signals):
    run = Run(tmp_path, n=8, workers=workers, pause=0.3)
    run.wait_for("begun", 3)
    run.signal(*signals, apart=0.05)
    states = [state for _, _, state in study_of(tmp_path)]
    ended = [number for number, state in enumerate(states) if state == "finished"]
    assert len(ended) >= 1
    if signals == [signal.SIGINT]:
        assert "running" not in states  # handed back, not left to be found

    assert Run(tmp_path, n=8, workers=workers, pause=0).end() == (0, "")
    trials = study_of(tmp_path)
    assert [state for _, _, state in trials] == ["finished"] * 8
    assert all(run.lines("begun").count(str(number)) == 1 for number in ended)
    assert all(value == (params["x"] - 0.3) ** 2 + 0.01 * params["k"] for params, value, _ in trials)


def test_workers_end_with_their_killed_study(tmp_path):
    run = Run(tmp_path, n=8, workers=2, pause=2)
    run.wait_for("begun", 2)
    run.signal(signal.SIGKILL)
    time.sleep(2.5)
    assert run.lines("ended") == []


def test_three_ctrl_c_are_no_crashes_of_the_trial(tmp_path):
    for _ in range(3):
        run = Run(tmp_path, n=2, pause=1)
        before = len(run.lines("begun")) if run.log.exists() else 0
        run.wait_for("begun", before + 1)
        run.signal(signal.SIGINT)
    run = Run(tmp_path, n=2, pause=1)
    run.wait_for("begun", 4)
    run.signal(signal.SIGKILL)
    assert Run(tmp_path, n=2, pause=0).end() == (0, "")
    assert [state for _, _, state in study_of(tmp_path)] == ["finished"] * 2


def test_an_interruption_at_any_moment_leaves_a_study_that_goes_on(tmp_path):
    """In one process, as in a notebook: Ctrl-C at 60 moments, each followed by going on."""
    space = {"x": tt.Float(0.0, 1.0), "k": tt.Int(1, 9)}

    def objective(trial):
        return (trial["x"] - 0.3) ** 2 + 0.01 * trial["k"]

    def interrupt(*_):
        raise KeyboardInterrupt

    whole = tt.minimize(objective, space, 120, sampler="random", seed=1, progress=False)
    random = np.random.default_rng(3)
    before = signal.signal(signal.SIGVTALRM, interrupt)
    try:
        for name in (None, tmp_path / "a.db", tmp_path / "b.db"):
            study = tt.Study(space, sampler="random", seed=1, storage=name)
            while (left := 120 - int(np.sum(study.table.state == 2))) > 0:
                try:
                    signal.setitimer(signal.ITIMER_VIRTUAL, 2e-4 + 0.006 * random.random())
                    study.optimize(objective, left, progress=False)
                    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
                except KeyboardInterrupt:
                    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
                assert "running" not in [t.state for t in study.trials]
            assert [(t.params, t.value) for t in study.trials] == [(t.params, t.value) for t in whole.trials]
            study.close()
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def test_a_result_that_waits_in_a_workers_pipe_is_kept():
    def objective(trial):
        import time

        time.sleep(0.01 if trial.number == 0 else 0.2 if trial.number == 1 else 30)
        return float(trial.number)

    def slow_then_interrupted(study, trial):
        time.sleep(1.0)
        raise KeyboardInterrupt

    study = tt.Study({"x": tt.Float(0.0, 1.0)}, sampler="random", seed=0)
    with pytest.raises(KeyboardInterrupt):
        study.optimize(objective, 5, workers=3, progress=False, callbacks=[slow_then_interrupted])
    assert [(t.state, t.value) for t in study.trials] == [("finished", 0.0), ("finished", 1.0), ("created", None)]


def test_a_trial_asked_after_a_fork_belongs_to_the_child(tmp_path):
    study = tt.Study({"x": tt.Float(0.0, 1.0)}, sampler="random", seed=0, storage=tmp_path / "x.db")
    study.ask()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python 3.12 warns where other tests left threads behind
        child = os.fork()
    if child == 0:
        study.ask()
        os._exit(0)
    os.waitpid(child, 0)
    assert [t.state for t in study.trials] == ["running", "running"]
    assert study.ask().number == 1
    assert study.ask().number == 2
