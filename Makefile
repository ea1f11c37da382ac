# Everything runs from the project's folder; the only things needed beforehand are
# Python 3.11 or newer and make.

PYTHON ?= python3
BIN := .venv/bin
STATE ?= .state
SCALE ?= 0.01
DAY ?= 0
SOURCE ?=
LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-strip-extras

.DEFAULT_GOAL := help
.PHONY: help setup demo down psql docs compile check format test bench bench-peers lock clean

include kubernetes.mk

help:  ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# One environment in two steps: the demo does without linters and test tools.
.venv/sandbox.done: requirements/sandbox.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/sandbox.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev.done: .venv/sandbox.done requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

setup: .venv/dev.done  ## Make the environment with all tools.

demo: .venv/sandbox.done  ## Run the pipeline: SOURCE=https://… for real files, SCALE=0.01, DAY=0.
	$(BIN)/python -m sandbox run --state $(STATE) $(if $(SOURCE),--source $(SOURCE),--scale $(SCALE) --day $(DAY))

down: .venv/sandbox.done  ## End the demo's servers; its data stays.
	$(BIN)/python -m sandbox down --state $(STATE)

psql: .venv/sandbox.done  ## Open the demo's database, as reader.
	$(BIN)/python -m sandbox psql --state $(STATE)

docs: .venv/sandbox.done  ## Write dbt's documentation with its lineage as one HTML file.
	$(BIN)/python -m sandbox docs --state $(STATE)

compile: .venv/dev.done  ## Compile the workflow's manifests from Python and the dbt project.
	$(BIN)/python -m workflows compile

check: .venv/dev.done check-charts  ## Formatter, linters, types, compiled manifests, charts.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m workflows compile --check
	$(BIN)/sqlfluff lint --disable-progress-bar dbt/models dbt/questions

format: .venv/dev.done  ## Format the code.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# As they are collected: xdist would put files of few tests last, and here those take longest.
test: .venv/dev.done $(HELM)  ## Run all tests but the cluster's; they start the servers they need.
	$(BIN)/python -m pytest --ignore tests/cluster --numprocesses 2 --dist loadfile \
		--no-loadscope-reorder

.venv/bench.done: .venv/dev.done requirements/bench.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@touch $@

bench: .venv/dev.done  ## Measure, as ratios within one run.
	$(BIN)/python -m benchmarks

bench-peers: .venv/bench.done  ## Compare with DuckDB, dlt and others, which it installs.
	$(BIN)/python -m benchmarks peers
	$(BIN)/python -m benchmarks peers --hostile

lock: .venv/dev.done  ## Lock the requirements anew; all groups get the versions of dev.
	$(BIN)/uv pip compile $(LOCK) requirements/dev.in --output-file requirements/dev.txt
	for group in steps dbt image-dbt source workflows sandbox bench; do \
	  $(BIN)/uv pip compile $(LOCK) --constraint requirements/dev.txt requirements/$$group.in \
	    --output-file requirements/$$group.txt || exit 1; \
	done
	$(BIN)/uv pip compile $(LOCK) --no-deps requirements/helm.in --output-file requirements/helm.txt

clean:  ## Delete the environment and the demo's data.
	if [ -x $(BIN)/python ]; then $(BIN)/python -m sandbox down --state $(STATE); fi
	rm -rf .venv $(STATE) dbt/target dbt/logs
