"""Real and whole numbers: what they accept, what they refuse and how, and where their values lie."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from trimtab.errors import SpaceError
from trimtab.space import Float, Int, Parameter, Space


def every_value(parameter: Parameter) -> list[Any]:
    return parameter.values(parameter.levels())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Float(2, 1), r"Float needs low < high, got low=2, high=1\. Swap them"),
        (lambda: Float(1, 1), r"low=1, high=1\. Use Constant\(1\)"),
        (lambda: Float(0, 1, log=True), r"log=True needs low > 0, got low=0\. Use log=False or .* such as 0\.0001"),
        (lambda: Float("a", 1), r"Float low must be a number, got 'a' \(str\)\."),
        (lambda: Float("1e-4", 1), r"Float low must be a number, got '1e-4' \(str\)\. Write 0\.0001 without quotes"),
        (lambda: Float(True, 2), r"Float low must be a number, got True \(bool\)"),
        (lambda: Float(0, float("inf")), r"Float high must be finite, got inf"),
        (lambda: Float(0, 10**400), r"Float high must be finite"),
        (lambda: Float(float("nan"), 1), r"Float low must be finite, got nan"),
        (lambda: Float(-1e308, 1e308), r"too wide for double precision"),
        (lambda: Float(1e9, 1e9 + 1e-3), r"too narrow for double precision. Search an offset"),
        (lambda: Float(0, 1, step=2), r"Float step must lie in \(0, high - low\], got step=2"),
        (lambda: Float(0, 1, step=0), r"Float step must lie in .* got step=0"),
        (lambda: Float(0, 1, step=1e-12), r"makes 1e\+12 levels\. Use a larger step"),
        (lambda: Float(1, 2, log=True, step=0.1), r"log=True or step=, not both"),
        (lambda: Int(1.5, 3), r"Int low must be a whole number, got 1\.5\. Use Float"),
        (lambda: Int(3, 1), r"Int needs low < high, got low=3, high=1"),
        (lambda: Int(0, 9, log=True), r"Int with log=True needs low > 0, got low=0\. .* such as 1\."),
        (lambda: Int(1, 9, step=9), r"Int step must lie in \[1, high - low\], got step=9"),
        (lambda: Int(1, 9, step=0), r"got step=0"),
        (lambda: Int(1, 9, log=True, step=2), r"Int takes log=True or step=, not both"),
        (
            lambda: Int(0, 2**60),
            r"Int needs at most 2\*\*50 values, got \[0, 1152921504606846976\]\. Use Float and round",
        ),
        (lambda: Int(1, 2**50, log=True), r"Int needs high <= 10\*\*12 with log=True"),
    ],
)
def test_a_wrong_declaration_says_what_to_do(make: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        make()


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        (Float(0, 1), 1.5, r"Parameter 'p' must lie in \[0, 1\], got 1\.5"),
        (Float(0, 1), None, r"Parameter 'p' must be a number, got None \(NoneType\)"),
        (Float(0, 1), float("nan"), r"Parameter 'p' must be finite, got nan"),
        (Float(0, 1, step=0.25), 0.3, r"must be 0 plus a multiple of step=0\.25, got 0\.3"),
        (Float(0, 1, step=0.3), 1.0, r"a multiple of step=0\.3, got 1\.0"),
        (Int(1, 9), 10, r"must be a whole number in \[1, 9\], got 10"),
        (Int(1, 9), 2.5, r"must be a whole number in \[1, 9\], got 2\.5"),
        (Int(1, 9, step=2), 4, r"must be a whole number in \[1, 9\] in steps of 2, got 4"),
    ],
)
def test_a_wrong_value_names_the_parameter(parameter: Parameter, value: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        Space({"p": parameter}).encode([{"p": value}])


def test_steps_print_as_they_are_meant() -> None:
    assert every_value(Float(0, 1, step=0.1)) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert every_value(Float(0, 1, step=0.3)) == [0.0, 0.3, 0.6, 0.9]
    assert every_value(Float(0.1, 0.7, step=0.2)) == [0.1, 0.3, 0.5, 0.7]
    assert every_value(Float(1e-15, 5e-15, step=1e-15)) == [1e-15, 2e-15, 3e-15, 4e-15, 5e-15]
    assert every_value(Float(1 / 3, 1, step=1 / 3))[0] == 1 / 3
    assert every_value(Int(1, 10, step=4)) == [1, 5, 9]


def test_values_print_short() -> None:
    space = Space({"lr": Float(1e-5, 1, log=True), "m": Float(0, 1)})

    for lr in (1e-5, 1e-4, 0.001, 0.03, 1.0):
        assert space.decode(space.encode([{"lr": lr, "m": 0.3}])) == [{"lr": lr, "m": 0.3}]
    assert all(len(repr(row["lr"])) <= 18 for row in space.decode(space.sample(100, np.random.default_rng(0))))


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e-9, 1.0, 1e9, 1e30, 1e300])
def test_ranges_of_any_size(scale: float, log: bool) -> None:
    p = Float(scale, 50 * scale, log=log)
    u = np.linspace(0, 1, 101)
    values = p.values(u)

    assert values[0] == p.low
    assert_allclose(values[-1], p.high, rtol=1e-12)
    assert values == sorted(set(values))
    assert_allclose(p.coordinates(values), u, atol=1e-9)
    assert p.values(p.coordinates(values)) == values
    assert_allclose(p.column(u), values, rtol=1e-11)


def test_integers_beyond_double_precision_are_exact() -> None:
    low = 2**60 + 1
    p = Int(low, low + 9)

    assert every_value(p) == list(range(low, low + 10))
    assert_array_equal(p.coordinates(every_value(p)), p.levels())
    space = Space({"p": p})
    assert space.decode(space.encode([{"p": low + 3}])) == [{"p": low + 3}]
    with pytest.raises(SpaceError, match="whole number"):
        space.encode([{"p": low - 1}])


@pytest.mark.parametrize("high", [2, 50, 4096, 5000, 10**6, 10**12])
def test_log_integers_round_to_their_cell(high: int) -> None:
    p = Int(1, high, log=True)
    some = sorted({1, 2, high // 2 + 1, high - 1, high} - {0})
    at = p.coordinates(some)

    assert_array_equal(p.snap(at), at)
    assert p.values(at) == some
    a, b = math.log(0.5), math.log(high + 0.5)
    assert_allclose(at, (np.log(some) - a) / (b - a), rtol=1e-12)
    assert p.values(np.array([0.0, 1.0])) == [1, high]


def test_bounds_may_be_of_any_numeric_type() -> None:
    p = Float(np.float32(0.5), np.int64(2))
    q = Int(np.int32(1), 4.0)  # type: ignore[arg-type]

    assert (type(p.low), type(p.high), p.low, p.high) == (float, float, 0.5, 2.0)
    assert (type(q.low), type(q.high), q.high) == (int, int, 4)
    assert Space({"q": q}).decode(np.array([[0.9]])) == [{"q": 4}]


def test_snap_takes_anything() -> None:
    space = Space({"f": Float(1, 2), "s": Float(0, 1, step=0.5), "i": Int(1, 4), "l": Int(1, 4, log=True)})
    u = np.array([[-1e9] * 4, [1e9] * 4, [np.inf] * 4, [1.0] * 4, [np.nan] * 4, [0.0] * 4])

    first, last = {"f": 1.0, "s": 0.0, "i": 1, "l": 1}, {"f": 2.0, "s": 1.0, "i": 4, "l": 4}
    middle = {"f": 1.5, "s": 0.5, "i": 3, "l": 2}
    assert space.decode(space.snap(u)) == [first, last, last, last, middle, first]
    assert space.snap(np.array([0.5, 0.5, 0.5, 0.5])).shape == (1, 4)


def test_levels_of_a_continuous_parameter_are_refused() -> None:
    space = Space({"f": Float(0, 1), "i": Int(1, 3)})

    assert_allclose(space.levels(1), [1 / 6, 3 / 6, 5 / 6])
    assert space.cells is None
    with pytest.raises(SpaceError, match=r"Parameter 'f' is continuous and has no levels\. Give it a step="):
        space.levels(0)
    assert Space({str(k): Int(0, 10**9) for k in range(10)}).cells == (10**9 + 1) ** 10
