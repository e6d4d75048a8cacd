"""Every registered pruner keeps the contract; and the contract catches those that do not."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest

from trimtab.pruners import ASHA, Median, names, resolve
from trimtab.testing import check_pruner


@pytest.mark.parametrize("name", names())
def test_keeps_the_pruner_contract(name):
    check_pruner(resolve(name))


@pytest.mark.parametrize(
    "pruner",
    [
        Median(warmup=0, keep=0),
        Median(warmup=0, least=1, interval=5, keep=0),
        Median(keep=1),
        ASHA(min_step=1, reduction=2, keep=0),
        ASHA(min_step=4, reduction=1.5, keep=0),
    ],
    ids=repr,
)
def test_keeps_it_with_other_settings(pruner):
    check_pruner(pruner)


CALLS = itertools.count()


@dataclass(frozen=True)
class Broken(Median):
    """The median rule with one promise broken."""

    how: str

    def should_stop(self, curve, others, seed):
        if self.how == "memory":
            return bool(len(others) > 1) and next(CALLS) % 2 == 1
        if self.how == "order":
            return len(others) > 1 and others[0].number % 2 == 1
        if self.how == "best":
            return len(curve) > 30
        if self.how == "alone":
            return not others
        if self.how == "empty":
            return not len(curve)
        if self.how == "unheard":
            return any(not len(other) for other in others)
        return np.bool_(super().should_stop(curve, others, seed))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("memory", "same curves"),
        ("order", "order of the others"),
        ("best", "best of all"),
        ("alone", "without others"),
        ("empty", "without reports"),
        ("unheard", "others without reports"),
        ("type", "must return a bool"),
    ],
)
def test_a_broken_promise_is_found(how, message):
    with pytest.raises(AssertionError, match=message):
        check_pruner(Broken(how=how))
