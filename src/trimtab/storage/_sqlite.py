"""Studies in one SQLite file, for all processes of one machine.

Write-ahead log, synchronous=NORMAL: a commit survives the death of the process, a power cut may take the last few.
One transaction an `append` (BEGIN IMMEDIATE); writers queue by a lock beside the file, which no call holds longer than its
transaction and whose holder also keeps the log short (storage._wal). No decision depends on the clock of the wall.

Files beside NAME while it is in use: NAME-wal and NAME-shm (SQLite's), NAME-lock and NAME-turnN (storage._lock). The last
one to close it removes them. A new file is for its owner alone (0600), and the others have the same rights: to share a study
with other users of the machine, chmod NAME.

One connection for all threads of a process, behind a lock. A forked child drops the inherited connection, unclosed,
and opens its own: using or closing it would disturb the parent's locks (https://www.sqlite.org/howtocorrupt.html, 2.6).
"""

from __future__ import annotations

import atexit
import os
import random
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from typing import Any, TypeVar

from trimtab.errors import Conflict, StorageError
from trimtab.records import Event
from trimtab.storage._connect import connect, establish, is_ours, needs_renewal, renew, version_of
from trimtab.storage._files import check_readable, check_writable, explain, is_busy, make_private
from trimtab.storage._lock import Turns
from trimtab.storage._protocol import Beat
from trimtab.storage._rows import Row, about_of, about_text, events_of, no_collection, row_of
from trimtab.storage._schema import VERSION, name_from_text, text_from_name
from trimtab.storage._wal import WriteAheadLog, write_ahead

__all__ = ["SQLite"]

T = TypeVar("T")

_TURN = 3.0  # seconds to wait for one's turn to propose; a slow proposal of another takes longer than a vain one here

_INSERT = "INSERT INTO events (study, kind, number, part, at, body) VALUES (?, ?, ?, ?, ?, ?)"
_SELECT = (  # "+" keeps SQLite from the index on study, whose rows it would sort: slow, also with nothing new
    "SELECT kind, number, part, at, body FROM events WHERE +study = ? AND id > ? AND id <= ? ORDER BY id"
)
_LAST = "SELECT max(id) FROM events"
_BEAT = """INSERT INTO workers (worker, count, about, at) VALUES (?, 1, ?, ?)
    ON CONFLICT (worker) DO UPDATE SET count = count + 1, about = excluded.about, at = excluded.at"""
_EXISTS = "SELECT 1 FROM events WHERE study = ? AND kind = ? AND number = ? AND part = ?"


class SQLite:
    """A SQLite file.

    path: made if it does not exist, unless `must_exist`. readonly: for viewers; makes no file, takes no lock that
        outlives a call.
    patience: seconds to wait for another process that holds the lock.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, readonly: bool = False, must_exist: bool = False, patience: float = 30.0
    ) -> None:
        self._shown = os.fspath(path)
        self._path = os.path.abspath(os.path.expanduser(self._shown))
        self._readonly = readonly
        self._patience = patience
        self._closed = False
        self._db: sqlite3.Connection | None = None
        self._forget()
        if readonly or must_exist:
            check_readable(self._path)
        if readonly:
            self._look(lambda db: None)
        else:
            check_writable(self._path)
            self._db = self._open(must_exist)
        _open_files.add(self)

    def append(self, study: str, events: Sequence[Event]) -> int:
        """See `Storage.append`."""
        rows = [row_of(event) for event in events]
        if not rows:
            return -1
        with self._lock:
            self._ids[study], last = self._transact(lambda db: self._insert(db, study, rows))
        return last

    def read(self, study: str, since: int = 0) -> tuple[list[Event], int]:
        """See `Storage.read`."""
        with no_collection():
            rows, position = self._look(lambda db: self._rows(db, study, since))
            return events_of(rows, f"The storage {self._path!r}"), position

    def names(self) -> list[str]:
        """See `Storage.names`."""
        rows = self._look(lambda db: db.execute("SELECT name FROM studies ORDER BY id").fetchall())
        return [name_from_text(name) for (name,) in rows]

    def beat(self, worker: str, about: Mapping[str, Any] | None) -> None:
        """See `Storage.beat`."""
        name = text_from_name(worker)
        with self._lock:
            if about is None:
                self._transact(lambda db: db.execute("DELETE FROM workers WHERE worker = ?", (name,)))
            else:
                row = (name, about_text(about), time.time())
                self._transact(lambda db: db.execute(_BEAT, row))

    def beats(self) -> dict[str, Beat]:
        """See `Storage.beats`."""
        rows = self._look(_workers)
        return {name_from_text(worker): Beat(count, about_of(about), at) for worker, count, about, at in rows}

    def turn(self, study: str) -> AbstractContextManager[None]:
        """See `Storage.turn`."""
        key = self._ids.get(study)
        return nullcontext() if self._readonly or key is None else self._turns.of(key, _TURN)

    def describe(self) -> str:
        """The path, as it was given."""
        return self._shown

    def close(self) -> None:
        """See `Storage.close`."""
        with self._lock:
            self._closed = True
            if self._db is not None:
                self._db.close()
                self._db = None
                self._turns.close(remove=self._log.is_gone)
                self._log.close()

    def __del__(self) -> None:
        if getattr(self, "_db", None) is not None:
            self.close()

    def __reduce__(self) -> tuple[Callable[..., SQLite], tuple[str, bool, float]]:
        return _unpickled, (self._path, self._readonly, self._patience)  # another process opens the file itself

    # The connection

    def _forget(self) -> None:
        """No connection, and a lock that nobody holds."""
        self._lock = threading.RLock()
        self._db = None
        self._ids: dict[str, int] = {}
        self._log = WriteAheadLog(self._path)
        self._turns = Turns(os.path.realpath(self._path) + "-turn", like=self._path)

    def _open(self, must_exist: bool) -> sqlite3.Connection:
        """A connection to a file that is ours, made if need be."""
        if not must_exist:
            make_private(self._path)
        db = self._patiently(lambda: connect(self._path, "rw"))
        try:
            ours = self._patiently(lambda: is_ours(db, self._path))
            if must_exist and not ours:
                raise StorageError(f"The file {self._path!r} holds no study: it is empty. Check the path.")
            if not ours or version_of(db) < VERSION:
                self._alone(lambda: self._patiently(lambda: establish(db, self._path)))
            self._patiently(lambda: write_ahead(db, self._path))
            if needs_renewal(db):
                self._alone(lambda: renew(db))
            self._patiently(lambda: self._log.watch(db))
        except BaseException:
            db.close()
            self._log.close()
            raise
        return db

    def _alone(self, action: Callable[[], T]) -> T:
        """Do it while no other process commits."""
        try:
            self._log.enter(self._patience)
            return action()
        finally:
            self._log.leave()

    def _connection(self) -> sqlite3.Connection:
        """The open connection; after a fork, a new one. Holds the lock already."""
        if self._closed:
            raise StorageError(f"The storage {self._path!r} was closed. Open it again.")
        if self._db is None:
            self._db = self._open(must_exist=True)
        return self._db

    def _insert(self, db: sqlite3.Connection, study: str, rows: Sequence[Row]) -> tuple[int, int]:
        """Add rows to a study, made if need be; its id, and that of the last row. Conflict if one is there already."""
        key = self._ids.get(study)
        if key is None:
            name = text_from_name(study)
            db.execute("INSERT OR IGNORE INTO studies (name) VALUES (?)", (name,))
            (key,) = db.execute("SELECT id FROM studies WHERE name = ?", (name,)).fetchone()
        try:
            if len(rows) > 1:
                db.executemany(_INSERT, [(key, *row) for row in rows[:-1]])
            last = db.execute(_INSERT, (key, *rows[-1])).lastrowid
        except sqlite3.IntegrityError as error:
            raise self._conflict(db, study, key, rows) from error
        return key, -1 if last is None else last

    def _transact(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """All or nothing, also when Ctrl-C falls in between (the end of a context manager may be skipped then)."""
        if self._readonly:
            raise StorageError(
                f"The storage {self._path!r} was opened for reading only. Open it without readonly=True to add to it."
            )
        db = self._connection()
        try:
            self._log.enter(self._patience)
            self._log.check(db)
            self._patiently(lambda: db.execute("BEGIN IMMEDIATE"))
            answer = action(db)
            db.execute("COMMIT")
            self._log.bound(db)
            return answer
        except sqlite3.Error as error:
            raise explain(error, self._path) from error
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")
            self._log.leave()

    def _look(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        """Answer a question that only reads."""
        try:
            if self._readonly:
                return self._patiently(lambda: self._glance(ask))
            with self._lock:
                db = self._connection()
                return self._patiently(lambda: ask(db))
        except sqlite3.Error as error:
            raise explain(error, self._path) from error

    def _glance(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        """Open, ask, close.

        A file without a log beside it is read as immutable, which makes no file and takes no lock; should a writer
        come meanwhile, read again.
        """
        while True:
            check_readable(self._path)
            still = not os.path.exists(self._path + "-wal")
            before = os.stat(self._path)
            with closing(connect(self._path, "ro&immutable=1" if still else "ro")) as db:
                if not is_ours(db, self._path):
                    raise StorageError(f"The file {self._path!r} holds no study: it is empty. Check the path.")
                answer = ask(db)
            after = os.stat(self._path)
            if not still or (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size):
                return answer

    def _patiently(self, action: Callable[[], T]) -> T:
        """Do it; while another process holds the lock, again."""
        deadline = time.monotonic() + self._patience
        while True:
            try:
                return action()
            except sqlite3.Error as error:
                if not is_busy(error) or time.monotonic() > deadline:
                    raise explain(error, self._path) from error
            time.sleep(random.uniform(0.001, 0.01))  # apart from the others who wait

    def _rows(self, db: sqlite3.Connection, study: str, since: int) -> tuple[list[Row], int]:
        """The rows of a study after a position, and the position after them."""
        key = self._ids.get(study)
        if key is None:
            found = db.execute("SELECT id FROM studies WHERE name = ?", (text_from_name(study),)).fetchone()
            if found is None:
                return [], since
            key = self._ids[study] = found[0]
        last = db.execute(_LAST).fetchone()[0] or 0
        return db.execute(_SELECT, (key, since, last)).fetchall() if last > since else [], max(last, since)

    def _conflict(self, db: sqlite3.Connection, study: str, key: int, rows: Sequence[Row]) -> Conflict:
        """Which of the rows is there already."""
        db.execute("ROLLBACK")
        twice = next((row for row in rows if db.execute(_EXISTS, (key, *row[:3])).fetchone()), rows[0])
        kind, number, part = twice[:3]
        return Conflict(
            f"Study {study!r} in {self._path!r} already has the event {kind} {number} ({part}). Read again, then "
            "decide again."
        )


def _unpickled(path: str, readonly: bool, patience: float) -> SQLite:
    return SQLite(path, readonly=readonly, must_exist=True, patience=patience)


def _workers(db: sqlite3.Connection) -> list[tuple[str, int, str, float]]:
    """The signs of life; none in a file of version 1, which is only looked at."""
    if version_of(db) < 2:
        return []
    return db.execute("SELECT worker, count, about, at FROM workers ORDER BY id").fetchall()


_open_files: weakref.WeakSet[SQLite] = weakref.WeakSet()
_left_to_the_parent: list[sqlite3.Connection] = []


def _after_fork() -> None:
    """In the child: forget the parent's connections, unclosed, and locks that a thread of the parent may hold."""
    for storage in _open_files:
        if storage._db is not None:
            _left_to_the_parent.append(storage._db)
            storage._log.forget()
            storage._turns.forget()
        storage._forget()


@atexit.register
def _close_all() -> None:
    """At the end of the process: the last one to close a file moves what is in its log into it, and removes the log."""
    for storage in list(_open_files):
        storage.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
