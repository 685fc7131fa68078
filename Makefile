# The commands of the project. `make` alone lists them.

SHELL := /bin/bash
CONFIGURATION ?= release
SOURCES := Package.swift Sources Tests
# For `make demo`: seconds to run (empty: until Ctrl-C), a recording, its speed.
FOR ?=
CAPTURE ?=
SPEED ?= 1

.PHONY: help setup build demo test proto format lint clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'
	@echo
	@echo '  make demo FOR=60                   ends by itself after 60 seconds'
	@echo '  make demo CAPTURE="a.gz b.gz"      plays recordings instead of the synthetic market; SPEED=1|10|max'

setup: ## Install the Debian packages that are missing
	@.ci/setup

build: setup ## Build all programs (CONFIGURATION=release or debug)
	swift build -c $(CONFIGURATION)

demo: build ## Run the whole pipeline offline and print signals as they come
	@BIN="$$(swift build -c $(CONFIGURATION) --show-bin-path)" FOR="$(FOR)" CAPTURE="$(CAPTURE)" SPEED="$(SPEED)" compose/demo.sh

test: ## Build and pass the tests
	@.ci/setup --test
	swift build --build-tests
	swift test --skip-build --no-parallel

proto: ## Generate the Swift code of proto/ anew
	@.ci/setup --test
	swift build --product protoc-gen-swift
	protoc -I proto --plugin=protoc-gen-swift="$$(swift build --show-bin-path)/protoc-gen-swift" \
		--swift_opt=Visibility=Public --swift_opt=FileNaming=DropPath --swift_opt=UseAccessLevelOnImports=true \
		--swift_out=Sources/Wire/Generated proto/microstructure/v1/*.proto

format: ## Format the sources
	swift format -i -p -r $(SOURCES)

lint: ## Check the format of the sources
	swift format lint --strict -p -r $(SOURCES)

clean: ## Remove what was built
	rm -rf .build
