"""One worker process seen from the study: start, talk, end."""

from __future__ import annotations

import codecs
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from multiprocessing import connection
from pathlib import Path
from typing import IO, Any

from trimtab.records import Trial

__all__ = ["Process", "threads_per_worker"]

_PROGRAM = str(Path(__file__).with_name("_worker.py"))
_TAIL = 4000  # characters of standard error that are kept for an error message
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


class Process:
    """trial: what it evaluates, None if idle.

    begun: whether it said that the evaluation began. since: when the trial was handed over.
    """

    def __init__(self, objective: bytes, threads: int) -> None:
        self.trial: Trial | None = None
        self.begun = False
        self.since = 0.0
        self.pipe, far_end = connection.Pipe()
        try:
            self._process: subprocess.Popen[Any] = subprocess.Popen(
                [sys.executable, *subprocess._args_from_interpreter_flags(), _PROGRAM, str(far_end.fileno())],  # type: ignore[attr-defined]
                env=_environment(threads),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                **_inheriting(far_end.fileno()),
            )
        finally:
            far_end.close()
        self.pid = self._process.pid
        self._errors = _Copier(self._process.stderr, "stderr")
        self._prints = _Copier(self._process.stdout, "stdout")
        setup = {"path": sys.path, "argv": sys.argv, "folder": _folder(), "objective": objective}
        self._send(setup)

    def hand_over(self, trial: Trial, packed: bytes) -> None:
        """Give it a trial; `packed`: its parameters."""
        self.trial, self.begun, self.since = trial, False, time.perf_counter()
        self._send((trial.number, trial.seed, trial.numeric, packed))

    def answer(self, stop: bool) -> None:
        """To `should_stop`."""
        self._send(stop)

    def receive(self) -> tuple[Any, ...]:
        """The next message. EOFError or OSError if the process is gone."""
        message: tuple[Any, ...] = pickle.loads(self.pipe.recv_bytes())
        return message

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def terminate(self) -> None:
        """Ask it to end: by a signal if it is busy, else by a closed pipe, so that it leaves in good order."""
        if self.trial is not None:
            self._signal(force=False)
        else:
            self.pipe.close()

    def reap(self, patience: float) -> None:
        """Wait until it ended; after `patience` seconds, make it."""
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._signal(force=True)
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
        last = self._errors.tail.strip()
        return f"{how}" + (f". The end of its standard error:\n{last}" if last else ".")

    def _send(self, message: Any) -> None:
        """A dead process is noticed when its end of the pipe is read."""
        try:
            self.pipe.send_bytes(pickle.dumps(message))
        except OSError:
            return

    def _signal(self, *, force: bool) -> None:
        """To the process and to those that the objective started."""
        if self._process.poll() is not None:
            return
        if sys.platform == "win32":
            self._process.kill()
            return
        try:
            os.killpg(self.pid, signal.SIGKILL if force else signal.SIGTERM)
        except (ProcessLookupError, PermissionError):
            self._process.kill()


class _Copier:
    """Copies what a worker prints to this process's stream, where notebooks, progress bars and tests see it."""

    def __init__(self, source: IO[Any] | None, name: str) -> None:
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


def threads_per_worker(workers: int) -> int:
    """How many threads each worker's linear algebra may use, so that all together use every core once."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // workers)


def _folder() -> str:
    """The working directory; "" if it was deleted."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def _environment(threads: int) -> dict[str, str]:
    """This process's, with a limit of threads unless the user set one."""
    environment = dict(os.environ)
    if "OMP_NUM_THREADS" not in environment:  # it is the one that the others fall back to
        for name in _THREADS:
            environment.setdefault(name, str(threads))
    return environment


def _inheriting(handle: int) -> dict[str, Any]:
    """Hand one handle to the new process, in a session of its own: the terminal's Ctrl-C goes to the study only."""
    if sys.platform == "win32":
        os.set_handle_inheritable(handle, True)
        startup = subprocess.STARTUPINFO(lpAttributeList={"handle_list": [handle]})
        return {"startupinfo": startup, "creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"pass_fds": (handle,), "start_new_session": True}
