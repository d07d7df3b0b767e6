# Needs make (GNU 3.81 or later, as on macOS) and Python 3.11 or later; everything else it fetches
# into .venv. The project itself is not installed: it runs from this folder.

VENV  := .venv
PY    := $(VENV)/bin/python
# Exists when .venv holds what requirements-dev.lock lists.
READY := $(VENV)/ready

.PHONY: help setup sandbox run test test-throttled coverage chaos lint check hooks audit bench migrate lock format clean

help:  ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s  %s\n", $$1, $$2}' Makefile

setup: $(READY)  ## Make .venv with all dependencies, unless it is up to date

sandbox: $(READY)  ## Try the bot in a browser: no token, no key, no account
	@$(PY) -m sandbox

# glibc keeps a heap for each thread that allocated memory; two are enough.
run: $(READY)  ## Start the bot on Discord; settings come from the environment or .env
	@MALLOC_ARENA_MAX=$${MALLOC_ARENA_MAX:-2} $(PY) -m bot

# worksteal: a worker that has finished takes tests from the others.
test: $(READY)  ## Run all tests
	$(PY) -m pytest --quiet --numprocesses logical --dist worksteal

test-throttled: $(READY)  ## Run all tests with a fifth of a core a process: finds tests that depend on speed
	$(PY) -m tests.throttle --share 0.2 -- \
		$(PY) -m pytest --quiet --numprocesses logical --dist worksteal --timeout 1200

# Measuring slows the tests down, so one that depends on time may fail here: only the coverage floor
# decides this run, and `make test` decides about tests. Children with a clean environment are not
# measured.
coverage: $(READY)  ## Run all tests and list the lines that none reaches; fails below the floor
	$(PY) -m coverage erase
	-$(PY) -m coverage run -m pytest --quiet --numprocesses logical --dist worksteal --timeout 300
	$(PY) -m coverage combine --quiet
	$(PY) -m coverage report

# A round is one kill at each named point, 100 random kills, 20 mixtures of faults and 2,000 seeds.
CHAOS_ROUNDS ?= 10

chaos: $(READY)  ## Kill the bot and disturb it for hours; CHAOS_ROUNDS=1 for a tenth of it
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

hooks: $(READY)  ## Let git run ruff before each commit and look at the length of its subject
	@$(PY) -m pre_commit install

# Without --strict, a package that could not be looked up would count as safe.
audit: $(READY)  ## Look up known vulnerabilities of what the bot runs on; needs the internet
	$(PY) -m pip_audit --requirement requirements.lock --require-hashes --disable-pip --strict \
		--progress-spinner off

bench: $(READY)  ## Measure; prints ratios against a bare baseline
	@$(PY) -m benchmarks

migrate: $(READY)  ## Bring the database to this release's schema
	@$(PY) -m bot migrate

format: $(READY)  ## Put all Python files into shape
	$(PY) -m ruff check --fix-only .
	$(PY) -m ruff format .

# Renovate reads this command in the first lines of each lock file and runs it again, so use only
# options that Renovate knows, written with "=" (.github/renovate.json).
COMPILE = $(VENV)/bin/uv pip compile --quiet $(if $(UPGRADE),--upgrade) --universal \
	--python-version=3.11 --generate-hashes

lock: $(READY)  ## Write both lock files from pyproject.toml; UPGRADE=1 takes later releases
	$(COMPILE) --output-file=requirements.lock pyproject.toml
	$(COMPILE) --constraint=requirements.lock --extra=sandbox --extra=dev \
		--output-file=requirements-dev.lock pyproject.toml

clean:  ## Remove .venv and caches; data/ and .env stay
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Each candidate is run, because version managers leave commands that do nothing and some systems
# ship Python without ensurepip. The releases that CI tests come first.
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
