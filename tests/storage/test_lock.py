"""Locks between processes: one at a time, a bounded wait, and none that outlives its holder."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from trimtab.storage._lock import FileLock, Turns


@pytest.fixture
def like(tmp_path):
    file = tmp_path / "x.db"
    file.touch(0o640)
    return str(file)


def test_two_locks_of_one_file_exclude_each_other(like):
    one, two = FileLock(like + "-lock", like), FileLock(like + "-lock", like)
    assert one.take(0.0)
    assert one.take(0.0)  # twice is once
    begun = time.monotonic()
    assert not two.take(0.1)
    assert 0.1 <= time.monotonic() - begun < 5.0
    one.give()
    assert two.take(0.0)
    one.give()  # not ours: harmless
    assert not one.take(0.0)
    two.close()
    assert one.take(0.0)
    one.close()


def test_waits_until_it_is_free(like):
    one, two = FileLock(like + "-lock", like), FileLock(like + "-lock", like)
    assert one.take(0.0)
    threading.Timer(0.05, one.give).start()
    assert two.take(30.0)
    one.close()
    two.close()


HOLD = """
import sys, time
from trimtab.storage._lock import FileLock
lock = FileLock(sys.argv[1] + "-lock", sys.argv[1])
assert lock.take(0.0)
print("held", flush=True)
time.sleep(600)
"""


def test_dies_with_its_holder(like):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, like], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    lock = FileLock(like + "-lock", like)
    assert not lock.take(0.0)
    holder.kill()
    holder.communicate()
    assert lock.take(0.0)
    lock.close()


def test_a_file_that_was_deleted_meanwhile_is_made_again(like):
    """Who closes last removes the file; one that had it open must not lock what nobody else can see."""
    one, two = FileLock(like + "-lock", like), FileLock(like + "-lock", like)
    for lock in (one, two):
        assert lock.take(0.0)
        lock.give()
    one.close(remove=True)
    assert not os.path.exists(like + "-lock")
    assert two.take(0.0)
    assert not FileLock(like + "-lock", like).take(0.0)
    one.take(0.0)
    one.close(remove=True)  # somebody holds it: it stays
    assert os.path.exists(like + "-lock")
    two.close()


@pytest.mark.skipif(sys.platform == "win32", reason="rights of files are POSIX")
def test_has_the_rights_of_the_file_it_stands_for(like):
    lock = FileLock(like + "-lock", like)
    lock.take(0.0)
    assert os.stat(like + "-lock").st_mode & 0o777 == 0o640
    lock.close()


def test_a_system_without_locks_excludes_nobody(like, monkeypatch):
    def refuse(file):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("trimtab.storage._lock._lock", refuse)
    one, two = FileLock(like + "-lock", like), FileLock(like + "-lock", like)
    assert one.take(0.0)
    assert two.take(0.0)
    assert not one.works
    one.close()
    two.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_that_forgets_leaves_the_lock_to_its_parent(like):
    code = """
import os, sys
from trimtab.storage._lock import FileLock
mine, other = (FileLock(sys.argv[1] + "-lock", sys.argv[1]) for _ in range(2))
assert mine.take(0.0)
child = os.fork()
if child == 0:
    mine.forget()
    os._exit(mine.take(0.0))
assert os.waitpid(child, 0)[1] == 0, "the child took what its parent holds"
assert not other.take(0.0), "the child unlocked what its parent holds"
"""
    done = subprocess.run([sys.executable, "-c", code, like], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_turns_are_taken_alone_and_waited_for_a_little_while(like):
    """Of threads and of processes; another number is another turn."""
    mine, theirs = Turns(like + "-turn", like), Turns(like + "-turn", like)
    inside, most = [0], [0]

    def work(turns):
        for _ in range(20):
            with turns.of(1, 30.0):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.0005)
                inside[0] -= 1

    threads = [threading.Thread(target=work, args=(turns,)) for turns in (mine, mine, theirs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    with mine.of(1, 0.0):
        begun = time.monotonic()
        with theirs.of(1, 0.1):
            waited = time.monotonic() - begun
        with theirs.of(2, 30.0):
            pass
    assert 0.1 <= waited < 5.0
    mine.close(remove=True)
    theirs.close(remove=True)
    assert not [name for name in os.listdir(os.path.dirname(like)) if "turn" in name]
