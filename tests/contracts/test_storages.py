"""Every storage keeps the contract that plugin authors are given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from trimtab.storage import Memory, SQLite, Storage
from trimtab.testing import check_storage


@pytest.mark.parametrize(
    "make", [lambda folder: Memory(), lambda folder: SQLite(folder / "a b#?%ü.db")], ids=["memory", "sqlite"]
)
def test_keeps_the_storage_contract(make: Callable[[Path], Storage], tmp_path: Path) -> None:
    storage = make(tmp_path)

    check_storage(storage)

    storage.close()
    storage.close()
