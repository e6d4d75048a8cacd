"""`trimtab export`: a study as a file for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from trimtab.cli._output import clean, note
from trimtab.cli._view import name_option, open_study, state_text
from trimtab.errors import InputError

__all__ = ["export"]


@click.command()
@click.argument("storage", metavar="STORAGE")
@name_option
@click.option("-o", "--output", metavar="FILE", help="Where to write it.  [default: standard output]")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "parquet", "jsonl"]),
    help="csv, parquet or jsonl.  [default: as the ending of FILE says, else csv]",
)
def export(storage: str, name: str | None, output: str | None, form: str | None) -> None:
    """Write a study as CSV, Parquet or JSON lines.

    csv and parquet have a row for each trial: number, state, value, named outcomes, hyperparameters, seconds, error, reported
    derivatives, and when it was created, started and finished. In CSV, texts that a spreadsheet would run as a formula get
    an apostrophe before them, and control characters are written as \\n or \\x1b. Parquet needs: pip install
    'trimtab[parquet]'.

    jsonl is the whole log, an event a line: `trimtab import` makes exactly the same study of it, on any machine, and in any
    storage. Use it to move a study, to keep it, or to send it to somebody.

    STORAGE is the SQLite file or the URL of the study. It may still be running.

    \\b
    Examples:
      trimtab export study.db > trials.csv
      trimtab export study.db -o trials.parquet
      trimtab export study.db -o study.jsonl
    """
    from trimtab.study._export import export_text, format_of

    if form is None:
        form = "csv" if output is None else format_of(output, None)
    study = open_study(storage, name)
    if output is None:
        if form == "parquet":
            raise InputError("A Parquet file is no text: say where to write it, with -o FILE.")
        for piece in export_text(study, form):
            click.echo(piece, nl=False)
        return
    target = Path(output)
    if target.is_dir():
        raise InputError(f"-o {output!r} is a folder. Name a file in it, such as {str(target / f'study.{form}')!r}.")
    if not target.parent.is_dir():
        raise InputError(
            f"The folder {str(target.parent)!r} of the file does not exist. Make it, or choose another path."
        )
    study.export(target, form)
    note(f"Wrote {clean(output)}: study {clean(repr(study.name))}, {state_text(study)}.")
