"""A lock between the processes of one machine: a file that the operating system locks, and lets go when its holder dies.

Waiting is asking again, so that Ctrl-C is heard and nobody waits for ever. What is locked is the open file (flock), so
two locks of one process exclude each other too; a forked child must `forget` the lock that it inherited.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import random
import sys
import threading
import time
from collections.abc import Iterator

__all__ = ["FileLock", "Turns"]

_FIRST, _LONGEST = 1e-4, 5e-3  # seconds between two tries: a commit takes about 2e-4
_SHARE = 0.05  # of the time that was waited so far is the pause to the next try: little of it is waited in vain

if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        os.lseek(file, 0, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

    def _unlock(file: int) -> None:
        os.lseek(file, 0, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)


_TAKEN = (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)


class FileLock:
    """One process at a time. For one thread at a time: the caller sees to that.

    path: of the lock's file, made when it is needed, with the owner and the rights of the file `like`.
    works: False where this system or this file system locks no files: `take` says yes then, and excludes nobody.
    """

    def __init__(self, path: str, like: str) -> None:
        self._path = path
        self._like = like
        self._file = -1
        self.works = True

    def take(self, patience: float) -> bool:
        """Whether it is ours now; False if another had it for `patience` seconds. Taking it twice is taking it once.

        OSError where its file cannot be made.
        """
        begun = time.monotonic()
        while self.works:
            if self._try():
                return True
            waited = time.monotonic() - begun
            if waited >= patience:
                return False
            time.sleep(random.uniform(0.5, 1.0) * min(max(_FIRST, _SHARE * waited), _LONGEST))
        return True

    def give(self) -> None:
        """Let the next one have it. Harmless where it is not ours."""
        if self._file >= 0:
            with contextlib.suppress(OSError):
                _unlock(self._file)

    def close(self, *, remove: bool = False) -> None:
        """Let go of the file. remove: and delete it, unless somebody holds it: who has it open makes a new one."""
        if remove and (self._file >= 0 or os.path.exists(self._path)):  # others may have used it, and left before us
            with contextlib.suppress(OSError):  # Windows deletes no open file: it stays, and harms nobody
                if self._try():
                    os.unlink(self._path)
        self.forget()

    def forget(self) -> None:
        """Close the file and unlock nothing: for a forked child, whose parent goes on holding it."""
        file, self._file = self._file, -1
        if file >= 0:
            with contextlib.suppress(OSError):
                os.close(file)

    def _try(self) -> bool:
        """Take it if it is free, or if the file was deleted meanwhile: the one of that name now."""
        while True:
            if self._file < 0:
                self._file = self._open()
            try:
                _lock(self._file)
            except OSError as error:
                if error.errno in _TAKEN:
                    return False
                self.works = False
                return True
            if os.fstat(self._file).st_nlink:
                return True
            self.forget()

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        file = os.open(self._path, flags, 0o600)
        if sys.platform != "win32":
            about, own = os.stat(self._like), os.fstat(file)
            with contextlib.suppress(OSError):  # not ours: whoever made it has seen to it
                if os.geteuid() == 0 and (own.st_uid, own.st_gid) != (about.st_uid, about.st_gid):
                    os.fchown(file, about.st_uid, about.st_gid)
                if own.st_mode & 0o777 != about.st_mode & 0o666:
                    os.fchmod(file, about.st_mode & 0o666)
        return file


class Turns:
    """Who is next: a lock for each number, waited for a little while, since nothing depends on it.

    prefix: of the names of the locks' files. like: as in `FileLock`.
    """

    def __init__(self, prefix: str, like: str) -> None:
        self._prefix = prefix
        self._like = like
        self._guard = threading.Lock()
        self._locks: dict[int, tuple[threading.Lock, FileLock]] = {}

    @contextlib.contextmanager
    def of(self, number: int, patience: float) -> Iterator[None]:
        """Hold it, as a rule alone; after `patience` seconds of waiting go on without."""
        with self._guard:
            if number not in self._locks:
                self._locks[number] = (threading.Lock(), FileLock(f"{self._prefix}{number}", self._like))
        threads, file = self._locks[number]
        if not threads.acquire(timeout=patience):
            yield
            return
        try:
            with contextlib.suppress(OSError):  # its file cannot be made: then without
                file.take(patience)
            yield
        finally:
            file.give()
            threads.release()

    def close(self, *, remove: bool = False) -> None:
        """See `FileLock.close`. remove: those that only others used, too."""
        if remove:
            for path in glob.glob(glob.escape(self._prefix) + "*"):
                if (number := path.removeprefix(self._prefix)).isdecimal():
                    self._locks.setdefault(int(number), (threading.Lock(), FileLock(path, self._like)))
        for _, file in self._locks.values():
            file.close(remove=remove)

    def forget(self) -> None:
        """See `FileLock.forget`."""
        for _, file in self._locks.values():
            file.forget()
