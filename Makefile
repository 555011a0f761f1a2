# Every target can be run again at any time; what is installed or fetched is
# pinned and checksummed, and left alone once it is there.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO ?= go
# Arguments of the demo, such as: make demo ARGS="--image FILE"
ARGS ?=
# Packages to test, and flags such as: make test TESTFLAGS="-run Resolve"
PACKAGES ?= ./...
TESTFLAGS ?=

# The race detector slows code down five- to tenfold. It watches the program, and
# not these: the engines and decoders of others, and our own decoders and makers
# of test material, which share nothing between goroutines. What keeps orders by
# sync.Map or sync.Once has to be watched (encoding/json, and modernc.org/sqlite:
# the linker keeps one copy of a generic's code, and takes it from any package
# that uses it, so that one user left out hides the orders of all).
# UNWATCHED= watches all.
UNWATCHED ?= modernc.org/sqlite/lib modernc.org/libc/... go.yaml.in/yaml/... github.com/klauspost/compress/... \
	github.com/okieraised/gonii/... golang.org/x/image/... compress/... image/... \
	satgraph/internal/gunzip satgraph/volume/internal/... satgraph/inference/checkpoint/... satgraph/datasets/phantom
RACE := -race $(foreach p,$(UNWATCHED),-gcflags=$(p)=-race=false)

# ONNX Runtime is called through cgo; Go turns cgo off by itself where it finds
# no compiler, which would end in a puzzling error.
export CGO_ENABLED := 1

.PHONY: help demo test build lint bench training-test two-machines clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: build ## segment the children of the heart with the bundled demo model
	@scripts/need.sh pip
	@scripts/test-services.sh bin/satgraph demo $(ARGS)

test: ## install what the tests need, vet, and run all of them under the race detector
	@scripts/need.sh go cc pip libpython
	@scripts/graphiql.sh || true
	$(GO) vet ./...
	@mkdir -p bin && $(GO) build -o bin/testreport ./scripts/testreport
	scripts/test-services.sh --neo4j $(GO) test -json $(RACE) -p 2 -timeout 20m $(TESTFLAGS) $(PACKAGES) | bin/testreport

build: ## build bin/satgraph, with GraphiQL where npm is at hand
	@scripts/need.sh go cc
	@scripts/graphiql.sh || true
	$(GO) build -o bin/satgraph ./cmd/satgraph

lint: ## read code and scripts with the pinned linters
	@scripts/need.sh go cc
	@scripts/lint.sh

bench: build ## measure the figures of bench/
	@scripts/need.sh pip
	scripts/test-services.sh $(GO) test -run '^$$' -bench . ./bench/...
	bench/nifti-read/run.sh -n 7
	$(GO) run ./bench/tree
	bench/metrics/run.sh -n 3
	bench/labels/run.sh

training-test: ## run the tests of training/ (PyTorch)
	@scripts/training-tests.sh

two-machines: build ## follow the guide of docs/operator.md on two machines made of namespaces
	scripts/two-machines.sh

clean: ## remove what was built and the installed tools
	rm -rf bin .tools
