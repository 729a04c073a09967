"""Every parser of what others send, under bytes that nobody would send.

    targets.py        one function for each parser: bytes in, and what must be so afterwards
    test_targets.py   the targets under hypothesis, from good examples that are then spoilt
    __main__.py       the same targets under atheris, which follows the code's own branches

`python -m tests.fuzzing --seconds 60` runs all targets one after another (`make soak` does).
"""
