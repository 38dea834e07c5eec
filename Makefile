# lanproof's targets. All of them set up by themselves what they need on a fresh
# Debian machine with Go, git and make, as root or through sudo.

export CGO_ENABLED := 0

GO      ?= go
BIN     := bin/lanproof
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -s -w -X main.linked=$(VERSION)

# What is installed, by the program that shows that it is there:
#   qemu-system-x86_64  guests: kernels other than this one
#   ip, ping, fping, iperf3
#                       peers of tests and benchmarks
#   tshark              another reader of our captures
#   prove, parser.py, dot, shellcheck
#                       readers of reports, pictures and scripts that are not ours
#   chromium            looks at report.html
#   arping, tcpdump     what exported scripts use
#   mandoc, zsh, fish, bash_completion
#                       readers of manual pages and completions
#   host-local, podman, netavark, crun, conmon
#                       container engines: CNI's plugins, and what Podman is made of
#   dockerd             Docker, unpacked and not installed (.ci/docker)
#   gcc-12, xz          drivers with a bug in each
PACKAGES_run  := qemu-system-x86_64=qemu-system-x86
PACKAGES_test := $(PACKAGES_run) ip=iproute2 ping=iputils-ping fping=fping iperf3=iperf3 tshark=tshark \
	prove=perl dot=graphviz shellcheck=shellcheck arping=iputils-arping tcpdump=tcpdump chromium=chromium \
	mandoc=mandoc zsh=zsh fish=fish /usr/share/bash-completion/bash_completion=bash-completion \
	/usr/lib/python3/dist-packages/prometheus_client/openmetrics/parser.py=python3-prometheus-client \
	/usr/lib/cni/host-local=containernetworking-plugins \
	podman=podman /usr/lib/podman/netavark=netavark crun=crun conmon=conmon
# To build kernel modules; iproute2 brings the libelf1 that their objtool needs.
PACKAGES_mutants := $(PACKAGES_run) gcc-12=gcc-12 xz=xz-utils ip=iproute2

.PHONY: all build install uninstall run test bench lint mutants qualify-all clean setup-run setup-test setup-mutants

all: build

build:
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/lanproof

# Where make install puts the program, its manual pages and its completions. Packages
# are made with DESTDIR; PREFIX is where shells and man look.
PREFIX ?= /usr/local
MAN    := $(DESTDIR)$(PREFIX)/share/man/man1
BASH   := $(DESTDIR)$(PREFIX)/share/bash-completion/completions/lanproof
ZSH    := $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_lanproof
FISH   := $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/lanproof.fish

install: build
	install -D -m 755 $(BIN) $(DESTDIR)$(PREFIX)/bin/lanproof
	install -d $(MAN) $(dir $(BASH) $(ZSH) $(FISH))
	$(BIN) man $(MAN)
	$(BIN) completion bash > $(BASH)
	$(BIN) completion zsh > $(ZSH)
	$(BIN) completion fish > $(FISH)

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/lanproof $(MAN)/lanproof.1 $(MAN)/lanproof-*.1 $(BASH) $(ZSH) $(FISH)

run: setup-run build
	$(BIN) run

test: setup-test build
	$(GO) vet ./...
	$(GO) test -timeout 20m ./...

bench: setup-test build
	$(GO) test -run '^$$' -bench . -benchtime 10x -timeout 0 ./advice ./bench ./bench/generator ./bench/history ./capture ./cmd/lanproof ./guest ./probe ./reports ./run
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 0 ./bench/turns

# Whether the catalogue notices a broken driver: 200 bugs, one at a time. It takes
# hours and is no part of the tests (docs/mutants.md). Flags: make mutants ARGS='-only ^vlan-'
mutants: setup-mutants build
	$(GO) run ./internal/mutants $(ARGS)

# Qualifies every card that QEMU emulates, and writes the table of the handbook. The one
# with virtual functions takes a newer QEMU than some have: it is fetched, and used for
# that card alone. Flags: make qualify-all ARGS='-models e1000e,igb -page table.md'
qualify-all: setup-run build
	$(GO) run ./qualify/cardtable -page docs/qualification-table.md -newer "$$(sh .ci/newer-qemu igb)" $(ARGS)

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
	@sh .ci/docker

setup-mutants:
	@sh .ci/install $(PACKAGES_mutants)
