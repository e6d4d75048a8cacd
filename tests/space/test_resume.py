"""A stored space is checked on resume: trials that stay valid go on, others are an error that says why."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from trimtab.errors import SpaceError
from trimtab.space import Categorical, Constant, Float, Int, Space

OLD: dict[str, Any] = {
    "lr": Float(1e-3, 1e-1, log=True),
    "n": Int(2, 8),
    "s": Float(0, 1, step=0.25),
    "solver": Categorical(["adam", "sgd"]),
    "m": Float(0.5, 0.9, when={"solver": "sgd"}),
    "k": Constant(1),
}


def stored() -> list[dict[str, Any]]:
    space = Space(OLD)
    x = space.sample(300, np.random.default_rng(0))
    rows: list[dict[str, Any]] = json.loads(json.dumps(space.store(x)))
    return rows


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"lr": Float(1e-5, 1, log=True)},
        {"lr": Float(1e-3, 1e-1)},
        {"n": Int(1, 100, log=True)},
        {"n": Float(1, 10)},
        {"s": Float(-1, 2, step=0.25)},
        {"s": Float(0, 1, step=0.125)},
        {"s": Float(0, 1)},
        {"solver": Categorical(["adam", "sgd", "rms"])},
        {"solver": Categorical(["rms", "sgd", "adam"], ordered=True)},
        {"k": Constant("other")},
        {"new": Constant("other")},
        {"new": Float(0, 1, when={"solver": "rms"}), "solver": Categorical(["adam", "sgd", "rms"])},
        {"m": Float(0.1, 1, when="solver != 'adam'")},
    ],
)
def test_changes_that_keep_old_trials_valid(change: dict[str, Any]) -> None:
    space = Space({**OLD, **change})
    rows = stored()
    space.check_stored(rows)

    for row, loaded, decoded in zip(rows, space.load(rows), space.decode(space.restore(rows)), strict=True):
        assert {name: loaded[name] for name in row} == row
        assert decoded == {n: pytest.approx(v, rel=1e-9) if isinstance(v, float) else v for n, v in loaded.items()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"lr": Float(1e-2, 1e-1, log=True)},
            r"a stored trial is outside it: Parameter 'lr' must lie in \[0\.01, 0\.1\], got 0\.00",
        ),
        ({"n": Int(3, 8)}, r"Parameter 'n' must be a whole number in \[3, 8\], got 2"),
        ({"n": Int(2, 8, step=2)}, r"'n' must be a whole number in \[2, 8\] in steps of 2"),
        ({"s": Float(0, 1, step=0.5)}, r"'s' must be 0 plus a multiple of step=0\.5"),
        ({"s": Int(0, 1)}, r"'s' must be a whole number in \[0, 1\], got 0\.[257]"),
        ({"lr": Categorical([0.1, 0.2])}, r"choice 0\.\d+ of parameter 'lr' is gone"),
        ({"solver": Float(0, 1), "m": Float(0.5, 0.9)}, r"Parameter 'solver' must be a number, got '(adam|sgd)'"),
        (
            {"solver": Categorical(["adam", "rms"]), "m": Float(0.5, 0.9, when={"solver": "rms"})},
            r"choice 'sgd' of parameter 'solver' is gone",
        ),
        ({"new": Float(0, 1)}, r"parameter 'new' is new or newly active, and stored trials have no value for it"),
        ({"new": Float(0, 1, when={"solver": "sgd"})}, "parameter 'new' is new or newly active"),
        ({"lr": Constant(0.01)}, r"stored trials have parameter 'lr', which is not searched any more"),
        ({"m": Float(0.5, 0.9)}, "parameter 'm' is new or newly active"),
        ({"m": Float(0.5, 0.9, when={"solver": "adam"})}, "parameter 'm' is (new or newly active|inactive where)"),
        (
            {"m": Float(0.5, 0.9, when="solver == 'sgd' and n > 5")},
            "parameter 'm' is inactive where stored trials have a value",
        ),
    ],
)
def test_changes_that_do_not(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SpaceError, match=message) as caught:
        Space({**OLD, **change}).check_stored(stored())
    assert "The space changed" in str(caught.value)
    assert "Use another study name or storage file to start afresh" in str(caught.value)


def test_a_removed_parameter() -> None:
    with pytest.raises(SpaceError, match=r"stored trials have parameter 'n', which is not searched any more"):
        Space({k: v for k, v in OLD.items() if k != "n"}).check_stored(stored())


def test_nothing_stored_is_always_valid() -> None:
    Space(OLD).check_stored([])
    assert Space(OLD).restore([]).shape == (0, 5)
    assert Space(OLD).load([]) == []


def test_a_narrower_range_is_fine_where_no_trial_is_lost() -> None:
    rows = [{"lr": 0.05, "n": 5, "s": 0.5, "solver": "adam"}]
    Space({**OLD, "lr": Float(0.01, 0.1), "n": Int(4, 6)}).check_stored(rows)


def test_restoring_what_is_not_valid_names_it() -> None:
    with pytest.raises(
        SpaceError,
        match=r"A stored value of parameter 'solver' is not valid in this space: 'rms'\. Open the study with",
    ):
        Space(OLD).restore([{"solver": "rms"}])
    with pytest.raises(SpaceError, match="A stored value of parameter 'lr'"):
        Space(OLD).restore([{"lr": "high"}])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda p: {**p, "version": 99},
            r"The stored space has version 99; this trimtab reads up to 1\. Update trimtab",
        ),
        (lambda p: {"version": 1}, r"The stored space is damaged \(KeyError: 'parameters'\)"),
        (lambda p: {**p, "parameters": [{"name": "x", "type": "float"}]}, "The stored space is damaged"),
        (lambda p: {**p, "parameters": [{"name": "x", "type": "quantum"}]}, "the unknown type 'quantum'"),
        (
            lambda p: {
                **p,
                "parameters": [{"name": "x", "type": "distribution", "family": "nope", "args": [], "keywords": {}}],
            },
            "the distribution 'nope', which this scipy.stats does not have",
        ),
    ],
)
def test_a_damaged_space_says_so(damage: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        Space.from_dict(damage(Space(OLD).to_dict()))


def test_functions_come_back_by_name_only() -> None:
    space = Space(OLD, constraints=[lambda p: p["n"] > 3, "lr < 0.05"])
    again = Space.from_dict(json.loads(json.dumps(space.to_dict())))

    assert again == space
    assert again.constrained
    x = again.sample(100, np.random.default_rng(0))
    assert {row["n"] for row in again.decode(x)} == set(range(2, 9))
    assert all(row["lr"] < 0.05 for row in again.decode(x))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": Constant("other")}, "'k' is the constant other, but stored trials had the constant 1"),
        ({"new": Constant("other")}, "'new' is the constant other, but stored trials did not have it"),
        ({"k": Constant(1, when={"solver": "sgd"})}, "'k' is gone, but stored trials had the constant 1"),
    ],
)
def test_trials_keep_the_constants_that_they_had(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        Space({**OLD, **change}).check_stored(stored(), Space(OLD))


def test_a_constant_of_a_new_choice_is_fine() -> None:
    change = {"solver": Categorical(["adam", "sgd", "rms"]), "new": Constant(len, when={"solver": "rms"})}
    Space({**OLD, **change}).check_stored(stored(), Space(OLD))
