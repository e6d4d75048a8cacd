"""From `workers=` and `executor=` to an executor."""

from __future__ import annotations

from trimtab.errors import InputError
from trimtab.executors._processes import Processes
from trimtab.executors._protocol import Executor
from trimtab.executors._serial import Serial

__all__ = ["executor_of"]


def executor_of(workers: int = 1, executor: Executor | None = None) -> Executor:
    """`executor` if there is one; else this process for one worker, and as many processes for more.

    InputError for anything else.
    """
    if isinstance(workers, bool) or not hasattr(workers, "__index__") or workers.__index__() < 1:
        raise InputError(f"workers must be a whole number from 1, got {workers!r}. 1 evaluates in this process.")
    if executor is None:
        return Serial() if workers.__index__() == 1 else Processes(workers.__index__())
    if not isinstance(executor, Executor):
        raise InputError(
            f"executor must be an Executor, such as trimtab.executors.Processes(4, time_limit=600) or "
            f"trimtab.executors.Ray(), got {executor!r}. For so many processes of this machine write workers=4."
        )
    return executor
