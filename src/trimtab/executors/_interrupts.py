"""Ctrl-C that cannot be swallowed.

scikit-learn's MLPClassifier answers KeyboardInterrupt with a warning and a half-trained model, and other training
loops do alike. Such a result is no result: the interruption is noticed here and raised again once the objective has
returned.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

__all__ = ["Interrupts"]


class Interrupts:
    """Within it, a SIGINT that the code inside swallowed raises KeyboardInterrupt at the end.

    Does nothing outside the main thread.
    """

    def __init__(self) -> None:
        self._seen = False
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            before = signal.getsignal(signal.SIGINT)
            if callable(before):  # neither ignored nor handled outside Python
                self._before = before
                signal.signal(signal.SIGINT, self._notice)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
        if self._seen and error is None:
            raise KeyboardInterrupt

    def _notice(self, number: int, frame: FrameType | None) -> None:
        self._seen = True
        self._before(number, frame)
