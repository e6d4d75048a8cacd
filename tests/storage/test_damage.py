"""What may befall a file while it is used: a clear error or recovery, and nothing that was acknowledged is lost."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

import trimtab as tt
from trimtab.errors import StorageError
from trimtab.records import Created
from trimtab.storage import SQLite
from trimtab.storage._check import check_file, repair

ROOT = Path(__file__).resolve().parents[2]
HELD = 0.4  # seconds that another one keeps the lock; the code is the same for ten


def created(number: int) -> Created:
    return Created(number, {"x": "y" * 2_000}, "sampler", 0.0)


def numbers(path) -> list[int]:
    with closing(SQLite(path)) as storage:
        return [event.number for event in storage.read("s")[0]]


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "x.db")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_kill_9_loses_nothing_that_was_acknowledged():
    command = [sys.executable, "-m", "benchmarks.kills", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["kills"] == 20
    assert found["acknowledged"] > 5  # it did write between the kills


# Disks and folders


@pytest.fixture
def small_disk(tmp_path):
    """A disk of one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(storage: SQLite) -> None:
    """Until it fails."""
    for fill.acknowledged in range(10_000):
        storage.append("s", [created(fill.acknowledged)])


def test_a_full_disk_loses_nothing_and_goes_on_when_there_is_room(small_disk):
    path = small_disk / "x.db"
    (small_disk / "ballast").write_bytes(b"x" * 300_000)
    storage = SQLite(path)
    with pytest.raises(StorageError, match=r"x\.db.*(disk is full|disk reported an error)"):
        fill(storage)
    written = len(storage.read("s")[0])
    assert written == fill.acknowledged > 10
    assert [event.number for event in storage.read("s")[0]] == list(range(written))
    (small_disk / "ballast").unlink()
    storage.append("s", [created(written)])
    storage.close()
    assert numbers(path) == list(range(written + 1))
    assert check_file(str(path)).faults == ["study 's': its log does not begin with its settings"]


AS_NOBODY = """
import os, sys
from trimtab.errors import StorageError
from trimtab.storage import SQLite
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
folder = sys.argv[1]
for path, words in ((folder + "/new.db", "cannot be written"), (folder + "/x.db", "cannot be written")):
    try:
        SQLite(path)
    except StorageError as error:
        assert words in str(error), error
    else:
        raise AssertionError("nobody may write there")
assert SQLite(folder + "/x.db", readonly=True).names() == ["s"]
os.chdir(folder)
assert sorted(os.listdir(folder)) == ["x.db"]
"""


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user")
def test_a_folder_that_may_not_be_written_is_refused_and_looked_at():
    with tempfile.TemporaryDirectory() as folder:
        with closing(SQLite(f"{folder}/x.db")) as storage:
            storage.append("s", [created(0)])
        os.chmod(folder, 0o755)
        os.chmod(f"{folder}/x.db", 0o644)
        done = subprocess.run([sys.executable, "-c", AS_NOBODY, folder], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


# Another one that holds the lock

HOLDER = """
import sys, time
from trimtab.records import Created
from trimtab.storage import SQLite
class Slow(SQLite):
    def _insert(self, db, *rest):
        answer = super()._insert(db, *rest)
        print("inside", flush=True)
        time.sleep(float(sys.argv[2]))
        return answer
Slow(sys.argv[1]).append("s", [Created(0, {"x": "held"}, "sampler", 0.0)])
"""


def hold(path, seconds):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, path, str(seconds)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "inside\n"
    return holder


def test_a_writer_that_holds_the_lock_for_long_is_waited_for(path):
    storage = SQLite(path)
    holder = hold(path, HELD)
    storage.append("s", [created(1)])
    holder.communicate()
    storage.close()
    assert numbers(path) == [0, 1]  # in the order of their turns


def test_a_writer_that_never_lets_go_is_named_and_its_death_frees_the_lock(path):
    storage = SQLite(path, patience=HELD)
    holder = hold(path, 600)
    holder.send_signal(signal.SIGSTOP)  # it hangs; it is not dead
    assert storage.read("s")[0] == []  # reading waits for nobody
    with pytest.raises(StorageError, match=r"x\.db.*locked by another program.*Close what writes to it"):
        storage.append("s", [created(1)])
    holder.kill()
    holder.communicate()
    storage.append("s", [created(1)])
    storage.close()
    assert numbers(path) == [1]  # what the other one had not committed is not there, and nothing else is lost


def test_threads_wait_for_the_same_lock(path):
    storage = SQLite(path)
    holder = hold(path, HELD)
    threads = [threading.Thread(target=storage.append, args=("s", [created(n)])) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    holder.communicate()
    storage.close()
    assert sorted(numbers(path)) == list(range(5))


# Clocks


def test_a_clock_that_jumps_disturbs_nothing(tmp_path, monkeypatch):
    """The wall clock goes back and forth by years: the same trials, the same results, nobody is taken for dead."""
    tables, rng = [], random.Random(0)
    for jumps in (False, True):
        if jumps:
            monkeypatch.setattr(time, "time", lambda: 1.7e9 + rng.uniform(-3e8, 3e8))
        path = tmp_path / f"{jumps}.db"
        with tt.Study({"a": tt.Float(0.0, 1.0)}, sampler="tpe", storage=path, seed=0) as study:
            study.optimize(lambda trial: trial["a"], n_trials=25, progress=False)
            waiting = study.ask()
            with tt.Study.load(path) as other:
                assert other.recover().n == 26
                assert other.trials[waiting.number].state == "running"
            study.storage.beat("w", {})
            study.storage.beat("w", {})
            assert study.storage.beats()["w"].count == 2
            tables.append(study.table)
    assert (tables[0].x == tables[1].x).all()
    assert (tables[0].y[:25] == tables[1].y[:25]).all()
    assert check_file(str(path)).faults == []


# Files that are cut


@pytest.mark.parametrize("seed", range(6))
def test_a_file_that_was_cut_says_so_and_is_repaired(path, seed):
    with closing(SQLite(path)) as storage:
        for number in range(60):
            storage.append("s", [created(number)])
    size = os.path.getsize(path)
    os.truncate(path, random.Random(seed).randrange(size // 3, size - 4096))

    with pytest.raises(StorageError, match=rf"x\.db.*(damaged|disk reported).*trimtab check {path} --repair"):
        numbers(path)
    assert check_file(path).faults != []
    done = repair(path)
    assert numbers(path) == list(range(done.studies["s"]))
    assert done.studies["s"] > 10


@pytest.mark.parametrize("seed", range(6))
def test_a_log_that_was_cut_leaves_what_was_written_before(path, tmp_path, seed):
    """As after a power cut: the last appends may be gone, each in whole; what stands is in order."""
    storage = SQLite(path)
    for number in range(60):
        storage.append("s", [created(2 * number), created(2 * number + 1)])
    for end in ("", "-wal"):
        shutil.copy(path + end, f"{tmp_path}/cut.db{end}")
    storage.close()
    cut = f"{tmp_path}/cut.db"
    os.truncate(cut + "-wal", random.Random(seed).randrange(40_000, os.path.getsize(cut + "-wal")))
    there = numbers(cut)
    assert there == list(range(len(there)))
    assert len(there) % 2 == 0
    with closing(sqlite3.connect(cut)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_without_its_log_a_file_is_what_was_moved_into_it(path, tmp_path):
    """Nobody can bring back a log that was deleted after a crash; the file is whole all the same."""
    with closing(SQLite(path)) as storage:
        storage.append("s", [created(0)])
    storage = SQLite(path)
    storage.append("s", [created(1)])
    shutil.copy(path, tmp_path / "alone.db")
    storage.close()
    assert numbers(tmp_path / "alone.db") == [0]
