"""`trimtab import`: a study from JSON lines."""

from __future__ import annotations

import sys

import click

from trimtab.cli._output import clean, say
from trimtab.cli._view import state_text

__all__ = ["import_"]


@click.command("import")
@click.argument("file", metavar="FILE.jsonl")
@click.option("--storage", required=True, metavar="STORAGE", help="SQLite file (made if need be) or URL to add it to.")
@click.option("--name", metavar="STUDY", help="Name of the study there.  [default: the one in the file]")
def import_(file: str, storage: str, name: str | None) -> None:
    """Add a study that `trimtab export` wrote as JSON lines to a storage: exactly the same study, ready to go on.

    The file is checked line by line before anything is written; what is wrong is named with its line. A study of that name in
    the storage is never changed: choose another with --name. FILE may be - for standard input.

    \\b
    Examples:
      trimtab import study.jsonl --storage team.db
      trimtab export study.db --format jsonl | trimtab import - --storage postgresql://host/studies --name digits-2
    """
    from trimtab.storage import import_study
    from trimtab.study import Study

    name = import_study(sys.stdin.buffer if file == "-" else file, storage, name)
    with Study.load(storage, name) as study:
        say(f"Imported study {clean(repr(name))} into {clean(study.storage.describe())}: {state_text(study)}.")
