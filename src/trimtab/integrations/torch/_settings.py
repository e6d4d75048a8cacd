"""The optimiser's settings at each step, and their derivatives with respect to the hyperparameters.

A setting is a number, a function (step, h) -> number (a schedule), or a dict of numbers by layer. A setting that is not given is taken from
the hyperparameter of the same name, else it is torch's default.

Notation
    K   tensors of weights        P   weights in all        p   hyperparameters asked for
"""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch

from trimtab.errors import InputError
from trimtab.integrations.torch._hyperparameters import Hyperparameters, Layout

__all__ = ["Scale", "Setting", "Settings", "Shape", "Slopes", "add_scaled"]

Setting = float | Callable[[int, Hyperparameters], Any] | Mapping[str, float] | None
Scale: TypeAlias = float | torch.Tensor  # one number, or one for each weight (P,)
Slopes = Mapping[
    str, Sequence[tuple[int, Scale]]
]  # setting -> (column, d setting / d hyperparameter), without the zeros


@dataclass(frozen=True, slots=True)
class Shape:
    """Names (K) and sizes (K) of the tensors of weights, in the order of the flat vector of weights."""

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    like: torch.Tensor  # (P,), for device and dtype

    def spread(self, values: torch.Tensor) -> torch.Tensor:
        """(K,) -> (P,): one number for each weight."""
        counts = torch.tensor(self.sizes)
        return torch.repeat_interleave(values.detach(), counts).to(self.like)


@dataclass(slots=True)
class Settings:
    """The settings of one training.

    given: as written in the optimiser; defaults: torch's; point (n,): the hyperparameters as float64; wrt: which of them are asked for.
    used: names of hyperparameters that the optimiser or a schedule reads.
    """

    given: Mapping[str, Setting]
    defaults: Mapping[str, float]
    layout: Layout
    point: torch.Tensor
    wrt: tuple[int, ...]
    shape: Shape
    used: set[str] = field(default_factory=set)
    _fixed: dict[str, tuple[torch.Tensor, torch.Tensor]] = field(default_factory=dict)
    _spread: dict[str, tuple[Scale, list[tuple[int, Scale]]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in self.given.items():
            if value is None and name in self.layout.places:
                self.used.add(name)
            if not callable(value):
                self._fixed[name] = self._differentiated(name, 0)
                self._spread[name] = self._of_weights(*self._fixed[name])

    @property
    def moves(self) -> bool:
        """Whether a setting is a schedule."""
        return len(self._fixed) < len(self.given)

    def raw(self, step: int) -> dict[str, torch.Tensor]:
        """Setting -> its value, () or one a tensor (K,)."""
        names = self.given
        return {n: self._fixed[n][0] if n in self._fixed else self._value(n, step, self.point) for n in names}

    def at(self, step: int) -> tuple[dict[str, Scale], dict[str, list[tuple[int, Scale]]]]:
        """Values and slopes, both on the scale of single weights."""
        both = {
            n: self._spread[n] if n in self._spread else self._of_weights(*self._differentiated(n, step))
            for n in self.given
        }
        return {n: b[0] for n, b in both.items()}, {n: b[1] for n, b in both.items()}

    def _differentiated(self, name: str, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Value () or (K,), and its derivatives (p,) or (K, p)."""
        with torch.enable_grad():
            point = self.point.clone().requires_grad_()
            value = self._value(name, step, point)
            slopes = [_slope(part, point)[list(self.wrt)] for part in value.reshape(-1)]
        return value.detach(), torch.stack(slopes).reshape(*value.shape, len(self.wrt))

    def _of_weights(self, value: torch.Tensor, slopes: torch.Tensor) -> tuple[Scale, list[tuple[int, Scale]]]:
        columns = [(j, slopes[..., j]) for j in range(len(self.wrt)) if bool(slopes[..., j].any())]
        return self._scale(value), [(j, self._scale(column)) for j, column in columns]

    def _scale(self, value: torch.Tensor) -> Scale:
        return float(value) if value.ndim == 0 else self.shape.spread(value)

    def _value(self, name: str, step: int, point: torch.Tensor) -> torch.Tensor:
        value: Any = self.given[name]
        h = Hyperparameters(point, self.layout, self.used)
        if value is None:
            value = h[name] if name in h else self.defaults[name]
        elif callable(value):
            value = value(step, h)
        if isinstance(value, Mapping):
            return self._by_layer(name, value)
        return _number(name, value)

    def _by_layer(self, name: str, values: Mapping[str, Any]) -> torch.Tensor:
        """(K,): each tensor's value; each must belong to exactly one layer that is named."""
        parts = []
        for weight in self.shape.names:
            keys = [key for key in values if weight == key or weight.startswith(f"{key}.")]
            if len(keys) != 1:
                raise InputError(
                    f"{name}: the weights {weight!r} must belong to exactly one of the layers {list(values)}, "
                    f"but belong to {keys or 'none'}. The layers' names are the beginnings of {list(self.shape.names)}."
                )
            parts.append(_number(f"{name}.{keys[0]}", values[keys[0]]))
        unused = [key for key in values if not any(w == key or w.startswith(f"{key}.") for w in self.shape.names)]
        if unused:
            raise InputError(f"{name}: there are no weights {unused[0]!r}; there are {list(self.shape.names)}.")
        return torch.stack(parts)


def add_scaled(target: torch.Tensor, vector: torch.Tensor, scale: Scale) -> None:
    """target += vector * scale, in place."""
    if isinstance(scale, torch.Tensor):
        target.addcmul_(vector, scale)
    else:
        target.add_(vector, alpha=scale)


def _number(name: str, value: Any) -> torch.Tensor:
    if isinstance(value, torch.Tensor) and value.ndim == 0:
        return value.to(torch.float64)
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return torch.tensor(float(value), dtype=torch.float64)
    raise InputError(
        f"The optimiser's {name} must be one number, or a dict of numbers by layer, got {value!r}. "
        "A schedule is a function (step, h) that gives one."
    )


def _slope(value: torch.Tensor, point: torch.Tensor) -> torch.Tensor:
    if not value.requires_grad:
        return torch.zeros_like(point)
    (slope,) = torch.autograd.grad(value, point, retain_graph=True, allow_unused=True)
    return torch.zeros_like(point) if slope is None else slope
