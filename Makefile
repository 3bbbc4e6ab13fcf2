# The commands of this project; `make` alone lists them. You need Rust, Python 3.11, a C compiler and make. Each target
# installs what else it needs, pinned, into .venv and target, and nowhere else.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Two pips in one .venv, or two cargos in one target, would get in each other's way.
.NOTPARALLEL:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

NAME := sagemaker-scale-to-zero
EVENT ?= events/in-service.json
SECONDS ?= 60
FLEETS ?= 100
TRACE ?=
WEEKS ?= 4
PYTHON3 ?= python3

VENV := .venv
PYTHON := $(VENV)/bin/python
# cargo finds cargo-lambda on the path, and cargo-lambda finds zig through the first python3 there.
IN_VENV := PATH="$(CURDIR)/$(VENV)/bin:$$PATH"
PIP := $(PYTHON) -m pip --disable-pip-version-check install --quiet
# Its dependencies don't go with SAM's.
CHECKOV := $(VENV)/checkov

# The paths below, and those of the demo and the tests, hold whatever the machine's own setting is.
export CARGO_TARGET_DIR := target
export SAM_CLI_TELEMETRY := 0
# A machine's own configuration, such as target-cpu=native, must not get into a build for another machine. An empty RUSTFLAGS
# wins over cargo's configuration files, and CARGO_ENCODED_RUSTFLAGS would win over it.
export RUSTFLAGS :=
unexport CARGO_ENCODED_RUSTFLAGS

# Which build of the executable the demo and the tests drive: debug is built sooner, release is what is deployed.
PROFILE ?= debug
EXECUTABLE := $(if $(filter release,$(PROFILE)),target/lambda/$(NAME)/bootstrap,target/debug/$(NAME))

AWS_PORT := 4566
INVOKE := --invoke-address 127.0.0.1 --invoke-port 9000

# The machine that the executable is built for: this one, unless ARCH says otherwise.
MACHINE := $(patsubst aarch64,arm64,$(shell uname -m))
ARCH ?= $(MACHINE)
IS_CROSS := $(filter-out $(shell uname -s)-$(MACHINE),Linux-$(ARCH))

# $(call step,number,what) announces a step before it runs. The target that you ask for says how many steps there are, and
# which number an installation has.
step = @echo "[$(1)/$(STEPS)] $(2)"
LOCAL_STEP := 1
LINT_STEP := 1
CHECKOV_STEP := 2
BUILD_STEP := 1
CROSS_STEP := 2
EXECUTABLE_STEP := 2

# The executable takes the AWS SDKs, which are by far the most to compile; the core and its tests build without them.
CORE := --locked --no-default-features
RELEASE_BUILD := CARGO_LAMBDA_COMPILER=cargo cargo lambda build --release --locked
EXECUTABLE_BUILD := $(if $(filter release,$(PROFILE)),$(RELEASE_BUILD),cargo build --locked --bins)
EXECUTABLE_TIME = $(if $(wildcard $(EXECUTABLE)),a minute at most,about $(if $(filter release,$(PROFILE)),11,6) minutes the first time for the AWS SDKs)
# cargo-lambda makes the release build.
EXECUTABLE_NEEDS := $(if $(filter release,$(PROFILE)),$(VENV)/.build-stamp)

.PHONY: help
help: ## List these targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

.PHONY: setup
setup: STEPS := 5
setup: LINT_STEP := 2
setup: CHECKOV_STEP := 3
setup: BUILD_STEP := 4
setup: $(VENV)/.local-stamp $(VENV)/.lint-stamp $(VENV)/.checkov-stamp $(VENV)/.build-stamp ## Fetch ahead of time what the other targets need
	$(call step,5,Rust crates)
	@cargo fetch --locked

.PHONY: build
build: STEPS := $(if $(IS_CROSS),3,2)
build: $(VENV)/.build-stamp $(if $(IS_CROSS),$(VENV)/.cross-stamp) ## Build the executable for Lambda; ARCH=arm64 or ARCH=x86_64 for another machine
	$(if $(filter arm64 x86_64,$(ARCH)),,$(error ARCH is "$(ARCH)"; it must be arm64 or x86_64))
	$(call step,$(STEPS),Release build for $(ARCH) (about 11 minutes the first time; then one))
	@$(IN_VENV) $(if $(IS_CROSS),cargo lambda build --release --locked $(if $(filter arm64,$(ARCH)),--arm64,--x86-64),$(RELEASE_BUILD))
	@echo "target/lambda/$(NAME)/bootstrap"

.PHONY: size
size: STEPS := 2
size: BUILD_STEP := 1
size: build ## Check that the release build and its zip are no larger than their ceilings
	@$(PYTHON) -m tools.packaging.artefact target/lambda/$(NAME)/bootstrap

.PHONY: demo
demo: STEPS := 3
demo: $(VENV)/.local-stamp executable ## Show the main job: an endpoint learns to sleep and to wake, on a local AWS
	$(call step,3,Demo (seconds))
	@$(PYTHON) -m local.demo --executable $(EXECUTABLE)

.PHONY: test
test: STEPS := 5
test: LINT_STEP := 2
test: EXECUTABLE_STEP := 3
test: $(VENV)/.local-stamp $(VENV)/.lint-stamp executable ## Run the tests; FULL=1 adds those that take long
	$(call step,4,Unit and property tests (seconds))
	@cargo test $(CORE)
	$(call step,5,Tests of the executable on a local AWS (about a minute$(if $(FULL),; two more for the long ones)))
# Round trips are told apart by which calls overlap, which needs the machine to itself; the rest mostly waits for retries.
	@EXECUTABLE=$(EXECUTABLE) $(PYTHON) -m pytest tests/black_box/test_reads.py
	@EXECUTABLE=$(EXECUTABLE) $(PYTHON) -m pytest tests/black_box --ignore tests/black_box/test_reads.py --numprocesses 3 --dist worksteal \
		$(if $(FULL),,-m "not full")

.PHONY: docs
docs: STEPS := 3
docs: EXECUTABLE_STEP := 2
docs: $(VENV)/.local-stamp executable ## Write the answers in the book anew, as the executable gives them
	$(call step,3,Blocks of the book (seconds))
	@WRITE_BOOK=1 cargo test $(CORE) --quiet --test tables the_documents_show
	@WRITE_BOOK=1 EXECUTABLE=$(EXECUTABLE) $(PYTHON) -m pytest tests/black_box/test_book.py --quiet \
		-k "executable_answers or executable_writes or demo_prints"

MDBOOK_VERSION := 0.5.4
MDBOOK := target/mdbook-tool/bin/mdbook

.PHONY: book
book: STEPS := 2
book: $(MDBOOK) $(VENV)/.created ## Make a site of the book in target/book, and check its links
	$(call step,2,Book (seconds))
	@$(IN_VENV) $(MDBOOK) build
	@$(PYTHON) -m tools.book check target/book

$(MDBOOK):
	$(call step,1,mdBook into target (about ten minutes; only once))
	@cargo install --quiet --locked --root target/mdbook-tool --target-dir target/mdbook-tool/build mdbook@$(MDBOOK_VERSION)

# Rounds of a few seconds, each with random cases of its own; the last one is finished when the time is up.
FUZZ := PROPTEST_CASES=5000 cargo test $(CORE) --quiet --test properties -- parsers::

.PHONY: fuzz
fuzz: STEPS := 1
fuzz: ## Throw random payloads and tags at the parsers for a minute; SECONDS=600 for longer
	$(call step,1,Parsers under random input ($(SECONDS) seconds))
# Without this, a filter that matches no test would pass every round.
	@$(FUZZ) --list | grep -q ': test$$' || { echo "no test has a name with parsers::" >&2; exit 1; }
	@end=$$(($$(date +%s) + $(SECONDS))); rounds=0; \
	while [ "$$(date +%s)" -lt "$$end" ]; do $(FUZZ) || exit 1; rounds=$$((rounds + 1)); done; \
	echo "$$rounds rounds without a failure"

MUTANTS_VERSION := 27.1.0
MUTANTS := target/mutants-tool/bin/cargo-mutants

.PHONY: mutants
mutants: STEPS := 2
mutants: $(MUTANTS) $(VENV)/.created ## Break the core on purpose, and list what no Rust test notices; FILE=src/… for one file
	$(call step,2,Mutants (hours for all of the core; minutes for a FILE))
	@nice $(PYTHON) -m tools.mutants $(MUTANTS) $(if $(FILE),--file $(FILE))

$(MUTANTS):
	$(call step,1,cargo-mutants into target (minutes; only once))
	@cargo install --quiet --locked --root target/mutants-tool --target-dir target/mutants-tool/build cargo-mutants@$(MUTANTS_VERSION)

FAKECLOUD_VERSION := 0.51.0
FAKECLOUD := target/second-opinion/bin/fakecloud

.PHONY: second-opinion
second-opinion: STEPS := 4
second-opinion: LINT_STEP := 2
second-opinion: EXECUTABLE_STEP := 3
second-opinion: $(FAKECLOUD) $(VENV)/.local-stamp $(VENV)/.lint-stamp executable ## Run the executable and the template against an emulator of AWS that others wrote
	$(call step,4,Second opinion (about a minute))
	@$(PYTHON) -m tools.second_opinion --emulator $(FAKECLOUD) --executable $(EXECUTABLE) --json target/second-opinion.json

# Without debug information and optimization it takes half the time, and is quick enough.
$(FAKECLOUD):
	$(call step,1,fakecloud into target (a quarter of an hour or more; only once))
	@CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --debug --locked --root target/second-opinion \
		--target-dir target/second-opinion/build fakecloud@$(FAKECLOUD_VERSION)

# TAGS goes by the environment, as a tag's value may hold whatever the shell would take apart.
.PHONY: simulate
simulate: STEPS := 2
simulate: export TAGS := $(TAGS)
simulate: ## Show what tags would do: TAGS="idle-timeout=10m" TRACE=burst; COMPARE=1 adds AWS's example and the limit
	$(call step,1,Simulator (seconds; about a minute the first time))
	@cargo build $(CORE) --quiet --profile simulate --example simulate
	$(call step,2,Simulation (seconds))
	@target/simulate/examples/simulate --tags "$$TAGS" --trace "$(TRACE)" --weeks $(WEEKS) \
		$(if $(filter-out 0,$(COMPARE)),--compare) $(OPTIONS)

.PHONY: bench
bench: STEPS := $(if $(filter-out 0,$(STORM)),6,5)
bench: BUILD_STEP := 2
bench: $(VENV)/.local-stamp build ## Measure it beside a function in Python and boto3, and what fleets cost; FLEETS="100 1000" for more, STORM=1 for a storm of tags
	$(call step,3,Beside Python and boto3 (about 5 minutes))
	@$(PYTHON) -m tools.bench --executable target/lambda/$(NAME)/bootstrap --fleets $(filter-out 10000,$(FLEETS)) \
		--json target/bench.json --markdown target/bench.md
	$(call step,4,Sweeps (seconds; 3 minutes for fleets up to 10,000))
	@$(PYTHON) -m tools.bench.fleets --executable target/lambda/$(NAME)/bootstrap --sizes $(FLEETS) \
		--limited $(firstword $(FLEETS)) --json target/fleet_bench.json
	$(call step,5,Savings and advice (a minute))
	@$(PYTHON) -m tools.bench.lookback --executable target/lambda/$(NAME)/bootstrap --json target/lookback_bench.json
	$(if $(filter-out 0,$(STORM)),$(call step,6,A storm of tags against AWS's rate of alarms (about 7 minutes)))
	$(if $(filter-out 0,$(STORM)),@$(PYTHON) -m tools.bench.storm --executable target/lambda/$(NAME)/bootstrap --json target/storm_bench.json)

CLIPPY = RUSTC_WORKSPACE_WRAPPER="$$(rustc --print sysroot)/bin/clippy-driver" CLIPPY_ARGS="-Dwarnings__CLIPPY_HACKERY__"

.PHONY: lint
lint: STEPS := 6
lint: $(VENV)/.lint-stamp $(VENV)/.checkov-stamp $(EXECUTABLE_NEEDS) ## Check formatting, Rust, Python and the template
	$(call step,3,Formatting)
	@cargo fmt --check
	@$(VENV)/bin/ruff format --check .
	$(call step,4,Clippy ($(EXECUTABLE_TIME)))
# `cargo clippy` is `cargo check` with clippy-driver in rustc's place, and a check can't use what a build has made: it would
# go through the 876,000 lines of the SageMaker SDK once more. A build with clippy-driver lints the same, and shares the SDKs
# with the build of the executable.
	@$(CLIPPY) cargo build $(CORE) --all-targets
	@$(IN_VENV) $(CLIPPY) $(EXECUTABLE_BUILD)
	$(call step,5,Ruff)
	@$(VENV)/bin/ruff check .
	$(call step,6,Template (seconds))
	@$(VENV)/bin/cfn-lint template.yaml
# Where we leave a finding as it is, template.yaml says why, beside the resource.
	@$(CHECKOV)/bin/checkov --skip-download --framework cloudformation --file template.yaml --compact --quiet
# Validation needs the name of some Region, but neither an account nor a network.
	@AWS_DEFAULT_REGION=eu-west-1 $(VENV)/bin/sam validate --lint
# Scripts, those in workflows too, and the workflows by what their files alone tell.
	@$(IN_VENV) shellcheck dist/install.sh .ci/run
	@$(IN_VENV) jactionlint
	@$(VENV)/bin/zizmor --offline --quiet .github

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
watch: $(VENV)/.local-stamp executable $(VENV)/.build-stamp ## Run the function on a local AWS, and build it anew at each change; then `make invoke`
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

.PHONY: stackset
stackset: STEPS := 2
stackset: $(VENV)/.lint-stamp ## Make template and code for StackSets after `make build`; BUCKET=name of the buckets, without -Region
	$(if $(BUCKET),,$(error BUCKET is needed: the name of the buckets for the code, without -Region at its end))
	$(call step,2,Template and code for many accounts and Regions)
	@$(PYTHON) -m tools.packaging.stackset --executable target/lambda/$(NAME)/bootstrap --bucket $(BUCKET) --to target/stackset

.PHONY: dist
dist: STEPS := 5
dist: BUILD_STEP := 2
dist: CROSS_STEP := 3
dist: $(VENV)/.lint-stamp $(VENV)/.build-stamp $(VENV)/.cross-stamp ## Make a release in target/dist: zips, templates, sums, installer
	$(call step,4,Release builds (about 11 minutes the first time for each kind of processors))
# Always linked with zig, against Lambda's C library and not this machine's. A folder of its own, and paths without this
# machine's: the same commit gives the same bytes.
	@for machine in arm64:aarch64 x86_64:x86_64; do \
		target=$${machine#*:}-unknown-linux-gnu; \
		if [ -d "$$(rustc --print sysroot)/lib/rustlib/$$target" ]; then \
			$(IN_VENV) CARGO_TARGET_DIR=target/release-$${machine%%:*} \
				CARGO_ENCODED_RUSTFLAGS="--remap-path-prefix=$(CURDIR)=/src$$(printf '\037')--remap-path-prefix=$${CARGO_HOME:-$$HOME/.cargo}=/cargo" \
				cargo lambda build --release --locked --target "$$target.2.34" \
				--lambda-dir target/release-$${machine%%:*}/lambda || exit 1; \
		else \
			echo "no standard library for $$target here (rustup target add $$target): the release is without $${machine%%:*}" >&2; \
			rm -rf target/release-$${machine%%:*}; \
		fi; \
	done
	$(call step,5,Release in target/dist (seconds))
	@$(PYTHON) -m tools.packaging.dist target/release-*/lambda/$(NAME)/bootstrap --to target/dist

.PHONY: terraform
terraform: STEPS := 2
terraform: $(VENV)/.lint-stamp ## Write the variables and outputs of the Terraform module, from the template
	$(call step,2,Terraform module)
	@$(PYTHON) -m tools.packaging.terraform

.PHONY: logs
logs: STEPS := 2
logs: $(VENV)/.lint-stamp ## Follow the log of the deployed function
	$(call step,2,The log from now on; Ctrl-C ends it)
	@$(IN_VENV) sam logs --tail

.PHONY: savings
savings: STEPS := 3
savings: $(VENV)/.local-stamp executable ## Write a page about how long your asynchronous endpoints ran and idled; only reads
	$(call step,3,Savings of the Region of your environment)
	@$(PYTHON) -m tools.lookback savings --executable $(EXECUTABLE) --to target/savings.html

.PHONY: advise
advise: STEPS := 3
advise: $(VENV)/.local-stamp executable ## Write a page about what other settings would have done for ENDPOINT=…; only reads
	$(if $(ENDPOINT),,$(error ENDPOINT is missing; name an asynchronous endpoint: make advise ENDPOINT=demo))
	$(call step,3,Advice about $(ENDPOINT))
	@$(PYTHON) -m tools.lookback advise --endpoint "$(ENDPOINT)" $(if $(DAYS),--days $(DAYS)) $(if $(PRICE),--price $(PRICE)) \
		--executable $(EXECUTABLE) --to target/advice.html

.PHONY: prices
prices: STEPS := 1
prices: $(VENV)/.created ## Write the table of prices, from FILE=index.json, AWS's price list of SageMaker
	$(if $(FILE),,$(error FILE is missing: the index.json of AWS's price list))
	@$(PYTHON) -m tools.prices "$(FILE)"

.PHONY: status
status: STEPS := 2
status: $(VENV)/.local-stamp ## Ask the deployed function (or FUNCTION=…) how all managed endpoints stand
	$(call step,2,Status)
	@$(IN_VENV) $(if $(FUNCTION),FUNCTION=$(FUNCTION) )python -m tools.status

.PHONY: verify
verify: STEPS := 2
verify: $(VENV)/.local-stamp ## Compare what AWS answers about ENDPOINT=… in your account with what this project expects
	$(if $(ENDPOINT),,$(error ENDPOINT is missing; name a tagged asynchronous endpoint: make verify ENDPOINT=demo))
	$(call step,2,Endpoint $(ENDPOINT) (it asks before it changes anything; up to five minutes))
	@$(PYTHON) -m tools.verify --endpoint "$(ENDPOINT)" $(if $(FUNCTION),--function "$(FUNCTION)") --json target/verify.json

.PHONY: clean
clean: ## Remove everything that these targets have made
	rm -rf $(VENV) target .aws-sam .pytest_cache .ruff_cache
	find local tools tests -name __pycache__ -prune -exec rm -rf {} +

.PHONY: executable
executable: $(EXECUTABLE_NEEDS)
	$(call step,$(EXECUTABLE_STEP),Build of the executable ($(EXECUTABLE_TIME)))
	@$(IN_VENV) $(EXECUTABLE_BUILD)

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
$(VENV)/.lint-stamp: tools/requirements-lint.txt local/requirements.txt | $(VENV)/.created
	$(call step,$(LINT_STEP),SAM and cfn-lint and ruff into .venv (about a minute; only once))
	@$(PIP) --requirement $< --constraint local/requirements.txt
	@touch $@

$(VENV)/.checkov-stamp: tools/requirements-checkov.txt | $(VENV)/.created
	$(call step,$(CHECKOV_STEP),checkov into $(CHECKOV) (about a minute; only once))
	@$(PYTHON3) -m venv $(CHECKOV)
	@$(CHECKOV)/bin/python -m pip --disable-pip-version-check install --quiet --requirement $<
	@touch $@

$(VENV)/.build-stamp: tools/requirements-build.txt | $(VENV)/.created
	$(call step,$(BUILD_STEP),cargo-lambda into .venv (seconds; only once))
	@$(PIP) --no-deps --requirement $<
	@touch $@

$(VENV)/.cross-stamp: tools/requirements-cross.txt | $(VENV)/.created
	$(call step,$(CROSS_STEP),zig into .venv to link for other machines (about a minute; only once))
	@$(PIP) --requirement $<
	@touch $@
