"""What an auditor reads in an hour: the formats of the record and how each is checked.

Pure functions over bytes. This package imports the standard library, ``cryptography`` and
``rfc8785``; it knows no database, no framework and nothing else of this project, so it can be
lifted out and run by somebody who trusts none of us.
"""
