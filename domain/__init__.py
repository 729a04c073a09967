"""The ledger's rules: acts, agencies, keys, certificates. Knows no framework and no database."""
