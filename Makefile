PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Small jobs side by side: threads that wait by spinning would slow each other.
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: install demo test test-slow lint bench clean

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "reprcompare needs Python 3.11 or newer; set PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,demo]'
	touch $@

# The headline of the bias paper on embedded input; finished networks are kept in .cache.
demo: install
	REPRCOMPARE_CACHE=$(CURDIR)/.cache $(BIN)/reprcompare run protocols/complexity.toml --out runs/complexity

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/pytest

test-slow: install
	$(BIN)/pytest -m slow

bench: install
	for script in $(filter-out benchmarks/calibration_%,$(wildcard benchmarks/*.py)); do \
		$(BIN)/python $$script || exit 1; done

clean:
	rm -rf $(VENV) .cache runs
