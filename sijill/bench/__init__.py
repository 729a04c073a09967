"""Benchmarks: this store beside the stock recorder and beside a raw COPY, in one run.

Absolute figures belong to a machine; the ratio taken in one run is what travels. Every figure is
the median of several rounds that take turns, latencies under a given rate are counted from the
moment a request was due, and the samples are kept in the answer. `docs/performance.md` has the
method and the aims.
"""
