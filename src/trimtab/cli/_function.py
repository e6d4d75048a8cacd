"""`function = "module:name"`: a Python function as objective, found again by name in worker processes."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from typing import Any

from trimtab.errors import InputError
from trimtab.records import Trial

__all__ = ["Function"]


@dataclass(frozen=True)
class Function:
    """Objective that calls a function of a module. folders: where modules are looked for, before the usual places."""

    reference: str
    folders: tuple[str, ...] = ()

    def __call__(self, trial: Trial) -> object:
        return self.load()(trial)

    def load(self) -> Any:
        """The function. InputError says whether the module, the name in it, or the call is missing."""
        module_name, colon, name = self.reference.partition(":")
        if not (colon and module_name and name):
            raise InputError(
                f"[objective] function must be 'module:function', got {self.reference!r}. For example "
                f"'train:objective'."
            )
        for folder in reversed(self.folders):
            if folder not in sys.path:
                sys.path.insert(0, folder)
        try:
            found: Any = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
                raise InputError(f"The module {module_name!r} of the objective cannot be imported: {error}.") from error
            where = ", ".join(dict.fromkeys(self.folders)) or "the usual places"
            raise InputError(
                f"There is no module {module_name!r} for the objective. It was looked for in {where}, and where "
                f"Python looks."
            ) from None
        except Exception as error:
            raise InputError(
                f"The module {module_name!r} of the objective cannot be imported: {type(error).__name__}: {error}"
            ) from error
        for part in name.split("."):
            if not hasattr(found, part):
                raise InputError(
                    f"The module {module_name!r} has no {name!r} to call. Check [objective] function = "
                    f"{self.reference!r}."
                )
            found = getattr(found, part)
        if not callable(found):
            raise InputError(f"{self.reference!r} must be a function of the trial, got {found!r}.")
        return found
