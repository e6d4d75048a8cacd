"""Every executor keeps the contract that plugin authors are given; clusters do in tests/executors."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from trimtab.executors import Executor, Processes, Serial
from trimtab.testing import check_executor


@pytest.mark.parametrize("make", [Serial, lambda: Processes(2)], ids=["serial", "processes"])
def test_keeps_the_executor_contract(make: Callable[[], Executor]) -> None:
    check_executor(make)
