"""Who evaluates a trial: a process on a machine, told apart from a later one that got the same process number."""

from __future__ import annotations

import os
import socket
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

__all__ = ["is_gone", "is_here", "this_process"]


def this_process() -> dict[str, Any]:
    """host, pid, born (start of the process in clock ticks since boot) and ns (where its number counts: each container has
    a namespace of its own); born and ns are None where the system does not tell."""
    return dict(_process(os.getpid()))


def is_here(owner: dict[str, Any]) -> bool:
    """Whether that process lives, or lived, where this one can see it."""
    return bool(owner.get("host") == _host() and owner.get("ns", _namespace()) == _namespace())


def is_gone(owner: dict[str, Any]) -> bool:
    """Whether that process surely does not live any more. On another machine it cannot be seen: it counts as living."""
    if not is_here(owner):
        return False
    pid, born = int(owner["pid"]), owner.get("born")
    if pid == os.getpid():
        return bool(born != this_process()["born"])
    return not _exists(pid) or bool(born is not None and born != _born(pid))


@lru_cache(maxsize=1)
def _process(pid: int) -> dict[str, Any]:
    return {"host": _host(), "pid": pid, "born": _born(pid), "ns": _namespace()}


@lru_cache(maxsize=1)
def _host() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
    except OSError:
        boot = ""
    return f"{socket.gethostname()}:{boot}" if boot else socket.gethostname()


@lru_cache(maxsize=1)
def _namespace() -> str | None:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return None


def _exists(pid: int) -> bool:
    """Whether there is a process of that number; True where it cannot be told."""
    if sys.platform == "win32":  # os.kill(pid, 0) would send it Ctrl-C there
        import ctypes

        handle = ctypes.windll.kernel32.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
        if not handle:
            return bool(ctypes.windll.kernel32.GetLastError() != 87)  # ERROR_INVALID_PARAMETER: no such process
        ctypes.windll.kernel32.CloseHandle(handle)
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _born(pid: int) -> int | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return None if fields[0] == "Z" else int(fields[19])  # a zombie is gone; field 22 of the line is the start time
    except (OSError, IndexError, ValueError):
        return None
