"""For authors of plugins and for our own tests: contracts, problems with known answers, Hypothesis strategies."""

from trimtab.testing._analysis import check_analysis
from trimtab.testing._executor import check_executor
from trimtab.testing._problems import Problem, conditional_bowl, ishigami, mixed_branin, sobol_g
from trimtab.testing._pruners import check_pruner
from trimtab.testing._samplers import check_sampler, contract_spaces
from trimtab.testing._storage import check_storage
from trimtab.testing._strategies import seeds, spaces

__all__ = [
    "Problem",
    "check_analysis",
    "check_executor",
    "check_pruner",
    "check_sampler",
    "check_storage",
    "conditional_bowl",
    "contract_spaces",
    "ishigami",
    "mixed_branin",
    "seeds",
    "sobol_g",
    "spaces",
]
