"""Choices are any objects, handed back as they are and stored under stable labels."""

from __future__ import annotations

import functools
import json
import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from trimtab.errors import SpaceError
from trimtab.space import Categorical, Constant, Space


class Plain:
    """Its repr holds an address."""


def relu(x: Any) -> Any:
    return x


ARRAY = np.arange(3.0)
ESTIMATORS = [LogisticRegression(C=1.0), LogisticRegression(C=2.0), SVC()]
TRICKY: list[list[Any]] = [
    [True, 1],
    [1, True, 1.0],
    ["1", 1, 1.0],
    [None, "None"],
    [float("nan"), "nan", None],
    [float("inf"), 1.0],
    [[1, [2, 3]], [1, [2, 4]]],
    [{"lr": 0.1}, {"lr": 0.2}],
    [{1, 2}, frozenset({3})],
    [(50,), (100, 50), ()],
    [(np.int64(5), 1), (6, 1)],
    [ARRAY, np.arange(4.0)],
    [relu, np.tanh, abs],
    [lambda x: x, lambda x: -x],
    [functools.partial(relu), functools.partial(relu, 2)],
    [Plain, dict, int],
    [Plain(), Plain(), None],
    ESTIMATORS,
    ["", " ", "a b", "a\nb", "'", "'a'", "b'x'", "[1", "\\d"],
    [b"bytes", "b'bytes'"],
    ["x" * 500, "x" * 501],
    [1e-5, 0.1, np.float32(0.1)],
    [3 + 2j, range(3), ...],
]


@pytest.mark.parametrize("choices", TRICKY, ids=range(len(TRICKY)))
@pytest.mark.parametrize("ordered", [False, True])
def test_any_objects_survive_all_ways(choices: list[Any], ordered: bool) -> None:
    space = Space({"c": Categorical(choices, ordered=ordered)})
    x = space.levels(0)[:, None]
    decoded = space.decode(x)
    stored = json.loads(json.dumps(space.store(x)))

    assert all(row["c"] is choice for row, choice in zip(decoded, choices, strict=True))
    assert all(row["c"] is choice for row, choice in zip(space.load(stored), choices, strict=True))
    assert np.array_equal(space.encode(decoded), x)
    assert np.array_equal(space.restore(stored), x)
    assert len({row["c"] for row in stored}) == len(choices)
    plain = json.loads(json.dumps(space.to_dict(), allow_nan=False))
    again = Space.from_dict(plain)
    assert again.to_dict() == plain
    assert again.store(x) == stored
    space.check_stored(stored)


@pytest.mark.parametrize("choices", TRICKY, ids=range(len(TRICKY)))
def test_choices_may_be_added_at_the_end(choices: list[Any]) -> None:
    """A label never changes because another choice came."""
    whole = Categorical(choices).labels
    for k in range(1, len(choices)):
        assert Categorical(choices[:k]).labels == whole[:k]


def test_true_one_and_the_text_one_are_different() -> None:
    space = Space({"c": Categorical(["1", 1, True, 1.0])})

    assert [r["c"] for r in space.store(space.levels(0)[:, None])] == ["'1'", "1", "True", "1.0"]
    for k, value in enumerate(["1", 1, True, 1.0]):
        assert space.encode([{"c": value}])[0, 0] == space.levels(0)[k]
    flags = Space({"c": Categorical([False, True])})
    assert flags.decode(flags.encode([{"c": np.True_}])) == [{"c": True}]
    with pytest.raises(SpaceError, match="must be one of False, True, got 1"):
        flags.encode([{"c": 1}])
    numbers = Space({"c": Categorical([1, 2])})
    assert numbers.encode([{"c": 2.0}]) == numbers.encode([{"c": np.int64(2)}])
    with pytest.raises(SpaceError, match="must be one of 1, 2, got '2'"):
        numbers.encode([{"c": "2"}])


def test_a_new_estimator_with_the_same_settings_is_the_choice() -> None:
    space = Space({"c": Categorical(ESTIMATORS)})

    assert space.decode(space.encode([{"c": LogisticRegression(C=2.0)}]))[0]["c"] is ESTIMATORS[1]
    with pytest.raises(SpaceError, match="Parameter 'c' must be one of"):
        space.encode([{"c": LogisticRegression(C=3.0)}])


def test_a_space_travels_to_another_process() -> None:
    space = Space({"c": Categorical(ESTIMATORS), "f": Categorical([relu, None]), "k": (50,)})
    again = pickle.loads(pickle.dumps(space))
    x = space.sample(5, np.random.default_rng(0))

    assert again == space
    assert again.store(again.encode(again.load(space.store(x)))) == space.store(x)


def test_labels_are_given_where_wanted() -> None:
    space = Space({"c": Categorical([Plain(), Plain()], labels=["first", "second"])})

    assert [row["c"] for row in space.store(space.levels(0)[:, None])] == ["first", "second"]
    assert space.label(0, space.value(0, 0.9)) == "second"


def test_long_labels_are_cut_and_stay_distinct() -> None:
    labels = Categorical(["x" * 500, "x" * 501]).labels

    assert max(map(len, labels)) <= 100
    assert len(set(labels)) == 2


def test_sets_are_put_in_an_order_that_every_process_finds() -> None:
    assert Categorical({"b", "c", "a"}).choices == ("a", "b", "c")  # type: ignore[arg-type]
    assert Categorical({10, 9, 1}).choices == (1, 9, 10)  # type: ignore[arg-type]


def test_numpy_arrays_give_pythons_own_numbers() -> None:
    choices = Categorical(np.array([1, 2])).choices  # type: ignore[arg-type]

    assert [type(c) for c in choices] == [int, int]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Categorical([]), "at least one choice, got an empty list"),
        (lambda: Categorical("relu"), r"needs a list of choices, got the text 'relu'\. Did you mean \['relu'\]"),
        (lambda: Categorical(3), r"needs a list of choices, got 3 \(int\)"),
        (lambda: Categorical(["a", "b", "a"]), r"choices must differ, got a twice\. Remove one, or give labels="),
        (lambda: Categorical([SVC(), SVC()]), r"must differ, got SVC\(\) twice"),
        (lambda: Categorical([relu, relu]), "must differ, got .*relu twice"),
        (
            lambda: Categorical([1, 2], labels=["a"]),
            r"labels must be 2 different texts, one for each choice, got \['a'\]",
        ),
        (lambda: Categorical([1, 2], labels=["a", "a"]), "labels must be 2 different texts"),
        (lambda: Categorical([1, 2], labels=[1, 2]), "labels must be 2 different texts"),
    ],
)
def test_a_wrong_declaration_says_what_to_do(make: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        make()


def test_a_wrong_choice_shows_some_of_the_right_ones() -> None:
    space = Space({"c": Categorical([f"c{k}" for k in range(20)])})

    with pytest.raises(SpaceError, match=r"Parameter 'c' must be one of c0, c1, .*c7, \.\.\., got 'd'"):
        space.encode([{"c": "d"}])


def test_constants_are_handed_to_every_trial() -> None:
    fixed = [1, 2]
    space = Space({"c": Categorical(["a", "b"]), "k": Constant(fixed), "one": Categorical([(3,)]), "plain": None})
    row = space.decode(space.encode([{"c": "a"}]))[0]

    assert list(row) == ["c", "k", "one", "plain"]
    assert row["k"] is fixed
    assert space.names == ("c",)
    assert space.encode([{"c": "a", "k": [1, 2], "one": (3,)}]).shape == (1, 1)
    with pytest.raises(SpaceError, match=r"Parameter 'k' is the constant \[1, 2\], got \[1\]"):
        space.encode([{"c": "a", "k": [1]}])


def test_equal_declarations_are_equal_even_with_arrays() -> None:
    assert Categorical([ARRAY, None]) == Categorical([np.arange(3.0), None])
    assert Categorical(["a", "b"]) != Categorical(["a", "b"], ordered=True)
    assert Constant(ARRAY) == Constant(np.arange(3.0))
    assert Constant(1) != Constant(2)
    assert Space({"a": [1, 2]}) != Space({"a": [1, 3]})
