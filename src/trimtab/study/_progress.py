"""The progress bar: trial, best value, failures, time left. Only on a terminal; rich is imported when it is shown."""

from __future__ import annotations

import math
import sys
import time
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any

from trimtab.records import Trial

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
                MofNCompleteColumn(),
                BarColumn(),
                TextColumn("best {task.fields[best]}"),
                TextColumn("{task.fields[failed]}"),
                TimeElapsedColumn(),
            ]
            if self._total is not None:
                columns += [TextColumn("left"), TimeRemainingColumn()]
            elif self._deadline < math.inf:
                columns += [TextColumn("left"), _countdown(self._deadline)]
            self._best = self._best_before()
            on_terminal = sys.stdout is not None and sys.stdout.isatty()  # else it is a file or a pipe: leave it alone
            self._bar = Bar(*columns, console=Console(stderr=True), redirect_stdout=on_terminal)
            self._task = self._bar.add_task("", total=self._total, best=self._shown(), failed="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def ended(self, trial: Trial) -> None:
        """A trial ended: move on, show the best value and the number of failures."""
        if self._bar is None:
            return
        if trial.value is not None and trial.state == "finished" and self._counts(trial):
            values = [v for v in (self._best, trial.value) if v is not None]
            self._best = max(values) if self._study.direction == "maximize" else min(values)
        self._failed += trial.state == "failed"
        failed = f"[red]{self._failed} failed[/red]" if self._failed else ""
        self._bar.update(self._task, advance=1, best=self._shown(), failed=failed)

    def _counts(self, trial: Trial) -> bool:
        """Whether it keeps every limit."""
        goals = self._study.goals
        return bool(goals.feasible(goals.row(trial.outcomes)[None])[0])

    def _shown(self) -> str:
        if self._study.goals.m > 1:
            return f"front of {len(self._study.table.front)}"
        return "-" if self._best is None else f"{self._best:.5g}"

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
