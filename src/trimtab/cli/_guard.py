"""Starts one program, and sees to it that nothing of it lives on: not when it is stopped, and not when trimtab is killed.

    python -I -S _guard.py HANDLE GRACE FOLDER PROGRAM [ARGUMENT ...]

HANDLE: number of an open socket to trimtab. GRACE: seconds between SIGTERM and SIGKILL. FOLDER: of files that trimtab
removes after the program; if trimtab is gone by then, they are removed here. May be empty.
It says on the socket: `pid N` (or `failed ERRNO` if the program cannot be started) and, when the program has ended,
`ended CODE`, negative for a signal. It reads nothing: the end of the socket, because trimtab closed it or died, means
"end the program".

The program leads a process group of its own, which gets the signals. Processes that left the group are found too, where
the system makes this one the parent of orphans (Linux). A file of its own with few imports: it costs 20 ms and 10 MB for
each running program.
"""

from __future__ import annotations

import os
import sys
import time
from _thread import start_new_thread

TERM, KILL, PIPE, XFSZ = 15, 9, 13, 25  # the module signal takes 5 ms to import
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of <linux/prctl.h>
LOOK = 0.02  # seconds between two looks at who is left
PATIENCE = 2.0  # seconds until a process that got SIGKILL must be gone; one that hangs in the kernel is left behind


def main() -> None:
    handle, grace = int(sys.argv[1]), float(sys.argv[2])
    os.set_inheritable(handle, False)
    _adopt_orphans()
    try:
        pid = os.posix_spawnp(sys.argv[4], sys.argv[4:], os.environ, setpgroup=0, setsigdef=(PIPE, XFSZ))
    except OSError as error:
        _tell(handle, f"failed {error.errno}")
        os._exit(1)
    _tell(handle, f"pid {pid}")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # else trimtab would wait for the end of our own
        os.dup2(nothing, stream)
    asked: list[float] = []  # when the program was asked to end
    start_new_thread(_watch, (handle, pid, grace, asked))
    code = _wait(pid)
    is_heard = _tell(handle, f"ended {code}")
    _end_the_rest(pid, (asked or [time.monotonic()])[0] + grace)
    if not is_heard and sys.argv[3]:
        _remove(sys.argv[3])
    os._exit(0)


class Ignoring:
    """Within it these errors mean nothing: `contextlib.suppress`, whose import takes as long as all the rest here."""

    def __init__(self, *errors: type[BaseException]) -> None:
        self._errors = errors

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        return kind is not None and issubclass(kind, self._errors)


def _adopt_orphans() -> None:
    """Become the parent of the program's descendants whose own parent dies; does nothing where there is no such thing."""
    if sys.platform == "linux":
        with Ignoring(ImportError, OSError, AttributeError):
            import ctypes

            ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)


def _watch(handle: int, group: int, grace: float, asked: list[float]) -> None:
    """Wait until the socket ends, then end the program."""
    with Ignoring(OSError):
        while os.read(handle, 64):
            pass
    asked.append(time.monotonic())
    _signal_group(group, TERM)
    time.sleep(grace)
    _signal_group(group, KILL)


def _wait(pid: int) -> int:
    """Exit code of the program, negative for a signal. Buries the orphans that end meanwhile."""
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == pid:
            return os.waitstatus_to_exitcode(status)


def _end_the_rest(group: int, deadline: float) -> None:
    """End what the program left behind: asked at once, killed from the deadline on."""
    sent = 0
    while _some_are_left(group):
        late = time.monotonic() - deadline
        if late > PATIENCE:
            return
        wanted = KILL if late >= 0 else TERM
        if sent != wanted or wanted == KILL:
            _signal_group(group, wanted)
            for pid in _children():
                _signal(pid, wanted)
        sent = wanted
        time.sleep(LOOK)


def _some_are_left(group: int) -> bool:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
        return True
    except ChildProcessError:
        return _signal_group(group, 0)


def _children() -> list[int]:
    """Processes whose parent this one is; none where /proc does not tell."""
    found = []
    try:
        numbers = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []
    for number in numbers:
        try:
            with open(f"/proc/{number}/stat", "rb") as stat:
                parent = stat.read().rsplit(b")", 1)[1].split()[1]
        except (OSError, IndexError):
            continue
        if int(parent) == os.getpid():
            found.append(int(number))
    return found


def _signal_group(group: int, number: int) -> bool:
    """Whether there was anybody."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _signal(pid: int, number: int) -> None:
    with Ignoring(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _tell(handle: int, line: str) -> bool:
    """Whether anybody is there to hear it."""
    try:
        os.write(handle, f"{line}\n".encode())
    except OSError:
        return False
    return True


def _remove(folder: str) -> None:
    """A folder with nothing but files in it."""
    with Ignoring(OSError):
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))
        os.rmdir(folder)


if __name__ == "__main__":
    main()
