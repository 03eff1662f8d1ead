# Every target makes .venv and installs what it needs when it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-faults check lab bench bench-correctness clean

demo: $(READY)
	$(BIN)/sptrader demo

test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile

# The crashes, schedules and hostile messages of `test` are a sample; this is all of them, for some minutes.
test-faults: $(READY)
	SPTRADER_FAULTS=1 $(BIN)/python -m pytest -n 2 --dist loadfile tests/faults $(shell grep -rl SPTRADER_FAULTS --include='test_*.py' tests)

check: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

lab: $(READY)
	$(BIN)/sptrader lab

bench: $(READY)
	$(BIN)/python -m tests.benchmarks

bench-correctness: $(READY)
	$(BIN)/python -m tests.peers.answers
	$(BIN)/python -m pytest tests/peers
	SPTRADER_EXAMPLES=50000 $(BIN)/python -m pytest tests/kernel/test_reference.py

$(READY): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[test,dask]'
	touch $(READY)

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .hypothesis
