"""Choices between any objects, and fixed values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trimtab.errors import SpaceError
from trimtab.numerics import FloatArray
from trimtab.space._choices import ChoiceColumn, same_value
from trimtab.space._labels import has_address, label_of, labels_of
from trimtab.space._parameter import Kind, Parameter
from trimtab.space._prior import CHOSEN, Belief, choice_belief

__all__ = ["Categorical", "ChoiceWeights", "Constant", "stable_order"]

_PLAIN = (str, int, float, bool, type(None), tuple)


class ChoiceWeights(tuple[float, ...]):
    """A belief in choices, in their order: probabilities (K,)."""


@dataclass(frozen=True)
class Categorical(Parameter):
    """One of the choices: any objects, handed back as they are.

    ordered: the choices have an order (small, medium, large), which the samplers and analyses then use.
    labels: short stable texts, one a choice, under which the choices are stored; by default made from the choices
        themselves.
    prior: which choice is believed to be best: one of them, or {choice or label: weight}; choices left out weigh 0,
        which makes them unlikely, not impossible. It guides the first trials and fades as results come in.
    """

    choices: Sequence[Any] = field(compare=False)
    ordered: bool = field(default=False, kw_only=True)
    labels: Sequence[str] = field(default=(), kw_only=True)
    prior: Any = field(default=None, kw_only=True)
    _known: dict[tuple[type, Any], int] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        choices = _listed(self.choices)
        object.__setattr__(self, "choices", choices)
        object.__setattr__(self, "labels", labels_of(choices, self.labels or None))
        for k, choice in enumerate(choices):
            if isinstance(choice, _PLAIN):
                try:
                    self._known.setdefault((type(choice), choice), k)
                except TypeError:  # a tuple of lists
                    continue
        object.__setattr__(self, "prior", self._weights())

    @property
    def kind(self) -> Kind:
        return "discrete" if self.ordered else "categorical"

    @property
    def n_levels(self) -> int:
        return len(self.choices)

    def position(self, value: object) -> int | None:
        """Index of a choice, or None.

        The very object, else an equal one of its type, else an equal one, else one of its type and label.
        """
        plain = isinstance(value, _PLAIN)
        if plain:
            try:
                if (type(value), value) in self._known:
                    return self._known[type(value), value]
            except TypeError:
                pass
        for k, choice in enumerate(self.choices):
            if choice is value:
                return k
        for k, choice in enumerate(self.choices):
            if type(choice) is type(value) and same_value(choice, value):
                return k
        for k, choice in enumerate(self.choices):
            if same_value(choice, value):
                return k
        if not plain and not has_address(value):  # a new estimator with the settings of one of the choices
            label = label_of(value)
            for k, choice in enumerate(self.choices):
                if type(choice) is type(value) and label_of(choice) == label:
                    return k
        return None

    def belief(self) -> Belief | None:
        return None if self.prior is None else choice_belief(self.prior)

    def _weights(self) -> ChoiceWeights | None:
        """The prior as probabilities. SpaceError for a choice that is none, and for weights that are none."""
        prior, k = self.prior, len(self.choices)
        if prior is None or isinstance(prior, ChoiceWeights):
            return prior
        best = self.named(prior)
        if best is not None:
            return ChoiceWeights((1.0 - CHOSEN) / k + CHOSEN * (i == best) for i in range(k))
        if not isinstance(prior, Mapping):
            raise SpaceError(
                f"Categorical prior must be one of the choices {', '.join(self.labels[:8])}, or {{choice: weight}}, got "
                f"{prior!r}."
            )
        weights = [0.0] * k
        for choice, weight in prior.items():
            at = self.named(choice)
            if at is None:
                raise SpaceError(f"Categorical prior names {choice!r}, which is none of {', '.join(self.labels[:8])}.")
            number = isinstance(weight, (int, float, np.integer, np.floating)) and not isinstance(weight, bool)
            if not number or not 0 <= weight < math.inf:
                raise SpaceError(f"Categorical prior needs weights >= 0, got {weight!r} for {choice!r}.")
            weights[at] = float(weight)
        total = math.fsum(weights)
        if total <= 0:
            raise SpaceError(f"Categorical prior needs a weight above 0, got {dict(prior)!r}.")
        return ChoiceWeights(w / total for w in weights)

    def named(self, choice: object) -> int | None:
        """Position of a choice, or of the one with this label."""
        at = self.position(choice)
        named = isinstance(choice, str) and choice in self.labels
        return list(self.labels).index(str(choice)) if at is None and named else at

    def values(self, u: FloatArray) -> list[Any]:
        return [self.choices[k] for k in self.positions(u)]

    def coordinates(self, values: Sequence[Any]) -> FloatArray:
        return (np.array([self.position(v) for v in values], dtype=float) + 0.5) / len(self.choices)

    def check(self, value: object, name: str) -> None:
        if self.position(value) is None:
            shown = ", ".join(self.labels[:8]) + (", ..." if len(self.labels) > 8 else "")
            raise SpaceError(f"Parameter {name!r} must be one of {shown}, got {value!r}.")

    def store(self, u: FloatArray) -> list[str]:
        return [self.labels[k] for k in self.positions(u)]

    def restore(self, stored: Sequence[Any]) -> FloatArray:
        where = {label: (k + 0.5) / len(self.choices) for k, label in enumerate(self.labels)}
        return np.array([where[s] for s in stored], dtype=float)

    def load(self, stored: Sequence[Any]) -> list[Any]:
        where = dict(zip(self.labels, self.choices, strict=True))
        return [where[s] for s in stored]

    def label(self, value: object) -> str:
        k = self.position(value)
        return label_of(value) if k is None else self.labels[k]

    def column(self, u: FloatArray) -> ChoiceColumn:
        k = len(self.choices)
        codes = np.clip(u * k, 0, k - 1).astype(np.intp)
        return ChoiceColumn(codes, tuple(self.choices), self.ordered)


def _listed(choices: object) -> tuple[Any, ...]:
    if isinstance(choices, (str, bytes)):
        raise SpaceError(f"Categorical needs a list of choices, got the text {choices!r}. Did you mean [{choices!r}]?")
    if isinstance(choices, np.ndarray) and choices.ndim == 1:
        choices = choices.tolist()
    if isinstance(choices, (set, frozenset)):  # the order of a set of texts differs from run to run
        choices = stable_order(choices)
    if not isinstance(choices, Iterable):
        raise SpaceError(f"Categorical needs a list of choices, got {choices!r} ({type(choices).__name__}).")
    listed = tuple(choices)
    if not listed:
        raise SpaceError("Categorical needs at least one choice, got an empty list.")
    return listed


def stable_order(choices: set[Any] | frozenset[Any]) -> list[Any]:
    """A set as a list that is the same in every process."""
    try:
        return sorted(choices)
    except TypeError:
        return sorted(choices, key=repr)


@dataclass(frozen=True)
class Constant(Parameter):
    """One fixed value, handed to every trial; no coordinate of the search."""

    value: Any = field(compare=False)
    _label: str = field(default="", init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "_label", label_of(self.value))

    @property
    def kind(self) -> Kind:
        return "constant"

    @property
    def n_levels(self) -> int:
        return 1

    def values(self, u: FloatArray) -> list[Any]:
        return [self.value] * len(u)

    def coordinates(self, values: Sequence[Any]) -> FloatArray:
        return np.full(len(values), 0.5)

    def check(self, value: object, name: str) -> None:
        if same_value(value, self.value) or (not isinstance(value, _PLAIN) and self.label(value) == self._label):
            return
        raise SpaceError(f"Parameter {name!r} is the constant {self._label}, got {value!r}.")

    def store(self, u: FloatArray) -> list[str]:
        return [self._label] * len(u)

    def label(self, value: object) -> str:
        return label_of(value)

    def column(self, u: FloatArray) -> ChoiceColumn:
        return ChoiceColumn(np.zeros(len(u), dtype=np.intp), (self.value,))
