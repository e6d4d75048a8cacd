"""Random spaces of every kind, wider than `trimtab.testing.spaces`: scipy distributions, nesting, lists of dicts."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from scipy import stats

from trimtab.space import Categorical, Constant, Distribution, Float, Int, Parameter, Space

CHOICES = ["relu", "tanh", "", "1", "None", 1, 2.5, True, None, (50,), (100, 50), float("nan"), 7, -3, "a b", len, dict]


@st.composite
def floats(draw: st.DrawFn, when: Any = None) -> Float:
    """Linear, log or stepped, of any size."""
    size = 10.0 ** draw(st.integers(-12, 12))
    if draw(st.booleans()):
        low = size * draw(st.floats(0.1, 1.0))
        return Float(low, low * draw(st.floats(1.1, 1e6)), log=True, when=when)
    low = size * draw(st.floats(-1.0, 1.0))
    width = size * draw(st.floats(0.01, 10.0))
    step = width / draw(st.floats(1.0, 50.0)) if draw(st.booleans()) else None
    return Float(low, low + width, step=step, when=when)


@st.composite
def ints(draw: st.DrawFn, when: Any = None) -> Int:
    """Linear, log or stepped, small and beyond 2**53."""
    if draw(st.booleans()):
        low = draw(st.integers(1, 100))
        return Int(low, low + draw(st.integers(1, 10**9)), log=True, when=when)
    low = draw(st.integers(-(2**62), 2**62) | st.integers(-10, 10))
    width = draw(st.integers(1, 20) | st.integers(1, 10**12))
    return Int(low, low + width, step=draw(st.integers(1, min(width, 5))), when=when)


@st.composite
def categoricals(draw: st.DrawFn, when: Any = None) -> Categorical:
    """2 to 5 different objects, sometimes ordered."""
    where = draw(st.lists(st.integers(0, len(CHOICES) - 1), min_size=2, max_size=5, unique=True))
    return Categorical([CHOICES[k] for k in where], ordered=draw(st.booleans()), when=when)


def distributions(when: Any = None) -> st.SearchStrategy[Distribution]:
    """Bounded and unbounded, continuous and discrete."""
    frozen = [
        stats.norm(3, 2),
        stats.expon(scale=0.1),
        stats.truncnorm(-1, 2, loc=5, scale=0.5),
        stats.loguniform(1, 10, loc=5),
        stats.poisson(4),
        stats.bernoulli(0.3),
        stats.binom(5, 0.5, loc=2),
    ]
    return st.sampled_from(frozen).map(lambda f: Distribution(f, when=when))


def parameters(when: Any = None) -> st.SearchStrategy[Parameter]:
    """One parameter of any kind, constants included."""
    constant = st.sampled_from(CHOICES).map(lambda v: Constant(v, when=when))
    return st.one_of(floats(when), ints(when), categoricals(when), distributions(when), constant)


def condition(draw: st.DrawFn, parents: dict[str, Parameter]) -> Any:
    """A when= on one of the parents that is met somewhere, or None."""
    name = draw(st.sampled_from(sorted(parents)))
    parent = parents[name]
    if isinstance(parent, Categorical):
        some = draw(st.lists(st.sampled_from(list(parent.choices)), min_size=1, max_size=2))
        plain = [c for c in some if isinstance(c, str) or type(c) is int]
        if plain and draw(st.booleans()):
            return f"{name} in {tuple(plain)!r}"
        return {name: some if len(some) > 1 or isinstance(some[0], list) else some[0]}
    if isinstance(parent, (Float, Int)):
        return f"{name} {draw(st.sampled_from(['>', '>=', '!=']))} {parent.low!r}"
    return None


@st.composite
def spaces(draw: st.DrawFn, most: int = 6, lists: bool = True) -> Space:
    """1 to `most` parameters with nested conditions and constraints, or a list of two dicts."""
    first = draw(st.one_of(floats(), ints(), categoricals(), distributions()))
    declared: dict[str, Any] = {"p0": first}
    for k in range(1, draw(st.integers(1, most))):
        when = condition(draw, declared) if draw(st.booleans()) else None
        declared[f"p{k}"] = draw(parameters(when))
    if lists and draw(st.integers(0, 4)) == 0:
        other = {"q": Float(0.0, 1.0), "p0": Categorical(["only", "here"])}
        return Space([declared, other])
    rules: list[Any] = []
    if isinstance(first, Float) and draw(st.booleans()):
        rules.append(f"p0 <= {first.low + 0.75 * (first.high - first.low)!r}")
        rules.append(lambda p: p["p0"] is not None)
    return Space(declared, constraints=rules)
