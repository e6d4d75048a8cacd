"""The study: ask, tell, and the only loop."""

from trimtab.study._facade import evaluated, maximize, minimize
from trimtab.study._study import Study

__all__ = ["Study", "evaluated", "maximize", "minimize"]
