"""Pruners by name: the built-in ones, and those of installed packages (entry points in the group trimtab.pruners)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from trimtab.errors import InputError
from trimtab.pruners._asha import ASHA
from trimtab.pruners._median import Median
from trimtab.pruners._protocol import Pruner

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["names", "resolve"]

_BUILT_IN: dict[str, Callable[[], Pruner]] = {"asha": ASHA, "median": Median}
_ENTRY_POINTS = "trimtab.pruners"


def names() -> tuple[str, ...]:
    """Every name that `pruner=` takes, sorted."""
    return tuple(sorted({*_BUILT_IN, *(point.name for point in _installed())}))


def resolve(pruner: str | Pruner | None) -> Pruner | None:
    """The pruner of a name, with its default settings, or the pruner itself; None stops no trial.

    Raises InputError for an unknown name (listing the known ones) and for an object that is no pruner.
    """
    if pruner is None:
        return None
    if isinstance(pruner, type):
        raise InputError(
            f"pruner= needs an object, got the class {pruner.__name__}. Write {pruner.__name__}() with brackets."
        )
    if not isinstance(pruner, str):
        if isinstance(pruner, Pruner):
            return pruner
        raise InputError(f"pruner= needs {_expected()}, got {type(pruner).__name__}: {pruner!r}.")
    name = pruner.strip().lower()
    if name in _BUILT_IN:
        return _BUILT_IN[name]()
    for point in _installed():
        if point.name == name:
            found: Pruner = point.load()()
            return found
    raise InputError(_unknown(pruner, name))


def _unknown(pruner: str, name: str) -> str:
    import difflib

    close = difflib.get_close_matches(name, names(), n=1)
    meant = f" Did you mean {close[0]!r}?" if close else ""
    return f"There is no pruner {pruner!r}.{meant} pruner= needs {_expected()}."


def _installed() -> Iterable[EntryPoint]:
    from importlib.metadata import entry_points  # late: importing it takes 20 ms

    return entry_points(group=_ENTRY_POINTS)


def _expected() -> str:
    known = ", ".join(map(repr, names()))
    return f"one of {known}, None, or an object with should_stop such as trimtab.pruners.Median()"
