"""One worker process seen from the study: start, talk, end."""

from __future__ import annotations

import codecs
import os
import pickle
import signal
import sys
import threading
import time
from multiprocessing import connection
from typing import IO, Any

from trimtab.executors._guard import alive, family, kill
from trimtab.executors._launch import Guard, launch
from trimtab.records import Trial

__all__ = ["Process"]

_TAIL = 4000  # characters of standard error that are kept for an error message


class Process:
    """trial: what it evaluates, None if idle.

    since: when the trial was handed over; begun: when its evaluation began, None until the worker said so. Monotonic.
    warm: whether it began to evaluate once, so that nothing is left to import.
    slot: its number among the executor's workers. doom: why it was killed by the study, None if it was not.
    where: the lines at which its evaluation stood when it was killed, where it could say so.
    lock: held to kill it or to change what is killed for: `trial`, `doom`, its burial.
    """

    def __init__(self, objective: bytes, threads: int, slot: int, devices: str | None, guard: Guard) -> None:
        self.trial: Trial | None = None
        self.begun: float | None = None
        self.since = 0.0
        self.warm = False
        self.slot = slot
        self.doom: str | None = None
        self.where = ""
        self.lock = threading.RLock()
        self.pipe, far_end = connection.Pipe()
        try:
            self._process = launch(far_end.fileno(), threads, devices)
        finally:
            far_end.close()
        self.pid = self._process.pid
        self._guard = guard
        self._guard.watch(self.pid)
        self._family: dict[int, bytes] = {}
        self._sending = threading.Lock()
        self._errors = _Copier(self._process.stderr, "stderr")
        self._prints = _Copier(self._process.stdout, "stdout")
        self._setup: dict[str, Any] | None = {
            "path": sys.path,
            "argv": sys.argv,
            "folder": _folder(),
            "objective": objective,
        }

    def hand_over(self, trial: Trial, packed: bytes) -> None:
        """Give it a trial; `packed`: its parameters."""
        with self.lock:
            self.trial, self.begun, self.since = trial, None, time.monotonic()
        setup, self._setup = self._setup, None
        if setup is not None:
            self._send(setup)
        self._send((trial.number, trial.seed, trial.numeric, packed))

    def answer(self, stop: bool) -> None:
        """To `should_stop`."""
        self._send(stop)

    def ask_where(self) -> None:
        """Where its evaluation stands; the answer is a message, if it comes. Does not wait for anybody."""
        if self._sending.acquire(blocking=False):
            try:
                self._say("where")
            finally:
                self._sending.release()

    def receive(self) -> tuple[Any, ...]:
        """The next message. EOFError or OSError if the process is gone."""
        message: tuple[Any, ...] = pickle.loads(self.pipe.recv_bytes())
        return message

    def begins(self, at: float) -> None:
        """It said so."""
        with self.lock:
            self.begun, self.warm = at, True

    def ended(self) -> None:
        """Its trial ended: it is idle."""
        with self.lock:
            self.trial = None

    @property
    def is_alive(self) -> bool:
        """Does not bury it: until then nothing else gets its number."""
        if self._process.returncode is None and hasattr(os, "waitid"):
            try:
                return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
            except ChildProcessError:  # somebody buried all children of this process
                return False
        return self._process.poll() is None

    def terminate(self) -> None:
        """Ask it to end: by a signal if it is busy, else by a closed pipe, so that it leaves in good order."""
        with self.lock:
            if self._process.returncode is not None:
                return
            if self.trial is None:
                self.pipe.close()
            elif sys.platform == "win32":
                self._process.kill()
            else:
                self._family |= family(self.pid)  # while it lives: an orphan no longer tells where it comes from
                try:
                    os.killpg(self.pid, signal.SIGTERM)
                except (ProcessLookupError, PermissionError):
                    return

    def kill(self) -> None:
        """At once, with what it started."""
        with self.lock:
            if self._process.returncode is not None:
                return
            if sys.platform == "win32":
                self._process.kill()
            else:
                kill(self.pid, self._family | family(self.pid))

    def reap(self, patience: float) -> None:
        """Wait until it and what it started ended; after `patience` seconds, make them."""
        deadline, pause = time.monotonic() + patience, 0.001
        while (self.is_alive or alive(self._family | family(self.pid))) and time.monotonic() < deadline:
            time.sleep(pause)
            pause = min(2.0 * pause, 0.05)
        with self.lock:
            self.kill()
            self._guard.forget(self.pid)
            self._process.wait()
        self.pipe.close()
        self._errors.finish()
        self._prints.finish()

    def end(self, patience: float) -> None:
        """`terminate` and `reap`."""
        self.terminate()
        self.reap(patience)

    def obituary(self) -> str:
        """How it ended and the last it said. Call `reap` first."""
        code = self._process.returncode
        how = f"exit code {code}"
        if code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else "unknown"
            how = f"signal {-code}, {name}"
            if -code == 9:
                how += ": killed, by someone or by the system when memory ran out"
        last = self.last_words
        return f"{how}" + (f". The end of its standard error:\n{last}" if last else ".")

    @property
    def last_words(self) -> str:
        """The end of its standard error."""
        return self._errors.tail.strip()

    def _send(self, message: Any) -> None:
        with self._sending:
            self._say(message)

    def _say(self, message: Any) -> None:
        """A dead process is noticed when its end of the pipe is read."""
        try:
            self.pipe.send_bytes(pickle.dumps(message))
        except OSError:
            return


class _Copier:
    """Copies what a worker prints to this process's stream, where notebooks, progress bars and tests see it."""

    def __init__(self, source: IO[bytes] | None, name: str) -> None:
        assert source is not None
        self.tail = ""
        self._source = source
        self._name = name
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Wait for the rest; not for ever, as a process that the objective left behind may hold the other end."""
        self._thread.join(0.5)

    def _run(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        with self._source:
            while piece := os.read(self._source.fileno(), 65536):
                text = decoder.decode(piece)
                self.tail = (self.tail + text)[-_TAIL:]
                try:
                    stream = getattr(sys, self._name)
                    stream.write(text)
                    stream.flush()
                except (ValueError, OSError, AttributeError):  # closed, or none, as under pythonw
                    continue


def _folder() -> str:
    """The working directory; "" if it was deleted."""
    try:
        return os.getcwd()
    except OSError:
        return ""
