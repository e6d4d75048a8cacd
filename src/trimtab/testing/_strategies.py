"""Hypothesis strategies for trimtab's own things. Hypothesis is imported when one is called."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from trimtab.errors import require
from trimtab.space import Categorical, Constant, Float, Int, Parameter, Space

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["seeds", "spaces"]


def seeds() -> SearchStrategy[int]:
    """Seeds of a study."""
    st = require("hypothesis.strategies", "dev")
    strategy: SearchStrategy[int] = st.integers(0, 2**32 - 1)
    return strategy


def spaces(*, finite: bool = False, constrained: bool = False, most: int = 4) -> SearchStrategy[Space]:
    """Spaces of 1 to `most` parameters of all kinds, some of them conditional on an earlier choice, some constant.

    finite: only parameters with levels (few of them). constrained: sometimes with a constraint, which at least the
    configurations without its parameters, or those with low values, obey.
    """
    st = require("hypothesis.strategies", "dev")

    @st.composite  # type: ignore[untyped-decorator]
    def build(draw: Any) -> Space:
        count = draw(st.integers(1, most))
        parameters: dict[str, Parameter] = {"p0": draw(_parameters(st, finite, None))}
        for k in range(1, count):
            when = draw(st.none() | st.sampled_from(_conditions(parameters)) if _conditions(parameters) else st.none())
            parameters[f"p{k}"] = draw(_parameters(st, finite, when))
        if draw(st.booleans()):
            parameters["fixed"] = Constant("same")
        pairs = [
            f"{a} <= {b}"
            for a, b in itertools.permutations(parameters, 2)
            if all(_is_number(parameters[n]) for n in (a, b))
        ]
        rules = [draw(st.sampled_from(pairs))] if constrained and pairs and draw(st.booleans()) else []
        return Space(parameters, constraints=rules)

    strategy: SearchStrategy[Space] = build()
    return strategy


def _is_number(parameter: Parameter) -> bool:
    """Numbers from 1 to about 3: any two of them can be compared, and either may be the smaller one."""
    return isinstance(parameter, (Float, Int))


def _conditions(parameters: dict[str, Parameter]) -> list[dict[str, Any]]:
    """Every `when=` that one choice of an earlier parameter makes."""
    return [{name: c} for name, p in parameters.items() if isinstance(p, Categorical) for c in p.choices]


def _parameters(st: Any, finite: bool, when: Any) -> Any:
    """A parameter with at most 4 levels, or (not finite) a continuous one or one of many levels."""
    with_levels = [
        st.builds(lambda k, log: Int(1, k, log=log, when=when), st.integers(2, 4), st.booleans()),
        st.builds(lambda k: Float(1.0, 1.0 + 0.5 * k, step=0.5, when=when), st.integers(1, 3)),
        st.builds(
            lambda k, ordered: Categorical([None, "b", (3, 3), 4.5][:k], ordered=ordered, when=when),
            st.integers(2, 4),
            st.booleans(),
        ),
    ]
    others = [
        st.builds(lambda log: Float(1.0, 3.0, log=log, when=when), st.booleans()),
        st.just(Int(1, 1_000, log=True, when=when)),
    ]
    return st.one_of(*with_levels) if finite else st.one_of(*with_levels, *others)
