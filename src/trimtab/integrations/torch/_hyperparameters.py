"""Hyperparameters under flat names, and the mapping `h` that losses and schedules read them from.

`at` may nest one level: {"lr": {"0": 0.1, "2": 0.01}} is `lr.0` and `lr.2` (one value a layer), {"weight": [1.0, 2.0]} is `weight[0]` and
`weight[1]` (a vector). Flat names are what a training is called with and what a result shows.
"""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from trimtab.errors import InputError

__all__ = ["Hyperparameters", "Layout", "flatten", "select"]

Place = int | dict[str, int] | list[int]  # where the numbers of one hyperparameter are: one, by layer, or a vector


def flatten(at: Mapping[str, object]) -> dict[str, float]:
    """Flat name -> number. InputError for what is no number. Names that are flat already stay as they are."""
    if not isinstance(at, Mapping) or not at:
        raise InputError(f"at must be a mapping like {{'lr': 1e-2, 'weight_decay': 1e-4}}, got {at!r}.")
    flat: dict[str, float] = {}
    for name, value in at.items():
        if not isinstance(name, str) or not name:
            raise InputError(f"at: a hyperparameter's name must be a text, got {name!r}.")
        if isinstance(value, Mapping):
            parts: Mapping[str, object] = {f"{name}.{key}": part for key, part in value.items()}
        elif isinstance(value, torch.Tensor) and value.ndim == 1:
            parts = {f"{name}[{k}]": part for k, part in enumerate(value.tolist())}
        elif isinstance(value, Sequence) and not isinstance(value, str):
            parts = {f"{name}[{k}]": part for k, part in enumerate(value)}
        else:
            parts = {name: value}
        flat.update({full: _number(full, part) for full, part in parts.items()})
    return flat


def select(wrt: Sequence[str] | None, flat: Mapping[str, float]) -> tuple[str, ...]:
    """The flat names that `wrt` stands for: a name, or all parts of a nested one. None: all that are floats."""
    if wrt is None:
        return tuple(name for name, value in flat.items() if isinstance(value, float))
    if isinstance(wrt, str) or not wrt:
        raise InputError(f"wrt must be a list of names like ['lr'], got {wrt!r}.")
    chosen: dict[str, None] = {}
    for name in wrt:
        parts = [full for full in flat if full == name or re.split(r"[.\[]", full, maxsplit=1)[0] == name]
        if not parts:
            raise InputError(f"wrt: {name!r} is not in at, which has {list(flat)}. Add it to at.")
        chosen.update(dict.fromkeys(parts))
    return tuple(chosen)


@dataclass(frozen=True, slots=True)
class Layout:
    """Which entries of the vector of numbers belong to which hyperparameter."""

    names: tuple[str, ...]
    places: Mapping[str, Place]

    @classmethod
    def of(cls, names: Sequence[str]) -> Layout:
        places: dict[str, Any] = {}
        for k, full in enumerate(names):
            if "[" in full:
                places.setdefault(full.split("[")[0], []).append(k)
            elif "." in full:
                name, key = full.split(".", 1)
                places.setdefault(name, {})[key] = k
            else:
                places[full] = k
        return cls(tuple(names), places)


@dataclass(frozen=True, slots=True, eq=False)
class Hyperparameters(Mapping[str, Any]):
    """What losses and schedules see as `h`: name -> tensor without axes, dict of such by layer, or vector. Notes what is read."""

    vector: torch.Tensor
    layout: Layout
    read: set[str] = field(default_factory=set)

    def __getitem__(self, name: str) -> Any:
        if name not in self.layout.places:
            raise InputError(f"h[{name!r}] is read, but at has only {list(self.layout.places)}. Add {name!r} to at.")
        self.read.add(name)
        place = self.layout.places[name]
        if isinstance(place, dict):
            return {key: self.vector[k] for key, k in place.items()}
        if isinstance(place, list):
            return torch.stack([self.vector[k] for k in place])
        return self.vector[place]

    def __contains__(self, name: object) -> bool:
        return name in self.layout.places

    def __iter__(self) -> Iterator[str]:
        return iter(self.layout.places)

    def __len__(self) -> int:
        return len(self.layout.places)

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self.layout.places else default


def _number(name: str, value: object) -> float:
    if isinstance(value, torch.Tensor) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise InputError(
            f"at[{name!r}] must be a number, got {value!r}. A choice or a switch has no gradient: "
            "compare its values with tt.sensitivity.one_at_a_time on a study."
        )
    if not math.isfinite(float(value)):
        raise InputError(f"at[{name!r}] must be finite, got {value!r}.")
    return int(value) if isinstance(value, numbers.Integral) else float(value)  # whole numbers have no gradient
