# grpcnotrace keeps text/template, and with it every unused operation of the
# SDK, out of the binary.
TAGS := grpcnotrace
GO := go
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
VERSION := $(shell git describe --tags --always 2>/dev/null || echo dev)
# The race detector runs where neither DuckDB nor the SDK's large modules are linked.
RACE := ./internal/alert ./internal/config ./internal/metrics ./internal/outcome ./internal/schedule ./internal/schema ./internal/spool ./internal/rowmerge ./load/... ./transform

# How long the soak goes on: a duration or a number of rounds, from SEED on.
SOAK := 10m
SEED := 1

# The simulated organization of sim-large.
ACCOUNTS := 200
REGIONS := 17

.PHONY: build test demo check bench soak sim-large generate

build:
	$(GO) build -tags $(TAGS) -ldflags "-s -w -X main.version=$(VERSION)" -o bin/stocktake ./cmd/stocktake

# Everything that has to hold.
test: check
	$(GO) test -tags $(TAGS) -timeout 20m ./...
	$(GO) test -tags $(TAGS) -timeout 20m -race -short $(RACE)
	$(MAKE) sim-large ACCOUNTS=20 LARGE=-any-time

check: build
	$(GO) vet -tags $(TAGS) ./...
	$(GO) run $(STATICCHECK) -tags $(TAGS) ./...
	sh internal/buildcheck/check.sh

# A simulated organization from nothing to answers; exit code 3 of the run is
# the account that is partly denied.
demo: build
	rm -rf demo-warehouse
	bin/stocktake run --config testdata/demo.yaml || [ $$? -eq 3 ]
	@for q in accounts network findings identity coverage; do echo; bin/stocktake query --config testdata/demo.yaml $$q || exit 1; done

bench:
	sh bench/run.sh

# Whole runs under faults of every kind; a failure prints how to repeat it.
soak:
	STOCKTAKE_SOAK=$(SOAK) STOCKTAKE_SOAK_SEED=$(SEED) $(GO) test -tags $(TAGS) -count 1 -timeout 0 -v ./internal/soaktest

# All tables of a large simulated organization, against the least time possible.
sim-large:
	$(GO) build -tags $(TAGS) -o bin/large ./bench/large
	dir=$$(mktemp -d) && bin/large -dir "$$dir" -accounts $(ACCOUNTS) -regions $(REGIONS) $(LARGE); code=$$?; rm -rf "$$dir"; exit $$code

# Pages and lock files that are made from declarations.
generate:
	$(GO) run -tags $(TAGS) ./internal/schema/schemagen -lock
	$(GO) run -tags $(TAGS) ./internal/docgen
