"""Tests of the GitOps folders and of GitHub's workflows."""
