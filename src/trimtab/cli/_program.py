"""One running program, seen from trimtab: started under a guard (see `_guard`), waited for, ended with all that it started."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

__all__ = ["GRACE", "Program", "exit_text"]

GRACE = 3.0  # seconds between SIGTERM and SIGKILL
_REST = 4.0  # seconds after SIGKILL in which the guard must have ended
_GUARD = str(Path(__file__).with_name("_guard.py"))


class Program:
    """stdout, stderr: what it prints, as bytes. code: its exit code once it has ended, negative for a signal; else None.

    folder: of files for this program alone, which its guard removes if trimtab was killed; "" for none.

    OSError or ValueError where it cannot be started.
    """

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], folder: str = "") -> None:
        self.code: int | None = None
        self._pid: int | None = None
        self._heard = b""
        self._line, far_end = socket.socketpair()
        try:
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", _GUARD, str(far_end.fileno()), str(GRACE), folder, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(environment),
                start_new_session=True,
                pass_fds=(far_end.fileno(),),
            )
        except BaseException:
            self._line.close()
            raise
        finally:
            far_end.close()
        assert self._guard.stdout is not None
        assert self._guard.stderr is not None
        self.stdout: IO[bytes] = self._guard.stdout
        self.stderr: IO[bytes] = self._guard.stderr
        try:
            while self._pid is None and self.code is None:
                self._hear(None)
        except OSError:
            self.end()
            self.stdout.close()
            self.stderr.close()
            raise

    def wait(self, seconds: float) -> bool:
        """Whether it has ended, after so many seconds at the latest."""
        if self.code is None:
            self._hear(seconds)
        return self.code is not None

    def end(self) -> None:
        """End it if it runs, with all that it started; returns when nothing is left of it."""
        deadline = time.monotonic() + GRACE + _REST
        with contextlib.suppress(OSError):
            self._line.shutdown(socket.SHUT_WR)
        while self.code is None and time.monotonic() < deadline:
            self._hear(_REST)
        try:
            self._guard.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:  # something hangs in the kernel
            self._guard.kill()
            self._guard.wait()
            self.code = -signal.SIGKILL if self.code is None else self.code
        self._line.close()

    def _hear(self, seconds: float | None) -> None:
        """Take in what the guard says, waiting so long for it. OSError if the program could not be started."""
        self._line.settimeout(seconds)
        try:
            news = self._line.recv(256)
        except (TimeoutError, BlockingIOError):
            return None
        except ConnectionError:
            news = b""
        if not news:
            return self._without_guard()
        *lines, self._heard = (self._heard + news).split(b"\n")
        for line in lines:
            word, number = line.split()
            if word == b"failed":
                self.code = 127
                raise OSError(int(number), os.strerror(int(number)))
            if word == b"pid":
                self._pid = int(number)
            else:
                self.code = int(number)
        return None

    def _without_guard(self) -> None:
        """The guard ended without a word: killed by someone, or Python cannot start. The program must not live on."""
        self.code = -signal.SIGKILL
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._pid, signal.SIGKILL)
        elif self._guard.wait() > 0:
            raise OSError(errno.ENOEXEC, f"{sys.executable} could not run {_GUARD}")


def exit_text(code: int) -> str:
    """How a program ended that did not end well."""
    if code > 0:
        return f"The command ended with exit code {code}."
    try:
        return f"The command was ended by {signal.Signals(-code).name}."
    except ValueError:
        return f"The command was ended by signal {-code}."
