"""What a running program prints, read as it comes: each stream by a thread of its own, so that the program never waits for us."""

from __future__ import annotations

import json
import os
import queue
import threading
from typing import IO, Any

from trimtab.cli._wanted import Said, Wanted

__all__ = ["Errors", "Output", "shown"]

_TAIL = 4_000  # bytes of a stream that are kept for a failure
_LINE = 1_000_000  # bytes; a longer line of standard output is no result
_PIECE = 65_536  # bytes that are read at once
_MOST_REPORTS = 100_000  # of one trial; later ones are dropped: a storage keeps each of them


class _Reader(threading.Thread):
    """Reads a stream until it ends and keeps its end."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self._kept = b""

    def run(self) -> None:
        with self._stream:
            while piece := os.read(self._stream.fileno(), _PIECE):
                self._kept = (self._kept + piece)[-_TAIL:]
                self._take(piece)
        self._finish()

    def _take(self, piece: bytes) -> None:
        """A piece came."""

    def _finish(self) -> None:
        """Nothing more can come."""

    @property
    def tail(self) -> str:
        """The end of what was printed."""
        return self._kept.decode(errors="replace").strip()


class Errors(_Reader):
    """Standard error."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(stream)
        self.start()


class Output(_Reader):
    """Standard output. result, gradient: of the last line that has one.

    news: reports (step, value) in the order in which they came, and at last None.
    """

    def __init__(self, stream: IO[bytes], wanted: Wanted) -> None:
        super().__init__(stream)
        self.news: queue.SimpleQueue[tuple[float, float] | None] = queue.SimpleQueue()
        self.gradient: dict[str, Any] = {}
        self._wanted = wanted
        self._result: float | dict[str, float] | None = None
        self._reported: float | dict[str, float] | None = None  # what the last report would be as a result
        self._n_reports = 0
        self._object: dict[str, Any] | None = None  # the last one
        self._last = ""
        self._open = b""  # a line whose end has not come yet
        self._too_long = False
        self.start()

    @property
    def result(self) -> float | dict[str, float] | None:
        """What the program found; None where it said nothing of it."""
        return self._reported if self._result is None else self._result

    def missing(self) -> str:
        """Why there is no result."""
        wanted = f"Its last line should be {self._wanted.form()}"
        if self._object is not None:
            return f"The command printed no result. {wanted}; its last JSON object {self._wanted.lacks(self._object)}"
        got = f"it printed {self._last!r} last" if self._last else "it printed nothing on standard output"
        return f"The command printed no result. {wanted}; {got}."

    def _take(self, piece: bytes) -> None:
        *lines, rest = piece.split(b"\n")
        for line in lines:
            self._line(self._open + line)
            self._open, self._too_long = b"", False
        if self._too_long or len(self._open) + len(rest) > _LINE:
            self._open, self._too_long = self._open[:200], True
        else:
            self._open += rest

    def _finish(self) -> None:
        self._line(self._open)
        self.news.put(None)

    def _line(self, line: bytes) -> None:
        line = line.strip()
        self._last = line[:200].decode(errors="replace") or self._last
        if self._too_long or not line or line[:1] not in b"{-0123456789NI":
            return
        try:
            found: Any = json.loads(line)
        except (ValueError, RecursionError):
            return
        if isinstance(found, dict):
            self._object = found
        self._note(self._wanted.read(found))

    def _note(self, said: Said) -> None:
        if said.gradient is not None:
            self.gradient.update(said.gradient)
        if said.report is None:
            self._result = self._result if said.result is None else said.result
            return
        self._reported = self._reported if said.result is None else said.result
        self._n_reports += 1
        if self._n_reports <= _MOST_REPORTS:
            self.news.put(said.report)


def shown(errors: Errors, output: Output) -> str:
    """The end of what a failed program printed: standard error, and where that is empty, standard output."""
    for text, name in ((errors.tail, "error"), (output.tail, "output")):
        if text:
            return f" The end of its standard {name}:\n{text}"
    return ""
