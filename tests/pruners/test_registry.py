"""Pruners by name."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from trimtab import pruners
from trimtab.errors import InputError
from trimtab.pruners import ASHA, Median, Pruner, _registry, names, resolve


def test_every_name_gives_a_pruner():
    assert set(names()) >= {"asha", "median"}
    for name in names():
        assert isinstance(resolve(name), Pruner)


def test_none_is_no_pruner_and_an_object_is_taken_as_it_is():
    pruner = Median(least=7)

    assert resolve(None) is None
    assert resolve(pruner) is pruner
    assert resolve(" ASHA ") == ASHA()


def test_an_unknown_name_lists_the_known_ones_and_guesses():
    with pytest.raises(InputError, match=r"no pruner 'medain'. Did you mean 'median'\?.*'asha', 'median', None"):
        resolve("medain")


def test_a_class_is_refused_with_the_remedy():
    with pytest.raises(InputError, match=r"the class Median. Write Median\(\)"):
        resolve(Median)


@pytest.mark.parametrize("wrong", [3, object()])
def test_other_objects_are_refused(wrong):
    with pytest.raises(InputError, match="an object with should_stop"):
        resolve(wrong)


def test_installed_packages_offer_pruners(monkeypatch):
    point = EntryPoint("mine", "trimtab.pruners:ASHA", "trimtab.pruners")
    monkeypatch.setattr(_registry, "_installed", lambda: [point])

    assert resolve("mine") == ASHA()
    assert "mine" in names()


def test_exports_are_public_names():
    assert all(hasattr(pruners, name) for name in pruners.__all__)
