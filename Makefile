# Everything that a fresh Debian machine with Go, make and apt needs is set up
# by the targets themselves.
.DEFAULT_GOAL := build

GO      ?= go
BINARY  := build/memcgfs
SCRIPTS := $(shell find packaging internal .ci -type f \( -name '*.sh' -o -path '.ci/run' \) 2>/dev/null)

# Tools that the tests and checks call; each is a Debian package.
PACKAGES := busybox attr shellcheck vagrant python3 gcc libc6-dev procps util-linux \
	diffutils mawk rsync stress-ng nodejs openjdk-17-jre-headless systemd cgroup-tools \
	crun runc
# What virtual machines with other kernels take besides.
VM_PACKAGES := qemu-system-x86 xz-utils

.PHONY: build static demo test check setup bench vm vm-setup test-kernels fuzz differ install clean

build static: ## the program, static: it runs on any Linux from 4.9 on
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o $(BINARY) ./cmd/memcgfs

demo: build ## mount the real tree, do the main job, unmount
	bash internal/demo.sh $(CURDIR)/build

setup:
	sh internal/setup.sh $(PACKAGES)

check: setup ## everything that needs no mount
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo 'not formatted: run gofmt -w'; exit 1; }
	$(GO) vet -tags vm ./...
	$(GO) tool staticcheck -tags vm ./...
	shellcheck $(SCRIPTS)
	vagrant validate --ignore-provider

test: check build ## all checks and all tests, on real mounts
	sh internal/test.sh

bench: build ## compare with the raw tree and with a plain loopback
	$(GO) run ./internal/bench -memcgfs $(BINARY)

vm-setup: setup
	sh internal/setup.sh $(VM_PACKAGES)

test-kernels: vm-setup ## all tests on other kernels, in virtual machines
	$(GO) test -tags vm -count=1 -timeout 30m -v ./internal/vm

CELL ?= 6.1-v1
vm: vm-setup ## a shell in a virtual machine: make vm CELL=5.10-v1
	$(GO) run ./internal/vm/shell $(CELL)

fuzz: ## look for new inputs, a minute for each target
	$(GO) test ./cgroupio -run '^$$' -fuzz FuzzParseSize -fuzztime 60s
	$(GO) test ./cgroupio -run '^$$' -fuzz FuzzMemparse -fuzztime 60s
	$(GO) test ./cgroupio -run '^$$' -fuzz FuzzWrite -fuzztime 60s

LONG ?= 1h
differ: ## compare with the raw tree by random sequences, for LONG
	$(GO) test ./internal/differ -run TestRandom -v -timeout 0 -for $(LONG) -seed $$(date +%s)

install: build
	install -D -m 0755 $(BINARY) $(DESTDIR)/usr/local/bin/memcgfs

clean:
	rm -rf build
