"""`trimtab report`: a study as one HTML file."""

from __future__ import annotations

from pathlib import Path

import click

from trimtab.cli._output import clean, print_json, say
from trimtab.cli._view import json_option, name_option, open_study, state_text
from trimtab.errors import InputError

__all__ = ["report"]


@click.command()
@click.argument("file", metavar="FILE")
@click.option("-o", "--output", metavar="HTML", help="Where to write it.  [default: FILE with the ending .html]")
@name_option
@json_option
def report(file: str, output: str | None, name: str | None, as_json: bool) -> None:
    """Write a study as one HTML file that opens offline in any browser.

    It shows the best configuration or the Pareto front, what to do next, the course of the search, which hyperparameters
    matter and how sure that is, interactions, good values of each, how exactly the best must be set and what a more robust
    one costs, parallel coordinates, failures, and how it was made. An existing file is replaced.

    \b
    Examples:
      trimtab report study.db
      trimtab report study.db -o results/tuning.html
    """
    study = open_study(file, name)
    target = Path(output) if output else Path(file.removeprefix("sqlite:///")).with_suffix(".html")
    if target.is_dir():
        raise InputError(f"-o {str(target)!r} is a folder. Name a file in it, such as {str(target / 'report.html')!r}.")
    if not target.parent.is_dir():
        raise InputError(
            f"The folder {str(target.parent)!r} of the report does not exist. Make it, or choose another path with -o."
        )
    written = study.report(target)
    if as_json:
        print_json({"study": study.name, "report": str(written), "n_trials": len(study)})
    else:
        say(
            f"Wrote {clean(written)} ({written.stat().st_size / 1e6:.1f} MB): study {clean(repr(study.name))}, "
            f"{state_text(study)}."
        )
