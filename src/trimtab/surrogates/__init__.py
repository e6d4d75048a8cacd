"""Models of the objective or of a density, fitted to points of the unit cube; one model a file."""

from trimtab.surrogates._parzen import Axis, Parzen

__all__ = ["Axis", "Parzen"]
