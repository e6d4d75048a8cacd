"""`trimtab show --live`: a study as it goes on, drawn again and again on a terminal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from trimtab.cli._activity import Activity, Worker
from trimtab.cli._findings import params_text
from trimtab.cli._output import clean, number, seconds, table_of
from trimtab.cli._view import goals_text, state_text
from trimtab.errors import StorageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from trimtab.study import Study

__all__ = ["WORKER_COLUMNS", "picture", "watch", "worker_rows"]

WORKER_COLUMNS = ("worker", "trials", "for", "last sign of life")
_MOST = 12  # rows of a table


def watch(study: Study, every: float, last: int) -> None:
    """Draw until Ctrl-C."""
    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

    activity = Activity(study)
    console = Console(highlight=False, markup=False, emoji=False)
    with Live(picture(study, activity, last), console=console, auto_refresh=False) as live:
        while True:
            live.refresh()
            time.sleep(every)
            try:
                shown = picture(study, activity, last)
            except StorageError as error:
                shown = Group(live.renderable, Text(f"Cannot be read now, trying again: {clean(error)}"))
            live.update(shown)


def picture(study: Study, activity: Activity, last: int) -> RenderableType:
    """The study at this moment."""
    from rich.console import Group
    from rich.text import Text

    def title(text: str) -> Any:
        return Text(f"\n{text}", style="bold")

    activity.look()
    rate, fold = activity.rate, study._journal.fold
    parts: list[Any] = [
        Text(
            f"Study {clean(repr(study.name))} in {clean(study.storage.describe())}: {state_text(study)}", style="bold"
        ),
        Text(
            f"  {goals_text(study)}; {'-' if rate is None else f'{rate:.3g}'} trials a minute; Ctrl-C ends this, not the study"
        ),
    ]
    if study.goals.m > 1:
        parts.append(Text(f"  best: front of {len(study.pareto)}"))
    elif study.table.best is not None:
        best = fold.trial(int(study.table.best))
        parts.append(Text(f"  best: trial {best.number}, value {number(best.value)}"))
        parts.append(Text(f"  {clean(params_text(best))}"))
    workers = worker_rows(activity.workers)
    parts.append(title(f"{len(workers)} worker{'s' * (len(workers) != 1)}"))
    if workers:
        parts.append(table_of(WORKER_COLUMNS, workers[:_MOST]))
    if last and fold.ended:
        rows = []
        for i in fold.ended[: -last - 1 : -1]:
            trial = fold.trial(i)
            shown = [number(trial.outcomes.get(name)) for name in study.goals.names]
            rows.append([str(i), trial.state, *shown, seconds(trial.seconds), params_text(trial)])
        parts += [title("Ended last"), table_of(("trial", "state", *study.goals.names, "time", "configuration"), rows)]
    if groups := activity.failures:
        parts.append(title("Failures by reason (of the newest)"))
        parts.append(table_of(("count", "reason"), [[str(len(g.numbers)), g.reason] for g in groups[:5]]))
    return Group(*parts)


def worker_rows(workers: list[Worker]) -> list[list[str]]:
    """A row a worker, for `WORKER_COLUMNS`."""
    rows = []
    for w in workers:
        sign = (
            "it is gone: its trials will be run again"
            if w.gone
            else f"{seconds(w.silent)} ago"
            if w.silent is not None
            else "-"
        )
        trials = ", ".join(map(str, w.trials[:6])) + (", ..." if len(w.trials) > 6 else "")
        rows.append([f"{w.host} {w.pid}", trials or "idle", seconds(w.busy), sign])
    return rows
