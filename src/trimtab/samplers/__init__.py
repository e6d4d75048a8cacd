"""Search algorithms, one a file: each suggests points of the unit cube from the table of ended trials."""

from trimtab.samplers._auto import Auto
from trimtab.samplers._cmaes import CMAES
from trimtab.samplers._gp import GP
from trimtab.samplers._grid import Grid
from trimtab.samplers._protocol import Sampler
from trimtab.samplers._random import Random
from trimtab.samplers._registry import names, resolve
from trimtab.samplers._sobol import Sobol
from trimtab.samplers._tpe import TPE

__all__ = ["CMAES", "GP", "TPE", "Auto", "Grid", "Random", "Sampler", "Sobol", "names", "resolve"]
