"""Where a SQLite file may live, and what its errors mean in words."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import threading
from pathlib import Path

from trimtab.errors import StorageError

__all__ = [
    "check_readable",
    "check_writable",
    "explain",
    "is_busy",
    "locked",
    "make_private",
    "network_file_system",
]

_BUSY, _LOCKED = 5, 6  # https://www.sqlite.org/rescode.html; the low byte of an extended code is its primary code

# SQLite's WAL keeps its index in shared memory, which two machines do not share: https://www.sqlite.org/wal.html
_NETWORK = re.compile(
    r"(fuse\.)?(nfs\d?|cifs|smb\w*|ncpfs|afs|ceph|lustre|gpfs|beegfs\w*|glusterfs|sshfs|s3fs|rclone|gcsfuse|davfs2?|goofys|blobfuse2?)"
)

_REMEDIES = {
    3: ("access was denied", "Check the permissions of the file and of its folder."),
    8: ("it cannot be written", "Check the permissions of the file and of its folder, or choose another path."),
    10: (
        "the disk reported an error",
        "Check the disk and its free space; what was acknowledged before is in the file.",
    ),
    11: (
        "a part of it is damaged",
        "Stop what uses it, then let trimtab save what can be read: trimtab check FILE --repair",
    ),
    13: ("the disk is full", "Make room, then run again: every acknowledged trial is in the file."),
    14: ("it cannot be opened", "Check that the folder exists and that you may write in it."),
    18: ("it holds a text that is larger than any that trimtab writes", "Go back to a copy of it."),
    26: ("it is no SQLite file", "Choose another path, or delete the file if nobody needs it."),
}


def network_file_system(path: str | os.PathLike[str], mounts: str = "/proc/mounts") -> str | None:
    """The kind of network file system that `path` lies on ("nfs4", "cifs", ...), or None.

    None too where the system does not tell: it is read from the list of mounts that Linux keeps.
    """
    try:
        lines = Path(mounts).read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    except OSError:
        return None
    place = os.path.realpath(path)
    best, kind = "", ""
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), fields[1])  # "\040" is a space
        inside = place == point or place.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):  # the last of equals: mounted over the others
            best, kind = point, fields[2]
    return kind if _NETWORK.fullmatch(kind) else None


def check_readable(path: str) -> None:
    """StorageError if there is no file to read at `path`."""
    if os.path.isdir(path):
        raise StorageError(f"Expected a file with studies, {path!r} is a folder. Name the file in it.")
    if not os.path.exists(path):
        raise StorageError(f"There is no file {path!r}. Check the path; a new study makes the file when it starts.")
    if not os.access(path, os.R_OK):
        raise StorageError(f"The file {path!r} cannot be read: permission denied. Check its permissions.")


def check_writable(path: str) -> None:
    """StorageError if a study cannot be kept at `path`.

    So: a folder, a missing or read-only folder, a read-only file, a network file system.
    """
    folder = os.path.dirname(path)
    if os.path.isdir(path):
        raise StorageError(
            f"Expected a path for a SQLite file, {path!r} is a folder. Name a file in it, such as "
            f"{os.path.join(path, 'study.db')!r}."
        )
    if not os.path.isdir(folder):
        raise StorageError(
            f"The folder {folder!r} of the storage {path!r} does not exist. Make it, or choose another path."
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StorageError(
            f"The folder {folder!r} of the storage {path!r} cannot be written, and SQLite keeps files beside its own. "
            "Check its permissions, or choose another path."
        )
    if os.path.exists(path) and not os.access(path, os.R_OK | os.W_OK):
        raise StorageError(
            f"The storage {path!r} is read-only for you. Check its permissions, or copy it and use the copy."
        )
    kind = network_file_system(folder)
    if kind is not None:
        raise StorageError(
            f"The storage {path!r} is on a network file system ({kind}). SQLite's write-ahead log needs memory that "
            "all processes share, which such a file system does not give: data would be lost. "
            "Choose a path on a local disk, such as /tmp, and copy the file when done."
        )


_making = threading.Lock()


def make_private(path: str) -> None:
    """Make the file for its owner alone (0600), unless it is there; SQLite gives the files beside it the same rights.

    One thread at a time: to close a file that another thread of this process has just opened would drop SQLite's locks
    on it (https://www.sqlite.org/howtocorrupt.html, 2.2).
    """
    with _making, contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_CLOEXEC", 0), 0o600))


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection holds the lock: worth trying again."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (_BUSY, _LOCKED)


def locked(path: str, found: str) -> StorageError:
    """Another one has held the lock for too long."""
    return StorageError(
        f"The storage {path!r} is locked by another program ({found}). Close what writes to it, such as a "
        "database browser with unsaved changes, then run again: the study continues."
    )


def explain(error: sqlite3.Error, path: str) -> StorageError:
    """What a SQLite error means for the user: the path, what was found, what to do."""
    if is_busy(error):
        return locked(path, str(error))
    code = getattr(error, "sqlite_errorcode", 11) & 0xFF  # no code: text that is no UTF-8, so damaged
    found, remedy = _REMEDIES.get(code, ("SQLite failed", "Run `trimtab doctor` and report this with its output."))
    return StorageError(f"The storage {path!r} failed: {found} ({error}). {remedy.replace('FILE', path)}")
