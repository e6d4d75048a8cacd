"""Samplers by name: the built-in ones, and those of installed packages (entry points in the group trimtab.samplers)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from trimtab.errors import InputError
from trimtab.samplers._auto import Auto
from trimtab.samplers._cmaes import CMAES
from trimtab.samplers._gp import GP
from trimtab.samplers._grid import Grid
from trimtab.samplers._protocol import Sampler
from trimtab.samplers._random import Random
from trimtab.samplers._sobol import Sobol
from trimtab.samplers._tpe import TPE

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["names", "resolve"]

_BUILT_IN: dict[str, Callable[[], Sampler]] = {
    "auto": Auto,
    "cmaes": CMAES,
    "gp": GP,
    "grid": Grid,
    "random": Random,
    "sobol": Sobol,
    "tpe": TPE,
}
_ENTRY_POINTS = "trimtab.samplers"


def names() -> tuple[str, ...]:
    """Every name that `sampler=` takes, sorted."""
    return tuple(sorted({*_BUILT_IN, *(point.name for point in _installed())}))


def resolve(sampler: str | Sampler) -> Sampler:
    """The sampler of a name, with its default settings, or the sampler itself.

    Raises InputError for an unknown name (listing the known ones) and for an object that is no sampler.
    """
    if isinstance(sampler, type):
        raise InputError(
            f"sampler= needs an object, got the class {sampler.__name__}. Write {sampler.__name__}() with brackets."
        )
    if not isinstance(sampler, str):
        if isinstance(sampler, Sampler):
            return sampler
        raise InputError(f"sampler= needs {_expected()}, got {type(sampler).__name__}: {sampler!r}.")
    name = sampler.strip().lower()
    if name in _BUILT_IN:
        return _BUILT_IN[name]()
    for point in _installed():
        if point.name == name:
            found: Sampler = point.load()()
            return found
    raise InputError(_unknown(sampler, name))


def _unknown(sampler: str, name: str) -> str:
    import difflib

    close = difflib.get_close_matches(name, names(), n=1)
    meant = f" Did you mean {close[0]!r}?" if close else ""
    return f"There is no sampler {sampler!r}.{meant} sampler= needs {_expected()}."


def _installed() -> Iterable[EntryPoint]:
    from importlib.metadata import entry_points  # late: importing it takes 20 ms

    return entry_points(group=_ENTRY_POINTS)


def _expected() -> str:
    known = ", ".join(map(repr, names()))
    return f"one of {known}, or an object with init, update and suggest such as trimtab.samplers.TPE()"
