"""Conditions and constraints: who exists when, what is obeyed, and what is a mistake."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from trimtab.errors import SpaceError
from trimtab.space import Categorical, Constant, Float, Int, Space


def rows(space: Space, n: int = 200, seed: int = 0) -> list[dict[str, Any]]:
    return space.decode(space.sample(n, np.random.default_rng(seed)))


def test_nested_conditions() -> None:
    space = Space(
        {
            "inner": Float(0, 1, when="nesterov == True and momentum > 0.7"),  # children may come first
            "nesterov": Categorical([True, False], when={"solver": "sgd"}),
            "momentum": Float(0.5, 0.99, when={"solver": ["sgd", "rms"]}),
            "solver": Categorical(["adam", "sgd", "rms"]),
        }
    )
    assert space.names[0] == "solver"
    seen = set()
    for row in rows(space):
        assert ("momentum" in row) == (row["solver"] != "adam")
        assert ("nesterov" in row) == (row["solver"] == "sgd")
        assert ("inner" in row) == (row.get("nesterov") is True and row["momentum"] > 0.7)
        assert list(row) == [n for n in ("inner", "nesterov", "momentum", "solver") if n in row]
        seen.add(tuple(row))
    assert len(seen) == 4
    assert space.conditional.tolist() == [name != "solver" for name in space.names]


def test_a_parent_of_any_objects() -> None:
    space = Space(
        {
            "hidden": Categorical([(50,), (50, 50), None]),
            "second": Float(0, 1, when={"hidden": (50, 50)}),
            "any": Float(0, 1, when={"hidden": [(50,), None]}),
            "two": Float(0, 1, when="hidden in ((50,), (50, 50))"),
        }
    )
    for row in rows(space):
        assert ("second" in row) == (row["hidden"] == (50, 50))
        assert ("any" in row) == (row["hidden"] in ((50,), None))
        assert ("two" in row) == (row["hidden"] is not None)


def test_parents_that_are_numbers() -> None:
    space = Space(
        {
            "n": Int(1, 4),
            "m": Int(1, 4, log=True),
            "s": Float(0, 1, step=0.1),
            "a": Float(0, 1, when={"n": [1, 3]}),
            "b": Float(0, 1, when={"m": range(2, 4)}),
            "c": Float(0, 1, when={"s": 0.3}),
        }
    )
    for row in rows(space, 500):
        assert ("a" in row) == (row["n"] in (1, 3))
        assert ("b" in row) == (row["m"] in (2, 3))
        assert ("c" in row) == (row["s"] == 0.3)


def test_conditional_constants_and_conditions_on_constants() -> None:
    space = Space(
        {
            "solver": Categorical(["adam", "sgd"]),
            "kind": Constant("fast"),
            "extra": Constant((1, 2), when={"solver": "sgd"}),
            "lr": Float(0, 1, when={"kind": "fast"}),
            "m": Float(0, 1, when={"extra": (1, 2)}),
        }
    )
    for row in rows(space):
        assert row["kind"] == "fast"
        assert "lr" in row
        assert ("extra" in row) == ("m" in row) == (row["solver"] == "sgd")
    x = space.sample(20, np.random.default_rng(1))
    assert space.load(space.store(x)) == space.decode(x)
    assert space.is_conditional


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (
            {"a": ["x", "y"], "b": Float(0, 1, when={"a": "z"})},
            r"when= of parameter 'b' compares 'a' with 'z', which it never is",
        ),
        ({"a": ["x", "y"], "b": Float(0, 1, when={"a": ["x", "z"]})}, r"'z', which it never is.*must be one of x, y"),
        ({"a": Int(1, 3), "b": Float(0, 1, when={"a": 4})}, r"compares 'a' with 4.*\[1, 3\].*never be met"),
        ({"a": ["x", "y"], "k": "sgd", "b": Float(0, 1, when={"k": "adam"})}, r"'k' with 'adam'.*is the constant sgd"),
        (
            {"a": Int(1, 3), "b": Float(0, 1, when="a > 5")},
            r"Parameter 'b' is active in none of 1,\d+,\d+ random.*when= \(a > 5\)",
        ),
        ({"a": ["x", "y"], "b": Float(0, 1, when={"aa": "x"})}, r"when= of parameter 'b' names 'aa'.*Did you mean 'a'"),
        (
            {"a": ["x", "y"], "b": Float(0, 1, when="q > 1")},
            r"names 'q', which is no parameter.*The parameters are a, b",
        ),
        (
            {"a": Float(0, 1, when="b > 0.5"), "b": Float(0, 1, when="a > 0.5"), "c": Float(0, 1)},
            r"The conditions of 'a', 'b' form a circle: each waits for another\. Remove one when=",
        ),
        ({"a": Float(0, 1, when="a > 0.5"), "b": Float(0, 1)}, "form a circle"),
        ({}, r"The space is empty.*Add a Float"),
        ({"a": 3, "b": Constant("x")}, "The space is empty"),
        ({3: Float(0, 1)}, "Names of parameters must be texts, got 3"),
        ({"": Float(0, 1)}, "Names of parameters must be texts, got ''"),
        ([], "A list must hold dicts of parameters"),
        ([3], "A list must hold dicts of parameters"),
        ("lr", r"A space is a dict of parameters .*got str: 'lr'"),
        (None, r"A space is a dict of parameters .*got NoneType"),
        ({"a": []}, r"Parameter 'a' has an empty list of choices"),
        ({"a": object}, r"Parameter 'a' must be Float, Int, .*For one fixed object use Constant"),
        ({"a": np.zeros((2, 2))}, r"Parameter 'a' needs a one-dimensional array of choices, got shape \(2, 2\)"),
        ({"a": {"x": 1}}, "Parameter 'a' must be Float"),
    ],
)
def test_a_wrong_space_says_what_to_do(declared: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        Space(declared)


@pytest.mark.parametrize(
    ("when", "message"),
    [
        (3, r"when= must be a dict such as .* or an expression such as .*, got 3"),
        ({}, "when= must be a dict"),
        ({3: 1}, "when= must map names of parameters to values, got the key 3"),
        ({"a": []}, "when= gives an empty list of values for 'a'"),
        ("a >", "Cannot read the expression"),
    ],
)
def test_a_wrong_condition_says_what_to_do(when: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        Float(0, 1, when=when)


BASE: dict[str, Any] = {
    "a": Float(0, 1),
    "b": Float(0, 1),
    "solver": Categorical(["adam", "sgd"]),
    "m": Float(0, 1, when={"solver": "sgd"}),
}


@pytest.mark.parametrize("rule", ["a <= b", lambda p: p["a"] <= p["b"]])
def test_constraints_are_obeyed(rule: Any) -> None:
    assert all(row["a"] <= row["b"] for row in rows(Space(BASE, constraints=rule)))
    assert all(row["a"] <= row["b"] for row in rows(Space(BASE, constraints=[rule])))


@pytest.mark.parametrize("rule", ["m > 0.5", lambda p: p["m"] > 0.5, lambda p: p.get("m", 1.0) > 0.5])
def test_a_constraint_on_an_inactive_parameter_does_not_apply(rule: Any) -> None:
    found = rows(Space(BASE, constraints=[rule]))

    assert {row["solver"] for row in found} == {"adam", "sgd"}
    assert all(row["m"] > 0.5 for row in found if "m" in row)


def test_constraints_with_choices() -> None:
    found = rows(Space(BASE, constraints=["solver == 'adam' or a < 0.1", "not (solver == 'adam' and b > 0.5)"]))

    assert all((r["solver"] == "adam" or r["a"] < 0.1) and not (r["solver"] == "adam" and r["b"] > 0.5) for r in found)


def test_a_function_cannot_change_what_others_see() -> None:
    def greedy(p: dict[str, Any]) -> bool:
        p.clear()
        return True

    assert all(row["a"] <= row["b"] for row in rows(Space(BASE, constraints=[greedy, lambda p: p["a"] <= p["b"]]), 20))


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (
            ["a > 2"],
            r"The constraints \(a > 2\) leave no room: none of 1,\d+,\d+ random configurations obeys them\. Loosen",
        ),
        ([lambda p: False], r"leave no room: none of 2\d,\d+ random"),
        (["c < a"], r"The constraint 'c < a' names 'c', which is no parameter of the space"),
        ([lambda p: p["c"] > 1], r"The constraint .*<lambda> names 'c', which is no parameter"),
        ([lambda p: {0.5: True}[p["a"]]], r"raised KeyError: .* Make it return True or False there"),
        ([lambda p: 1 / 0], r"The constraint .* raised ZeroDivisionError: division by zero at \{'a'"),
        ([lambda p: None], r"returned None at .* Make it return True where it is allowed"),
        ([3], r"A constraint must be an expression such as .*, got 3"),
        (3, r"constraints must be a list of expressions or functions, got 3"),
        (["a < 'x'"], r"Cannot evaluate \"a < 'x'\""),
        (["solver > 1"], r"'adam', 'sgd' are no numbers"),
    ],
)
def test_a_wrong_constraint_says_what_to_do(rules: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        Space(BASE, constraints=rules)


def test_rare_points_are_found() -> None:
    """One point in 20,000 obeys; a sample of 100 needs two million draws."""
    space = Space({"a": Float(0, 1), "b": Float(0, 1)}, constraints=["abs(a - 0.5) < 0.0025", "b < 0.01"])
    x = space.sample(100, np.random.default_rng(0))

    assert x.shape == (100, 2)
    assert space.feasible(x).all()
    assert len(np.unique(x, axis=0)) == 100


def test_values_on_the_border_obey_it() -> None:
    """lr = 0.01 obeys lr >= 0.01, although log and exp do not undo each other exactly."""
    values = [0.001 * k for k in range(1, 100)]
    for log in (False, True):
        for v in values:
            space = Space({"lr": Float(1e-4, 1e-1, log=log)}, constraints=[f"{v:.3g} <= lr <= {v:.3g} or lr < 2e-4"])
            assert space.feasible(space.encode([{"lr": float(f"{v:.3g}")}])).all()


def test_a_list_of_dicts_is_a_choice_between_them() -> None:
    space = Space(
        [
            {"kernel": ["linear"], "C": Float(0.1, 10, log=True)},
            {
                "kernel": ["rbf", "poly"],
                "C": Float(0.1, 10, log=True),
                "gamma": Float(0.1, 1),
                "degree": Int(2, 4, when={"kernel": "poly"}),
            },
            {"kernel": ["off"], "C": [1, 2]},
        ]
    )
    kernels = set()
    for row in rows(space, 300):
        kernels.add(row["kernel"])
        assert ("gamma" in row) == (row["kernel"] in ("rbf", "poly"))
        assert ("degree" in row) == (row["kernel"] == "poly")
        assert "subspace" not in row
        assert row["kernel"] != "off" or row["C"] in (1, 2)
        assert next(iter(row)) == "kernel"
    assert kernels == {"linear", "rbf", "poly", "off"}
    given = [
        {"kernel": "linear", "C": 1.0},
        {"kernel": "poly", "C": 1.0, "gamma": 0.5, "degree": 3},
        {"kernel": "off", "C": 2},
    ]
    assert space.decode(space.encode(given)) == given
    with pytest.raises(SpaceError, match=r"Parameter 'gamma' must lie in \[0\.1, 1\], got 5"):
        space.encode([{"kernel": "rbf", "C": 1.0, "gamma": 5}])


def test_constraints_see_one_name_in_several_dicts() -> None:
    space = Space(
        [{"C": Float(0, 1)}, {"C": [1, 3]}, {"C": ["auto", 7], "q": [1, 2]}], constraints=["C == 'auto' or C <= 1"]
    )
    values = {row["C"] for row in rows(space)}

    assert {1, "auto"} < values
    assert not {3, 7} & values


def test_one_dict_in_a_list_is_that_dict() -> None:
    assert Space([{"a": [1, 2]}]) == Space({"a": [1, 2]})
    assert Space.of({"a": [1, 2]}) == Space({"a": [1, 2]})
    space = Space({"a": [1, 2]})
    assert Space.of(space) is space


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"a": 0.5}, r"The configuration lacks parameter 'b'\. Give it a value"),
        ({"a": 0.5, "b": 0.5, "solver": "sgd"}, "lacks parameter 'm'"),
        (
            {"a": 0.5, "b": 0.5, "solver": "adam", "m": 0.1},
            r"gives 'm', which is inactive there \(see its when=\)\. Leave it out",
        ),
        ({"a": 0.5, "b": 0.5, "solver": "x", "m": 0.1}, "'solver' must be one of adam, sgd, got 'x'"),
        ({"a": 0.5, "B": 0.5}, r"The configuration names 'B', which is no parameter of the space"),
        ({"a": 0.5, "solvr": "sgd"}, "Did you mean 'solver'"),
        ({3: 0.5}, "names '3'"),
        (0.5, r"A configuration must be a dict of parameters, got 0\.5"),
    ],
)
def test_a_wrong_configuration_says_what_to_do(params: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        Space(BASE).encode([params])


def test_encode_wants_a_list() -> None:
    with pytest.raises(
        SpaceError, match=r"encode takes a list of configurations, got one dict\. Write encode\(\[params\]\)"
    ):
        Space(BASE).encode({"a": 0.5})  # type: ignore[arg-type]


def test_a_space_shows_itself() -> None:
    text = repr(Space({"n": Int(1, 10**7), "f": Float(0, 1, step=0.5), "c": ["x", "y"], "k": 3}, constraints=["n > 1"]))

    assert text == (
        "Space({'n': Int(1, 10000000), 'f': Float(0, 1, step=0.5), 'c': Categorical([x, y]), 'k': Constant(3)}, "
        "constraints=['n > 1'])"
    )
