"""Commands with placeholders."""

import pytest

from trimtab.cli._template import check_template, fill, values_of
from trimtab.errors import InputError

COMMAND = ("train", "--lr", "{lr}", "--momentum", "{momentum}", "--verbose", "--size={units}x{units}")


def test_values_stand_where_their_names_stood():
    filled = fill(COMMAND, {"lr": 1e-3, "momentum": 0.9, "units": 32})

    assert filled == ["train", "--lr", "0.001", "--momentum", "0.9", "--verbose", "--size=32x32"]


def test_an_inactive_hyperparameter_takes_its_option_with_it():
    filled = fill(COMMAND, {"lr": 1e-3, "units": 32})

    assert filled == ["train", "--lr", "0.001", "--verbose", "--size=32x32"]


def test_an_argument_that_holds_its_own_option_goes_alone():
    filled = fill(("train", "--verbose", "--momentum={momentum}", "last"), {"lr": 1.0})

    assert filled == ["train", "--verbose", "last"]


@pytest.mark.parametrize(
    ("value", "text"),
    [("a b; rm *", "a b; rm *"), (True, "true"), (None, "null"), ((50, 100), "[50, 100]"), (3, "3"), (1e-05, "1e-05")],
)
def test_a_value_is_one_argument(value, text):
    assert fill(("x", "{v}"), {"v": value}) == ["x", text]


def test_braces_and_the_number_of_the_trial():
    assert fill(("x", '{{"lr": {lr}}}', "runs/{trial}"), {"lr": 2, "trial": 12}) == ["x", '{"lr": 2}', "runs/12"]


def test_the_seed_of_the_trial():
    assert check_template(("x", "--seed", "{seed}"), ["lr"]) == {"seed"}
    assert fill(("x", "--seed", "{seed}"), values_of({"lr": 2}, 12, 987)) == ["x", "--seed", "987"]
    assert fill(("x", "--seed", "{seed}"), values_of({"seed": 3}, 12, 987)) == ["x", "--seed", "3"]


def test_a_hyperparameter_called_trial_wins():
    assert fill(("x", "{trial}"), values_of({"trial": "mine"}, 12)) == ["x", "mine"]


def test_a_value_with_braces_is_not_filled_again():
    assert fill(("x", "{a}"), {"a": "{b}", "b": 1}) == ["x", "{b}"]


def test_names_that_a_command_uses():
    assert check_template(COMMAND, ["lr", "momentum", "units"]) == {"lr", "momentum", "units"}


def test_an_unknown_placeholder_names_the_near_one():
    with pytest.raises(InputError, match=r"\{lrr\}.*Did you mean \{lr\}"):
        check_template(("x", "{lrr}"), ["lr", "units"])


@pytest.mark.parametrize("argument", ["{", "a}", "{lr", "${HOME"])
def test_a_single_brace_is_an_error(argument):
    with pytest.raises(InputError, match=r"single '[{}]'"):
        check_template(("x", argument), ["lr"])
