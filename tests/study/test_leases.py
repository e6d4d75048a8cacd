"""Leases: trials of machines that are gone come back, those of slow ones stay; a late result counts once."""

from __future__ import annotations

import gc
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

import trimtab as tt
from trimtab.errors import InputError, StorageError, StudyError
from trimtab.records import Started
from trimtab.storage import SQLite
from trimtab.study._lease import Lease

SPACE = {"x": tt.Float(0.0, 1.0)}
ELSEWHERE = {"host": "elsewhere", "pid": 1, "born": 1, "ns": None}


def opened(path, **keywords):
    return tt.Study(SPACE, sampler="random", storage=path, seed=0, **keywords)


def started_elsewhere(study, owner):
    """The number of a trial that another machine began."""
    trial = study.ask()
    study.release(trial)
    attempt = study._journal.fold.attempts[trial.number]
    study.storage.append(study.name, [Started(trial.number, attempt, owner, time.time())])
    study.recover()
    return trial.number


def state(study, number):
    return study.trials[number].state


def test_a_worker_that_gives_signs_of_life_keeps_its_trial_and_a_silent_one_loses_it(tmp_path, monkeypatch):
    study = opened(tmp_path / "x.db")
    number = started_elsewhere(study, {**ELSEWHERE, "worker": "w", "lease": 30.0})
    lease = study._journal.lease
    for hour in range(10):  # however the wall clock jumps
        monkeypatch.setattr(time, "time", lambda hour=hour: (-1.0) ** hour * 3600.0 * hour)
        study.storage.beat("w", {})
        lease.tick({})
        study.recover()
        assert state(study, number) == "running"
    monkeypatch.undo()
    for _ in range(3):
        lease.tick({})
        study.recover()
        assert state(study, number) == "running"  # not before a whole lease has passed
    lease.tick({})
    study.recover()
    assert state(study, number) == "created"
    assert study.ask().number == number


def test_ticks_that_do_not_reach_the_storage_do_not_count(tmp_path, monkeypatch):
    study = opened(tmp_path / "x.db")
    number = started_elsewhere(study, {**ELSEWHERE, "worker": "w", "lease": 30.0})
    lease = study._journal.lease

    def gone(*arguments):
        raise StorageError("restarting")

    with monkeypatch.context() as broken:
        broken.setattr(study.storage, "beat", gone)
        for _ in range(100):
            with pytest.raises(StorageError):
                lease.tick({})
    lease.tick({})
    study.recover()
    assert state(study, number) == "running"


def test_a_longer_lease_of_the_owner_is_respected(tmp_path):
    study = opened(tmp_path / "x.db")
    number = started_elsewhere(study, {**ELSEWHERE, "worker": "w", "lease": 300.0})
    study.recover()
    for _ in range(30):
        study._journal.lease.tick({})
        study.recover()
    assert state(study, number) == "running"
    study._journal.lease.tick({})
    study.recover()
    assert state(study, number) == "created"


def test_a_trial_of_a_trimtab_without_leases_elsewhere_is_left_alone(tmp_path):
    study = opened(tmp_path / "x.db")
    number = started_elsewhere(study, {"host": "elsewhere", "pid": 1, "born": 1})
    for _ in range(100):
        study._journal.lease.tick({})
        study.recover()
    assert state(study, number) == "running"


def test_the_late_result_of_the_old_owner_counts_once(tmp_path):
    path = tmp_path / "x.db"
    old, new = opened(path), opened(path)
    trial = old.ask()
    new.recover()
    new._lose(trial.number, retries=1)
    again = new.ask()
    assert again.number == trial.number
    assert trial.should_stop()  # it is another's by now
    assert not again.should_stop()
    old.tell(trial, 0.25)
    time.sleep(0.11)
    assert again.should_stop()
    with pytest.raises(StudyError, match="already ended"):
        new.tell(again, 0.75)
    assert [(t.state, t.value) for t in new.trials] == [("finished", 0.25)]


def test_what_the_old_owner_reports_late_is_not_kept(tmp_path):
    path = tmp_path / "x.db"
    old, new = opened(path), opened(path)
    trial = old.ask()
    trial.report(1.0, 0)
    new.recover()
    new._lose(trial.number, retries=1)
    again = new.ask()
    again.report(5.0, 0)
    trial.report(2.0, 1)
    trial.should_stop()
    again.should_stop()
    assert new.trials[0].reports == {0.0: 5.0}


def test_a_run_goes_on_where_another_told_its_trial_first(tmp_path):
    path = tmp_path / "x.db"
    other = opened(path)

    def objective(trial):
        if trial.number == 1:
            other.recover()
            other.tell(1, 7.0)
        return trial["x"]

    study = opened(path)
    study.optimize(objective, 3, progress=False)
    assert [t.state for t in study.trials] == ["finished"] * 4  # the one that was lost to another does not count
    assert study.trials[1].value == 7.0


def test_retries_bound_how_often_a_dead_owner_is_replaced(tmp_path):
    study = opened(tmp_path / "x.db")
    number = started_elsewhere(study, {**ELSEWHERE, "worker": "w0", "lease": 1.0})
    for death in range(5):
        for _ in range(5):
            study._journal.lease.tick({})
            study._journal.sync()
            from trimtab.study._recovery import recover

            recover(study._journal, retries=4)
        if death < 4:
            assert state(study, number) == "created"
            attempt = study._journal.fold.attempts[number]
            owner = {**ELSEWHERE, "worker": f"w{death + 1}", "lease": 1.0}
            study.storage.append(study.name, [Started(number, attempt, owner, time.time())])
            study._journal.sync()
    assert state(study, number) == "failed"
    assert "died 5 times" in study.trials[number].error


def test_a_worker_leaves_when_its_study_is_closed_and_signs_its_life_before(tmp_path, monkeypatch):
    monkeypatch.setenv("TRIMTAB_LEASE", "0.3")
    path = tmp_path / "x.db"
    study = opened(path)
    assert study.storage.beats() == {}
    study.ask()
    other = SQLite(path)
    (beat,) = other.beats().values()
    assert beat.about["pid"] == os.getpid()
    assert beat.about["study"] == "study"
    deadline = time.monotonic() + 20
    while next(iter(other.beats().values())).count < beat.count + 2:
        assert time.monotonic() < deadline, "no further sign of life came"
        time.sleep(0.05)
    study.close()
    assert other.beats() == {}
    other.close()


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf"])
def test_a_lease_that_is_no_time_is_refused(text, monkeypatch):
    monkeypatch.setenv("TRIMTAB_LEASE", text)
    with pytest.raises(InputError, match="TRIMTAB_LEASE"):
        Lease(SQLite, "study")


SCRIPT = """
import socket, sys, time
socket.gethostname = lambda: "elsewhere"  # another machine, as far as the log tells
import trimtab as tt

def objective(trial):
    if trial.number == 2 and sys.argv[2] == "hang":
        print("hanging", flush=True)
        time.sleep(600)
    return trial["x"]

study = tt.minimize(objective, {"x": tt.Float(0.0, 1.0)}, 6, sampler="random", storage=sys.argv[1], seed=0, progress=False)
print(len(study.trials), flush=True)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_machine_that_is_gone_or_frozen_costs_one_lease(tmp_path, how):
    path, script = str(tmp_path / "x.db"), tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "TRIMTAB_LEASE": "0.6"}
    hanging = subprocess.Popen(
        [sys.executable, str(script), path, "hang"], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert hanging.stdout.readline() == "hanging\n"
        hanging.send_signal(how)
        script.write_text(SCRIPT.replace('"elsewhere"', '"a third one"'))
        done = subprocess.run(
            [sys.executable, str(script), path, "no"], env=environment, timeout=60, capture_output=True, text=True
        )
        assert (done.stdout, done.stderr) == ("6\n", "")  # it waited for the last trial, and took it over
    finally:
        hanging.kill()
        hanging.wait()
        hanging.stdout.close()
    study = tt.Study.load(path)
    assert [t.state for t in study.trials] == ["finished"] * 6


def test_the_log_tells_what_happened_to_trials(tmp_path, caplog):
    def objective(trial):
        if trial.number == 1:
            raise ValueError("bad luck")
        if trial.number == 2:
            raise tt.TrialPruned
        return 0.5

    caplog.set_level("DEBUG", logger="trimtab")
    study = opened(tmp_path / "x.db", name="mine")
    number = started_elsewhere(study, {**ELSEWHERE, "worker": "w", "lease": 1.0})
    study.recover()
    for _ in range(5):
        study._journal.lease.tick({})
    study.optimize(objective, 3, progress=False)
    told = [(record.event, record.trial) for record in caplog.records if record.study == "mine"]
    assert told[0] == ("study_opened", None)
    assert told[-1] == ("study_stopped", None)
    assert ("trial_lost", number) in told
    for trial, event in enumerate(("trial_finished", "trial_failed", "trial_pruned")):
        assert (event, trial) in told
        assert ("trial_started", trial) in told


def test_a_worker_leaves_when_its_process_ends_and_when_its_study_is_collected(tmp_path):
    path = str(tmp_path / "x.db")
    script = f"""
import trimtab as tt
study = tt.Study({{"x": [1, 2, 3]}}, storage={path!r})
study.tell(study.ask(), 1.0)
print(len(study.storage.beats()))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("1\n", "")
    other = SQLite(path)
    assert other.beats() == {}
    study = opened(tmp_path / "y.db")
    storage = study.storage
    study.ask()
    assert len(storage.beats()) == 1
    del study
    gc.collect()
    deadline = time.monotonic() + 20
    while storage.beats():
        assert time.monotonic() < deadline, "the worker did not leave"
        time.sleep(0.02)
    storage.close()
    other.close()


def test_minimize_does_not_wait_for_a_trial_that_its_own_process_asked_for(tmp_path):
    path = tmp_path / "x.db"
    by_hand = opened(path)
    by_hand.ask()
    study = tt.minimize(lambda trial: trial["x"], SPACE, 4, storage=path, sampler="random", progress=False)
    assert study.table.finished.n == 3


def test_a_trial_that_could_not_be_handed_back_is_taken_up_again(tmp_path, monkeypatch):
    """The storage was away when the run ended: its trials still say that this living process runs them."""
    path, interrupt = tmp_path / "x.db", [True]

    def objective(trial):
        if trial.number == 1 and interrupt:
            interrupt.clear()
            raise KeyboardInterrupt
        return trial["x"]

    with monkeypatch.context() as away:
        away.setattr(tt.Study, "_hand_back", lambda study, run: None)
        with pytest.raises(KeyboardInterrupt):
            tt.minimize(objective, SPACE, 4, storage=path, sampler="random", seed=0, progress=False)
    assert [t.state for t in tt.Study.load(path).trials] == ["finished", "running"]
    study = tt.minimize(objective, SPACE, 4, storage=path, sampler="random", progress=False)
    assert [t.state for t in study.trials] == ["finished"] * 4


@pytest.mark.parametrize("how", ["its worker died", "release"])
def test_a_trial_is_not_taken_from_the_one_that_took_it_over(tmp_path, how):
    path = tmp_path / "x.db"
    old, new = opened(path), opened(path)
    trial = old.ask()
    new.recover()
    new._lose(trial.number, retries=5)
    again = new.ask()
    if how == "release":
        old.release(trial)
    else:
        assert not old._lose(trial.number, retries=5)
    new.recover()
    assert state(new, again.number) == "running"
    new.tell(again, 0.5)
    assert state(new, again.number) == "finished"


def test_damaged_signs_of_life_end_no_lease(tmp_path):
    study = opened(tmp_path / "x.db")
    study.ask()
    study.storage.beat("other", {})
    with closing(sqlite3.connect(tmp_path / "x.db")) as db:
        db.execute("UPDATE workers SET about = '{no json' WHERE worker = 'other'")
        db.commit()
    study._journal.lease.tick({})
    assert study.storage.beats()["other"].about == {}
