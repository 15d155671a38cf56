# Every target makes .venv and installs what it needs by itself; the second time that takes no time.
PYTHON ?= python3
# one worker a core, one thread a worker: two torch processes with all threads each would fight
JOBS ?= 2
OUT ?=

export PYTHON
BIN := .venv/bin
USER := .venv/.ready-user
DEV := .venv/.ready-dev
EXTRAS := .venv-extras/.ready
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 OPENCV_FOR_THREADS_NUM=1
PYTEST := $(ONE_THREAD) $(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal

.PHONY: help demo restore weights test test-extras goldens acceptance lint format clean
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /make \1: /p' Makefile

demo: $(USER) ## damage two portraits, restore them, write the pictures to demo/
	$(BIN)/restauro demo $(if $(OUT),-o "$(OUT)")

restore: $(USER) ## PHOTO=... [OUT=...]: restore one photograph
	@test -n "$(PHOTO)" || { echo "make restore PHOTO=grandma.jpg [OUT=better.jpg]" >&2; exit 2; }
	$(BIN)/restauro restore "$(PHOTO)" $(if $(OUT),-o "$(OUT)")

weights: $(USER) ## how the shipped weights are made; NAME=... DATA=... [OUT=...] [ABOUT=...]: make one anew, or go on with it
ifdef NAME
	@test -n "$(DATA)" || { echo "make weights NAME=$(NAME) DATA=a folder of pictures" >&2; exit 2; }
	$(BIN)/restauro train --config "$(NAME)" --data "$(DATA)" --out "$(or $(OUT),runs/$(NAME))" --resume \
	    --ship "$(NAME)" --into "$(or $(OUT),runs/$(NAME))" --about "$(or $(ABOUT),the pictures in $(DATA))"
else
	@$(BIN)/restauro train --list
	@echo "restauro models show NAME tells on which pictures, how long and by which command a shipped file was made."
endif

test: $(DEV) ## all tests, the slow ones too
	$(PYTEST)

test-extras: $(EXTRAS) ## the adapters of optional packages, in an environment of their own
	$(ONE_THREAD) .venv-extras/bin/python -m pytest -q tests/extras

acceptance: $(DEV) ## official checkpoints at full size, weights made by formula, in 20 GB of disk and 8 of memory; [OF=diffbir-v2.1]
	$(BIN)/python -m tests.acceptance $(OF)

goldens: $(DEV) ## only the numbers the original programs produced (../shared/goldens or RESTAURO_GOLDENS)
	$(PYTEST) tests/goldens

lint: $(DEV) ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(DEV) ## sort imports, wrap long lines
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove the environments and caches
	rm -rf .venv .venv-extras build .mypy_cache .ruff_cache .pytest_cache

$(USER): pyproject.toml constraints.txt tools/install.sh
	@tools/install.sh demo && touch $@

$(DEV): pyproject.toml constraints.txt tools/install.sh
	@tools/install.sh test,lint && touch $@

$(EXTRAS): pyproject.toml constraints.txt tools/install.sh
	@VENV=.venv-extras tools/install.sh test,spandrel,prompts && touch $@
