PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo test bench clean

setup: .venv/installed

.venv/installed: pyproject.toml hatch_build.py
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "sqlopt_env needs Python 3.11 or later; try: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $@

demo: setup
	$(BIN)/sqlopt train --stage 1 --policy rules --iterations 10 --candidates 8 --seed 0 --out runs/stage1 --fresh --workers 2

test: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n 2 --dist loadfile -m "not alone"
	$(BIN)/pytest -m alone

bench: setup
	$(BIN)/python -m pip install --quiet --group bench
	$(BIN)/python benchmarks/judge.py
	$(BIN)/python benchmarks/judge.py --scale 10 --passes 2
	$(BIN)/python benchmarks/noise.py --plots docs/figures
	$(BIN)/python benchmarks/env.py --scales 1 10 --plots docs/figures
	$(BIN)/python benchmarks/fuzz.py
	$(BIN)/python benchmarks/soak.py
	$(BIN)/python benchmarks/verdicts.py
	$(BIN)/python benchmarks/generator.py --judged 20
	$(BIN)/python -m benchmarks.mutations
	$(BIN)/python benchmarks/learning.py --heldout 0 1 3 10 --plots docs/figures
	$(BIN)/python benchmarks/curriculum.py --markdown docs/curricula.md --plots docs/figures
	$(BIN)/python benchmarks/executors.py
	$(BIN)/python benchmarks/crowd.py

clean:
	rm -rf .venv runs data/*.db
