"""The study: ask, tell, and the only loop."""

from trimtab.records._evaluation import provide
from trimtab.study._designs import evaluate_points
from trimtab.study._facade import evaluated, maximize, minimize
from trimtab.study._recommend import Candidate, Recommendation
from trimtab.study._refining import Refinement
from trimtab.study._starting import Earlier
from trimtab.study._study import Study

__all__ = ["Candidate", "Earlier", "Recommendation", "Refinement", "Study", "evaluated", "maximize", "minimize"]

provide(evaluate_points)  # designs of sensitivity analyses lie below and ask for it there
