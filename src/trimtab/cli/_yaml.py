"""YAML for settings: as YAML 1.2 reads it.

Plain PyYAML takes `1e-4` for a text, `on` for true, and lets a repeated key win silently.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from trimtab.errors import InputError, require

__all__ = ["yaml_document"]

_NUMBER = re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")


def yaml_document(text: str, path: str) -> Mapping[str, Any]:
    """The mapping that the text holds. MissingExtra without PyYAML, InputError where the text is none."""
    yaml: Any = require("yaml", "yaml")

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        """Safe: plain values only."""

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            for key in keys:
                if not isinstance(key, str):
                    raise yaml.YAMLError(f"the key {key!r}{node.start_mark} must be a text: put it in quotes")
                if keys.count(key) > 1:
                    raise yaml.YAMLError(f"the key {key!r} is there twice{node.start_mark}")
            result: dict[Any, Any] = super().construct_mapping(node, deep=True)
            return result

    resolvers = {
        c: [r for r in rs if not r[0].endswith((":bool", ":float", ":timestamp"))]
        for c, rs in Loader.yaml_implicit_resolvers.items()
    }
    Loader.yaml_implicit_resolvers = resolvers
    Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|True|false|False)$"), list("tTfF"))
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBER, list("-+.0123456789"))
    try:
        document = yaml.load(text, Loader)
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(f"{path} is no valid YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(document, Mapping):
        raise InputError(f"{path} must hold the tables study, space and objective, got {document!r}.")
    return document
