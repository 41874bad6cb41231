# Ordinary habits. `make demo` and `make test` need nothing but Python 3.11 and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test coverage lint soak fuzz format clean

demo: $(STAMP)
	$(BIN)/photo-auditor demo

test: $(STAMP)-test
	@sh tests/need-chromium.sh
	$(BIN)/python -m pytest -n 6 --dist loadfile -m "not soak" $(ARGS)

# The same, and which lines and branches it never took. What it measured stays in .coverage.
coverage: $(STAMP)-test
	@sh tests/need-chromium.sh
	$(BIN)/python -m pytest -n 6 --dist loadfile -m "not soak" --cov --cov-branch --cov-report=term-missing $(ARGS)

# KILLS=50 kills and resumes fewer audits than the 200 of the ordinary soak.
soak: $(STAMP)-test
	@sh tests/need-chromium.sh
	$(if $(KILLS),PHOTO_AUDITOR_SOAK_KILLS=$(KILLS) )$(BIN)/python -m pytest -m soak $(ARGS)

# SECONDS=60 for a short one. What it finds is kept in fuzz/findings, what it learns in fuzz/corpus.
SECONDS ?= 600
FUZZ = -max_total_time=$$(($(SECONDS) / 2)) -timeout=20 -rss_limit_mb=3000 -print_final_stats=1
fuzz: $(STAMP)-fuzz
	@mkdir -p fuzz/corpus/decode fuzz/corpus/wire fuzz/findings
	$(BIN)/python fuzz/fuzz_decode.py $(FUZZ) -max_len=65536 -artifact_prefix=fuzz/findings/decode- \
		fuzz/corpus/decode tests/photos/hostile
	$(BIN)/python fuzz/fuzz_wire.py $(FUZZ) -max_len=20000 -artifact_prefix=fuzz/findings/wire- \
		fuzz/corpus/wire tests/services/hostile tests/wire

lint: $(STAMP)-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)-lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "photo-auditor needs Python 3.11 or newer; name it with: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV) || \
		{ echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }

$(STAMP): $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

# Of the client libraries that the tests need, which are large, few modules are ever read: those are compiled then.
$(STAMP)-test: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -e '.[test]'
	@touch $@

$(STAMP)-fuzz: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[fuzz]'
	@touch $@

$(STAMP)-lint: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -e '.[lint]'
	@touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
