"""Tests of the compiled workflow; none needs a server."""
