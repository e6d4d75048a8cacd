"""Every error that trimtab raises on purpose.

TrimtabError
|- InputError (ValueError)        an argument, a settings file or a value is not what was expected
|  |- SpaceError                  a parameter, a condition, a constraint or a changed space
|  |- ObjectiveError              the objective returned something that is not a number
|- StudyError (RuntimeError)      a call that the study's state does not allow (told twice, nothing finished yet)
|  |- SearchEnded                 nothing is left to suggest: every cell of a finite space was tried
|- WorkerError (RuntimeError)     worker processes cannot start, or one raised what cannot be copied to this process
|- StorageError (OSError)         the file cannot be read or written, or is of a newer version
|  |- Conflict                    another process appended the same event first (the study reads again and goes on)
|- TrialPruned                    raised by an objective: this trial is given up early, and that is no failure
|- MissingExtra (ImportError)     an optional part is not installed; the message says which command installs it

Each message says what was expected, what came, for which name, and what to do.
"""

from __future__ import annotations

import importlib
from types import ModuleType

__all__ = [
    "Conflict",
    "InputError",
    "MissingExtra",
    "ObjectiveError",
    "SearchEnded",
    "SpaceError",
    "StorageError",
    "StudyError",
    "TrialPruned",
    "TrimtabError",
    "WorkerError",
    "require",
]


class TrimtabError(Exception):
    """Root of trimtab's errors: `except trimtab.TrimtabError` catches them all."""


class InputError(TrimtabError, ValueError):
    """An argument, a settings file or a value is not what was expected."""


class SpaceError(InputError):
    """A parameter, a condition or a constraint is wrong, or a stored space does not fit the new one."""


class ObjectiveError(InputError):
    """The objective returned something that is not a real number."""


class StudyError(TrimtabError, RuntimeError):
    """The study's state does not allow this call."""


class SearchEnded(StudyError):
    """Nothing is left to suggest: every configuration of a finite search was already handed out."""


class WorkerError(TrimtabError, RuntimeError):
    """Worker processes cannot start; or the stand-in for an exception that cannot be copied from one."""


class StorageError(TrimtabError, OSError):
    """The storage cannot be read or written, is no trimtab file, or was written by a newer version."""


class Conflict(StorageError):
    """Another process appended the same event first. Read again, then decide again."""


class TrialPruned(TrimtabError):
    """Raise it in an objective where `trial.should_stop()` is true: the trial is stored as pruned, with its last report."""


class MissingExtra(TrimtabError, ImportError):
    """An optional dependency is not installed."""


def require(module: str, extra: str) -> ModuleType:
    """Import `module`, or say which command installs the extra that brings it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(
            f"{module!r} is needed here and is not installed ({error}). "
            f"Install it with: python -m pip install 'trimtab[{extra}]'"
        ) from error
