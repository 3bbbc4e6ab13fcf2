# The way to everything in this project; `make` alone lists it. What a target needs beyond Rust, Python 3.11, a C compiler
# and make is installed by it, pinned, into .venv and target, and nowhere else.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Two pips in one .venv, or two cargos in one target, would only get in each other's way.
.NOTPARALLEL:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

NAME := sagemaker-scale-to-zero
EVENT ?= events/in-service.json
SECONDS ?= 60
PYTHON3 ?= python3

VENV := .venv
PYTHON := $(VENV)/bin/python
# cargo finds cargo-lambda on the path, and cargo-lambda finds zig through the first python3 there.
IN_VENV := PATH="$(CURDIR)/$(VENV)/bin:$$PATH"
PIP := $(PYTHON) -m pip --disable-pip-version-check install --quiet

# The paths below, and those of the demo and the tests, hold whatever the machine's own setting is.
export CARGO_TARGET_DIR := target
export SAM_CLI_TELEMETRY := 0

EXECUTABLE := target/debug/$(NAME)

AWS_PORT := 4566
INVOKE := --invoke-address 127.0.0.1 --invoke-port 9000

# The machine that the executable is built for: this one, unless ARCH says otherwise.
MACHINE := $(patsubst aarch64,arm64,$(shell uname -m))
ARCH ?= $(MACHINE)
IS_CROSS := $(filter-out $(shell uname -s)-$(MACHINE),Linux-$(ARCH))

# $(call step,number,what) announces a step before it takes its time. The target that was asked for says how many there are,
# and at which place it installs what.
step = @echo "[$(1)/$(STEPS)] $(2)"
LOCAL_STEP := 1
LINT_STEP := 1
BUILD_STEP := 1
CROSS_STEP := 2
DEBUG_STEP := 2

# One build for the demo, the tests and clippy: all targets at once, so that every crate has the same features each time and
# the SDKs are compiled once.
DEBUG_BUILD := cargo build --locked --all-targets
DEBUG_BUILD_TIME = $(if $(wildcard $(EXECUTABLE)),seconds,about 6 minutes the first time for the AWS SDKs; then seconds)

.PHONY: help
help: ## List these targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

.PHONY: setup
setup: STEPS := 4
setup: LINT_STEP := 2
setup: BUILD_STEP := 3
setup: $(VENV)/.local-stamp $(VENV)/.lint-stamp $(VENV)/.build-stamp ## Fetch all that the other targets need, ahead of time
	$(call step,4,Rust crates)
	@cargo fetch --locked

.PHONY: build
build: STEPS := $(if $(IS_CROSS),3,2)
build: $(VENV)/.build-stamp $(if $(IS_CROSS),$(VENV)/.cross-stamp) ## Build the executable for Lambda; ARCH=arm64 or ARCH=x86_64 for another machine
	$(if $(filter arm64 x86_64,$(ARCH)),,$(error ARCH is "$(ARCH)"; it must be arm64 or x86_64))
	$(call step,$(STEPS),Release build for $(ARCH) (about 11 minutes the first time; then one))
	@$(IN_VENV) $(if $(IS_CROSS),,CARGO_LAMBDA_COMPILER=cargo) cargo lambda build --release --locked \
		$(if $(IS_CROSS),$(if $(filter arm64,$(ARCH)),--arm64,--x86-64))
	@echo "target/lambda/$(NAME)/bootstrap"

.PHONY: demo
demo: STEPS := 3
demo: $(VENV)/.local-stamp debug-build ## Show the main job: an endpoint learns to sleep and to wake, on a local AWS
	$(call step,3,Demo (seconds))
	@$(PYTHON) -m local.demo --executable $(EXECUTABLE)

.PHONY: test
test: STEPS := 4
test: $(VENV)/.local-stamp debug-build ## Run all tests
	$(call step,3,Unit and property tests (seconds))
	@cargo test --locked
	$(call step,4,Tests of the executable on a local AWS (about two minutes))
# Round trips are told apart by which calls overlap, which needs the machine to itself; the rest mostly waits for retries.
	@$(PYTHON) -m pytest tests/black_box/test_reads.py
	@$(PYTHON) -m pytest tests/black_box --ignore tests/black_box/test_reads.py --numprocesses 3 --dist worksteal

# Rounds of a few seconds, each with random cases of its own; the last one is finished when the time is up.
FUZZ := PROPTEST_CASES=5000 cargo test --locked --quiet --test properties -- parsers::

.PHONY: fuzz
fuzz: STEPS := 2
fuzz: DEBUG_STEP := 1
fuzz: debug-build ## Throw random payloads and tags at the parsers; SECONDS=600 for longer than a minute
	$(call step,2,Parsers under random input ($(SECONDS) seconds))
# Without this, a filter that fits no test would pass every round.
	@$(FUZZ) --list | grep -q ': test$$' || { echo "no test has a name with parsers::" >&2; exit 1; }
	@end=$$(($$(date +%s) + $(SECONDS))); rounds=0; \
	while [ "$$(date +%s)" -lt "$$end" ]; do $(FUZZ) || exit 1; rounds=$$((rounds + 1)); done; \
	echo "$$rounds rounds without a failure"

.PHONY: bench
bench: STEPS := 4
bench: BUILD_STEP := 2
bench: $(VENV)/.local-stamp build ## Measure it beside a function in Python and boto3, and what fleets up to 10,000 endpoints cost
	$(call step,3,Beside Python and boto3 (about 8 minutes))
	@$(PYTHON) -m local.bench --executable target/lambda/$(NAME)/bootstrap --json target/bench.json \
		--markdown target/bench.md
	$(call step,4,Sweeps (about 3 minutes))
	@$(PYTHON) -m local.fleet_bench --executable target/lambda/$(NAME)/bootstrap --json target/fleet_bench.json

.PHONY: lint
lint: STEPS := 5
lint: $(VENV)/.lint-stamp ## Check formatting, Rust, Python and the template
	$(call step,2,Formatting)
	@cargo fmt --check
	@$(VENV)/bin/ruff format --check .
	$(call step,3,Clippy ($(DEBUG_BUILD_TIME)))
# `cargo clippy` is `cargo check` with clippy-driver in rustc's place, and a check can't use what a build has made: it would
# go through the 876,000 lines of the SageMaker SDK once more. A build with clippy-driver lints the same, and shares the SDKs
# with `make demo` and `make test`.
	@RUSTC_WORKSPACE_WRAPPER="$$(rustc --print sysroot)/bin/clippy-driver" CLIPPY_ARGS="-Dwarnings__CLIPPY_HACKERY__" $(DEBUG_BUILD)
	$(call step,4,Ruff)
	@$(VENV)/bin/ruff check .
	$(call step,5,Template (seconds))
	@$(VENV)/bin/cfn-lint template.yaml
# Validation needs the name of some Region, but neither an account nor a network.
	@AWS_DEFAULT_REGION=eu-west-1 $(VENV)/bin/sam validate --lint

.PHONY: fmt
fmt: STEPS := 3
fmt: $(VENV)/.lint-stamp ## Format Rust and Python
	$(call step,2,Rust)
	@cargo fmt
	$(call step,3,Python)
	@$(VENV)/bin/ruff check --select I --fix .
	@$(VENV)/bin/ruff format .

.PHONY: watch
watch: STEPS := 4
watch: BUILD_STEP := 3
watch: $(VENV)/.local-stamp debug-build $(VENV)/.build-stamp ## Run the function on a local AWS, built anew at every change; then `make invoke`
	$(call step,4,Local AWS on port $(AWS_PORT) with the endpoint demo and the function beside it; Ctrl-C stops both)
	@$(PYTHON) -m local.aws --port $(AWS_PORT) --endpoint demo & aws=$$!; \
	trap 'kill $$aws' EXIT; trap 'exit 130' INT TERM; \
	$(IN_VENV) AWS_ENDPOINT_URL=http://127.0.0.1:$(AWS_PORT) AWS_REGION=eu-west-1 \
		AWS_ACCESS_KEY_ID=function AWS_SECRET_ACCESS_KEY=function cargo lambda watch --locked $(INVOKE)

.PHONY: invoke
invoke: STEPS := 2
invoke: $(VENV)/.build-stamp ## Send EVENT=events/….json to the function of `make watch`
	$(call step,2,$(EVENT))
	@$(IN_VENV) cargo lambda invoke $(NAME) $(INVOKE) --data-file $(EVENT)

.PHONY: deploy
deploy: STEPS := 5
deploy: BUILD_STEP := 2
deploy: CROSS_STEP := 3
deploy: $(VENV)/.lint-stamp $(VENV)/.build-stamp $(VENV)/.cross-stamp ## Deploy to the AWS account and Region of your environment, as samconfig.toml says
	$(call step,4,Release build (about 11 minutes the first time; then one))
# Always linked with zig, even for processors like this machine's: its C library may be newer than Lambda's.
	@$(IN_VENV) sam build
	$(call step,5,Deployment (it shows the changes and asks))
	@$(IN_VENV) sam deploy

.PHONY: logs
logs: STEPS := 2
logs: $(VENV)/.lint-stamp ## Follow the log of the deployed function
	$(call step,2,The log from now on; Ctrl-C ends it)
	@$(IN_VENV) sam logs --tail

.PHONY: clean
clean: ## Remove all that these targets have made
	rm -rf $(VENV) target .aws-sam .pytest_cache .ruff_cache
	find local tests -name __pycache__ -prune -exec rm -rf {} +

.PHONY: debug-build
debug-build:
	$(call step,$(DEBUG_STEP),Debug build ($(DEBUG_BUILD_TIME)))
	@$(DEBUG_BUILD)

$(VENV)/.created:
	@for tool in cargo cc $(PYTHON3); do \
		command -v $$tool >/dev/null || { echo "$$tool is needed and not on the path" >&2; exit 1; }; \
	done
	@$(PYTHON3) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON3=…")'
	@echo "Python's virtual environment, $(VENV) (seconds; only once)"
	@$(PYTHON3) -m venv $(VENV)
	@touch $@

$(VENV)/.local-stamp: local/requirements.txt | $(VENV)/.created
	$(call step,$(LOCAL_STEP),Python packages of the local AWS and the tests into .venv (about a minute; only once))
	@$(PIP) --requirement $<
	@touch $@

# The constraint keeps these from changing the versions that the tests run with.
$(VENV)/.lint-stamp: local/requirements-lint.txt local/requirements.txt | $(VENV)/.created
	$(call step,$(LINT_STEP),SAM and cfn-lint and ruff into .venv (about a minute; only once))
	@$(PIP) --requirement $< --constraint local/requirements.txt
	@touch $@

$(VENV)/.build-stamp: local/requirements-build.txt | $(VENV)/.created
	$(call step,$(BUILD_STEP),cargo-lambda into .venv (seconds; only once))
	@$(PIP) --no-deps --requirement $<
	@touch $@

$(VENV)/.cross-stamp: local/requirements-cross.txt | $(VENV)/.created
	$(call step,$(CROSS_STEP),zig into .venv to link for other machines (about a minute; only once))
	@$(PIP) --requirement $<
	@touch $@
