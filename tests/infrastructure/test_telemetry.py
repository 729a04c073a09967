"""Logs go to the standard error of the moment, and never hold an exception's text."""

import io
import json
import sys

import pytest
import structlog

from infrastructure.telemetry import configure_logging


def test_a_line_goes_to_the_stream_of_its_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", first)
    configure_logging(json_lines=True)
    logger = structlog.get_logger("test")
    logger.info("one")
    told = first.getvalue()
    first.close()
    monkeypatch.setattr(sys, "stderr", second)
    logger.warning("two")

    assert json.loads(told)["event"] == "one"
    assert json.loads(second.getvalue())["event"] == "two"


def test_an_exceptions_text_stays_out_of_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    configure_logging(json_lines=True)
    structlog.get_logger("test").error("failed", exc_info=ValueError("a name of somebody"))

    assert json.loads(stream.getvalue())["error"] == "ValueError"
    assert "somebody" not in stream.getvalue()
