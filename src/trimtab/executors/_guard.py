"""Ends the workers of a study whose process died, in whatever state they are.

A worker that notices the death of its study ends itself (see `_worker`). One that is stopped by a signal, or holds the
interpreter's lock in a deadlock, notices nothing: hence this small process beside them. The study says `+PID` on its
standard input for each worker that began and `-PID` before it buries one; the end of the input, because the study
closed it or died, means "end those that are left".

Run as a file, so it imports nothing of trimtab; the study takes `family` and `kill` from it.
"""

from __future__ import annotations

import os
import select
import signal
import time

__all__ = ["alive", "family", "kill"]

_LOOK = 1.0  # seconds between two looks at the study: a fork of it may keep its end of the input open
_HAS_PROC = os.path.isdir("/proc/self")
_GRACE = 1.0  # seconds that idle workers have to leave in good order


def family(leader: int) -> dict[int, bytes]:
    """Process -> birth: a worker, all of its session and all that descend from it; zombies are none of it.

    Empty where the system has no /proc.
    """
    parents: dict[int, int] = {}
    births: dict[int, bytes] = {}
    members = {leader}
    for entry in os.listdir("/proc") if _HAS_PROC else ():
        if entry.isdigit() and (found := _about(int(entry))):
            pid = int(entry)
            state, parents[pid], group, session, birth = found
            if state != b"Z":
                births[pid] = birth
            if leader in (group, session):
                members.add(pid)
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in members} - members
        members |= more
        grown = bool(more)
    return {pid: births[pid] for pid in members if pid in births}


def alive(members: dict[int, bytes]) -> dict[int, bytes]:
    """Those of a family that still run."""
    now = {pid: _about(pid) for pid in members}
    return {pid: birth for pid, birth in members.items() if (f := now[pid]) and f[0] != b"Z" and f[4] == birth}


def kill(leader: int, members: dict[int, bytes]) -> None:
    """At once, the group of `leader` and the members that left it. `leader` must not be buried yet."""
    for pid in (-leader, *alive(members)):
        try:
            os.kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    study, text = os.getppid(), b""
    workers: set[int] = set()
    while True:
        if select.select([0], [], [], _LOOK)[0]:
            piece = os.read(0, 65536)
            if not piece:
                break
            *lines, text = (text + piece).split(b"\n")
            for line in lines:
                (workers.add if line[:1] == b"+" else workers.discard)(int(line[1:]))
        elif os.getppid() != study:
            break
    families = {pid: family(pid) for pid in workers}
    deadline = time.monotonic() + _GRACE
    while any(map(alive, families.values())) and time.monotonic() < deadline:
        time.sleep(0.02)
    for pid, members in families.items():
        if alive(members) or not _HAS_PROC:
            kill(pid, members)


def _about(pid: int) -> tuple[bytes, int, int, int, bytes] | None:
    """State, parent, group, session and birth of a process; None if it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            fields = stat.read().rsplit(b")", 1)[1].split()
        return fields[0], int(fields[1]), int(fields[2]), int(fields[3]), fields[19]
    except (OSError, IndexError):
        return None


if __name__ == "__main__":
    main()
