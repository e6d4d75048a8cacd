"""Which driver, arguments and virtual environment a tool's name stands for."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TOOLS", "Tool"]


@dataclass(frozen=True, slots=True)
class Tool:
    """How a tool is run.

    driver: a file of drivers/ without its ending. env: the folder in ENVS and the file in requirements/; None is this Python.
    """

    driver: str
    arguments: tuple[str, ...] = ()
    env: str | None = None


TOOLS: dict[str, Tool] = {
    **{f"trimtab-{s}": Tool("trimtab_", ("--sampler", s)) for s in ("gp", "tpe", "auto", "random", "cmaes", "sobol")},
    **{f"trimtab-{s}-understand": Tool("trimtab_", ("--sampler", s, "--understand", "0.2")) for s in ("gp", "tpe")},
    "random": Tool("random_"),
    "optuna-tpe": Tool("optuna_", ("--sampler", "tpe"), "optuna"),
    "optuna-gp": Tool("optuna_", ("--sampler", "gp"), "optuna"),
    "hyperopt-tpe": Tool("hyperopt_", (), "hyperopt"),
    "smac-hpo": Tool("smac_", (), "smac"),
    "ax": Tool("ax_", (), "ax"),
    "skopt-gp": Tool("skopt_", (), "skopt"),
    "hebo": Tool("hebo_", (), "hebo"),
}
