"""The contract of a sensitivity analysis: call `check_analysis(my_analysis)` in a test of your own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import numpy as np

from trimtab.records import TrialTable
from trimtab.sensitivity import Result
from trimtab.space import Categorical, Float, Int, Space

__all__ = ["check_analysis"]

VERDICTS = ("matters", "cannot be told from a dead knob", "too little data")

SPACE = Space(
    {
        "lr": Float(1e-4, 1e-1, log=True),
        "units": Int(8, 64),
        "solver": Categorical(["adam", "<b>sgd</b>"]),
        "momentum": Float(0.5, 0.99, when={"solver": "<b>sgd</b>"}),
        "flag": Categorical([None, (1, 2)]),
    }
)


def check_analysis(analysis: Callable[[TrialTable], Result]) -> None:
    """Raises AssertionError, saying what is wrong, unless `analysis` keeps the contract of `trimtab.sensitivity`.

    analysis: a function of a TrialTable that returns a Result whose `parameters` and `verdicts` name the knobs. It must answer on mixed and
    conditional spaces, in both directions, with failed and repeated trials, a constant objective, and hardly any trial.
    """
    for what, table in _tables():
        before = (table.x.copy(), table.y.copy())
        result = analysis(table)
        _speaks(what, result)
        assert str(analysis(table)) == str(result), f"{what}: the same call gives the same numbers"
        assert np.array_equal(table.x, before[0], equal_nan=True), f"{what}: the table was changed"
        assert np.array_equal(table.y, before[1], equal_nan=True), f"{what}: the table was changed"
    _tells_live_from_dead(analysis)


def _tables() -> Iterator[tuple[str, TrialTable]]:
    """Trials of a mixed, conditional space, from plenty to none."""
    rng = np.random.default_rng(0)
    x = SPACE.sample(60, rng)
    y = 4 * (x[:, 0] - 0.4) ** 2 + 0.3 * (x[:, 2] > 0.5) + 0.02 * rng.standard_normal(60)
    failed = np.where(np.arange(60) % 7 == 0, np.nan, y)
    yield "60 trials", TrialTable.of(SPACE, x, y)
    yield "a maximised objective", TrialTable.of(SPACE, x, y, "maximize")
    yield "failed trials", TrialTable.of(SPACE, x, failed)
    yield "repeated trials", TrialTable.of(SPACE, np.tile(x[:15], (3, 1)), np.tile(y[:15], 3))
    yield "a constant objective", TrialTable.of(SPACE, x, np.full(60, 0.5))
    yield "only failures", TrialTable.of(SPACE, x, np.full(60, np.nan))
    yield "two trials", TrialTable.of(SPACE, x[:2], y[:2])
    yield "no trial", TrialTable.of(SPACE, x[:0], y[:0])


def _speaks(what: str, result: Result) -> None:
    """Table, notebook, JSON and verdicts."""
    plain = json.dumps(result.to_dict(), allow_nan=False)
    assert plain != "{}", f"{what}: to_dict() is empty"
    assert str(result).strip(), f"{what}: str() is empty"
    page = result._repr_html_()
    assert "<b>sgd" not in page, f"{what}: texts of the user are not escaped in the notebook"
    verdicts = getattr(result, "verdicts", None)
    assert isinstance(verdicts, dict), f"{what}: verdicts is a dict of name -> text"
    assert set(verdicts) <= set(SPACE.names), f"{what}: verdicts about unknown knobs {set(verdicts) - set(SPACE.names)}"
    for name, text in verdicts.items():
        word = next((v for v in VERDICTS if text.startswith(v)), None)
        assert word is not None, f"{what}: the verdict of {name} must begin with one of {VERDICTS}, got {text!r}"
        assert text[len(word) :].startswith(": "), f"{what}: the verdict of {name} gives no reason: {text!r}"
        few = what in ("two trials", "no trial", "only failures")
        assert not (few and word == "matters"), f"{what}: {name} cannot be known to matter"


def _tells_live_from_dead(analysis: Callable[[TrialTable], Result]) -> None:
    """One knob makes all the difference, one makes none."""
    space = Space({"live": Float(0.0, 1.0), "dead": Float(0.0, 1.0)})
    x = space.sample(80, np.random.default_rng(1))
    verdicts = getattr(analysis(TrialTable.of(space, x, x[:, 0])), "verdicts", {})
    assert verdicts.get("live", "").startswith("matters"), f"a knob that explains everything: {verdicts}"
    assert not verdicts.get("dead", "").startswith("matters"), f"a knob without any effect: {verdicts}"
