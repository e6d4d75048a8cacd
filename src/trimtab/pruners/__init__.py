"""Rules for early stopping, one a file: each tells from the learning curves whether a trial should stop."""

from trimtab.pruners._asha import ASHA
from trimtab.pruners._median import Median
from trimtab.pruners._protocol import Pruner
from trimtab.pruners._registry import names, resolve

__all__ = ["ASHA", "Median", "Pruner", "names", "resolve"]
