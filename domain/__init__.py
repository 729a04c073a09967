"""The ledger's rules: acts, agencies, keys, certificates, registers, letters, reports.

Knows no framework and no database. Importing the package loads every noun, so the
act table and the events' topics are always complete.
"""

from domain import agencies, certificates, foundation, keys, registers, reports, transfers

__all__ = ["agencies", "certificates", "foundation", "keys", "registers", "reports", "transfers"]
