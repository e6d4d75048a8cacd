"""What tests in several folders use: a PostgreSQL server of the session's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from benchmarks.postgres_server import Server, why_not


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A server on loopback, of which a test may do everything but leave it stopped."""
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    with Server(fsync="off") as server:  # a crash of the server loses nothing that way, only one of the machine would
        yield server


@pytest.fixture
def postgres_url(postgres_server: Server) -> str:
    """The URL of a database without studies."""
    return postgres_server.empty()
