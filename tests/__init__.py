"""Tests: the folders mirror the project's; the servers they need are started, never mocked."""
