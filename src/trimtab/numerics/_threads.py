"""One BLAS thread for many small matrices.

At n = 50 to 300 a second thread saves nothing, and while other processes train networks on all cores the threads of one
small factorisation wait for each other: measured on 2 busy cores, 50 GP suggestions took 52 s instead of 1 s.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

__all__ = ["one_blas_thread"]


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Runs the BLAS of NumPy and SciPy with one thread inside, as before outside."""
    with _controller().limit(limits=1, user_api="blas"):
        yield


@cache
def _controller() -> Any:
    """The loaded libraries, looked up once (3 ms); both BLAS are loaded before."""
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
