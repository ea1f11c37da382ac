"""The pipeline as an Argo workflow, written in Hera and compiled to the manifests of the chart."""
