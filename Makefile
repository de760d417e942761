# Targets for people; what they do is in build.py and tests/. Every target sets up what it needs.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON := .venv/bin/python
PYTEST := $(PYTHON) -m pytest
# One worker a processor; tests/conftest.py says what stays together.
SHARED := -n auto --dist loadscope --no-loadscope-reorder
# The images that are tested, built side by side: most of a build waits for one thread of one program.
IMAGES := for profile in smoke authority authority-tests; do ./build.py fetch --renew $$profile >&2; done; \
	./build.py build smoke >&2 & smoke=$$!; \
	./build.py build authority >&2 && built=yes; \
	wait $$smoke && [ "$${built-}" = yes ]
PROFILE ?= authority
FUZZ_S ?= 5

.PHONY: help setup image lint fast test test-long fuzz bench clean

help:  ## say what there is
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

setup:  ## .venv and the host's programs
	@tools/setup >&2

image: setup  ## build an image (PROFILE=authority); its path is the last line
	@./build.py fetch --renew $(PROFILE) >&2
	@./build.py build $(PROFILE)

lint: setup  ## style, types, shell, hooks
	@$(PYTEST) -q tests/test_house.py

fast: setup  ## the tests that need no image
	@$(PYTEST) -q $(SHARED) tests -m "not image and not boot and not long"

test: setup  ## every tier: unit, steps, image, boot
	@$(IMAGES)
	@$(PYTEST) $(SHARED) tests -m "not long"

test-long: setup  ## what does not fit into the time of `make test`
	@$(IMAGES)
	@$(PYTEST) $(SHARED) tests -m long

fuzz: setup  ## fuzz every reader of the authority (FUZZ_S=5 seconds each)
	@PYTHONPATH=tests:authority/src $(PYTHON) -m support.fuzz $(FUZZ_S)

bench: setup  ## measure, and write build/bench/{bench,store,program}.md
	@$(PYTHON) bench/store.py
	@$(PYTHON) bench/program.py
	@$(PYTHON) bench/measure.py

clean:  ## take the build folder away, packages excepted
	@rm -rf build/cache build/smoke build/authority build/authority-tests build/bench build/again build/rebuild build/boot
