"""Studies in one SQLite file, for all processes of one machine.

Write-ahead log, synchronous=NORMAL: a commit survives the death of the process, a power cut may take the last few.
One transaction an `append` (BEGIN IMMEDIATE, so two writers queue); no lock is held between calls.

One connection for all threads of a process, behind a lock. A forked child drops the inherited connection, unclosed,
and opens its own: using or closing it would disturb the parent's locks (https://www.sqlite.org/howtocorrupt.html, 2.6).
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import Any, TypeVar

from trimtab.errors import Conflict, StorageError
from trimtab.records import Event
from trimtab.storage._files import check_readable, check_writable, explain, is_busy
from trimtab.storage._protocol import Beat
from trimtab.storage._rows import Row, about_text, events_of, row_of
from trimtab.storage._schema import (
    APPLICATION_ID,
    VERSION,
    create,
    has_old_view,
    migrate,
    name_from_text,
    renew_view,
    text_from_name,
)

__all__ = ["SQLite"]

T = TypeVar("T")

_SLICE = 0.25  # seconds that SQLite itself waits for a lock; short, so that Ctrl-C is heard between two tries

_INSERT = "INSERT INTO events (study, kind, number, part, at, body) VALUES (?, ?, ?, ?, ?, ?)"
_SELECT = (  # "+" keeps SQLite from the index on study, whose rows it would sort: slow, also with nothing new
    "SELECT kind, number, part, at, body, id FROM events WHERE +study = ? AND id > ? ORDER BY id"
)
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

    def append(self, study: str, events: Sequence[Event]) -> None:
        """See `Storage.append`."""
        rows = [row_of(event) for event in events]
        if not rows:
            return
        with self._lock:
            self._ids[study] = self._transact(lambda db: self._insert(db, study, rows))

    def read(self, study: str, since: int = 0) -> tuple[list[Event], int]:
        """See `Storage.read`."""
        rows = self._look(lambda db: self._rows(db, study, since))
        return events_of([row[:5] for row in rows], f"The storage {self._path!r}"), rows[-1][5] if rows else since

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
        return {name_from_text(worker): Beat(count, json.loads(about), at) for worker, count, about, at in rows}

    def turn(self, study: str) -> AbstractContextManager[None]:
        """See `Storage.turn`."""
        return nullcontext()

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

    def _open(self, must_exist: bool) -> sqlite3.Connection:
        """A connection to a file that is ours, made if need be."""
        uri = f"{Path(self._path).as_uri()}?mode={'rw' if must_exist else 'rwc'}"
        db = self._patiently(
            lambda: sqlite3.connect(uri, uri=True, timeout=_SLICE, isolation_level=None, check_same_thread=False)
        )
        try:
            if not self._patiently(lambda: self._is_ours(db)):
                if must_exist:
                    raise StorageError(f"The file {self._path!r} holds no study: it is empty. Check the path.")
                self._patiently(lambda: self._make(db))
            self._patiently(lambda: _write_ahead(db, self._path))
            db.execute("PRAGMA synchronous = NORMAL")
            if _marks(db)[1] < VERSION:
                self._patiently(lambda: _migrate(db))
            _renew_view(db)
            self._inode = os.stat(self._path).st_ino
        except BaseException:
            db.close()
            raise
        return db

    def _is_ours(self, db: sqlite3.Connection) -> bool:
        """Whether the file is a trimtab file; False if it is empty. StorageError if it is another's, or newer."""
        owner, version, tables = _marks(db)
        if owner == 0 and version == 0 and tables == 0:
            return False
        if owner != APPLICATION_ID:
            raise StorageError(
                f"The SQLite file {self._path!r} belongs to another program (application id {owner}, {tables} tables), "
                "trimtab leaves it alone. "
                "Choose another path."
            )
        if version > VERSION:
            raise StorageError(
                f"The storage {self._path!r} has version {version}, this trimtab reads up to version {VERSION}. "
                "It was written by a newer trimtab: python -m pip install --upgrade trimtab"
            )
        return True

    def _make(self, db: sqlite3.Connection) -> None:
        """Make the tables, unless another process was faster."""
        _write_ahead(db, self._path)
        db.execute("BEGIN IMMEDIATE")
        try:
            if not self._is_ours(db):
                create(db)
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")

    def _connection(self) -> sqlite3.Connection:
        """The open connection; after a fork, a new one. Holds the lock already."""
        if self._closed:
            raise StorageError(f"The storage {self._path!r} was closed. Open it again.")
        if self._db is None:
            self._db = self._open(must_exist=True)
        return self._db

    def _insert(self, db: sqlite3.Connection, study: str, rows: Sequence[Row]) -> int:
        """Add rows to a study, made if need be; its id. Conflict if one is there already."""
        key = self._ids.get(study)
        if key is None:
            name = text_from_name(study)
            db.execute("INSERT OR IGNORE INTO studies (name) VALUES (?)", (name,))
            (key,) = db.execute("SELECT id FROM studies WHERE name = ?", (name,)).fetchone()
        try:
            db.executemany(_INSERT, [(key, *row) for row in rows])
        except sqlite3.IntegrityError as error:
            raise self._conflict(db, study, key, rows) from error
        return key

    def _transact(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """All or nothing, also when Ctrl-C falls in between (the end of a context manager may be skipped then)."""
        if self._readonly:
            raise StorageError(
                f"The storage {self._path!r} was opened for reading only. Open it without readonly=True to add to it."
            )
        db = self._connection()
        self._check_still_there()
        try:
            self._patiently(lambda: db.execute("BEGIN IMMEDIATE"))
            answer = action(db)
            db.execute("COMMIT")
            return answer
        except sqlite3.Error as error:
            raise explain(error, self._path) from error
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")

    def _check_still_there(self) -> None:
        """SQLite would go on writing, without a word, into a file that was deleted."""
        try:
            same = os.stat(self._path).st_ino == self._inode
        except OSError:
            same = False
        if not same:
            raise StorageError(
                f"The storage {self._path!r} was deleted or replaced while it was in use. Put it back, or start the "
                "study again."
            )

    def _look(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        """Answer a question that only reads."""
        try:
            if self._readonly:
                return self._patiently(lambda: self._glance(ask))
            with self._lock:
                return ask(self._connection())
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
            uri = f"{Path(self._path).as_uri()}?mode=ro{'&immutable=1' if still else ''}"
            with closing(
                sqlite3.connect(uri, uri=True, timeout=_SLICE, isolation_level=None, check_same_thread=False)
            ) as db:
                if not self._is_ours(db):
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

    def _rows(self, db: sqlite3.Connection, study: str, since: int) -> list[tuple[str, int, int, float, str, int]]:
        """The rows of a study after a position, which comes last in each."""
        key = self._ids.get(study)
        if key is None:
            found = db.execute("SELECT id FROM studies WHERE name = ?", (text_from_name(study),)).fetchone()
            if found is None:
                return []
            key = found[0]
        return db.execute(_SELECT, (key, since)).fetchall()

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


def _write_ahead(db: sqlite3.Connection, path: str) -> None:
    """Switch the write-ahead log on; it stays on in the file."""
    (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StorageError(
            f"SQLite cannot keep a write-ahead log for {path!r} (it uses {mode!r} there), as on some network and "
            "virtual file systems. "
            "Choose a path on a local disk."
        )


def _migrate(db: sqlite3.Connection) -> None:
    """Bring an older file up to date, unless another process was faster."""
    db.execute("BEGIN IMMEDIATE")
    try:
        if _marks(db)[1] < VERSION:
            migrate(db)
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def _workers(db: sqlite3.Connection) -> list[tuple[str, int, str, float]]:
    """The signs of life; none in a file of version 1, which is only looked at."""
    if _marks(db)[1] < 2:
        return []
    return db.execute("SELECT worker, count, about, at FROM workers ORDER BY id").fetchall()


def _renew_view(db: sqlite3.Connection) -> None:
    """Bring the view of an older file up to date. It is for people only: where that cannot be done now, it can wait."""
    try:
        if has_old_view(db):
            db.execute("BEGIN IMMEDIATE")
            renew_view(db)
            db.execute("COMMIT")
    except sqlite3.Error:
        pass
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


_open_files: weakref.WeakSet[SQLite] = weakref.WeakSet()
_left_to_the_parent: list[sqlite3.Connection] = []


def _after_fork() -> None:
    """In the child: forget the parent's connections, unclosed, and locks that a thread of the parent may hold."""
    for storage in _open_files:
        if storage._db is not None:
            _left_to_the_parent.append(storage._db)
        storage._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _marks(db: sqlite3.Connection) -> tuple[int, int, int]:
    """Application id, schema version and number of tables, all of one moment: another process may be making them."""
    alone = not db.in_transaction
    if alone:
        db.execute("BEGIN")
    try:
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the snapshot begins here
        (owner,) = db.execute("PRAGMA application_id").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
        return owner, version, tables
    finally:
        if alone and db.in_transaction:
            db.execute("ROLLBACK")
