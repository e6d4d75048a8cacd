"""Every storage keeps the contract that plugin authors are given."""

from __future__ import annotations

from pathlib import Path

import pytest

from trimtab.storage import Memory, PostgreSQL, SQLite
from trimtab.testing import check_storage


@pytest.mark.parametrize("kind", ["memory", "sqlite", "postgresql"])
def test_keeps_the_storage_contract(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if kind == "postgresql":
        storage = PostgreSQL(request.getfixturevalue("postgres_url"))
    else:
        storage = Memory() if kind == "memory" else SQLite(tmp_path / "a b#?%ü.db")

    check_storage(storage)

    storage.close()
    storage.close()
