"""What the machine itself decides about a test."""

FORBIDDEN = "this machine forbids"
"""How the reason of a skip begins that no installation would end: the kernel or a container refuses
what the test does, which the test has tried. Only such a skip passes with SIJILL_TEST_NO_SKIPS=1.
"""
