"""One connection to a PostgreSQL server for all threads of a process, which comes back when it was lost.

A forked child drops the inherited connection, unclosed, and opens its own: closing it would end the parent's session.
"""

from __future__ import annotations

import math
import os
import random
import re
import threading
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from trimtab.errors import StorageError, TrimtabError, require
from trimtab.logs import log_event
from trimtab.storage._postgres_address import Address
from trimtab.storage._postgres_schema import prepare

if TYPE_CHECKING:
    import psycopg

__all__ = ["Session"]

T = TypeVar("T")

# https://www.postgresql.org/docs/current/errcodes-appendix.html: serialisation failure, deadlock, lock timeout, too many
# connections, and a server that stops, crashed, starts or ends idle sessions
_PASSING = {"40001", "40P01", "55P03", "53300", "57P01", "57P02", "57P03", "57P05"}

# libpq gives no code for why it could not connect, only its words. Whoever is refused for one of these is refused again.
_REFUSALS = (
    ("authentication failed", "Check user and password in the URL."),
    ("no password supplied", "Give the password in the URL, in PGPASSWORD or in ~/.pgpass."),
    ("no pg_hba.conf entry", "Ask the server's administrator to let this machine in (pg_hba.conf)."),
    ("does not exist", "Check the URL, or make it: createuser and createdb."),
    ("could not translate host name", "Check the host in the URL."),
    ("failed to resolve host", "Check the host in the URL."),
    ("certificate", "Check sslmode and the certificates."),
    ("does not support ssl", "Check sslmode in the URL."),
)

_FULL = re.compile("too many clients|connection slots|too many connections", re.IGNORECASE)

_REMEDIES = {
    "25006": ("it takes no changes", "Connect to the primary server, or as a user who may write."),
    "42501": ("a right is missing", "Ask for it: GRANT CREATE ON DATABASE, or the rights on the schema trimtab."),
    "53100": ("the server's disk is full", "Make room, then run again: every acknowledged trial is in the database."),
    "57014": ("a statement was cancelled", "Raise statement_timeout for this user, then run again."),
    "XX001": ("a part of it is damaged", "Go back to a backup; see the server's log."),
}

# What must hold in every session: a commit is durable (a stronger setting stays), and the server notices a client that
# went away without a word, so that its turn passes on.
_SETTINGS = """SELECT
    CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END,
    set_config('default_transaction_isolation', 'read committed', false),
    set_config('tcp_keepalives_idle', '10', false),
    set_config('tcp_keepalives_interval', '5', false),
    set_config('tcp_keepalives_count', '4', false)"""


class Session:
    """The connection to `address`, opened when it is needed.

    patience: seconds to wait for a server that cannot be reached.
    """

    def __init__(self, address: Address, *, readonly: bool, patience: float) -> None:
        self.address = address
        self._readonly = readonly
        self._patience = patience
        self._closed = False
        self._reached = False
        self.forget()
        _sessions.add(self)

    def run(
        self, action: Callable[[psycopg.Connection[Any]], T], *, make: bool = False, patience: float = math.inf
    ) -> T:
        """Do it; again after what passes: a lost connection, a restart of the server, a deadlock.

        So the action may have been done before, and not have been heard of. make: the tables may be made. patience: less of
        it than the session has. StorageError where it cannot be done, or not in time.
        """
        error: type[psycopg.Error] = require("psycopg", "postgres").Error
        with self._lock:
            begun, pause, told = time.monotonic(), 0.05, False
            while True:
                try:
                    result = action(self._connected(make))
                    if told:
                        log_event("connection_back", seconds=time.monotonic() - begun)
                    return result
                except error as caught:
                    failed = caught
                except TrimtabError:
                    raise
                except BaseException:  # Ctrl-C: nobody knows what the connection is in the middle of
                    self._drop()
                    raise
                # Outside the except block: the driver's message, which may name the user, is not carried along.
                told |= self._wait(failed, begun + min(patience, self._patience) - time.monotonic(), pause)
                pause = min(2.0 * pause, 2.0)

    def run_on(self, db: psycopg.Connection[Any], action: Callable[[psycopg.Connection[Any]], object]) -> None:
        """Do it if the connection is still this one; what fails with it is over anyway."""
        with self._lock:
            if db is not self._db:
                return
            try:
                action(db)
            except require("psycopg", "postgres").Error:
                self._drop()
            except BaseException:
                self._drop()
                raise

    def close(self) -> None:
        """End it for good."""
        self._closed = True  # first: whoever waits for the server holds the lock, and gives up now
        with self._lock:
            self._drop()

    def forget(self) -> None:
        """No connection, and a lock that nobody holds."""
        self._lock = threading.RLock()
        self._db: psycopg.Connection[Any] | None = None

    def _connected(self, make: bool) -> psycopg.Connection[Any]:
        if self._closed:
            raise StorageError(f"The storage {self.address.shown!r} was closed. Open it again.")
        if self._db is None or self._db.closed:
            self._db = None
            settings: dict[str, Any] = {**self.address.settings, "autocommit": True}
            db: psycopg.Connection[Any] = require("psycopg", "postgres").connect(**settings)
            try:
                db.execute(_SETTINGS)
                if self._readonly:
                    db.execute("SET default_transaction_read_only = on")
                prepare(db, self.address.shown, make=make and not self._readonly, change=not self._readonly)
            except BaseException:
                db.close()
                raise
            self._db = db
            self._reached = True
        return self._db

    def _drop(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            db.close()

    def _wait(self, error: psycopg.Error, left: float, pause: float) -> bool:
        """Before the next try: a while, apart from the others who wait. Whether the outage was logged now.

        StorageError where no try is left or worth it.
        """
        lost = self._db is None or self._db.closed
        if left <= 0 or not self._may_pass(error, lost):
            raise self._explained(error, lost)
        tell = lost and pause == 0.4  # once an outage, and for none that ends in a moment
        if lost:
            self._drop()
        if tell:
            reason = f"{self.address.shown} ({self.address.clean(str(error))}), trying for {left:.0f} s"
            log_event("connection_lost", reason=reason)
        time.sleep(min(random.uniform(0.0, pause), left))
        return tell

    def _may_pass(self, error: psycopg.Error, lost: bool) -> bool:
        if error.sqlstate is not None:
            return error.sqlstate in _PASSING or error.sqlstate.startswith("08")
        return lost and (self._reached or _refusal(error) is None)

    def _explained(self, error: psycopg.Error, lost: bool) -> StorageError:
        """What an error means for the user: the database, what was found, what to do."""
        refusal = _refusal(error)
        if error.sqlstate in _REMEDIES:
            found, remedy = _REMEDIES[error.sqlstate]
        elif lost and refusal is not None:
            found, remedy = "it refuses the connection", refusal
        elif lost and _FULL.search(str(error)):
            found, remedy = "it has no room for one more connection", "Raise max_connections, or use fewer processes."
        elif lost:
            found = f"there was no connection for {self._patience:.0f} s"
            remedy = "Check host, port and the server, then run again: every acknowledged trial is in the database."
        else:
            found, remedy = "PostgreSQL failed", "Run `trimtab doctor` and report this with its output."
        text = self.address.clean(str(error))
        return StorageError(f"The storage {self.address.shown!r} failed: {found} ({text}). {remedy}")


def _refusal(error: psycopg.Error) -> str | None:
    """What to do about a refused connection; None where trying again may help."""
    text = str(error).lower()
    return next((remedy for words, remedy in _REFUSALS if words in text), None)


_sessions: weakref.WeakSet[Session] = weakref.WeakSet()
_left_to_the_parent: list[Any] = []


def _after_fork() -> None:
    """In the child: forget the parent's connections, unclosed, and locks that a thread of the parent may hold."""
    for session in _sessions:
        if session._db is not None:
            _left_to_the_parent.append(session._db)
        session.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
