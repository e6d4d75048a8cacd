"""trimtab tunes neural-network hyperparameters and tells how sensitive the network is to each of them.

A whole study:

    import trimtab as tt

    study = tt.minimize(objective, {"lr": tt.Float(1e-4, 1e-1, log=True), "units": tt.Int(16, 256)}, n_trials=30)
    study.best.params            the best configuration
    print(study.sensitivity())   which hyperparameters matter, and how sure that is
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from trimtab import errors
from trimtab._version import __version__
from trimtab.errors import TrialPruned, TrimtabError
from trimtab.records import Trial, TrialTable
from trimtab.space import Categorical, Constant, Distribution, Float, Int, Space
from trimtab.study import Study, maximize, minimize

if TYPE_CHECKING:
    from trimtab import plots, pruners, samplers, sensitivity

__all__ = [
    "Categorical",
    "Constant",
    "Distribution",
    "Float",
    "Int",
    "Space",
    "Study",
    "Trial",
    "TrialPruned",
    "TrialTable",
    "TrimtabError",
    "__version__",
    "errors",
    "maximize",
    "minimize",
    "plots",
    "pruners",
    "samplers",
    "sensitivity",
]


def __getattr__(name: str) -> object:
    """Subpackages are imported when they are first used: `import trimtab` pays for none of them."""
    if name in ("plots", "pruners", "samplers", "sensitivity"):
        return importlib.import_module(f"trimtab.{name}")
    raise AttributeError(f"module 'trimtab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
