# make help lists the targets. Every file that is made lands in bin/ or .cache/.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO       ?= go
CACHE    := $(CURDIR)/.cache
BIN      := $(CURDIR)/bin
# A clone may belong to somebody else, and git then refuses to answer.
BUILD    := $(GO) build -buildvcs=false -trimpath
GUEST    := GOOS=wasip1 GOARCH=wasm $(BUILD) -ldflags='-s -w'
# Every module of the repository, the one that users import first.
MODULES  := $(patsubst %/go.mod,%,$(sort $(shell find . -name go.mod -not -path '*/node_modules/*' -not -path './.cache/*')))
# Modules with tests that need nothing but Go.
TESTED   := . plugins/pdk plugins/pdk/mcpgo plugins/pdk/gosdk plugins/examples plugins/examples/fetch plugins/examples/stdio bench
# Modules with code; tools has none.
LINTED   := $(filter-out ./tools,$(MODULES))
FUZZTIME ?= 10s
BENCH    ?= .
# Of make bench-report.
ROUNDS    ?= 5
BENCHTIME ?= 500ms
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

REACTORS := $(patsubst plugins/examples/%/main.go,%,$(wildcard plugins/examples/*/main.go))
STDIO    := $(patsubst plugins/examples/stdio/%/main.go,%,$(wildcard plugins/examples/stdio/*/main.go))

.PHONY: help build plugins run test race check fmt lint tidy clean-tree bench bench-report bench-native conformance interop packages sandbox demo-api demo-packages cross fuzz tools clean FORCE

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/mcpwasm
	$(BUILD) -o $(BIN)/mcpwasm ./cmd/mcpwasm

plugins: $(REACTORS:%=$(BIN)/plugins/%.wasm) $(STDIO:%=$(BIN)/plugins/stdio-%.wasm) ## build the samples into bin/plugins

# The go command knows what is up to date.
$(BIN)/plugins/stdio-%.wasm: FORCE
	cd plugins/examples/stdio/$* && $(GUEST) -o $@ .

$(BIN)/plugins/%.wasm: FORCE
	cd plugins/examples/$* && $(GUEST) -buildmode=c-shared -o $@ .

run: build $(BIN)/plugins/hello.wasm ## run the sample hello and talk to it with the official SDK's client
	cd interop && $(GO) run -buildvcs=false ./demo $(BIN)/mcpwasm run $(BIN)/plugins/hello.wasm

demo-api: build $(BIN)/plugins/issues.wasm $(BIN)/plugins/hostile.wasm ## call an API with a token that the server never sees
	cd plugins/examples && $(BUILD) -o $(BIN)/standin ./issues/standin
	scripts/demo-api

demo-packages: build $(BIN)/plugins/hello.wasm $(BIN)/plugins/clock.wasm ## go from nothing to a server that is signed, published, trusted and locked
	scripts/demo-packages

test: plugins ## run the tests of every module
	failed=; for m in $(TESTED); do echo "test $$m"; (cd $$m && $(GO) test -buildvcs=false $(TESTFLAGS) ./...) || failed="$$failed $$m"; done; \
	if [ -n "$$failed" ]; then echo "failed in:$$failed"; exit 1; fi

race: TESTFLAGS += -race -timeout=20m
race: test ## run the tests with the race detector

check: fmt lint tidy build test clean-tree ## all that a change must pass

fmt: ## check the format
	@out=$$(gofmt -l $$(git -c safe.directory='*' ls-files '*.go')); if [ -n "$$out" ]; then echo "gofmt -w these:"; echo "$$out"; exit 1; fi

lint: tools ## run the linters, import rules included
	for m in $(LINTED); do echo "lint $$m"; (cd $$m && $(GO) vet ./... && $(CACHE)/tools/golangci-lint run --config $(CURDIR)/.golangci.yml ./...); done

tidy: ## check that every go.mod is tidy
	for m in $(MODULES); do echo "tidy $$m"; (cd $$m && $(GO) mod tidy -diff); done

clean-tree: ## check that nothing was changed or left behind
	@out=$$(git -c safe.directory='*' status --porcelain); if [ -n "$$out" ]; then echo "the tree is not clean:"; echo "$$out"; exit 1; fi

bench: build plugins bench-native ## run the benchmarks
	scripts/registry-clients oras
	for m in . bench; do (cd $$m && $(GO) test -buildvcs=false -run '^$$' -bench '$(BENCH)' -benchmem $(BENCHFLAGS) ./...); done

bench-report: build plugins bench-native ## run them ROUNDS times and write docs/benchmarks.md
	cd bench && $(GO) run -buildvcs=false ./report -rounds $(ROUNDS) -benchtime $(BENCHTIME) ../docs/benchmarks.md

# The server that the benchmarks compare with, as a program of its own.
bench-native:
	cd plugins/examples/stdio/bench && $(BUILD) -o $(BIN)/bench/stdio-bench .

conformance: build plugins ## run the official conformance suite
	scripts/conformance

interop: build plugins ## try clients that nobody here wrote
	cd interop && $(GO) test -buildvcs=false -count=1 $(TESTFLAGS) ./...

packages: build $(BIN)/plugins/hello.wasm ## try registries, clients and signers that nobody here wrote, and attack packages
	scripts/registry-clients
	cd interop/packages && $(GO) test -buildvcs=false -count=1 $(TESTFLAGS) ./...

sandbox: build $(BIN)/plugins/hostile.wasm $(BIN)/plugins/hello.wasm ## attack the program with hostile guests
	cd sandbox && $(GO) run -buildvcs=false ./raw $(BIN)/hostile && $(GO) test -buildvcs=false -count=1 $(TESTFLAGS)

cross: ## vet and build for every platform
	for p in $(PLATFORMS); do echo "cross $$p"; \
	  GOOS=$${p%/*} GOARCH=$${p#*/} CGO_ENABLED=0 $(GO) vet ./... ; \
	  GOOS=$${p%/*} GOARCH=$${p#*/} CGO_ENABLED=0 $(BUILD) -o /dev/null ./cmd/mcpwasm; done

fuzz: ## fuzz every parser for FUZZTIME each
	FUZZTIME=$(FUZZTIME) scripts/fuzz

tools: ## build the pinned linters and benchstat into .cache/tools
	cd tools && $(GO) build -buildvcs=false -o $(CACHE)/tools/ tool

clean: ## remove what was built
	rm -rf $(BIN) $(CACHE)

FORCE:
