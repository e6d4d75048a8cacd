"""Log records: quiet by default, data beside text, no secrets, no forged lines."""

from __future__ import annotations

import io
import json
import logging
import math
import subprocess
import sys

import pytest

from trimtab.logs import EVENTS, JSONFormatter, log_event


@pytest.fixture
def logged():
    """A function that logs one event and gives the text that a handler with this formatter writes."""
    logger, stream = logging.getLogger("trimtab"), io.StringIO()
    handler = logging.StreamHandler(stream)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)

    def text(formatter, event, *args, **fields):
        handler.setFormatter(formatter)
        stream.seek(0)
        stream.truncate()
        log_event(event, *args, **fields)
        return stream.getvalue()

    yield text
    logger.removeHandler(handler)
    logger.setLevel(before)


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_has_a_message_that_its_fields_fill(event, logged):
    text = logged(None, event, "digits", 3, value=0.25, seconds=1.5, reason="why it is so")

    assert text.count("\n") == 1
    assert "%(" not in text
    assert ("digits" in text) is ("%(study)" in EVENTS[event][1])
    assert ("why it is so" in text) is ("%(reason)" in EVENTS[event][1])


def test_records_carry_their_fields_and_a_message_that_does_not_change(caplog):
    with caplog.at_level(logging.INFO, "trimtab"):
        log_event("trial_finished", "digits", 3, value=0.25, seconds=1.5)
        log_event("trial_finished", "digits", 4, value=0.5, seconds=2.5)
        log_event("trial_started", "digits", 5)  # DEBUG: below the level

    first, second = caplog.records
    assert first.msg == second.msg
    assert (first.event, first.study, first.trial, first.value, first.seconds) == (
        "trial_finished", "digits", 3, 0.25, 1.5
    )  # fmt: skip
    assert first.reason is None
    assert first.getMessage() == "study digits: trial 3 finished with 0.25 after 1.5 s"


def test_a_traceback_counts_by_its_last_line(logged):
    text = logged(
        None, "trial_failed", "s", 1, reason="Traceback (most recent call last):\n  File x\nValueError: bad lr\n"
    )

    assert text.endswith(": ValueError: bad lr\n")


@pytest.mark.parametrize(
    "reason",
    [
        "no route to postgresql://ann:s3cr3t@db.example:5432/studies",
        "no route to postgresql://ann:s3@cr3t@db.example/x",
        "connection failed: host=db password=s3cr3t user=ann",
        "connection failed: host=db password = 's3 cr3t' user=ann",
        "postgresql://db.example/x?user=ann&password=s3cr3t&sslmode=require",
    ],
)
@pytest.mark.parametrize("formatter", [None, JSONFormatter()])
def test_secrets_of_addresses_are_never_logged(reason, formatter, logged):
    text = logged(formatter, "connection_lost", reason=reason)

    assert "cr3t" not in text
    assert "***" in text
    assert "db" in text


@pytest.mark.parametrize(
    "hostile", ["a\nWARNING:root:forged", "a\x1b[2J", "a\u2028b", "a\r\nb", "\u202eabc", "half \ud800"]
)
def test_a_hostile_name_makes_no_line_of_its_own(hostile, logged):
    for formatter in (None, JSONFormatter()):
        text = logged(formatter, "trial_finished", hostile, 0, value=1.0)
        assert text.count("\n") == 1
        assert text.endswith("\n")
        assert not any(c in text for c in "\r\x1b\u2028\u202e\ud800")


def test_json_lines_read_back(logged):
    text = logged(JSONFormatter(), "trial_failed", "stüdy\n2", 7, value=math.nan, seconds=0.5, reason="NaN")
    read = json.loads(text)

    assert (read["study"], read["trial"], read["value"], read["level"]) == ("stüdy\n2", 7, "nan", "WARNING")
    assert read["event"] == "trial_failed"
    assert read["at"] > 1e9
    assert "error" not in read


def test_endless_reasons_are_cut(logged):
    assert len(logged(None, "trial_failed", "s", 0, reason="x" * 10_000)) < 700


def test_an_unknown_event_is_an_error_of_ours():
    with pytest.raises(KeyError):
        log_event("no_such_event")


def test_nothing_is_printed_unless_asked_for():
    code = "from trimtab.logs import log_event; log_event('trial_failed', 's', 0, reason='x')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == done.stderr == ""
