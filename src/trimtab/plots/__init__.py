"""Figures. `<name>(study)` draws, `<name>_data(study)` gives its numbers; a ready analysis serves as well.

Not for `failures`, `history`, `learning_curves`, `pareto` and `parallel_coordinates`, which show trials.

plotly is imported when the first figure is drawn.
"""

from trimtab.plots._ablation import AblationData, ablation, ablation_data
from trimtab.plots._agreement import AgreementData, agreement, agreement_data
from trimtab.plots._effect_map import EffectMapData, MapPanel, effect_map, effect_map_data
from trimtab.plots._effects import EffectPanel, EffectsData, effects, effects_data
from trimtab.plots._failures import FailuresData, failures, failures_data
from trimtab.plots._gradient import GradientData, gradient, gradient_data
from trimtab.plots._history import HistoryData, history, history_data
from trimtab.plots._interactions import InteractionsData, interactions, interactions_data
from trimtab.plots._learning_curves import (
    LearningCurve,
    LearningCurvesData,
    learning_curves,
    learning_curves_data,
)
from trimtab.plots._one_at_a_time import OneAtATimeData, Panel, one_at_a_time, one_at_a_time_data
from trimtab.plots._parallel_coordinates import ParallelData, parallel_coordinates, parallel_coordinates_data
from trimtab.plots._pareto import ParetoData, pareto, pareto_data
from trimtab.plots._sensitivity import SensitivityData, sensitivity, sensitivity_data
from trimtab.plots._shapley import ShapleyData, shapley, shapley_data
from trimtab.plots._tolerance import ToleranceData, tolerance, tolerance_data
from trimtab.plots._tornado import TornadoData, tornado, tornado_data

__all__ = [
    "AblationData",
    "AgreementData",
    "EffectMapData",
    "EffectPanel",
    "EffectsData",
    "FailuresData",
    "GradientData",
    "HistoryData",
    "InteractionsData",
    "LearningCurve",
    "LearningCurvesData",
    "MapPanel",
    "OneAtATimeData",
    "Panel",
    "ParallelData",
    "ParetoData",
    "SensitivityData",
    "ShapleyData",
    "ToleranceData",
    "TornadoData",
    "ablation",
    "ablation_data",
    "agreement",
    "agreement_data",
    "effect_map",
    "effect_map_data",
    "effects",
    "effects_data",
    "failures",
    "failures_data",
    "gradient",
    "gradient_data",
    "history",
    "history_data",
    "interactions",
    "interactions_data",
    "learning_curves",
    "learning_curves_data",
    "one_at_a_time",
    "one_at_a_time_data",
    "parallel_coordinates",
    "parallel_coordinates_data",
    "pareto",
    "pareto_data",
    "sensitivity",
    "sensitivity_data",
    "shapley",
    "shapley_data",
    "tolerance",
    "tolerance_data",
    "tornado",
    "tornado_data",
]
