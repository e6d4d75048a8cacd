"""Samplers by name."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from trimtab import samplers
from trimtab.errors import InputError
from trimtab.samplers import TPE, Random, Sampler, _registry, names, resolve


def test_every_name_gives_a_sampler():
    assert set(names()) >= {"auto", "cmaes", "gp", "grid", "random", "sobol", "tpe"}
    for name in names():
        assert isinstance(resolve(name), Sampler)


def test_names_forgive_case_and_blanks():
    assert resolve(" TPE ") == TPE()


def test_an_object_is_taken_as_it_is():
    sampler = TPE(candidates=7)

    assert resolve(sampler) is sampler


def test_an_unknown_name_lists_the_known_ones_and_guesses():
    with pytest.raises(
        InputError, match=r"no sampler 'tpee'. Did you mean 'tpe'\?.*'auto', 'cmaes', 'gp', 'grid', 'random', 'sobol'"
    ):
        resolve("tpee")
    with pytest.raises(InputError, match=r"no sampler 'x'\. sampler="):
        resolve("x")


def test_a_class_is_refused_with_the_remedy():
    with pytest.raises(InputError, match=r"the class TPE. Write TPE\(\)"):
        resolve(TPE)


@pytest.mark.parametrize("wrong", [3, None, object()])
def test_other_objects_are_refused(wrong):
    with pytest.raises(InputError, match="init, update and suggest"):
        resolve(wrong)


def test_installed_packages_offer_samplers(monkeypatch):
    point = EntryPoint("mine", "trimtab.samplers:Random", "trimtab.samplers")
    monkeypatch.setattr(_registry, "_installed", lambda: [point])

    assert resolve("mine") == Random()
    assert "mine" in names()


def test_exports_are_sorted_public_names():
    assert all(hasattr(samplers, name) for name in samplers.__all__)
