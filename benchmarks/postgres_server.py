"""A PostgreSQL server of our own on loopback, for tests and benchmarks: made in a temporary folder, gone at the end.

It needs PostgreSQL's programs (Debian: apt-get install postgresql) in PATH or where Debian keeps them. PostgreSQL refuses
to run as root: it then runs as the user postgres or nobody.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

__all__ = ["Server", "why_not"]

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "shared_buffers": "64MB",
    "max_connections": "150",
}


# Runs the server until it ends, or until this process does, however that happens: the pipe is closed then.
_GUARD = """exec 3<&0
"$@" 3<&- &
server=$!
(cat <&3 >/dev/null; kill -QUIT $server) &
watch=$!
wait $server
kill $watch"""


def why_not() -> str | None:
    """Why no server can be started here; None if one can."""
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        return f"psycopg is not installed ({error})"
    return None if _programs() else "PostgreSQL is not installed: there is no initdb in PATH or in /usr/lib/postgresql"


class Server:
    """A server that runs from `with` to its end. user, password: of its one role, which may do everything.

    settings: of postgresql.conf, such as {"fsync": "off"} where no power cut matters.
    """

    user = "trimtab"

    def __init__(self, **settings: str) -> None:
        programs = _programs()
        if programs is None:
            raise RuntimeError(why_not())
        self._programs = programs
        self.password = secrets.token_hex(12)
        self._process: subprocess.Popen[bytes] | None = None
        self._run_as = _unprivileged() if os.geteuid() == 0 else {}
        self._room = Path(tempfile.mkdtemp(prefix="trimtab-postgres-"))
        self._settings = {**_SETTINGS, **settings}

    def __enter__(self) -> Server:
        try:
            self._make()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop("immediate")
        shutil.rmtree(self._room, ignore_errors=True)

    @property
    def url(self) -> str:
        """Of its database, password and all."""
        return f"postgresql://{self.user}:{self.password}@127.0.0.1:{self.port}/postgres"

    @property
    def pid(self) -> int:
        """Of its first process, the parent of the others."""
        return int((self._room / "data" / "postmaster.pid").read_text().split("\n")[0])

    def empty(self) -> str:
        """The same URL, after everything of trimtab's was removed there and all sessions were ended."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as db:
            db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'trimtab'")
            db.execute("DROP SCHEMA IF EXISTS trimtab CASCADE")
        return self.url

    def start(self) -> None:
        """Start it; returns when it answers."""
        command = ["sh", "-c", _GUARD, "sh", self._programs / "postgres", "-D", self._room / "data"]
        with open(self._room / "log", "ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self._room, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True, **self._run_as
            )  # fmt: skip
        deadline = time.monotonic() + 60.0
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{(self._room / 'log').read_text()[-3000:]}")
            time.sleep(0.02)

    def stop(self, mode: str = "fast") -> None:
        """ "fast": sessions are ended, what was committed is written out. "immediate": as in a crash."""
        if self._process is None:
            return
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            os.kill(self.pid, {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}[mode])
        self._process.communicate(timeout=60)
        self._process = None

    def restart(self, mode: str = "fast", pause: float = 0.0) -> None:
        """Stop it, stay away for `pause` seconds, start it again on the same port."""
        self.stop(mode)
        time.sleep(pause)
        self.start()

    def _make(self) -> None:
        secret = self._room / "password"
        secret.write_text(self.password)
        if self._run_as:
            for path in (self._room, secret):
                os.chown(path, self._run_as["user"], self._run_as["group"])
        made = subprocess.run(
            [
                self._programs / "initdb", "-D", self._room / "data", "--no-sync", "--username", self.user, "--pwfile", secret,
                "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-instructions",
            ],
            cwd=self._room, stdin=subprocess.DEVNULL, capture_output=True, text=True, **self._run_as,
        )  # fmt: skip
        if made.returncode:
            raise RuntimeError(f"initdb failed:\n{made.stdout}{made.stderr}")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        with open(self._room / "data" / "postgresql.conf", "a") as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in {**self._settings, "port": self.port}.items())

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


def _programs() -> Path | None:
    """The folder with initdb and postgres, of the newest version where there are several."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name), reverse=True
    )
    return next((folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists()), None)


def _unprivileged() -> dict[str, Any]:
    """The user and group to run as, for `subprocess`."""
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise RuntimeError("PostgreSQL does not run as root, and there is neither a user postgres nor nobody.")
