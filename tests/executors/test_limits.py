"""Processes with limits: what goes beyond them is killed, costs its own trial, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import trimtab as tt
from trimtab.errors import InputError
from trimtab.executors import Outcome, Processes
from trimtab.executors._gpus import devices_of
from trimtab.executors._limits import Limits
from trimtab.records import Trial

posix = pytest.mark.skipif(os.name != "posix", reason="signals and process groups are POSIX")
linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")


class Silent:
    def report(self, number: int, step: float, value: float) -> None: ...

    def should_stop(self, number: int) -> bool:
        return False


def run(executor: Processes, objective, *params) -> list[Outcome]:
    """The outcomes of one trial for each params, in order of number."""
    outcomes: list[Outcome] = []
    with executor:
        executor.start(objective, Silent())
        waiting, running = [Trial(n, p) for n, p in enumerate(params)], 0
        while waiting or running:
            while waiting and running < executor.capacity:
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
        os.kill(pid, 0)
        return not Path("/proc").is_dir() or ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False


def wait_until(condition, seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


# Time


@posix
def test_a_hanging_trial_is_killed_with_all_that_it_started(tmp_path):
    """Whether it is stopped by a signal or ignores being asked; the others do not notice."""

    def objective(trial):
        (tmp_path / f"{trial.number}").write_text(str(os.getpid()))
        match trial["how"]:
            case "deaf":
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                child = subprocess.Popen(["sleep", "60"], start_new_session=sys.platform == "linux")
                (tmp_path / "child").write_text(str(child.pid))
                hang()
            case "stopped":
                os.kill(os.getpid(), signal.SIGSTOP)
        return 1.0

    def hang():
        print("hanging", file=sys.stderr)
        time.sleep(60.0)

    hows = ["fine", "deaf", "stopped", "fine", "fine"]
    begun = time.monotonic()
    outcomes = run(Processes(2, time_limit=1.0), objective, *({"how": how} for how in hows))

    assert time.monotonic() - begun < 30.0
    assert [outcome.value for outcome in outcomes] == [1.0, None, None, 1.0, 1.0]
    for outcome in outcomes[1:3]:
        assert not outcome.lost, "it is not tried again"
        assert outcome.exception is None
        assert outcome.error is not None
        assert outcome.error.splitlines()[-1] == "Time limit: the trial ran longer than 1 s, so it was killed."
        assert 1.0 <= outcome.seconds < 10.0
    assert "in hang\n" in str(outcomes[1].error)
    assert "hanging" in str(outcomes[1].error)
    pids = [int(path.read_text()) for path in tmp_path.iterdir()]
    assert len(pids) == 6
    assert not any(map(is_alive, pids))


@posix
def test_the_limit_holds_while_the_study_does_something_else(tmp_path):
    def objective(trial):
        (tmp_path / "pid").write_text(str(os.getpid()))
        time.sleep(60.0)

    with Processes(1, time_limit=0.3) as executor:
        executor.start(objective, Silent())
        executor.submit(Trial(0, {}))
        assert wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
        assert executor.wait(0.0) == []  # it reads that the trial began, and nobody reads on
        pid = int((tmp_path / "pid").read_text())
        assert wait_until(lambda: not is_alive(pid), 10.0)
        (outcome,) = executor.wait(60.0)

    assert "Time limit" in str(outcome.error)


@posix
def test_a_worker_that_is_stopped_between_two_trials_costs_none(monkeypatch):
    monkeypatch.setattr("trimtab.executors._limits._AGAIN", 0.0)
    with Processes(1, time_limit=1.0) as executor:
        executor.start(lambda trial: float(os.getpid()), Silent())
        executor.submit(Trial(0, {}))
        (first,) = executor.wait(60.0)
        os.kill(int(first.value), signal.SIGSTOP)
        executor.submit(Trial(1, {}))
        (second,) = executor.wait(60.0)

    assert second.value not in (None, first.value)


def test_the_study_records_a_failure_and_does_not_try_again(tmp_path):
    def objective(trial):
        with open(tmp_path / "begun", "a") as file:
            file.write("x")
        time.sleep(60.0 if trial.number == 0 else 0.0)
        return 0.5

    executor = Processes(1, time_limit=1.0)
    study = tt.minimize(
        objective,
        {"x": tt.Float(0, 1)},
        n_trials=2,
        sampler="random",
        executor=executor,
        retries=3,
        progress=False,
        seed=0,
    )

    assert [trial.state for trial in study.trials] == ["failed", "finished"]
    assert "Time limit" in (study.trials[0].error or "")
    assert (tmp_path / "begun").read_text() == "xx"


# Memory


@linux
def test_a_trial_above_the_memory_limit_is_killed_and_says_so():
    def objective(trial):
        if trial["who"] == "child":
            code = "import time; x = bytearray(b'1') * 600_000_000; time.sleep(60)"
            subprocess.run([sys.executable, "-c", code], check=True)
        held = bytearray(b"1") * trial["size"]
        time.sleep(60.0 if trial["size"] > 10**8 else 0.0)
        return len(held)

    tries = [("itself", 10), ("itself", 600_000_000), ("child", 10)]
    executor = Processes(1, memory_limit="400MB", time_limit=60.0)
    outcomes = run(executor, objective, *({"who": who, "size": size} for who, size in tries))

    assert [outcome.value for outcome in outcomes] == [10.0, None, None]
    for outcome in outcomes[1:]:
        assert not outcome.lost
        assert "may hold 400 MB, so it was killed." in str(outcome.error).splitlines()[-1]


@linux
def test_memory_that_processes_share_counts_once():
    """As with data loaders that fork: each sees the data set, and there is one."""

    def objective(trial):
        data = bytearray(b"1") * 150_000_000
        children = []
        for _ in range(3):
            pid = os.fork()
            if pid == 0:
                time.sleep(1.0)
                os._exit(0)
            children.append(pid)
        for pid in children:
            os.waitpid(pid, 0)
        return len(data)

    (outcome,) = run(Processes(1, memory_limit="400MB"), objective, {})

    assert outcome.value == 150_000_000.0, outcome.error


# A fresh process for each trial


@posix
def test_fresh_leaves_nothing_of_a_trial_to_the_next(tmp_path):
    def objective(trial):
        import trimtab

        left = getattr(trimtab, "left", 0)
        trimtab.left = left + 1
        child = subprocess.Popen(["sleep", "60"])
        (tmp_path / f"{trial.number}").write_text(f"{os.getpid()} {child.pid}")
        return left

    with Processes(1, fresh=True) as executor:
        executor.start(objective, Silent())
        for number in range(2):
            executor.submit(Trial(number, {}))
            assert executor.wait(60.0)[0].value == 0.0
        first, second = ([int(pid) for pid in (tmp_path / n).read_text().split()] for n in "01")
        assert not any(map(is_alive, first)), "a process begins when the last one is gone"
    assert not any(map(is_alive, second))


# GPUs


def test_each_worker_sees_its_gpu_and_a_replacement_that_of_the_dead(tmp_path):
    def seen(trial):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == os.environ["HIP_VISIBLE_DEVICES"]
        (tmp_path / f"{trial.number}").touch()
        while not (tmp_path / f"{trial.number ^ 1}").exists():  # both workers at once
            time.sleep(0.01)
        if trial["die"]:
            os._exit(1)
        return ["0", "GPU-b"].index(os.environ["CUDA_VISIBLE_DEVICES"])

    outcomes = run(Processes(2, gpus=[0, "GPU-b"]), seen, {"die": 0}, {"die": 1}, {"die": 0}, {"die": 0})

    assert [o.lost for o in outcomes] == [False, True, False, False]
    assert outcomes[0].value in (0.0, 1.0)
    assert sorted(o.value for o in outcomes[2:]) == [0.0, 1.0]


def test_gpus_are_shared_out_evenly():
    assert devices_of(2, None) == [None, None]
    assert devices_of(2, ["3", 5]) == ["3", "5"]
    assert devices_of(4, [0, 1]) == ["0", "1", "0", "1"]
    assert devices_of(2, range(4)) == ["0,1", "2,3"]


@pytest.mark.parametrize(
    ("workers", "gpus", "message"),
    [
        (3, [0, 1], r"3 workers cannot share 2 GPUs evenly.*multiple of 2"),
        (2, [0, 1, 2], r"2 workers cannot share 3 GPUs"),
        (1, [], r"list of device identifiers"),
        (1, "0,1", r"list of device identifiers"),
        (2, [0, "0"], r"twice"),
        (1, [-1], r"got -1"),
        (1, [True], r"got True"),
        (1, ["0,1"], r"got '0,1'"),
    ],
)
def test_refuses_gpus_that_it_cannot_share_out(workers, gpus, message):
    with pytest.raises(InputError, match=message):
        Processes(workers, gpus=gpus)


# What limits may be


@linux
@pytest.mark.parametrize(
    ("text", "size"),
    [("2GB", 2 * 10**9), ("1.5 gb", 15 * 10**8), ("512MiB", 512 * 2**20), ("100", 100), (4096, 4096), ("7B", 7)],
)
def test_memory_limits_are_texts_or_bytes(text, size):
    assert Limits.of(None, text).memory == size


@pytest.mark.parametrize("limit", [0, -1, float("inf"), float("nan"), True, "two", "2XB", "1.2.3GB", "", b"2GB"])
def test_refuses_what_is_no_memory_limit(limit):
    with pytest.raises(InputError, match="memory_limit must be"):
        Processes(1, memory_limit=limit)


@pytest.mark.parametrize("limit", [0, -1.0, float("inf"), float("nan"), True, "60"])
def test_refuses_what_is_no_time_limit(limit):
    with pytest.raises(InputError, match="time_limit must be a number of seconds"):
        Processes(1, time_limit=limit)


def test_memory_limits_are_refused_where_memory_cannot_be_read(monkeypatch):
    monkeypatch.setattr(os.path, "exists", lambda path: False)
    with pytest.raises(InputError, match="memory_limit needs Linux"):
        Limits.of(None, "2GB")
