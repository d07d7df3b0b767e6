# This Makefile needs GNU make 3.81 or later (macOS has it) and Python 3.11 or later. It installs all
# else into .venv. The project itself is not installed: it runs from this folder.

VENV  := .venv
PY    := $(VENV)/bin/python
# This marker file exists when .venv holds the packages that requirements-dev.lock lists.
READY := $(VENV)/ready

.PHONY: help setup sandbox run test test-throttled coverage chaos lint check hooks audit bench migrate lock format clean

help:  ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s  %s\n", $$1, $$2}' Makefile

setup: $(READY)  ## Make .venv with all dependencies, unless it is up to date

sandbox: $(READY)  ## Try the bot in a browser: no token, no key, no account
	@$(PY) -m sandbox

# By default glibc keeps a memory heap for each of many threads, which wastes memory; two are enough.
run: $(READY)  ## Start the bot on Discord; settings come from the environment or .env
	@MALLOC_ARENA_MAX=$${MALLOC_ARENA_MAX:-2} $(PY) -m bot

# With `--dist worksteal`, a test process that has no tests left takes some from the others.
test: $(READY)  ## Run all tests
	$(PY) -m pytest --quiet --numprocesses logical --dist worksteal

test-throttled: $(READY)  ## Run all tests on a slowed-down CPU, to find tests that depend on speed
	$(PY) -m tests.throttle --share 0.2 -- \
		$(PY) -m pytest --quiet --numprocesses logical --dist worksteal --timeout 1200

# Measuring coverage slows the tests down, so a test that depends on time may fail here. Therefore
# failed tests are ignored, and only too little coverage fails this target. Child processes that
# tests start with a clean environment are not measured.
coverage: $(READY)  ## Run all tests, list lines that no test runs; fails below the required coverage
	$(PY) -m coverage erase
	-$(PY) -m coverage run -m pytest --quiet --numprocesses logical --dist worksteal --timeout 300
	$(PY) -m coverage combine --quiet
	$(PY) -m coverage report

# A chaos round kills the bot once at each crash point and 100 times at random, and runs 20 mixtures
# of faults and 2,000 seeds of the simulation.
CHAOS_ROUNDS ?= 10

chaos: $(READY)  ## Run the bot under kills and faults for hours; CHAOS_ROUNDS=1 for a tenth
	$(PY) -m tests.simulation --seeds $$((2000 * $(CHAOS_ROUNDS)))
	$(PY) -m tests.chaos --out chaos-kill.jsonl kill --rounds $(CHAOS_ROUNDS)
	$(PY) -m tests.chaos --out chaos-random.jsonl random --kills $$((100 * $(CHAOS_ROUNDS)))
	$(PY) -m tests.chaos --out chaos-faults.jsonl faults --mixtures $$((20 * $(CHAOS_ROUNDS)))
	$(PY) -m tests.chaos --out chaos-kill.jsonl table

lint: $(READY)  ## Run the linter, the formatter and the type checker
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(VENV)/bin/basedpyright
	$(VENV)/bin/basedpyright -p tests

check: lint test  ## Run what CI runs: lint, then test

hooks: $(READY)  ## Let git run ruff and check the subject's length at each commit
	@$(PY) -m pre_commit install

# Without --strict, pip-audit counts a package that it could not look up as safe.
audit: $(READY)  ## Look up known vulnerabilities of the bot's dependencies; needs the internet
	$(PY) -m pip_audit --requirement requirements.lock --require-hashes --disable-pip --strict \
		--progress-spinner off

bench: $(READY)  ## Run the benchmarks, which compare the bot with simpler baselines
	@$(PY) -m benchmarks

migrate: $(READY)  ## Migrate the database to this release's schema
	@$(PY) -m bot migrate

format: $(READY)  ## Format all Python files
	$(PY) -m ruff check --fix-only .
	$(PY) -m ruff format .

# Renovate, which updates dependencies, reads this command from the first lines of each lock file and
# runs it again. So use only options that Renovate knows, written with "=" (.github/renovate.json).
COMPILE = $(VENV)/bin/uv pip compile --quiet $(if $(UPGRADE),--upgrade) --universal \
	--python-version=3.11 --generate-hashes

lock: $(READY)  ## Write both lock files from pyproject.toml; UPGRADE=1 takes newer releases
	$(COMPILE) --output-file=requirements.lock pyproject.toml
	$(COMPILE) --constraint=requirements.lock --extra=sandbox --extra=dev \
		--output-file=requirements-dev.lock pyproject.toml

clean:  ## Remove .venv and caches; data/ and .env stay
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Make tries to run each candidate for the Python interpreter, because version managers leave
# commands that do nothing, and some systems ship Python without ensurepip. The Python releases that
# CI tests come first.
FIT := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))

$(READY): requirements-dev.lock
	@if ! $(PY) -c 'import pip; $(FIT)' >/dev/null 2>&1; then \
		found=; \
		for each in $(PYTHON) python3.11 python3.12 python3.13 python3.14 python3 python; do \
			if "$$each" -c '$(FIT)' >/dev/null 2>&1; then found=$$each; break; fi; \
		done; \
		if [ -z "$$found" ]; then \
			echo "No Python 3.11 or later with its venv module was found." >&2; \
			echo "Install one (Debian, Ubuntu: apt install python3 python3-venv; macOS:" >&2; \
			echo "brew install python@3.13), or name it: make setup PYTHON=/path/to/python3" >&2; \
			exit 1; \
		fi; \
		echo "Making $(VENV) with $$($$found --version)"; \
		"$$found" -m venv --clear $(VENV); \
	fi
	@echo "Installing what requirements-dev.lock names; the first time takes a minute or two"
	@$(PY) -m pip --disable-pip-version-check install --quiet --require-hashes \
		--requirement requirements-dev.lock
	@touch $@
