"""How the processes of an executor are started: workers with their environment and GPUs, and the guard beside them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["Guard", "launch", "threads_per_worker"]

_WORKER = str(Path(__file__).with_name("_worker.py"))
_GUARD = str(Path(__file__).with_name("_guard.py"))
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
_DEVICES = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")


def launch(handle: int, threads: int, devices: str | None) -> subprocess.Popen[Any]:
    """A worker process that talks over `handle` and sees only the GPUs `devices` (None: those that this process sees)."""
    return subprocess.Popen(
        [sys.executable, *subprocess._args_from_interpreter_flags(), _WORKER, str(handle)],  # type: ignore[attr-defined]
        env=_environment(threads, devices),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **_inheriting(handle),
    )


def threads_per_worker(workers: int) -> int:
    """How many threads each worker's linear algebra may use, so that all together use every core once."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // workers)


class Guard:
    """The study's end of the process that ends workers when the study dies (see `_guard`). Nothing on Windows."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def watch(self, pid: int) -> None:
        """From now on; the process starts with the first."""
        if self._process is None and sys.platform != "win32":
            quiet = subprocess.DEVNULL
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", _GUARD],
                stdin=subprocess.PIPE,
                stdout=quiet,
                stderr=quiet,
                start_new_session=True,
                bufsize=0,
            )
        self._say(f"+{pid}\n")

    def forget(self, pid: int) -> None:
        """Call it before the worker is buried: then its number may become another's."""
        self._say(f"-{pid}\n")

    def close(self) -> None:
        """When all workers are forgotten."""
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            process.stdin.close()
            process.wait()

    def _say(self, line: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            try:
                self._process.stdin.write(line.encode())
            except OSError:  # somebody killed it: workers that are able to still end by themselves
                return


def _environment(threads: int, devices: str | None) -> dict[str, str]:
    """This process's, with a limit of threads unless the user set one, and with the worker's GPUs."""
    environment = dict(os.environ)
    if "OMP_NUM_THREADS" not in environment:  # it is the one that the others fall back to
        for name in _THREADS:
            environment.setdefault(name, str(threads))
    if devices is not None:
        environment.update(dict.fromkeys(_DEVICES, devices))
    return environment


def _inheriting(handle: int) -> dict[str, Any]:
    """Hand one handle to the new process, in a session of its own: the terminal's Ctrl-C goes to the study only."""
    if sys.platform == "win32":
        os.set_handle_inheritable(handle, True)
        startup = subprocess.STARTUPINFO(lpAttributeList={"handle_list": [handle]})
        return {"startupinfo": startup, "creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"pass_fds": (handle,), "start_new_session": True}
