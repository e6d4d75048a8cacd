"""The write-ahead log of a SQLite file: who may commit now, and when the log is moved into the file.

SQLite 3.7.0 to 3.51.2 can lose commits where one process checkpoints the log while another's commit begins it anew
(https://www.sqlite.org/wal.html, "The WAL-Reset Bug"). So no connection checkpoints by itself: commits and checkpoints
of all processes take turns by a lock on the file NAME-lock beside the database, and who finds the log grown beyond
`GROWN` bytes after its commit moves it. The checkpoint that SQLite makes when the last connection closes is alone anyway.

Notation
    log   the file NAME-wal
"""

from __future__ import annotations

import os
import sqlite3

from trimtab.errors import StorageError
from trimtab.storage._files import locked
from trimtab.storage._lock import FileLock

__all__ = ["GROWN", "WriteAheadLog", "write_ahead"]

GROWN = 8_000_000
_UNGUARDED = 1_000  # pages after which SQLite checkpoints by itself (its default) where no file can be locked


def write_ahead(db: sqlite3.Connection, path: str) -> None:
    """Switch the write-ahead log on; it stays on in the file. This connection checkpoints when it is told to."""
    db.execute("PRAGMA wal_autocheckpoint = 0")
    (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StorageError(
            f"SQLite cannot keep a write-ahead log for {path!r} (it uses {mode!r} there), as on some network and "
            "virtual file systems. "
            "Choose a path on a local disk."
        )


class WriteAheadLog:
    """path: of the database. Used by one thread at a time.

    checkpoints: how often it was moved into the file from here.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        real = os.path.realpath(path)  # SQLite follows links too, so all names of a file have one log and one lock
        self._log = real + "-wal"
        self._lock = FileLock(real + "-lock", like=path)
        self._inodes = (-1, -1)
        self._next = GROWN
        self._size = 0
        self.checkpoints = 0

    def watch(self, db: sqlite3.Connection) -> None:
        """Remember which files this connection has open."""
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the log is made with the first look
        self._inodes = os.stat(self._path).st_ino, os.stat(self._log).st_ino

    def enter(self, patience: float) -> None:
        """Until `leave` no other process commits or checkpoints. StorageError if one of them takes too long."""
        try:
            taken = self._lock.take(patience)
        except OSError as error:
            raise StorageError(
                f"The storage {self._path!r} keeps a file {self._path + '-lock'!r} beside it, which cannot be opened: "
                f"{error}. Check its permissions."
            ) from error
        if not taken:
            raise locked(self._path, f"another trimtab process had it for {patience:g} seconds")

    def leave(self) -> None:
        """The next one's turn. Harmless where it was not ours."""
        self._lock.give()

    def check(self, db: sqlite3.Connection) -> None:
        """StorageError if the files were deleted or replaced: SQLite would go on, without a word, writing into those.

        Of a deleted log everything is saved: this connection has it open still.
        """
        try:
            inode = os.stat(self._path).st_ino
        except OSError:
            inode = -1
        if inode != self._inodes[0]:
            raise StorageError(
                f"The storage {self._path!r} was deleted or replaced while it was in use. Put it back, or start the "
                "study again."
            )
        try:
            log = os.stat(self._log)
            self._size = log.st_size
            if log.st_ino == self._inodes[1]:
                return
        except FileNotFoundError:
            self._checkpoint(db)
            raise StorageError(
                f"The write-ahead log {self._log!r} was deleted while it was in use. What was acknowledged has been saved "
                f"into {self._path!r}: start the study again, and leave the files beside it alone."
            ) from None
        raise StorageError(
            f"The write-ahead log {self._log!r} was replaced while it was in use. Run `trimtab check {self._path}`, then "
            "start the study again, and leave the files beside it alone."
        )

    def bound(self, db: sqlite3.Connection) -> None:
        """Move the log into the file if it has grown. Call after a commit, between `enter` and `leave`."""
        if self._size < GROWN:
            self._next = GROWN
        if self._size < self._next:
            return
        if not self._lock.works:
            db.execute(f"PRAGMA wal_autocheckpoint = {_UNGUARDED}")
            self._next = 1 << 62
            return
        moved = self._checkpoint(db)
        self._next = GROWN if moved else self._size + GROWN  # a reader holds it up: not again at every commit

    def _checkpoint(self, db: sqlite3.Connection) -> bool:
        """Whether the whole log is in the file now. A failure is no loss, and is heard of when the log cannot grow."""
        try:
            (busy, _, _) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error:
            return False
        self.checkpoints += not busy
        return not busy

    @property
    def is_gone(self) -> bool:
        """Whether there is no log: the last connection closed, and SQLite moved it into the file."""
        return not os.path.exists(self._log)

    def close(self) -> None:
        """After the connection was closed. The lock's file goes with the log: when the last one closes."""
        self._lock.close(remove=self.is_gone)

    def forget(self) -> None:
        """In a forked child: the parent's lock stays the parent's."""
        self._lock.forget()
