"""Files between trimtab and one running program: its hyperparameters as JSON, and its result.

They lie in a folder that only this user can read (0700, files 0600), made for the trial and removed after it.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from trimtab.cli._wanted import Said, Wanted
from trimtab.errors import TrimtabError

__all__ = ["BadResult", "ResultFile", "TrialFiles"]

_LARGEST = 10_000_000  # bytes of a result file


class BadResult(TrimtabError):
    """The result file is missing, too large or holds no result."""


class TrialFiles:
    """folder: that holds them. params: the JSON document with the hyperparameters. result: where the program may write its result."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self.folder = tempfile.mkdtemp(prefix="trimtab-")  # 0700
        self.params = os.path.join(self.folder, "params.json")
        self.result = os.path.join(self.folder, "result.json")
        try:
            handle = os.open(self.params, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(handle, "w", encoding="ascii") as file:
                json.dump(params, file, default=str)
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class ResultFile:
    """A file that the program writes. What lay there before the program began is no result."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._before = _marks(path)

    def is_written(self) -> bool:
        """Whether the program wrote it."""
        return _marks(self.path) not in (None, self._before)

    def read(self, wanted: Wanted) -> Said:
        """What it says: as one JSON document, else its last line that is a result. BadResult where it says nothing."""
        name = repr(self.path)
        if not self.is_written():
            there = "is not there" if _marks(self.path) is None else "did not change"
            raise BadResult(f"The command wrote no result: its file {name} {there}.")
        try:
            if os.path.getsize(self.path) > _LARGEST:
                raise BadResult(f"The result file {name} has more than {_LARGEST:,} bytes. Write the result only.")
            with open(self.path, encoding="utf-8-sig", errors="replace") as file:
                text = file.read()
        except OSError as error:
            raise BadResult(f"The result file {name} cannot be read: {error.strerror}.") from None
        documents = [found for part in (text, *text.splitlines()) if (found := _parsed(part)) is not None]
        gradient: dict[str, Any] = {}
        result = None
        for document in documents[:1] if _parsed(text) is not None else documents:
            said = wanted.read(document)
            result = result if said.result is None else said.result
            gradient.update(said.gradient or {})
        if result is None:
            last = next((d for d in reversed(documents) if isinstance(d, dict)), None)
            got = f"its JSON object {wanted.lacks(last)}" if last is not None else f"it begins with {text[:100]!r}."
            raise BadResult(f"The result file {name} should hold {wanted.form()}; {got}")
        return Said(result, None, gradient)


def _parsed(text: str) -> Any:
    """A JSON document; None for what is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _marks(path: str) -> tuple[int, int, int] | None:
    """What changes when a file is written; None where there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
