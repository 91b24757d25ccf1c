# make demo | test | fast | check | bench | torture | docs | screenshots | lock | clean
# TORCH=keep uses the torch that your Python already has; TORCH="torch==2.9.1" asks pip for another.

SHELL := /bin/bash
TORCH ?=
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p $(NEW_ENOUGH) && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCK := cockpit/locks/main.txt
NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
DEMO_DIR ?= demo
DOCS := build/docs-env
WORKERS ?= 3
export OMP_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM ?= false
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo test fast check lint format bench torture docs screenshots readme-demo setup lock clean

demo: setup
	$(BIN)/cockpit demo --dir $(DEMO_DIR)

# A file's tests stay in one worker: those of a trainer share its imports, and what they trained. The longest files
# come first (tests/conftest.py). Many tests wait for other processes, so there is a worker more than two cores have.
PYTEST = $(BIN)/python -m pytest tests -n $(WORKERS) --durations 30 --dist loadfile --no-loadscope-reorder

# The types are checked beside the tests, and told after them. Up to ten tests that failed while two others ran
# beside them are tried once more, alone: what passes then is still named, as one that needs its machine to itself.
ALONE = $(BIN)/python -m pytest tests -n 0 --last-failed --last-failed-no-failures none
test: setup lint
	@mkdir -p build; $(BIN)/pyright > build/pyright.log 2>&1 & types=$$!; trap "kill $$types 2>/dev/null" EXIT; \
		$(PYTEST); tests=$$?; \
		if [ $$tests = 1 ] && few=$$($(BIN)/python scripts/failed_few.py 10); then \
			echo "Failed beside others, tried again alone:"; echo "$$few"; $(ALONE); tests=$$?; fi; \
		wait $$types; types=$$?; cat build/pyright.log; exit $$((tests || types))

fast: setup
	$(PYTEST) -m "not ml and not fault and not slow"

check: setup lint
	$(BIN)/pyright

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Breaks files of a workspace and kills writers, FAULTS times from SEED on; ends with 1 for any loss or lie.
FAULTS ?= 1000
SEED ?= 1
torture: setup
	$(BIN)/python -m tests.torture --faults $(FAULTS) --seed $(SEED)

bench: setup
	$(BIN)/python -m tests.bench

# In an environment of its own, made when it is first asked for: nothing that trains has to agree with it.
docs: $(DOCS)/.installed
	$(DOCS)/bin/mkdocs build --strict

$(DOCS)/.installed: pyproject.toml
	@$(PYTHON) $(NEW_ENOUGH) || { echo "Python 3.11 or newer is needed: say make docs PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -m venv $(DOCS)
	@$(PYTHON) -c 'import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
		print(*project["optional-dependencies"]["docs"], sep="\n")' > $(DOCS)/requirements.txt
	@$(DOCS)/bin/python -m pip install --quiet -r $(DOCS)/requirements.txt
	@touch $@

screenshots: setup
	$(BIN)/python screenshots/make.py $(DEMO_DIR)

readme-demo: setup
	$(BIN)/python -m scripts.readme_demo $(DEMO_DIR)

setup: $(STAMP)

# The ranges in pyproject.toml say what is installed, the lock in which version.
$(STAMP): pyproject.toml .ci/install_torch.py .ci/install_packages.py $(LOCK)
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or say make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) $(NEW_ENOUGH) || { echo "Python 3.11 or newer is needed, and $(PYTHON) is none: say make PYTHON=/path/to/python3"; exit 1; }
	@test ! -x $(BIN)/python || $(BIN)/python $(NEW_ENOUGH) || \
		{ echo "Python 3.11 or newer is needed, and $(VENV) was made with an older one: say make clean, then again"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(if $(filter keep,$(TORCH)),--system-site-packages) $(VENV) || \
		{ echo "Python's venv module is missing: install it (Debian: apt-get install python3-venv) and try again"; exit 1; }
	@echo "Setting up $(VENV): a few minutes, once."
	@$(BIN)/python .ci/install_torch.py $(TORCH)
	@$(BIN)/python .ci/install_packages.py $(LOCK) train,trackers,dev
	@touch $@

# Newest versions that the ranges allow, written down for `make setup` and `cockpit env add`; review the diff.
lock:
	$(PYTHON) scripts/lock.py

clean:
	rm -rf $(VENV) $(DEMO_DIR) build *.egg-info .pytest_cache .ruff_cache .import_linter_cache
