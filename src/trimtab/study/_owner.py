"""Who evaluates a trial: a process on a machine, told apart from a later one that got the same process number."""

from __future__ import annotations

import os
import socket
from functools import lru_cache
from pathlib import Path
from typing import Any

__all__ = ["is_gone", "this_process"]


def this_process() -> dict[str, Any]:
    """host, pid and born (start of the process in clock ticks since boot; None where the system does not tell)."""
    return {"host": _host(), "pid": os.getpid(), "born": _born(os.getpid())}


def is_gone(owner: dict[str, Any]) -> bool:
    """Whether that process surely does not live any more. A process on another machine cannot be seen, so it counts as living."""
    if owner.get("host") != _host():
        return False
    pid = int(owner["pid"])
    if pid == os.getpid():
        return bool(owner.get("born") != _born(pid))
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OSError):
        return False
    return bool(owner.get("born") is not None and owner["born"] != _born(pid))


@lru_cache(maxsize=1)
def _host() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
    except OSError:
        boot = ""
    return f"{socket.gethostname()}:{boot}" if boot else socket.gethostname()


def _born(pid: int) -> int | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return None if fields[0] == "Z" else int(fields[19])  # a zombie is gone; field 22 of the line is the start time
    except (OSError, IndexError, ValueError):
        return None
