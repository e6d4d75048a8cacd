"""What travels between the study and where it evaluates: objectives and parameters there, outcomes back.

By cloudpickle and between our own processes only: nothing of it is ever stored.
"""

from __future__ import annotations

import pickle
from typing import Any

from trimtab.errors import InputError, WorkerError
from trimtab.executors._protocol import Outcome

__all__ = ["pack", "told", "unpack"]


def pack(thing: Any, name: str) -> bytes:
    """The thing in bytes for another process. InputError, with its `name`, where that cannot be."""
    import cloudpickle

    try:
        packed: bytes = cloudpickle.dumps(thing)
    except Exception as error:
        raise InputError(
            f"{name} cannot be sent to a worker process: {type(error).__name__}: {error}. "
            "Make what cannot be copied (locks, open files, connections, GPU handles) inside the objective, or use "
            "workers=1."
        ) from error
    return packed


def told(outcome: Outcome) -> tuple[Any, ...]:
    """An outcome as its worker tells it: value, seconds, error, exception in bytes, mro, gradient."""
    exception = _copied(outcome.exception)
    return outcome.value, outcome.seconds, outcome.error, exception, outcome.mro, dict(outcome.gradient)


def unpack(
    number: int,
    value: float | dict[str, float] | None,
    seconds: float,
    error: str | None,
    packed: bytes | None,
    mro: tuple[str, ...],
    gradient: dict[str, float],
) -> Outcome:
    """The outcome that a worker told, with a copy of its exception or a stand-in."""
    if error is None:
        return Outcome(number, value, seconds, gradient=gradient)
    exception: BaseException | None = None
    if packed is not None:
        try:
            exception = pickle.loads(packed)
        except Exception:  # its class is known to the worker only
            exception = None
    if not isinstance(exception, BaseException):
        exception = WorkerError(f"{mro[0]}: {error.strip().splitlines()[-1]}")
    exception.add_note(f"Raised in a worker process:\n{error}")
    return Outcome(number, None, seconds, error, exception, tuple(mro))


def _copied(error: BaseException | None) -> bytes | None:
    """The exception in bytes, or None where it cannot be copied."""
    import cloudpickle

    try:
        packed: bytes = cloudpickle.dumps(error)
        pickle.loads(packed)  # some can be packed only: an __init__ with other arguments than it hands to its base
    except Exception:
        return None
    return packed
