"""`trimtab best`: the best configuration of a study."""

from __future__ import annotations

import click

from trimtab.cli._output import clean, print_json, say
from trimtab.cli._view import best_json, json_option, name_option, open_study, print_best, state_text

__all__ = ["best"]


@click.command()
@click.argument("file", metavar="FILE")
@name_option
@json_option
def best(file: str, name: str | None, as_json: bool) -> None:
    """The best configuration found so far, as a table and as a Python dict.

    FILE is the SQLite file that `trimtab demo`, `trimtab run` or storage="..." wrote. The study may still be running.

    \b
    Examples:
      trimtab best study.db
      trimtab best study.db --json
      trimtab best studies.db --name digits
    """
    study = open_study(file, name)
    if as_json:
        print_json({"study": study.name, "direction": study.direction, "n_trials": len(study), **best_json(study)})
        return
    print_best(study)
    say()
    say("As Python:")
    say(f"  {clean(study.best.params)}")
    say()
    say(f"Study {clean(repr(study.name))}, {state_text(study)}.")
