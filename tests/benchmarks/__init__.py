"""Tests of the benchmarks: what they work out from what they saw."""
