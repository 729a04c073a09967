"""Logs and metrics that operators read. Neither may ever hold a personal value, a code or a secret.

Routes are logged as templates (`/v1/verify/{code}`), never as the path that was asked for: a public
code in an access log would tell the operator who verified whose document.
"""

import logging
import os
import sys
from pathlib import Path

import structlog
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

REQUESTS = Counter(
    "sijill_http_requests_total", "HTTP requests answered", ["route", "method", "status"]
)
LATENCY = Histogram(
    "sijill_http_request_seconds",
    "Time to answer an HTTP request",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
REFUSALS = Counter("sijill_refusals_total", "Requests refused, by problem code", ["code"])
VERDICTS = Counter(
    "sijill_verdicts_total", "Verdicts given, by outcome and reason", ["outcome", "reason"]
)
REPLICA_READS = Counter(
    "sijill_replica_reads_total",
    "Reads that a replica may answer, by the server that did",
    ["server"],
)
APPENDED = Counter("sijill_events_appended_total", "Events that this process recorded")
CUT = Counter(
    "sijill_http_connections_cut_total", "Connections ended because their client made us wait"
)
LOG_SIZE = Gauge("sijill_log_size", "Events in the log", multiprocess_mode="max")
CHECKPOINT_SIZE = Gauge(
    "sijill_checkpoint_size", "Size of the newest checkpoint", multiprocess_mode="max"
)
CHECKPOINT_AGE = Gauge(
    "sijill_checkpoint_age_seconds",
    "Seconds since the first event was recorded that no checkpoint covers yet",
    multiprocess_mode="mostrecent",
)
PROJECTION_INDEX = Gauge(
    "sijill_projection_index", "Last index that the read models hold", multiprocess_mode="max"
)


def configure_logging(*, json_lines: bool | None = None) -> None:
    """Send structured logs to stderr: JSON in service, readable lines on a terminal."""
    as_json = not sys.stderr.isatty() if json_lines is None else json_lines
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Never an exception's text or local variables: either may be somebody's name.
            _forget_exceptions,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        # Asked for at each line: the stream of the moment of configuring may be closed by now.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


def _forget_exceptions(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Keep an exception's type alone; whoever logs one names the place as well."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exception()
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
    return event


def exposition() -> bytes:
    """All metrics in Prometheus' text format, added up over the worker processes, if any."""
    if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        if Path(folder).is_dir():
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # library
        return generate_latest(registry)
    return generate_latest()
