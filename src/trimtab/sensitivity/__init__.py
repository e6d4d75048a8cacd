"""What moves the objective, and how sure that is. One analysis a file; all return one family of results."""

from trimtab.sensitivity._curves import Curve, OneAtATime
from trimtab.sensitivity._gradient import Gradient, gradient
from trimtab.sensitivity._one_at_a_time import one_at_a_time
from trimtab.sensitivity._result import Result
from trimtab.sensitivity._sobol import Interactions, Sensitivity, sobol

__all__ = [
    "Curve",
    "Gradient",
    "Interactions",
    "OneAtATime",
    "Result",
    "Sensitivity",
    "gradient",
    "one_at_a_time",
    "sobol",
]
