"""trimtab tunes neural-network hyperparameters and tells how sensitive the network is to each of them.

import trimtab as tt

    study = tt.minimize(objective, {"lr": tt.Float(1e-4, 1e-1, log=True), "units": tt.Int(16, 256)}, n_trials=30)
    study.best.params            the best configuration
    print(study.sensitivity())   which hyperparameters matter, and how sure that is
"""

from trimtab import errors, plots, samplers, sensitivity
from trimtab._version import __version__
from trimtab.errors import TrimtabError
from trimtab.records import Trial, TrialTable
from trimtab.space import Categorical, Constant, Distribution, Float, Int, Space
from trimtab.study import Study, maximize, minimize

__all__ = [
    "Categorical",
    "Constant",
    "Distribution",
    "Float",
    "Int",
    "Space",
    "Study",
    "Trial",
    "TrialTable",
    "TrimtabError",
    "__version__",
    "errors",
    "maximize",
    "minimize",
    "plots",
    "samplers",
    "sensitivity",
]
