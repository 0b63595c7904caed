# One command for everything; CI runs these targets and nothing else. `make help` lists them.

SHELL := /bin/bash
PYTHON := .venv/bin/python
# On a busy machine a test may miss its time. It is run once more and listed with how it failed (docs/decisions/0040).
PYTEST := $(PYTHON) -m pytest --reruns 1
STARTER := run_performance_tests.py
REQUIREMENTS := requirements-dev.txt
TIMES := 1
TIMED_RUNS := tests/accuracy/test_times.py tests/truth/test_generator.py
COUNTED_RUNS := tests/accuracy/test_counts.py tests/accuracy/test_machines.py tests/truth/test_correctness.py
TROUBLED_RUNS := tests/truth/test_truth.py
WHOLE_RUNS := $(TIMED_RUNS) $(COUNTED_RUNS) $(TROUBLED_RUNS) tests/integration
# Files whose tests start real processes: databases, browsers, backends, loads.
STARTING = $(filter-out tests/integration/% tests/accuracy/% tests/truth/%,$(shell grep -rl --include="test_*.py" "mark.integration" tests))
AXE := axe-playwright-python==0.1.8
AUDIT := pip-audit==2.10.1
VULNERABILITIES := https://api.osv.dev/v1/query

# Any Python finds one that is new enough, as the starter does, and makes or repairs .venv with it.
FIND := import run_performance_tests as s; print(s.newer_python() or "")
PREPARE := import sys, run_performance_tests as s; sys.exit(s.prepare(s.VENV, "$(REQUIREMENTS)") or 0)

# Tests start hundreds of processes: without bytecode, each would compile the suite anew.
unexport PYTHONDONTWRITEBYTECODE

# Two sets of tests at the same time, one after the other on the terminal; fails when one of them does.
beside = first=$$(mktemp); $(PYTEST) --dist loadfile $(1) >$$first 2>&1 & \
	$(PYTEST) --dist loadfile $(2); second=$$?; wait $$!; code=$$?; cat $$first; rm $$first; exit $$((code ? code : second))

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test together alone timed counted integration troubled accuracy truth soak bench pictures check lint format types fix audit clean

help: ## Show what can be made
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: .venv/$(REQUIREMENTS).sha256 ## Run the main job against the bundled reference backend
	$(PYTHON) $(STARTER) --demo

test: together alone ## Run all tests

# Most tests can share the machine. Those that start processes mostly wait; two processes make all others beside them.
# Each process imports every file that it is given, so none gets more than it needs.
together: .venv/$(REQUIREMENTS).sha256 .venv/axe/$(AXE)
	@$(call beside,$(addprefix --ignore=,$(WHOLE_RUNS) $(STARTING)) -n 2,$(STARTING) -n 3)

# Whole runs load the machine themselves. Each set of them is made even if one before it failed (--keep-going).
alone: timed counted integration troubled

# Those whose times are compared with the truth have the machine to themselves, and so have those in which other
# programs would be found.
timed: .venv/$(REQUIREMENTS).sha256
	$(PYTEST) $(TIMED_RUNS)

troubled: .venv/$(REQUIREMENTS).sha256
	$(PYTEST) $(TROUBLED_RUNS)

# In those that are counted all processes can run at the same time.
counted: .venv/$(REQUIREMENTS).sha256
	$(PYTEST) -n 3 --dist loadfile $(COUNTED_RUNS)

# These mostly wait: one process makes the runs that many tests share, three at a time, while three make all others.
integration: .venv/$(REQUIREMENTS).sha256
	@$(call beside,tests/integration -m made,tests/integration -m "not made" -n 3)

accuracy: .venv/$(REQUIREMENTS).sha256 ## Compare the figures with the truth, and print the table
	$(PYTHON) bench/accuracy.py
	$(PYTHON) bench/recording_cost.py
	$(PYTHON) bench/capacity_accuracy.py
	$(PYTHON) bench/correctness_accuracy.py
	MITRA_REPETITIONS=all $(PYTHON) -m pytest $$(grep -rl --include="test_*.py" "^from tests.repetitions import" tests)

truth: .venv/$(REQUIREMENTS).sha256 ## Check findings and verdicts on real runs with known trouble, and print the tables
	MITRA_TRUTH=$(TIMES) $(PYTHON) -m pytest tests/truth

soak: .venv/$(REQUIREMENTS).sha256 ## Make long real runs with a known truth (55 min), and print the table
	$(PYTHON) bench/soak.py

bench: .venv/$(REQUIREMENTS).sha256 ## Compare the suite with other load generators, and write docs/benchmarks.md
	$(PYTHON) bench/compare_generators.py

check: lint format types ## Lint, formatting and types

lint: .venv/$(REQUIREMENTS).sha256
	$(PYTHON) -m ruff check .

format: .venv/$(REQUIREMENTS).sha256
	$(PYTHON) -m ruff format --check .

types: .venv/$(REQUIREMENTS).sha256
	$(PYTHON) -m mypy

fix: .venv/$(REQUIREMENTS).sha256 ## Fix what lint and formatting can fix
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

# pip-audit prints what it found, and a traceback where it could not look.
audit: .venv/audit/$(AUDIT) ## Look for known vulnerabilities of all dependencies
	@found=$$(PYTHONPATH=.venv/audit $(PYTHON) -m pip_audit --progress-spinner off --no-deps --disable-pip -s osv \
		--osv-url $(VULNERABILITIES) -r requirements.txt -r $(REQUIREMENTS) 2>.venv/audit/log); code=$$?; \
	if ((code == 0)); then echo "no known vulnerabilities"; elif [[ $$found ]]; then echo "$$found"; else \
	echo "error: nothing was audited: $(VULNERABILITIES) could not be read (network? proxy?); details are in .venv/audit/log" >&2; fi; \
	exit $$code

pictures: .venv/$(REQUIREMENTS).sha256 ## Regenerate the pictures of the report in docs/images
	$(PYTHON) bench/pictures.py

clean: ## Remove .venv, .venv-peers and caches; results stay
	rm -rf .venv .venv-peers .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The starter writes this file after installing; where nothing changed it does nothing, so it is touched.
.venv/$(REQUIREMENTS).sha256: requirements.txt $(REQUIREMENTS)
	@found="$$(python3 -c '$(FIND)')"; \
	test -n "$$found" || { echo "error: Python 3.11 or newer is needed (Debian: apt-get install python3 python3-venv)" >&2; exit 2; }; \
	"$$found" -c '$(PREPARE)' && touch $@

# axe-core, for the tests of the report. Of this package only the script is used, so what it asks for is left out: a
# browser's driver of 168 MB. Where it cannot be had, its tests are skipped, and fail in CI.
.venv/axe/$(AXE): .venv/$(REQUIREMENTS).sha256
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target .venv/axe $(AXE) && touch $@ \
	|| echo "axe-core could not be installed: its tests are skipped" >&2

.venv/audit/$(AUDIT): .venv/$(REQUIREMENTS).sha256
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --upgrade --target .venv/audit $(AUDIT) && touch $@ \
	|| { echo "error: nothing was audited: pip-audit could not be installed (network? proxy?)" >&2; exit 2; }
