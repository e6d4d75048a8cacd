"""The search space: parameters, conditions, constraints, and their map to the unit cube."""

from trimtab.space._categorical import Categorical, Constant
from trimtab.space._distribution import Distribution
from trimtab.space._numeric import Float, Int
from trimtab.space._parameter import Parameter
from trimtab.space._space import Space

__all__ = ["Categorical", "Constant", "Distribution", "Float", "Int", "Parameter", "Space"]
