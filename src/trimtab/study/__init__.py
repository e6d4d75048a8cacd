"""The study: ask, tell, and the only loop."""

from trimtab.study._facade import evaluated, maximize, minimize
from trimtab.study._recommend import Candidate, Recommendation
from trimtab.study._starting import Earlier
from trimtab.study._study import Study

__all__ = ["Candidate", "Earlier", "Recommendation", "Study", "evaluated", "maximize", "minimize"]
