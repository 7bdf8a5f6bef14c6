# Weir. `make help` lists what there is.
.DEFAULT_GOAL := help
SHELL := /bin/bash

CARGO ?= cargo
# Property tests try the same cases in every run, so that a red run is the fault of a change. Others: PROPTEST_RNG_SEED=$RANDOM make test-rust
export PROPTEST_RNG_SEED ?= 20261121
BUILD := build
IMAGE ?= weir-broker:dev

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{ printf "  make %-16s %s\n", $$1, $$2 }'

.PHONY: run
run: ## build in release and serve 127.0.0.1:9092 with the data in ./data
	@$(CARGO) build --release -p broker -p cli
	@exec target/release/weir-broker

.PHONY: cluster
cluster: ## build in release and serve 127.0.0.1:9092, 9095 and 9098: three brokers, one controller, data in ./data-cluster
	@$(CARGO) build --release -p broker -p cli
	@exec scripts/cluster $(SETTINGS)

.PHONY: build
build: ## the programs, in release: weir-broker, weir, weir-operator
	$(CARGO) build --release -p broker -p cli -p oracle -p operator

.PHONY: test
test: test-rust test-clients ## all tests: unit, simulation, in-process broker, real clients

.PHONY: test-rust
test-rust: ## the tests that need nothing but Rust
	$(CARGO) test --workspace

SEEDS ?= 1000
.PHONY: simulate
simulate: ## run SEEDS=1000 clusters that fail, on all CPUs; FIRST=0 is the first seed
	@$(CARGO) build --profile simulate -p simulator
	@target/simulate/simulator $(SEEDS) $(FIRST)

.PHONY: simulate-operator
simulate-operator: ## run SEEDS=1000 clusters under an operator, on a Kubernetes that fails; FIRST=0 is the first seed
	@$(CARGO) build --profile simulate -p operator-simulator
	@target/simulate/operator-simulator $(SEEDS) $(FIRST)

.PHONY: test-clients
test-clients: build ## real Kafka clients and tools against our broker, Apache Kafka as the oracle
	broker/tests/clients/run

.PHONY: test-operator
test-operator: ## tests of the operator that need an API server: the one of the current kubeconfig
	kubectl apply -f crds/
	kubectl wait --for=condition=Established -f crds/
	$(CARGO) test --package operator --features api-server-tests

.PHONY: ci
ci: format clippy layers deny check-generated test e2e-smoke ## exactly what CI runs

.PHONY: format
format: ## fail if a file is not formatted
	$(CARGO) fmt --all --check

.PHONY: clippy
clippy: ## lints, warnings denied
	$(CARGO) clippy --workspace --all-targets --features e2e/kubernetes --locked -- -D warnings

.PHONY: layers
layers: ## arrows between crates only go down; cores are pure; files are small
	@scripts/layers

CARGO_DENY := $(BUILD)/tools/bin/cargo-deny
$(CARGO_DENY):
	$(CARGO) install cargo-deny --version 0.20.2 --locked --debug --root $(BUILD)/tools

.PHONY: deny
deny: $(CARGO_DENY) ## licences and banned crates
	$(CARGO_DENY) --log-level error check licenses bans sources

.PHONY: check-generated
check-generated: ## fail if a generated file is stale
	@scripts/generate --check

.PHONY: generate
generate: ## write the generated files again
	@scripts/generate

.PHONY: startup
startup: ## measure start to first Metadata answer and idle memory, fail above the limits
	@$(CARGO) build --release -p broker --bin weir-broker --example startup
	@target/release/examples/startup

# What a part of a run is given: make bench ROWS=P1,S1/empty PEER=none PASSES=3 BENCH_ARGS="--address HOST:PORT"
BENCH_BROKER := target/release/weir-broker
.PHONY: bench
bench: ## measure our broker, the machine's floor and Apache Kafka in one run; ROWS=P1,S1 PEER=none for a part
	@$(CARGO) build --release -p broker --bin weir-broker -p bench --bin bench --features bench/librdkafka
	@target/release/bench run --broker $(BENCH_BROKER) $(if $(ROWS),--rows $(ROWS)) $(if $(PEER),--peer $(PEER)) \
	  $(if $(PASSES),--passes $(PASSES)) $(BENCH_ARGS)

.PHONY: bench-guard
bench-guard: ## fail if CPU per request or record, divided by the floor's, rose by more than 10 %
	@$(CARGO) build --release -p broker --bin weir-broker -p bench --bin bench
	@target/release/bench guard --broker $(BENCH_BROKER) $(BENCH_ARGS)

.PHONY: image
image: ## the container image, $(IMAGE)
	scripts/image $(IMAGE)

OPERATOR_IMAGE ?= weir-operator:dev
.PHONY: kubectl-plugin
kubectl-plugin: ## the plugin for kubectl, in release: target/release/kubectl-weir
	$(CARGO) build --release -p kubectl-plugin

.PHONY: image-operator
image-operator: ## the container image of the operator, $(OPERATOR_IMAGE); compiled together with the broker's
	scripts/image $(OPERATOR_IMAGE) operator

.PHONY: chart
chart: ## check the operator's chart: lint, and what it renders against charts/golden
	scripts/chart --check

.PHONY: e2e
e2e: ## scenarios on a real Kubernetes: kind, images, the chart, all tests, or SCENARIOS="smoke roll"
	scripts/e2e $(SCENARIOS)

.PHONY: e2e-smoke
e2e-smoke: ## one scenario, smoke, and the kind cluster deleted again; where no Docker engine can be had this says so and tests nothing
	@scripts/e2e --or-skip smoke

.PHONY: bench-failover
bench-failover: ## distributions of how long clients wait in failures and rolls, on kind: RUNS=30, ROWS=broker-killed,roll for a part
	@scripts/bench-failover

.PHONY: test-image
test-image: build ## build the container image and try it as people use it; needs a Docker engine
	broker/tests/clients/run image
