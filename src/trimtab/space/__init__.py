"""The search space: parameters, conditions, constraints, and their map to the unit cube."""

from trimtab.space._distribution import Distribution
from trimtab.space._parameters import Categorical, Constant, Float, Int, Parameter
from trimtab.space._space import Space

__all__ = ["Categorical", "Constant", "Distribution", "Float", "Int", "Parameter", "Space"]
