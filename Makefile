# The two commands: `make run` (set-up and the main job) and `make test` (set-up and all tests).
PYTHON ?= python3
BIN := .venv/bin
SEEDS ?= 10

.PHONY: run test lint docs bench kills mutants mutations reliability schema statistics clean

run: .venv/installed
	$(BIN)/primacy run complexity --seeds $(SEEDS)

test: .venv/installed-test
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

# The documentation as a site in build/site, from the files of docs/; a bad link is an error.
docs: .venv/installed-docs
	$(BIN)/zensical build --strict --clean
	@echo "Open build/site/index.html"

# Alone on the machine: 25 minutes; BENCH=--resume goes on, BENCH=--quick only tries everything.
# An environment of its own, because Lightning brings much along.
bench: benchmarks/.venv/installed
	benchmarks/.venv/bin/python benchmarks/bench.py $(BENCH)

# One change of one place of the source at a time: do the tests notice? Hours; goes on where it
# stopped. An environment of its own, because only this needs cosmic-ray.
MUTANTS ?= 200
mutants: build/mutants/.venv/installed
	nice build/mutants/.venv/bin/python benchmarks/source_mutants.py --sample $(MUTANTS) --seed $(SEED)

build/mutants/.venv/installed: pyproject.toml constraints.txt
	test -x build/mutants/.venv/bin/python || $(PYTHON) -m venv build/mutants/.venv
	build/mutants/.venv/bin/python -m pip install --quiet --disable-pip-version-check \
	  -c constraints.txt -e '.[test,oracle,mutants]'
	touch $@

benchmarks/.venv/installed: pyproject.toml constraints.txt
	test -x benchmarks/.venv/bin/python || $(PYTHON) -m venv benchmarks/.venv
	benchmarks/.venv/bin/python -m pip install --quiet --disable-pip-version-check \
	  -c constraints.txt -e '.[bench]'
	touch $@

.venv/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

.venv/installed-docs: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	touch $@

# Browser tests need Chromium; where this is root on Debian it is installed.
.venv/installed-test: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,oracle,dev,docs]'
	command -v chromium >/dev/null || { \
	  test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; } \
	  || { echo "The browser tests need Chromium: install it (Debian: apt install chromium)."; exit 1; }
	touch $@

# What a verdict means and how often it errs, by simulation: docs/statistics.md.
statistics: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/operating_characteristics.py

# Runs killed at random and resumed; run folders damaged at random; other examples of hypothesis than
# those that the tests always try. Hours of work, not of tests: TRIALS and SEED choose which.
TRIALS ?= 200
SEED ?= 0
reliability: .venv/installed-test
	$(BIN)/python -m pytest -m hypothesis --hypothesis-profile new --hypothesis-seed $(SEED)
	$(BIN)/python benchmarks/reliability.py --trials $(TRIALS) --seed $(SEED)

kills: .venv/installed-test
	$(BIN)/python benchmarks/kills.py --trials $(TRIALS) --seed $(SEED)

mutations: .venv/installed-test
	$(BIN)/python -m tests.faults.mutations --trials $(TRIALS) --seed $(SEED)

clean:
	rm -rf .venv benchmarks/.venv
