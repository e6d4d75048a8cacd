"""Arrays in, arrays out: mathematics that knows nothing of studies."""

from trimtab.numerics._arrays import BoolArray, ByteArray, FloatArray, IntArray
from trimtab.numerics._kernel_integrals import column_rule, gauss_legendre
from trimtab.numerics._qmc import sobol_points
from trimtab.numerics._truncated_normal import (
    log_normal_mass,
    sample_truncated_normal,
    truncated_normal_log_density,
)
from trimtab.numerics._warps import WARPS, half_rank_log, log_slope, rank_normal, standardise, yeo_johnson

__all__ = [
    "WARPS",
    "BoolArray",
    "ByteArray",
    "FloatArray",
    "IntArray",
    "column_rule",
    "gauss_legendre",
    "half_rank_log",
    "log_normal_mass",
    "log_slope",
    "rank_normal",
    "sample_truncated_normal",
    "sobol_points",
    "standardise",
    "truncated_normal_log_density",
    "yeo_johnson",
]
