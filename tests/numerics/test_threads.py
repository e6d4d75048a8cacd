"""BLAS threads are limited inside the block and given back after it."""

from __future__ import annotations

import pytest
from threadpoolctl import threadpool_info

from trimtab.numerics._threads import one_blas_thread


def blas_threads():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_limits_and_restores():
    with one_blas_thread():
        pass  # loads both libraries
    before = blas_threads()

    with one_blas_thread():
        assert set(blas_threads()) == {1}

    assert blas_threads() == before


def test_restores_after_an_error():
    before = blas_threads()

    with pytest.raises(KeyError), one_blas_thread():
        raise KeyError

    assert blas_threads() == before
