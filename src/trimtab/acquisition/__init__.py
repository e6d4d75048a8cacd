"""What a point is worth trying, and the search for the point that is worth most; one function a file."""

from trimtab.acquisition._belief import LogPrior, prior_weight
from trimtab.acquisition._candidates import draw_new, enumerate_cells, is_new, keys, perturb
from trimtab.acquisition._effect_reduction import EffectReduction
from trimtab.acquisition._expected_improvement import (
    LogExpectedImprovement,
    log_expected_improvement,
    log_expected_improvement_slopes,
)
from trimtab.acquisition._hypervolume import LogHypervolumeImprovement
from trimtab.acquisition._limit import LogWithinLimit
from trimtab.acquisition._optimise import Acquisition, Posterior, maximise
from trimtab.acquisition._regret import Regret, regret_bound
from trimtab.acquisition._standing import Standing, standing
from trimtab.acquisition._success import LogSuccess
from trimtab.acquisition._sum import Sum

__all__ = [
    "Acquisition",
    "EffectReduction",
    "LogExpectedImprovement",
    "LogHypervolumeImprovement",
    "LogPrior",
    "LogSuccess",
    "LogWithinLimit",
    "Posterior",
    "Regret",
    "Standing",
    "Sum",
    "draw_new",
    "enumerate_cells",
    "is_new",
    "keys",
    "log_expected_improvement",
    "log_expected_improvement_slopes",
    "maximise",
    "perturb",
    "prior_weight",
    "regret_bound",
    "standing",
]
