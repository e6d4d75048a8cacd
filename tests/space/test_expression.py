"""The small language of constraints and conditions: what it means, and that nothing else gets in."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest

from trimtab.errors import SpaceError
from trimtab.space import Categorical, Float, Int, Space
from trimtab.space._choices import ChoiceColumn
from trimtab.space._expression import Expression

A = np.array([1.0, 2.0, 3.0, 4.0])
B = np.array([4.0, 3.0, 2.0, 0.0])
CHOICES = ("sgd", None, 3, (50,))
C = ChoiceColumn(np.arange(4), CHOICES)
SIZE = ChoiceColumn(np.arange(4), ("small", "medium", "large", "huge"), ordered=True)
COLUMNS = {"a": A, "b": B, "c": C, "size": SIZE, "flag": ChoiceColumn(np.array([0, 1, 0, 1]), (False, True))}


@pytest.mark.parametrize(
    "text",
    [
        "a + b <= 5", "a - b > 0", "a * b == 6", "a / 2 >= 1", "a // 2 == 1", "a % 2 == 0", "a ** 2 < 10",
        "-a < -2", "+a > 2", "a < b", "a <= b", "a > b", "a >= b", "a == b", "a != b",
        "1 < a < 4", "1 < a <= b", "4 > a > b > 1", "a in (1, 3)", "a not in [1, 3]", "a in {2}",
        "a == 1 or a == 4", "a > 1 and not b > 2", "not (a > 1 and b > 1)", "abs(a - b) < 2", "min(a, b) >= 2",
        "max(a, b, 3) == 3", "log(a) > 1", "log2(a) == 1", "log10(a) < 0.4", "exp(a) > 10", "sqrt(a) >= 2",
        "round(a / 3) == 1", "(a > 1) + (b > 1) == 1", "(a > 1) * 2 >= 2", "True", "False", "1 < 2", "a",
        "a - 2", "1e-3 < a", "a and b", "a > 1 > b",
    ],
)  # fmt: skip
def test_numbers_mean_what_python_says(text: str) -> None:
    functions = {
        "abs": abs,
        "min": min,
        "max": max,
        "round": round,
        "log": math.log,
        "log2": math.log2,
        "log10": math.log10,
    }
    functions |= {"exp": math.exp, "sqrt": math.sqrt}
    expected = [
        bool(eval(text, {"__builtins__": {}}, {**functions, "a": x, "b": y}))
        for x, y in zip(A.tolist(), B.tolist(), strict=True)
    ]

    assert Expression(text)(COLUMNS, 4).tolist() == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("c == 'sgd'", [1, 0, 0, 0]),
        ("'sgd' == c", [1, 0, 0, 0]),
        ("c != 'sgd'", [0, 1, 1, 1]),
        ("c is None", [0, 1, 0, 0]),
        ("c is not None", [1, 0, 1, 1]),
        ("c == None or c == 3", [0, 1, 1, 0]),
        ("c == (50,)", [0, 0, 0, 1]),
        ("c in ((50,), 'sgd')", [1, 0, 0, 1]),
        ("c not in ('sgd', None)", [0, 0, 1, 1]),
        ("c in ()", [0, 0, 0, 0]),
        ("c > 2", [0, 0, 1, 0]),
        ("c is None or c > 2", [0, 1, 1, 0]),
        ("c == a", [0, 0, 1, 0]),
        ("c == c", [1, 1, 1, 1]),
        ("c == size", [0, 0, 0, 0]),
        ("c", [1, 0, 1, 1]),
        ("size >= 'large'", [0, 0, 1, 1]),
        ("'small' < size < 'huge'", [0, 1, 1, 0]),
        ("flag", [0, 1, 0, 1]),
        ("not flag or a > 3", [1, 0, 1, 1]),
        ("flag == True", [0, 1, 0, 1]),
        ("a * flag > 2", [0, 0, 0, 1]),
    ],
)
def test_choices_are_compared_as_a_user_means_it(text: str, expected: list[int]) -> None:
    assert Expression(text)(COLUMNS, 4).tolist() == [bool(e) for e in expected]


def test_division_by_zero_follows_floating_point() -> None:
    assert Expression("1 / b > 10")(COLUMNS, 4).tolist() == [False, False, False, True]
    assert Expression("a % b > 0")(COLUMNS, 4).tolist() == [True, True, True, False]
    assert Expression("log(a - 4) < 0")(COLUMNS, 4).tolist() == [False, False, False, True]
    assert Expression("1 / 0 > 1")(COLUMNS, 4).all()
    assert Expression("10 ** 10 ** 10 > a")(COLUMNS, 4).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.real > 1", r"uses 'a\.real', which is not allowed"),
        ("a.__class__", r"uses 'a\.__class__', which is not allowed"),
        ("().__class__.__bases__[0]", "which is not allowed"),
        ("__import__('os')", r"uses \"__import__\('os'\)\", which is not allowed"),
        ("open('x')", "which is not allowed"),
        ("sin(a)", r"uses 'sin\(a\)', which is not allowed.*give a function"),
        ("abs(a=1)", "which is not allowed"),
        ("min(*a)", r"gives min\(\) 1 values; it takes two or more values"),
        ("max(*a, b)", "not allowed"),
        ("abs(a, b)", r"gives abs\(\) 2 values; it takes one value"),
        ("log(a, 10)", r"gives log\(\) 2 values"),
        ("max(a)", r"gives max\(\) 1 values; it takes two or more"),
        ("log()", r"gives log\(\) 0 values"),
        ("a if b else c", "not allowed"),
        ("[x for x in a]", "not allowed"),
        ("lambda: a", "not allowed"),
        ("a[0] > 1", "not allowed"),
        ("(y := a)", "not allowed"),
        ("f'{a}'", "not allowed"),
        ("1j > a", "not allowed"),
        ("b'x' == c", "not allowed"),
        ("...", "not allowed"),
        ("a @ b", "not allowed"),
        ("a << 2", "not allowed"),
        ("~a", "not allowed"),
        ("await a", "Cannot read|not allowed"),
        ("a <", "Cannot read the expression 'a <': invalid syntax"),
        ("a = 1", "Cannot read the expression"),
        ("", "Cannot read the expression ''"),
        ("a\0", "Cannot read the expression"),
        ("my-name > and", "put a name that is no Python name in backticks"),
        ("lambda > 1", "backticks"),
        ("a" * 3000, "has 3000 characters; at most 2000 are allowed"),
        ("-" * 1000 + "a", "nested more than 60 deep|Cannot read"),
        ("not " * 400 + "a", "nested more than 60 deep|Cannot read"),
        ("(" * 900 + "a" + ")" * 900, "Cannot read|nested"),
        ("a" + "+a" * 900, "nested more than 60 deep|Cannot read"),
        ("a" + ".b" * 900, "not allowed|Cannot read"),
    ],
)
def test_nothing_else_gets_in(text: str, message: str) -> None:
    with pytest.raises(SpaceError, match=message) as caught:
        Expression(text)
    assert len(str(caught.value)) < 1500


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a < 'x'", "Cannot evaluate \"a < 'x'\": 'x' is no number. Compare numbers with numbers"),
        ("a + None > 1", "None is no number"),
        ("size > 1", "'small', 'medium', 'large' are no numbers"),
        ("size > 'tiny'", "'tiny' is none of the choices 'small', 'medium'"),
        ("log(size) > 1", "are no numbers"),
        ("'a' + 'b' == c", "'a' is no number"),
        ("(1, 2) > a", "is no number"),
        ("a > " + "9" * 400, "too large"),
    ],
)
def test_texts_are_no_numbers(text: str, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        Expression(text)(COLUMNS, 4)


def test_backticks_name_what_is_no_python_name() -> None:
    space = Space(
        {"my-param": Int(1, 9), "lambda": Float(0, 1), "2nd": Categorical(["a", "`b`"])},
        constraints=["`my-param` > 3 and `lambda` < 0.5", "`2nd` == '`b`'"],
    )
    for row in space.decode(space.sample(50, np.random.default_rng(0))):
        assert row["my-param"] > 3
        assert row["lambda"] < 0.5
        assert row["2nd"] == "`b`"
    with pytest.raises(SpaceError, match=r"names 'my-parm', which is no parameter.*Did you mean 'my-param'"):
        Space({"my-param": Int(1, 9)}, constraints=["`my-parm` > 3"])


def test_a_pipelines_names_are_plain_names() -> None:
    space = Space({"clf__alpha": Float(0, 1), "pca__n": Int(1, 9)}, constraints=["clf__alpha * 10 <= pca__n"])

    assert all(r["clf__alpha"] * 10 <= r["pca__n"] for r in space.decode(space.sample(50, np.random.default_rng(0))))


def test_what_an_expression_mentions() -> None:
    e = Expression("a + log(b) > 1 and c in ('x', None) or `d d` != -3 and 2 == a")

    assert e.names == {"a", "b", "c", "d d"}
    assert e.compared == (("c", "x"), ("c", None), ("d d", -3), ("a", 2))
    assert pickle.loads(pickle.dumps(e)) == e


@pytest.mark.parametrize(
    ("constraint", "message"),
    [
        (
            "solver == 'sdg'",
            r"compares 'solver' with 'sdg', which it never is: Parameter 'solver' must be one of adam, sgd",
        ),
        ("solver in ('adam', 'x')", r"compares 'solver' with 'x'"),
        ("n != 7", r"compares 'n' with 7, which it never is: Parameter 'n' must be a whole number in \[1, 4\]"),
        ("lr == 'auto'", r"compares 'lr' with 'auto'.*must be a number"),
        ("lr is None", r"compares 'lr' with None"),
    ],
)
def test_a_comparison_that_is_the_same_everywhere_is_a_mistake(constraint: str, message: str) -> None:
    declared: dict[str, Any] = {"solver": ["adam", "sgd"], "n": Int(1, 4), "lr": Float(0, 1)}
    with pytest.raises(SpaceError, match=message):
        Space(declared, constraints=[constraint])
