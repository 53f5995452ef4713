# Plain `make` lists what can be made. Everything that checks the project is here: nothing runs in CI alone.

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
NODE_TESTS := daemon/earshot/testdata/node internal/introduction/testdata/node plugins/vscode
# Options for the program behind `make share` and `make try`, for instance ARGS="--role viewer".
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help build try share test test-all test-security e2e pictures bench bench-peers generate lint cross fuzz-short vsix tools clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/earshot, one static binary
	@CGO_ENABLED=0 go build -trimpath -buildvcs=auto -ldflags '$(LDFLAGS)' -o bin/earshot ./daemon/earshot

share: build ## build, share this folder and print the code
	@bin/earshot share $(ARGS) .

try: build ## build, and edit with a scripted colleague in your own editor
	@bin/earshot try $(ARGS)

test: tools lint cross build ## run every test, installing what it needs (under 15 minutes on two cores)
	go test -race -timeout 12m ./...
	go test -count=1 -v -run '^TestWorlds$$' ./internal/sim | grep -E '^ok|worlds from seed'
	plugins/nvim/test/run.sh
	go run ./plugins/table -check nvim
	plugins/vscode/test/run.sh

test-all: test fuzz-short ## run make test and what takes longer: each fuzz target for a while, a long simulation
	go test -timeout 60m -count=1 ./internal/sim -sim.steps=5000000
	EDIT_SECONDS=15 SPEC_SECONDS=900 plugins/nvim/test/run.sh
	NVIM=$$(scripts/install-nvim.sh sid) plugins/nvim/test/run.sh
	$(MAKE) e2e

test-security: tools ## run the tests of docs/security.md, each named by its row of the threat table, at full size
	go test -tags security -timeout 60m -count=1 -run '^Test[MRNGAHLS][0-9]+[A-Z]' ./...
	plugins/nvim/test/run.sh plugins/nvim/test/{poison,screen,leftovers}_spec.lua

e2e: build ## drive VS Code, as code-server in Chromium, as a person does: beside a terminal, beside Neovim; and two Neovims
	plugins/nvim/test/run.sh
	plugins/vscode/e2e/run.sh
	SPEC_SECONDS=600 plugins/nvim/test/run.sh plugins/nvim/test/e2e/pair_spec.lua
	go run ./plugins/table

pictures: build ## make the README's pictures anew, from the real VS Code and the real Neovim editing together
	scripts/pictures/run.sh

bench: build ## measure keystrokes beside bare pion and raw TCP
	go run ./internal/bench -vscode

bench-peers: ## measure the text core beside Yjs, json-joy, Loro, Automerge and diamond-types from npm
	go run ./internal/bench/peers

generate: ## write what protocol/gen writes: dispatch, openrpc.json, PROTOCOL.md, TypeScript and Lua types
	go generate ./...

lint: ## check gofmt, go vet and staticcheck
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo 'not formatted: run gofmt -w on these'; exit 1; }
	go vet ./...
	go run -modfile=scripts/tools.mod honnef.co/go/tools/cmd/staticcheck ./...

cross: ## build and vet for Windows and macOS
	@set -e; for os in windows darwin; do echo "GOOS=$$os go build, go vet"; \
	  CGO_ENABLED=0 GOOS=$$os go build ./...; CGO_ENABLED=0 GOOS=$$os go vet ./...; done

fuzz-short: ## fuzz each decoder of outside bytes for 10 seconds
	scripts/fuzz-short.sh 10s

vsix: ## package the VS Code extension as bin/earshot.vsix (Node 20)
	@scripts/install-tools.sh plugins/vscode plugins/vscode/vsix
	@mkdir -p bin && cp LICENSE plugins/vscode/
	@cd plugins/vscode && vsix/node_modules/.bin/vsce package --no-dependencies --allow-missing-repository -o ../../bin/earshot.vsix

tools: ## fetch what the tests need besides Go into .cache and node_modules
	scripts/install-tools.sh $(NODE_TESTS)

clean: ## remove what was built and fetched
	rm -rf bin .cache $(addsuffix /node_modules,$(NODE_TESTS)) internal/bench/peers/node/node_modules plugins/vscode/{vsix,e2e}/node_modules plugins/vscode/dist
