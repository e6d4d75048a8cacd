"""Models of the objective or of a density, fitted to points of the unit cube; one model a file."""

from trimtab.surrogates._columns import Columns
from trimtab.surrogates._feasibility import fit_success
from trimtab.surrogates._gp import GaussianProcess, fit_gp
from trimtab.surrogates._gp_slopes import Slopes
from trimtab.surrogates._gp_slopes_fit import fit_gp_slopes
from trimtab.surrogates._parzen import Axis, Parzen
from trimtab.surrogates._product_fit import ProductFit, evidence_of_columns, fit_product_gp
from trimtab.surrogates._product_gp import ProductGP, Ties

__all__ = [
    "Axis",
    "Columns",
    "GaussianProcess",
    "Parzen",
    "ProductFit",
    "ProductGP",
    "Slopes",
    "Ties",
    "evidence_of_columns",
    "fit_gp",
    "fit_gp_slopes",
    "fit_product_gp",
    "fit_success",
]
