"""Tests of the laptop."""
