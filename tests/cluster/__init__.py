"""The pipeline on a Kubernetes cluster: `make test-cluster`, against the current context."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
