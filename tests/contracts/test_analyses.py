"""Every analysis keeps the contract that plugin authors are given, and the check finds what breaks it."""

import dataclasses

import pytest

from trimtab import sensitivity
from trimtab.testing import check_analysis

ANALYSES = [
    sensitivity.sobol,
    sensitivity.agreement,
    sensitivity.one_at_a_time,
    sensitivity.gradient,
    sensitivity.dgsm,
    sensitivity.fanova,
    sensitivity.ped_anova,
    sensitivity.rank_first_order,
]


@pytest.mark.parametrize("analysis", ANALYSES)
def test_keeps_the_contract_of_an_analysis(analysis):
    check_analysis(analysis)


def test_an_analysis_that_finds_everything_important_is_found_out():
    def boastful(table):
        result = sensitivity.sobol(table)
        return dataclasses.replace(result, verdicts=dict.fromkeys(result.verdicts, "matters: it always does"))

    with pytest.raises(AssertionError, match="cannot be known to matter"):
        check_analysis(boastful)


def test_a_verdict_without_a_reason_is_found_out():
    def terse(table):
        result = sensitivity.gradient(table)
        return dataclasses.replace(result, verdicts=dict.fromkeys(result.verdicts, "matters"))

    with pytest.raises(AssertionError, match="gives no reason"):
        check_analysis(terse)
