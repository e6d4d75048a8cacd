"""Constraints between parameters: an expression, or a function of the configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab.errors import SpaceError
from trimtab.numerics import BoolArray
from trimtab.space._choices import ValueColumn
from trimtab.space._expression import Expression, unknown_name

__all__ = ["Constraint"]


@dataclass(frozen=True)
class Constraint:
    """Holds, or not, at a configuration. One that mentions an inactive parameter does not apply there.

    rule: an Expression, a function params -> bool, or None for a stored function whose code is not here (then it is
        not checked).
    """

    rule: Expression | Callable[[Mapping[str, Any]], object] | None
    text: str

    @classmethod
    def of(cls, rule: object) -> Constraint:
        """A constraint from what a user writes."""
        if isinstance(rule, Constraint):
            return rule
        if isinstance(rule, str):
            return cls(Expression(rule), rule)
        if callable(rule):
            return cls(rule, getattr(rule, "__qualname__", type(rule).__name__))
        raise SpaceError(
            f"A constraint must be an expression such as 'a <= 2 * b' or a function of the parameters, got {rule!r}."
        )

    @property
    def names(self) -> frozenset[str]:
        """Parameters that an expression mentions; empty for a function, which sees all."""
        return self.rule.names if isinstance(self.rule, Expression) else frozenset()

    @property
    def is_function(self) -> bool:
        """A function whose code is here."""
        return self.rule is not None and not isinstance(self.rule, Expression)

    def holds_columns(self, columns: Mapping[str, ValueColumn], active: Mapping[str, BoolArray], n: int) -> BoolArray:
        """Truth of an expression at n points (n,)."""
        assert isinstance(self.rule, Expression)
        result = np.array(self.rule(columns, n))
        for name in self.names:
            result |= ~active[name]
        return result

    def holds_params(self, params: Mapping[str, Any], known: frozenset[str]) -> bool:
        """Truth of a function at one configuration. Reading an inactive parameter means that it does not apply."""
        if self.rule is None or isinstance(self.rule, Expression):
            return True
        try:
            answer = self.rule(_Configuration(params, known, self.text))
        except (_Inactive, SpaceError) as problem:
            if isinstance(problem, _Inactive):
                return True
            raise
        except Exception as error:
            raise SpaceError(
                f"The constraint {self.text} raised {type(error).__name__}: {error} at {dict(params)!r}. Make it "
                "return True or False there."
            ) from error
        if answer is None:
            raise SpaceError(
                f"The constraint {self.text} returned None at {dict(params)!r}. Make it return True where it is "
                "allowed, else False."
            )
        return bool(answer)

    def to_plain(self) -> dict[str, str]:
        """Plain JSON; a function is stored by name only."""
        return {"expression": self.text} if isinstance(self.rule, Expression) else {"function": self.text}

    @classmethod
    def from_plain(cls, plain: Mapping[str, str]) -> Constraint:
        """The inverse; a function's code is not stored, so it comes back unchecked."""
        return cls.of(plain["expression"]) if "expression" in plain else cls(None, plain["function"])


class _Inactive(KeyError):
    """A constraint read a parameter that does not exist at this configuration."""


class _Configuration(dict[str, Any]):
    """What a constraint function sees: a copy of its own, which knows an inactive name from an unknown one."""

    def __init__(self, params: Mapping[str, Any], known: frozenset[str], text: str) -> None:
        super().__init__(params)
        self._known, self._text = known, text

    def __missing__(self, name: str) -> Any:
        if name in self._known:
            raise _Inactive(name)
        raise unknown_name(str(name), self._known, f"The constraint {self._text}")
