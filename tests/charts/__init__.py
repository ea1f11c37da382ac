"""The charts, rendered and checked without a cluster."""
