"""Every executor keeps the contract that plugin authors are given."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from trimtab.executors import Executor, Processes, Serial
from trimtab.testing import check_executor


@pytest.mark.parametrize("make", [Serial, lambda: Processes(1), lambda: Processes(2)], ids=["serial", "one", "two"])
def test_keeps_the_executor_contract(make: Callable[[], Executor]) -> None:
    check_executor(make)
