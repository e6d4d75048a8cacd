"""Without their extras the exporters say which command installs them, before a study begins."""

from __future__ import annotations

import sys

import pytest

from trimtab.errors import MissingExtra
from trimtab.integrations.mlflow import MLflow
from trimtab.integrations.tensorboard import TensorBoard


@pytest.mark.parametrize(
    ("make", "module"), [(lambda: MLflow(), "mlflow"), (lambda: TensorBoard("runs"), "tensorboard")]
)
def test_a_missing_extra_is_named(make, module, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=rf"trimtab\[{module}\]"):
        make()
