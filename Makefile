# Everything a developer does; `make help` lists it. Runs on a bare Debian 12 with make, git and
# python3: what else the system must have is installed by devtools/system.sh (as root).

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Two stages, as the demo should not wait for JupyterLab, mypy and the like.
DEMO := $(VENV)/.demo
ALL := $(VENV)/.all
BENCH := $(VENV)/.bench
MUTANTS := $(VENV)/.mutants
NEED := PYTHON="$(PYTHON)" devtools/system.sh need
# The tests that lack such a package are skipped, and say so.
WANT := devtools/system.sh want
# The installation is an editable one, yet the kernelspec and Jupyter's configuration are copied into it.
INSTALLED := pyproject.toml $(wildcard kernelspec/* jupyter-config/*/*)
SHELL_SCRIPTS := .ci/run $(wildcard devtools/*.sh notebooks/lab/*/*.sh notebooks/lab/*/*/*.sh)
INSTALL = "$(BIN)/python" -m devtools.install
# `make test` counts the tests from the report of each stage.
PYTEST = "$(BIN)/python" -m pytest $(if $(RESULTS),--junit-xml="$(RESULTS)/$@.xml")
# More workers than processors: each waits now and then for its engine, which is its own.
BESIDE := -n 4 --dist worksteal
# Not --quiet: then mkdocs counts no warnings, and nothing is strict.
SITE = NO_MKDOCS_2_WARNING=1 "$(BIN)/python" -m mkdocs build --strict
STAGES := lint types unit engine kernel browser
# Not $(MAKE) itself, which would have `make -n test` run the stages.
THIS_MAKE := $(MAKE)

# The parts of `make test` run one after the other, whatever -j says.
.NOTPARALLEL:
# An interrupted `python -m venv` starts again.
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help venv system demo lab test lint types unit engine kernel kubernetes browser matrix mutants soak bench screenshots docs clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

venv: $(ALL) ## install everything into .venv

system: ## install the packages of the system that the targets need (as root)
	@$(NEED) python unit test browser

$(BIN)/python:
	@$(NEED) python
	"$(PYTHON)" -m venv "$(VENV)"
	@# Where there is none, pip installs everything.
	-"$(BIN)/python" -m pip install --quiet uv

$(DEMO): $(INSTALLED) | $(BIN)/python
	$(INSTALL) -e . 'nbclient>=0.10'
	@touch $@

$(ALL): $(INSTALLED) | $(BIN)/python
	$(INSTALL) -e '.[test,browser,lab,dev,docs]'
	@touch $(DEMO) $@

demo: $(DEMO) ## run the quickstart notebook in a container, and print its cells
	@"$(BIN)/python" -m devtools.demo

lab: $(ALL) ## run JupyterLab with two containers, until Ctrl-C
	@"$(BIN)/python" -m devtools.lab

# A stage that fails keeps none of the others from running.
test: ## run all checks, a stage after the other, and count what passed and failed
	@MAKE="$(THIS_MAKE)" "$(PYTHON)" -m devtools.stages $(STAGES)

lint: $(ALL) ## check style: ruff, shellcheck, spelling, the documentation
	"$(BIN)/python" -m ruff check .
	"$(BIN)/python" -m ruff format --check .
	"$(BIN)/shellcheck" $(SHELL_SCRIPTS)
	"$(BIN)/python" -m codespell_lib
	"$(BIN)/python" -m devtools.reference --check
	$(SITE)

types: $(ALL) ## check types: mypy
	"$(BIN)/python" -m mypy

unit: $(ALL) ## test without an engine
	@$(WANT) unit
	@# Each worker collects thousands of tests, and few of them wait.
	$(PYTEST) -n 3 --dist worksteal --cov --cov-report= tests/unit
	@"$(BIN)/python" -m devtools.coverage

engine: $(ALL) ## test with real engines
	@$(NEED) test
	$(PYTEST) $(BESIDE) tests/engine

kernel: $(ALL) ## test the kernel as Jupyter runs it
	@$(NEED) test
	@# Its tests wait half the time, for kernels and for messages.
	$(PYTEST) -n 6 --dist worksteal tests/kernel

# It makes a namespace, and removes it. KUBE_IMAGE is an image with bash, Python and tar; KUBE_SPEC is JSON
# for the pods' specs, such as '{"nodeName": "a"}'.
kubernetes: $(ALL) ## test with the pods of the cluster that KUBECONFIG names
	DEXEC_TEST_KUBECONFIG="$${KUBECONFIG:-$$HOME/.kube/config}" \
	DEXEC_TEST_KUBE_IMAGE="$(or $(KUBE_IMAGE),python:3-slim-bookworm)" DEXEC_TEST_KUBE_SPEC='$(KUBE_SPEC)' \
	$(PYTEST) -n 0 tests/kubernetes

browser: $(ALL) ## test in JupyterLab, in a browser
	@$(NEED) test browser
	$(PYTEST) -n 2 --dist loadfile tests/browser

matrix: $(ALL) ## run unit tests and a notebook with each Python there is, and with the lowest versions
	@$(WANT) unit
	@$(NEED) engine
	"$(BIN)/python" -m devtools.matrix $(ONLY)

$(MUTANTS): pyproject.toml $(ALL)
	$(INSTALL) -e '.[mutants]'
	@touch $@

# Exit code 0 whatever survives: the list is to be read.
mutants: $(MUTANTS) ## change the modules that do no I/O, and list the changes that no test notices (1 hour)
	"$(BIN)/python" -m mutmut run
	"$(BIN)/python" -m mutmut results

# A peer that cannot be had is missing in the table, and that is all.
$(BENCH): pyproject.toml $(ALL)
	-$(INSTALL) -e '.[bench]'
	@touch $@

soak: $(ALL) ## run 10,000 cells with faults (SOAK_CELLS) in one kernel, and fail where something grows (2 hours)
	@$(NEED) engine
	"$(BIN)/python" -m devtools.soak

bench: $(BENCH) ## measure, beside named peers, and write docs/benchmarks.md (half an hour)
	@$(NEED) engine
	"$(BIN)/python" -m benchmarks
	"$(BIN)/python" -m benchmarks --one-core

screenshots: $(ALL) ## make the screenshots of the documentation
	@$(NEED) engine browser
	"$(BIN)/python" -m devtools.screenshots
	"$(BIN)/python" -m devtools.screenshots_pods

docs: $(ALL) ## write the reference from the code, and build the site into build/site
	"$(BIN)/python" -m devtools.reference
	$(SITE)

clean: ## end engines left by killed runs; remove .venv, caches and builds
	"$(PYTHON)" -c 'from devtools.engine import reap; reap()'
	rm -rf "$(VENV)" .venv-* mutants build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
	find . -name __pycache__ -prune -exec rm -rf {} +
