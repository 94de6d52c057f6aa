# `make demo` and `make test` install everything they need in .venv, then run. Prerequisites: Python 3.11 or newer, a
# C++20 compiler and make; for the C++ tests and benchmarks also doctest and Google Benchmark (Debian: doctest-dev,
# libbenchmark-dev). pip brings CMake, Ninja and the rest.

PYTHON ?= python3
ARGS   ?=
BIN    := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

CORE := CMakeLists.txt $(shell find cmake cpp -type f 2>/dev/null)

.PHONY: help demo test test-all stress fuzz reliability examples docs bench profile lint tidy format cpp-test cpp-package wheel release pins clean

help:
	@echo "make demo      train a network on handwritten digits and show how fast it went"
	@echo "make test      the Python tests and every example of the documentation (ARGS=... goes to pytest)"
	@echo "make test-all  the same, with the tests that take long"
	@echo "make stress    forks, copies during training, little memory, damaged files, kills, Ctrl-C: 12 minutes (SHORT=1: one)"
	@echo "make fuzz      a million damaged files, models, .npz, CSV and images: 22 minutes (SHORT=1: a hundred thousand)"
	@echo "make reliability  the scorecard: runs each check and writes docs/reliability.md (ARGS=--list: what it runs)"
	@echo "make examples  run the scripts of examples/ and print their scores (ARGS=--short: a quick version)"
	@echo "make docs      the documentation site, in build/docs/html; its notebooks are run, its links checked"
	@echo "make cpp-test  the C++ tests (PRESET=asan or tsan: under sanitizers; release: the code of the wheel)"
	@echo "make cpp-package  the C++ library as other projects use it: find_package, add_subdirectory, FetchContent, pkg-config"
	@echo "make bench     the benchmarks, C++ and Python, beside those rivals that are installed: pip install '.[rivals]'"
	@echo "               (SMOKE=1: only whether they run; ARGS=... goes to benchmarks/compare_libraries.py)"
	@echo "make profile   cycles per phase of a training step (ARGS='--threads 2 --float64 mid': two threads, one network)"
	@echo "make lint      ruff, codespell, mypy, clang-format and clang-tidy; make format corrects what they can correct"
	@echo "make tidy      clang-tidy of all C++ but the kernels, which takes minutes"
	@echo "make wheel     the sdist and the wheel in dist/, tested as a user gets them"
	@echo "make release   all of a release but the upload: dist/ with what make wheel leaves, checked, and a bill of materials"
	@echo "make pins      newer versions of the packages that .venv takes, with their hashes: .ci/pins.txt"
	@echo "make clean     removes what was built, and .venv"

demo: .venv/with-cli
	$(BIN)/deepnet demo $(ARGS)

# Processes that share the tests; 0 runs them in one, where a debugger works. NumPy's BLAS gets one thread: on a shared
# machine, two that wait for each other take longer.
WORKERS ?= auto
PYTEST = OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=$(WORKERS) --maxprocesses=8 --dist=worksteal
test: .venv/with-test
	$(PYTEST) -m "not slow" $(ARGS)

test-all: .venv/with-test
	$(PYTEST) $(ARGS)

SHORT ?=
stress: .venv/with-test
	$(BIN)/python tests/stress/run.py $(if $(SHORT),--short) $(ARGS)

fuzz: .venv/with-test
	$(BIN)/python tests/stress/run.py $(if $(SHORT),--short) fuzz

# The short forms; the long ones are run by hand, row by row (ARGS="--long forks"), and their counts are kept.
reliability: .venv/with-dev
	$(BIN)/python tests/reliability.py $(ARGS)

examples: .venv/with-examples
	$(BIN)/python examples/scores.py $(ARGS)

# Only what changed is built again; the notebooks run again when the package changed.
docs: .venv/with-docs
	$(BIN)/python -m sphinx --builder html --fail-on-warning --keep-going --quiet $(ARGS) docs build/docs/html
	$(BIN)/python docs/check_site.py build/docs/html

PRESET ?= dev
cpp-test: .venv/build-tools
	cmake --preset $(PRESET)
	cmake --build --preset $(PRESET)
	ctest --preset $(PRESET)

# Installs the C++ library and uses it as other projects do.
cpp-package: .venv/with-test
	$(BIN)/python tests/package/run.py

SMOKE ?=
# The last two compare scores, which takes half an hour and more: they are run by hand.
bench: .venv/with-bench
	cmake --preset bench
	cmake --build --preset bench
	build/bench/deepnet_benchmarks $(if $(SMOKE),--benchmark_min_time=0.0001)
	$(BIN)/python benchmarks/step_by_step.py $(if $(SMOKE),--rounds 3 --net tiny)
	$(BIN)/python benchmarks/call_costs.py $(if $(SMOKE),--smoke)
	$(BIN)/python benchmarks/own_loss.py $(if $(SMOKE),--smoke)
	$(BIN)/python benchmarks/recipe_cost.py $(if $(SMOKE),--rounds 1 --threads 1)
	$(BIN)/python benchmarks/fit_many.py $(if $(SMOKE),--smoke)
	$(BIN)/python benchmarks/sklearn_estimators.py $(if $(SMOKE),--smoke)
	$(BIN)/python benchmarks/late_epochs.py $(if $(SMOKE),--epochs 1 --rounds 1 --no-limit)
	$(BIN)/python benchmarks/threads.py $(if $(SMOKE),--smoke)
	$(BIN)/python benchmarks/busy_neighbour.py $(if $(SMOKE),--smoke)
	$(BIN)/python benchmarks/bfloat16.py $(if $(SMOKE),--smoke)
	$(BIN)/python benchmarks/c_export.py
	$(BIN)/python benchmarks/compare_libraries.py $(if $(SMOKE),--smoke) $(ARGS)
	$(if $(SMOKE),$(BIN)/python benchmarks/sklearn_scores.py --smoke)
	$(if $(SMOKE),$(BIN)/python benchmarks/tables.py --smoke)

profile: .venv/build-tools
	cmake --preset profile
	cmake --build --preset profile
	build/profile/deepnet_profile $(ARGS)

# The same for all of C++ but the kernels; the extension module is one file. It takes minutes, so lint leaves it out.
# What can be compiled here: the headers of other systems are missing.
for_linux = $(filter-out %_windows.cpp %_macos.cpp,$(wildcard $(1)))

tidy: .venv/with-dev
	cmake --preset tidy -DDEEPNET_BUILD_PYTHON=ON -Dpybind11_DIR=$$($(BIN)/python -m pybind11 --cmakedir) > build/tidy.log
	echo $(call for_linux,cpp/api/*.cpp cpp/nn/*.cpp cpp/runtime/*.cpp cpp/train/*.cpp) build/tidy/CMakeFiles/_core.dir/Unity/*.cxx \
	  | xargs -n 1 -P 2 $(BIN)/clang-tidy -p build/tidy --quiet --header-filter='cpp/(api|bindings|include|nn|runtime|train)/'

CPP_FILES = $(shell find cpp tests benchmarks examples -name '*.h' -o -name '*.cpp')
lint: .venv/with-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/python .ci/check_sources.py
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run -Werror $(CPP_FILES)
	cmake --preset tidy > build/tidy.log
	echo $(call for_linux,cpp/api/*.cpp) | xargs -n 1 -P 2 $(BIN)/clang-tidy -p build/tidy --quiet

format: .venv/with-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CPP_FILES)

# The wheel comes from the objects of the editable install. The tests build another from the sdist, in a fresh
# environment: with the time of the last commit as time stamp, the two are the same bytes.
wheel: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 946684800)
wheel: .venv/with-dev
	rm -rf dist
	$(BIN)/python -m build --no-isolation --sdist --wheel --outdir dist
	$(BIN)/python -m pytest --basetemp=build/tests-of-wheel tests/wheel

# Tags the wheel with the oldest glibc that it runs on: that of this machine is seldom needed.
release: .venv/with-release wheel
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/auditwheel repair --wheel-dir dist dist/*-linux_*.whl
	rm dist/*-linux_*.whl
	$(BIN)/check-wheel-contents dist
	$(BIN)/twine check --strict dist/*
	$(PYTHON) -m venv --clear build/installed
	build/installed/bin/python -m pip install --quiet dist/*.whl
	$(BIN)/cyclonedx-py environment --output-reproducible --output-file dist/deepnet-cpu.cdx.json build/installed
	(cd dist && sha256sum *)
	@$(BIN)/python -c '$(IS_DATED)'

IS_DATED = import re, sys, tomllib; version = tomllib.load(open("pyproject.toml", "rb"))["project"]["version"]; \
  re.search(rf"^\#\# {re.escape(version)} \(\d{{4}}-\d\d-\d\d\)", open("CHANGELOG.md").read(), re.M) or \
  sys.exit(f"all is built, but not a release: the section {version} of CHANGELOG.md has no date")

clean:
	rm -rf build dist .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +


# --- .venv ------------------------------------------------------------------------------------------------------------
# One file per step, as new as what it was made from. The package is installed editable: a change within a Python file
# needs nothing, a new or moved one is registered, a change of C++ compiles only what it touched (in build/).

.venv/created:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("deepnet needs Python 3.11 or newer")'
	$(PYTHON) -m venv --clear .venv
	@touch $@

# uv installs in seconds what takes pip a minute, in the versions and with the hashes of .ci/pins.txt. It does not read
# pip's settings, so pip comes after it, and installs what uv could not reach.
UV_INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python --constraints .ci/pins.txt
BUILD_REQUIRES = import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")
.venv/build-tools: pyproject.toml | .venv/created
	$(BIN)/python -c '$(BUILD_REQUIRES)' > .venv/build-requires.txt
	-$(BIN)/python -m pip install --quiet --require-hashes --requirement .ci/uv.txt
	-$(UV_INSTALL) -r .venv/build-requires.txt cmake ninja
	$(BIN)/python -m pip install --quiet -r .venv/build-requires.txt cmake ninja
	@touch $@

# The newest versions of everything, for the next commit.
PIN = $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header
pins: .venv/build-tools
	(cat .venv/build-requires.txt; echo cmake; echo ninja) | $(PIN) --extra release --output-file .ci/pins.txt pyproject.toml -
	echo uv | $(PIN) --output-file .ci/uv.txt -

MODULES = find python -name '*.py' | sort
.venv/modules: .venv/created FORCE
	@$(MODULES) | cmp --silent - $@ || $(MODULES) > $@
FORCE:

.venv/with-%: .venv/build-tools .venv/modules $(CORE)
	-$(UV_INSTALL) -r pyproject.toml --extra $*
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable '.[$*]'
	@touch $@
