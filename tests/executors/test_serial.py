"""Serial and the choice of an executor."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import pytest

from trimtab.errors import InputError
from trimtab.executors import Processes, Serial, executor_of
from trimtab.records import Trial


class Silent:
    def report(self, number: int, step: float, value: float) -> None: ...

    def should_stop(self, number: int) -> bool:
        return False


def test_ctrl_c_passes_and_stop_names_the_trial():
    def objective(trial):
        raise KeyboardInterrupt

    with Serial() as executor:
        executor.start(objective, Silent())
        executor.submit(Trial(7, {}))
        with pytest.raises(KeyboardInterrupt):
            executor.wait()

        assert executor.stop() == [7]
        assert executor.stop() == []


def test_an_interruption_that_the_objective_swallows_is_raised_all_the_same():
    """As scikit-learn's MLPClassifier does, which returns a half-trained model."""

    def objective(trial):
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        except KeyboardInterrupt:
            return 0.5
        return 1.0

    before = signal.getsignal(signal.SIGINT)
    with Serial() as executor:
        executor.start(objective, Silent())
        executor.submit(Trial(3, {}))
        with pytest.raises(KeyboardInterrupt):
            executor.wait()
        assert executor.stop() == [3]
    assert signal.getsignal(signal.SIGINT) is before


def test_the_exception_itself_comes_back():
    error = ValueError("mine")

    def objective(trial):
        raise error

    with Serial() as executor:
        executor.start(objective, Silent())
        executor.submit(Trial(0, {}))
        (outcome,) = executor.wait()

    assert outcome.exception is error
    assert outcome.error is not None
    assert "_evaluate.py" not in outcome.error  # the user's frames only


def test_workers_choose_the_executor():
    assert isinstance(executor_of(1), Serial)
    two = executor_of(np.int64(2))
    assert isinstance(two, Processes)
    assert two.capacity == 2
    mine = Serial()
    assert executor_of(1, mine) is mine


@pytest.mark.parametrize("workers", [0, -1, 1.5, "2", None, True])
def test_refuses_workers_that_are_no_number(workers):
    with pytest.raises(InputError, match="workers must be a whole number"):
        executor_of(workers)


def test_refuses_an_executor_that_is_none():
    with pytest.raises(InputError, match=r"workers=4"):
        executor_of(1, 4)
