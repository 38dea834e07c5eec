# lanproof's targets. All of them set up by themselves what they need on a fresh
# Debian machine with Go, git and make, as root or through sudo.

export CGO_ENABLED := 0

GO      ?= go
BIN     := bin/lanproof
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -s -w -X main.linked=$(VERSION)

# What is installed, by the program that shows that it is there:
#   qemu-system-x86_64  guests: kernels other than this one
#   ip, ping            peers of tests and benchmarks
#   tshark              another reader of our captures
PACKAGES_run  := qemu-system-x86_64=qemu-system-x86
PACKAGES_test := $(PACKAGES_run) ip=iproute2 ping=iputils-ping tshark=tshark

.PHONY: all build run test bench lint clean setup-run setup-test

all: build

build:
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/lanproof

run: setup-run build
	$(BIN) run

test: setup-test build
	$(GO) vet ./...
	$(GO) test -timeout 20m ./...

bench: setup-test build
	$(GO) test -run '^$$' -bench . -benchtime 10x ./capture ./cmd/lanproof ./guest ./probe ./reports ./run

lint:
	@unformatted=$$($(GO) tool gofumpt -l .); \
		if [ -n "$$unformatted" ]; then echo "gofumpt would change:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) mod verify >/dev/null
	$(GO) mod tidy -diff

clean:
	rm -rf bin lanproof-out

setup-run:
	@sh .ci/install $(PACKAGES_run)

setup-test:
	@sh .ci/install $(PACKAGES_test)
