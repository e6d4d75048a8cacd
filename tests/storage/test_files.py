"""What goes wrong with files, told clearly: the path, what was found, what to do."""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from trimtab.errors import InputError, StorageError
from trimtab.records import Created
from trimtab.storage import Memory, SQLite, network_file_system


def created(number: int) -> Created:
    return Created(number, {"x": "y" * 200}, "sampler", 0.0)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.db"


def test_refuses_a_file_that_is_no_sqlite_file(path):
    path.write_text("loss,accuracy\n" * 100)

    with pytest.raises(StorageError, match=r"x\.db.*no SQLite file"):
        SQLite(path)

    assert path.read_text().startswith("loss")


@pytest.mark.parametrize("readonly", [False, True])
def test_refuses_the_file_of_another_program(path, readonly):
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE photos (id)")
        db.commit()

    with pytest.raises(StorageError, match=r"x\.db.*another program"):
        SQLite(path, readonly=readonly)

    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)  # left as it was


@pytest.mark.parametrize("readonly", [False, True])
def test_refuses_a_newer_version(path, readonly):
    SQLite(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")

    with pytest.raises(StorageError, match=r"version 99.*upgrade"):
        SQLite(path, readonly=readonly)


def test_refuses_a_folder(tmp_path):
    with pytest.raises(StorageError, match=r"is a folder"):
        SQLite(tmp_path)


def test_refuses_a_missing_folder(tmp_path):
    with pytest.raises(StorageError, match=r"folder '.*nowhere'.*does not exist"):
        SQLite(tmp_path / "nowhere" / "x.db")


def no_permission(monkeypatch, refused: str) -> None:
    """As for an ordinary user; the tests may run as root, who may write everywhere."""
    real = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: not (str(path) == refused and mode & os.W_OK) and real(path, mode)
    )


def test_refuses_a_read_only_folder(path, tmp_path, monkeypatch):
    no_permission(monkeypatch, str(tmp_path))

    with pytest.raises(StorageError, match="cannot be written"):
        SQLite(path)


def test_refuses_a_read_only_file_and_a_viewer_reads_it(path, monkeypatch):
    SQLite(path).close()
    no_permission(monkeypatch, str(path))

    with pytest.raises(StorageError, match="read-only"):
        SQLite(path)
    assert SQLite(path, readonly=True).names() == []


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb1 /home/local xfs rw 0 0
//server/share /mnt/my\\040share cifs rw 0 0
me@host: /mnt/ssh fuse.sshfs rw 0 0
tmpfs /homes tmpfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/x.db", None),
        ("/home/me/x.db", "nfs4"),
        ("/home", "nfs4"),
        ("/home/local/x.db", None),
        ("/homes/x.db", None),
        ("/mnt/my share/x.db", "cifs"),
        ("/mnt/ssh/a/b", "fuse.sshfs"),
    ],
)
def test_knows_network_file_systems(path, kind, tmp_path):
    (tmp_path / "mounts").write_text(MOUNTS)

    assert network_file_system(path, str(tmp_path / "mounts")) == kind


def test_refuses_a_network_file_system(path, monkeypatch):
    monkeypatch.setattr("trimtab.storage._files.network_file_system", lambda folder: "nfs4")

    with pytest.raises(StorageError, match=r"network file system \(nfs4\).*local disk"):
        SQLite(path)


def test_waits_for_a_lock_and_says_so_in_the_end(path):
    storage = SQLite(path, patience=0.5)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        with pytest.raises(StorageError, match=r"x\.db.*locked by another program"):
            storage.append("s", [created(0)])
        assert 0.4 < time.monotonic() - begun < 5.0
        other.execute("ROLLBACK")

    storage.append("s", [created(0)])
    assert len(storage.read("s")[0]) == 1
    storage.close()


def test_waits_until_the_lock_is_gone(path):
    storage = SQLite(path)
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.6, other.execute, ["COMMIT"])
        timer.start()
        storage.append("s", [created(0)])
        timer.join()

    assert len(storage.read("s")[0]) == 1
    storage.close()


def fill(storage: SQLite, numbers: Iterator[int]) -> None:
    for number in numbers:
        storage.append("s", [created(number)])


def test_a_full_disk_loses_nothing(path):
    """A limit of pages stands for the disk: SQLite answers with the same error."""
    storage = SQLite(path)
    storage.append("s", [created(0)])
    (pages,) = storage._connection().execute("PRAGMA page_count").fetchone()
    storage._connection().execute(f"PRAGMA max_page_count = {pages + 4}")
    written = itertools.count(1)
    with pytest.raises(StorageError, match=r"x\.db.*disk is full.*Make room"):
        fill(storage, written)
    number = next(written) - 1  # the one that failed
    storage._connection().execute("PRAGMA max_page_count = 1000000")

    assert [event.number for event in storage.read("s")[0]] == list(range(number))
    storage.append("s", [created(number)])
    storage.close()


LIMIT = """
import resource, sys
from trimtab.errors import InputError, StorageError
from trimtab.records import Created
from trimtab.storage import SQLite
storage = SQLite(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
number = 0
try:
    while True:
        storage.append("s", [Created(number, {"x": "y" * 2000}, "sampler", 0.0)])
        number += 1
except StorageError as error:
    assert "x.db" in str(error), error
print(number)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are POSIX")
def test_a_write_that_the_system_refuses_loses_nothing(path):
    run = subprocess.run([sys.executable, "-c", LIMIT, path], capture_output=True, text=True, timeout=60)

    assert int(run.stdout) > 10, run.stderr
    storage = SQLite(path)
    assert [event.number for event in storage.read("s")[0]] == list(range(int(run.stdout)))
    storage.close()


def test_says_that_a_page_is_damaged(path):
    storage = SQLite(path)
    storage.append("s", [created(n) for n in range(2000)])
    storage.close()
    with open(path, "r+b") as file:
        file.seek(4096 * 5)
        file.write(b"\xff" * 4096 * 40)

    storage = SQLite(path)
    with pytest.raises(StorageError, match=r"x\.db.*damaged.*trimtab check .*x\.db --repair"):
        storage.read("s")
    storage.close()


@pytest.mark.parametrize("body", ["{", "1,2", "[]", '{"params": {}}', "[" * 100_000, "\x80"])
def test_says_that_an_event_was_edited(path, body):
    storage = SQLite(path)
    storage.append("s", [created(0), created(1)])
    storage.close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE events SET body = CAST(? AS TEXT) WHERE number = 1", (body.encode("latin-1"),))
        db.commit()

    storage = SQLite(path)
    with pytest.raises(StorageError, match=r"x\.db.*damaged"):
        storage.read("s")
    storage.close()


def test_says_that_a_kind_of_event_is_of_a_newer_version(path):
    storage = SQLite(path)
    storage.append("s", [created(0)])
    storage.close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE events SET kind = 'forked'")
        db.commit()

    storage = SQLite(path)
    with pytest.raises(StorageError, match=r"'forked'.*newer"):
        storage.read("s")
    storage.close()


def test_notices_that_the_file_was_deleted_or_replaced(path):
    storage = SQLite(path)
    storage.append("s", [created(0)])
    shutil.copy(path, path.with_suffix(".copy"))
    path.unlink()
    with pytest.raises(StorageError, match=r"x\.db.*deleted or replaced"):
        storage.append("s", [created(1)])

    shutil.move(path.with_suffix(".copy"), path)
    with pytest.raises(StorageError, match=r"x\.db.*deleted or replaced"):
        storage.append("s", [created(1)])
    storage.close()


@pytest.mark.parametrize("make", [Memory, None])
def test_a_body_that_is_too_large_is_refused_before_anything_is_written(path, make):
    storage = SQLite(path) if make is None else make()
    with pytest.raises(InputError, match=r"created 1 is 17,000,\d+ bytes.*16,000,000"):
        storage.append("s", [created(0), Created(1, {"x": "y" * 17_000_000}, "sampler", 0.0)])
    assert storage.names() == []
    storage.close()


def test_a_body_that_no_trimtab_wrote_is_not_read_into_memory(path):
    storage = SQLite(path)
    storage.append("s", [created(0)])
    storage.close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE events SET body = CAST(zeroblob(70000000) AS TEXT)")
        db.commit()

    storage = SQLite(path)
    with pytest.raises(StorageError, match=r"x\.db.*larger than any that trimtab writes"):
        storage.read("s")
    storage.close()
