"""`trimtab advice`: what to do next."""

from __future__ import annotations

import click

from trimtab.cli._output import clean, print_json, say, say_wrapped
from trimtab.cli._view import analysed_table, json_option, name_option, objective_option, open_study

__all__ = ["advice"]


@click.command()
@click.argument("file", metavar="FILE")
@click.option(
    "--epsilon",
    type=float,
    show_default="the seed noise",
    metavar="LOSS",
    help="How much worse the objective may get by following the advice, in its own units.",
)
@click.option(
    "--confidence",
    default=0.95,
    show_default=True,
    type=float,
    metavar="SHARE",
    help="How sure freezing, shrinking and stopping must be. 0.95: wrong in at most 1 of 20 cases.",
)
@objective_option
@name_option
@json_option
def advice(
    file: str, epsilon: float | None, confidence: float, objective: str | None, name: str | None, as_json: bool
) -> None:
    """What to do next with a study, each piece of advice with its evidence; computed from its trials, without new ones.

    \b
    freeze         this hyperparameter may stay at this value from now on
    widen          the best value lies at the edge of the declared range
    shrink         nothing good lies in this part of the range
    log scale      declare it with log=True
    repeats        the noise hides which configuration is best: run them again
    more trials    something better is likely left to find, or it is still
                   open whether a hyperparameter matters
    enough trials  hardly anything better is left to find: stop

    No advice is an answer too: nothing of this is sure enough. The probabilities (P) are those of a model of the
    trials; where few trials lie it guesses.

    \b
    Examples:
      trimtab advice study.db
      trimtab advice study.db --epsilon 0.005
      trimtab advice study.db --confidence 0.99 --json
    """
    study = open_study(file, name)
    from trimtab import sensitivity as analyses

    found = analyses.advice(analysed_table(study, objective), epsilon=epsilon, confidence=confidence)
    if as_json:
        print_json({"study": study.name, "rows": found.rows(), "result": found.to_dict()})
        return
    say_wrapped(clean(found.title()), bold=True)
    for number, piece in enumerate(found.pieces, start=1):
        say()
        say_wrapped(f"{number}. {clean(piece.advice)}", indent=2)
        say_wrapped(clean(piece.evidence), indent=5)
    if found.remarks():
        say()
    for remark in found.remarks():
        say_wrapped(clean(remark), indent=2)
