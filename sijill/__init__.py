"""Sijill, a national data-center ledger: composition root, supervisor and command line."""
