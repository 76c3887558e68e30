# Every target makes the virtual environment .venv itself: Python >= 3.11, make and a package index are all it needs.
# Options: PYTHON=python3.12  DEMO_FLAGS="--max-samples 4"  TEST_FLAGS="-k journal"  TEST_WORKERS=4

NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" $(NEW_ENOUGH) && echo "$$p" && break; done)
TEST_WORKERS ?= 2
TEST_FLAGS ?=
DEMO_FLAGS ?=
BENCH_FLAGS ?=
PARITY_FLAGS ?=

BIN := .venv/bin
READY := .venv/.saiten-ready
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet

.PHONY: help demo check test test-real parity bench docs lock
.DEFAULT_GOAL := help

help:
	@echo "make demo       evaluate a small real model on this machine, from nothing (a few minutes)"
	@echo "make check      lint, format, types"
	@echo "make test       all quick tests"
	@echo "make test-real  tests with real model servers; they install what they need"
	@echo "make parity     compare with what the reference measurement recorded, set by set"
	@echo "make bench      how fast saiten is on this machine"
	@echo "make docs       check the documentation"
	@echo "make lock       resolve requirements.lock anew"

$(READY): requirements.lock pyproject.toml
	@.venv/bin/python $(NEW_ENOUGH) || { \
	  "$(PYTHON)" $(NEW_ENOUGH) || \
	    { echo "saiten needs Python 3.11 or newer; say which: make PYTHON=/path/to/python3"; exit 1; }; \
	  echo "making the virtual environment .venv with $(PYTHON)"; \
	  "$(PYTHON)" -m venv --clear .venv; }
	@echo "installing saiten and what it needs, as requirements.lock says"
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY)
	@$(BIN)/saiten demo $(DEMO_FLAGS)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: $(READY)
	$(BIN)/python -m pytest -q -m "not real" -n $(TEST_WORKERS) $(TEST_FLAGS)

test-real: $(READY)
	$(BIN)/python -m pytest -q -m real $(TEST_FLAGS)

# PARITY_FLAGS="math choice_en"; SAITEN_PARITY=folder of other sets
parity: $(READY)
	@$(BIN)/python -m tests.parity $(PARITY_FLAGS)

bench: $(READY)
	$(BIN)/python -m bench $(BENCH_FLAGS)

# Relative links lead somewhere, and every page is there in English and in Japanese.
docs:
	@failed=0; \
	for page in README*.md CHANGELOG.md CONTRIBUTING.md $$(find docs -name '*.md'); do \
	  test -f "$$page" || { echo "$$page is missing"; failed=1; continue; }; \
	  for link in $$(grep -o '](\([^)#: ]*\)' "$$page" | sed 's/^](//'); do \
	    test -e "$$(dirname "$$page")/$$link" || { echo "$$page: the link $$link leads nowhere"; failed=1; }; \
	  done; \
	done; \
	for page in $$(cd docs && find en ja -name '*.md' | sed 's|^[a-z]*/||' | sort -u) ; do \
	  for language in en ja; do \
	    test -f "docs/$$language/$$page" || { echo "docs/$$language/$$page is missing"; failed=1; }; \
	  done; \
	done; \
	test -f README.ja.md || { echo "README.ja.md is missing"; failed=1; }; \
	test $$failed = 0 && echo "docs: all links lead somewhere, all pages in both languages"

# hatchling and editables build the package; no address of an index is written.
lock: $(READY)
	@$(PIP) install uv
	@{ echo "# Pins of what saiten, its tests and its build need, for every platform. Made by: make lock"; \
	   printf 'hatchling>=1.27\neditables\n' | $(BIN)/uv pip compile --quiet --universal --upgrade --generate-hashes \
	     --no-annotate --no-header --python-version 3.11 --group dev --extra all pyproject.toml -; } > requirements.lock.new
	@mv requirements.lock.new requirements.lock
