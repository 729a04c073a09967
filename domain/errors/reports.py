"""Refusals about published reports."""

from domain.errors.base import Refusal


class ReportInFuture(Refusal, code="report_in_future"):
    """The report is of an index that is not recorded yet."""


class ReportDigestWrong(Refusal, code="report_digest_wrong"):
    """The figures after that event have another digest."""
