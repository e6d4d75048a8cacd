"""What moves the objective, and how sure that is. One analysis a file; all return one family of results."""

from trimtab.sensitivity._ablation import Ablation, ablation
from trimtab.sensitivity._advice import Advice, advice
from trimtab.sensitivity._agreement import Agreement, agreement
from trimtab.sensitivity._bearing import Robustness, Switches
from trimtab.sensitivity._cliffs import Cliffs
from trimtab.sensitivity._curves import Curve, OneAtATime
from trimtab.sensitivity._dgsm import Dgsm, dgsm
from trimtab.sensitivity._effect_curves import EffectCurve, Effects, EffectSurface
from trimtab.sensitivity._effects import effects
from trimtab.sensitivity._failures import failures
from trimtab.sensitivity._fanova import Fanova, fanova
from trimtab.sensitivity._finite_difference import FiniteDifference, finite_difference
from trimtab.sensitivity._gradient import Gradient, gradient
from trimtab.sensitivity._hypergradient import Hypergradient, Train, Trained, hypergradient
from trimtab.sensitivity._morris import Morris, MorrisDesign, morris
from trimtab.sensitivity._one_at_a_time import one_at_a_time
from trimtab.sensitivity._ped_anova import PedAnova, ped_anova
from trimtab.sensitivity._places import Places
from trimtab.sensitivity._rank_first_order import RankFirstOrder, rank_first_order
from trimtab.sensitivity._restrictions import Piece
from trimtab.sensitivity._result import Result
from trimtab.sensitivity._robustness import robustness
from trimtab.sensitivity._saltelli import Saltelli, SaltelliDesign, saltelli
from trimtab.sensitivity._shapley import PairValues, Shapley, shapley
from trimtab.sensitivity._smoothed import SmoothedGradient, smoothed_gradient
from trimtab.sensitivity._sobol import Interactions, Sensitivity, sobol

__all__ = [
    "Ablation",
    "Advice",
    "Agreement",
    "Cliffs",
    "Curve",
    "Dgsm",
    "EffectCurve",
    "EffectSurface",
    "Effects",
    "Fanova",
    "FiniteDifference",
    "Gradient",
    "Hypergradient",
    "Interactions",
    "Morris",
    "MorrisDesign",
    "OneAtATime",
    "PairValues",
    "PedAnova",
    "Piece",
    "Places",
    "RankFirstOrder",
    "Result",
    "Robustness",
    "Saltelli",
    "SaltelliDesign",
    "Sensitivity",
    "Shapley",
    "SmoothedGradient",
    "Switches",
    "Train",
    "Trained",
    "ablation",
    "advice",
    "agreement",
    "dgsm",
    "effects",
    "failures",
    "fanova",
    "finite_difference",
    "gradient",
    "hypergradient",
    "morris",
    "one_at_a_time",
    "ped_anova",
    "rank_first_order",
    "robustness",
    "saltelli",
    "shapley",
    "smoothed_gradient",
    "sobol",
]
