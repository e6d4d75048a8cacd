"""Where a PostgreSQL database is, with its secrets for the driver and without them for people.

A URL may hold user and password before the host or in its query, and the driver's messages may repeat them: whatever
people see goes through `Address.shown` or `Address.clean`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from trimtab.errors import InputError, require

__all__ = ["Address", "is_postgres", "masked"]

_SCHEME = re.compile(r"(postgresql|postgres|postgresql\+psycopg)://", re.IGNORECASE)
_SECRETS = ("password", "sslpassword", "passfile", "oauth_client_secret")

# A server that went away without a word is noticed in 30 s; what the URL says instead wins.
_DEFAULTS = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "4",
    "tcp_user_timeout": "30000",
    "fallback_application_name": "trimtab",
}


@dataclass(frozen=True, repr=False)
class Address:
    """settings: for `psycopg.connect`. shown: the URL with user and password masked, without its query."""

    settings: dict[str, str]
    shown: str

    @classmethod
    def of(cls, url: str) -> Address:
        """InputError where libpq cannot read the URL, MissingExtra without psycopg."""
        conninfo: Any = require("psycopg.conninfo", "postgres")
        told = problem = None
        try:
            told = conninfo.conninfo_to_dict(_SCHEME.sub("postgresql://", url, count=1))
        except conninfo.e.ProgrammingError as error:
            problem = str(error)
        if told is None:  # not in the except block, whose error may repeat the URL
            reason = "a setting in its query is unknown" if "query parameter" in str(problem) else "it cannot be read"
            raise InputError(
                f"storage='postgresql://...' is no URL of a PostgreSQL database: {reason}. Expected "
                "postgresql://user:password@host:port/database, with %40 for @, %2F for / and %3A for : in user and password."
            )
        settings = {name: str(value) for name, value in told.items()}
        return cls(_DEFAULTS | settings, _shown(settings))

    def __repr__(self) -> str:
        return f"Address({self.shown!r})"

    def clean(self, text: str) -> str:
        """The driver's message without user and passwords, in one line."""
        for name in _SECRETS:
            if self.settings.get(name):
                text = text.replace(self.settings[name], "***")
        user = self.settings.get("user")
        if user:
            text = re.sub(rf"(?<!\w){re.escape(user)}(?!\w)", "***", text)
        return " ".join(text.split())


def is_postgres(target: str) -> bool:
    """Whether a storage is named by the URL of a PostgreSQL database."""
    return _SCHEME.match(target) is not None


def masked(target: str) -> str:
    """A storage's name for people: of a PostgreSQL URL, the one without secrets."""
    return Address.of(target).shown if is_postgres(target) else target


def _shown(settings: dict[str, str]) -> str:
    """The URL for people: several hosts stand beside each other, as libpq takes them."""
    hosts = settings.get("host", settings.get("hostaddr", "")).split(",")
    ports = settings.get("port", "").split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    places = ",".join(
        f"{'[' + host + ']' if ':' in host else quote(host, safe='')}{':' + port if port else ''}"
        for host, port in zip(hosts, ports, strict=False)
    )
    masked = "***@" if "user" in settings or "password" in settings else ""
    return f"postgresql://{masked}{places}/{quote(settings.get('dbname', ''), safe='')}"
