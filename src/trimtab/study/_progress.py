"""The progress bar: trial, best value or size of the front, patience, failures, time left.

Only on a terminal; rich is imported when it is shown.
"""

from __future__ import annotations

import math
import sys
import time
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from trimtab.records import FINISHED, Trial

if TYPE_CHECKING:
    from trimtab.study._study import Study

__all__ = ["Progress"]


class Progress:
    """A bar of `total` trials (None: as many as fit in until `deadline`, in monotonic seconds, or as it takes).

    Does nothing where standard error is no terminal or `show` is False.
    """

    def __init__(self, study: Study, total: int | None, deadline: float, show: bool) -> None:
        self._study = study
        self._total = total
        self._deadline = deadline
        self._show = show and total != 0 and sys.stderr is not None and sys.stderr.isatty()
        self._bar: Any = None
        self._task: Any = None
        self._failed = 0
        self._best: float | None = None

    def __enter__(self) -> Progress:
        if self._show:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns: list[Any] = [
                TextColumn("trial"),
                TextColumn("{task.completed}") if self._total is None else MofNCompleteColumn(),
                BarColumn(),
                TextColumn("{task.fields[found]}"),
                TimeElapsedColumn(),
            ]
            if self._total is not None:
                columns += [TextColumn("left"), TimeRemainingColumn()]
            elif self._deadline < math.inf:
                columns += [TextColumn("left"), _countdown(self._deadline)]
            self._best = self._best_before()
            on_terminal = sys.stdout is not None and sys.stdout.isatty()  # else it is a file or a pipe: leave it alone
            self._bar = Bar(*columns, console=Console(stderr=True), redirect_stdout=on_terminal)
            self._task = self._bar.add_task("", total=self._total, found=self._shown())
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def ended(self, trial: Trial, waited: str = "") -> None:
        """A trial ended: move on, show what was found and the number of failures.

        waited: how much of the patience is used up, in words.
        """
        if self._bar is None:
            return
        if trial.value is not None and trial.state == "finished" and self._counts(trial):
            values = [v for v in (self._best, trial.value) if v is not None]
            self._best = max(values) if self._study.direction == "maximize" else min(values)
        self._failed += trial.state == "failed"
        failed = f"[red]{self._failed} failed[/red]" if self._failed else ""
        found = ", ".join(part for part in (self._shown(), waited, failed) if part)
        self._bar.update(self._task, advance=1, found=found)

    def _counts(self, trial: Trial) -> bool:
        """Whether it keeps every limit."""
        goals = self._study.goals
        return bool(goals.feasible(goals.row(trial.outcomes)[None])[0])

    def _shown(self) -> str:
        if self._study.goals.m > 1:
            n = len(self._study.table.front)
            return f"front of {n} trial{'s' * (n != 1)}" if n else f"front -{self._why_none()}"
        return f"best -{self._why_none()}" if self._best is None else f"best {self._best:.5g}"

    def _why_none(self) -> str:
        """That trials finished, and none keeps the limits."""
        table = self._study.table
        return " (limits broken)" if table.goals.limits and np.any(table.state == FINISHED) else ""

    def _best_before(self) -> float | None:
        table = self._study.table
        return None if table.best is None or table.goals.m > 1 else float(table.value[table.best])


def _countdown(deadline: float) -> Any:
    """A column that shows the time until the deadline."""
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    class Countdown(ProgressColumn):
        def render(self, task: Task) -> Text:
            left = max(0, math.ceil(deadline - time.monotonic()))
            return Text(str(timedelta(seconds=left)), style="progress.remaining")

    return Countdown()
