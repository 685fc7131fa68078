# The commands of the project. `make` alone lists them.

SHELL := /bin/bash
CONFIGURATION ?= release
SOURCES := Package.swift Sources Tests
# For `make demo`: seconds to run (empty: until Ctrl-C), a recording, its speed.
FOR ?=
CAPTURE ?=
SPEED ?= 1

# For the proofs of feed integrity: repetitions of each fault, faults of the random plan, minutes.
TIMES ?= 10
FAULTS ?= 1000
SEED ?=
# For the proof of the containers: an image that is there, and which stages.
IMAGE ?=
ONLY ?=
MINUTES ?= 10
# For the measurement of detection: take every Nth recording.
EVERY ?= 1
# Tests that only compute run side by side. The others open sockets, start processes or watch a clock, so they run one after the other;
# those of the laboratory, which mostly compute, in a process of their own beside the rest.
LABORATORY = ^LabTests\.
COMPUTED = ^(Detection|Evaluation|HouseRules|Microstructure|Simulation|Tape|Venues|Wire)Tests\.
FAULT_PROOF = /usr/bin/python3 Tests/EndToEndTests/Faults/faults.py --bin "$$(swift build -c $(CONFIGURATION) --show-bin-path)" \
	--data "$${MICROSTRUCTURE_DATA:-../shared/data}" $(if $(SEED),--seed $(SEED))

.PHONY: help setup build demo test test-counts test-api test-scale bench-api test-oracle test-faults test-chaos test-powercut test-monitoring test-dashboard soak bench-core bench-chain bench-detection proto format lint clean bench-backtest test-compose facts scoreboard

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'
	@echo
	@echo '  make demo FOR=60                   ends by itself after 60 seconds'
	@echo '  make demo CAPTURE="a.gz b.gz"      plays recordings instead of the synthetic market; SPEED=1|10|max'
	@echo '  make demo CONFIGURATION=release    the fast programs, for high speeds; the first build takes longer'

setup: ## Install the Debian packages that are missing
	@.ci/setup

build: setup ## Build all programs (CONFIGURATION=release or debug)
	swift build -c $(CONFIGURATION)

# A debug build is ready sooner, is the one that `make test` needs too, and keeps up with the demo's two markets.
demo: CONFIGURATION = debug
demo: setup ## Run the whole pipeline offline and print signals as they come
	swift build -c $(CONFIGURATION) --product stack
	@BIN="$$(swift build -c $(CONFIGURATION) --show-bin-path)" FOR="$(FOR)" CAPTURE="$(CAPTURE)" SPEED="$(SPEED)" compose/demo.sh

test: ## Build and pass the tests
	@.ci/setup --test
	swift build --build-tests
	swift test --skip-build --filter '$(COMPUTED)'
	@log=$$(mktemp); "$$(swift build --show-bin-path)"/microstructurePackageTests.xctest --testing-library swift-testing \
		--no-parallel --filter '$(LABORATORY)' > $$log 2>&1 & laboratory=$$!; \
		swift test --skip-build --no-parallel --skip '$(COMPUTED)' --skip '$(LABORATORY)'; others=$$?; \
		wait $$laboratory; passed=$$?; cat $$log; rm -f $$log; exit $$((others + passed))

test-counts: ## Hold the instructions and mallocs of the core against Tests/Benchmarks/thresholds.json
	@.ci/setup --test
	/usr/bin/python3 -uB Tests/Benchmarks/counts.py

test-oracle: build ## Compare every feature column, label, trade and metric with independent computations in Python
	BIN="$$(swift build -c $(CONFIGURATION) --show-bin-path)" Tests/MicrostructureTests/Oracle/run.sh
	BIN="$$(swift build -c $(CONFIGURATION) --show-bin-path)" Tests/EvaluationTests/Oracle/run.sh

bench-core: ## Time scanner, book, features, each detector, messages, tapes, labels and backtest beside what was aimed at
	@.ci/setup
	/usr/bin/python3 -uB Tests/Benchmarks/core.py

bench-chain: build ## Measure the running chain beside bare ZeroMQ: latency, throughput, many symbols, mallocs (ONLY=latency, SECONDS_EACH=20)
	@.ci/setup --test
	/usr/bin/python3 -uB Tests/Benchmarks/chain.py $(or $(ONLY),all) --bin "$$(swift build -c $(CONFIGURATION) --show-bin-path)" \
		--data "$${MICROSTRUCTURE_DATA:-../shared/data}" --seconds $(or $(SECONDS_EACH),20)

bench-backtest: build ## Time a backtest beside the loops of hftbacktest and nautilus_trader, and memory against tape length
	BIN="$$(swift build -c $(CONFIGURATION) --show-bin-path)" Tests/Benchmarks/backtest.sh

facts: build ## Put the statistics of the recordings beside those of the synthetic market
	BIN="$$(swift build -c $(CONFIGURATION) --show-bin-path)" Tests/Benchmarks/facts.sh

scoreboard: build ## Score the built-in profiles on the synthetic scenarios, by event type and size
	BIN="$$(swift build -c $(CONFIGURATION) --show-bin-path)" Tests/Benchmarks/scoreboard.sh

test-api: build ## Hold a running demo against its contract openapi.yaml with schemathesis (EXAMPLES=100, SEED=)
	BIN="$$(swift build -c $(CONFIGURATION) --show-bin-path)" Tests/GatewayTests/Contract/run.sh

test-scale: ## 500 live streams, 50 of which do not read, and 10,000 open connections
	@.ci/setup --test
	swift build --build-tests
	GATEWAY_SCALE=full swift test --skip-build --no-parallel --filter GatewayTests.ScaleTests

bench-detection: build ## Measure kept budgets, and what is found of the labelled pumps, on real trades (an hour; EVERY=4 takes a quarter)
	@for what in budget pumps; do /usr/bin/python3 Tests/Benchmarks/detection.py $$what \
		--bin "$$(swift build -c $(CONFIGURATION) --show-bin-path)" --every $(EVERY); done

bench-api: build ## Compare the gateway's requests a second with FastAPI's, with wrk (SECONDS_EACH=6, CONNECTIONS=64)
	@.ci/setup --bench
	BIN="$$(swift build -c $(CONFIGURATION) --show-bin-path)" Tests/Benchmarks/api.sh

test-faults: build ## Provoke every fault of the exchange and account for what became of it (TIMES=10, FAULTS=1000)
	@.ci/setup --test
	$(FAULT_PROOF) rotation --times 20
	$(FAULT_PROOF) widening --times 20
	$(FAULT_PROOF) standby
	$(FAULT_PROOF) chaos --faults $(FAULTS)
	$(FAULT_PROOF) chaos --faults $(FAULTS) --aggregates
	$(FAULT_PROOF) table --times $(TIMES)
	$(FAULT_PROOF) venues --times 3
	$(FAULT_PROOF) together

soak: build ## Measure memory and descriptors over MINUTES=10, and 300 symbols in one process
	@.ci/setup --test
	$(FAULT_PROOF) soak --minutes $(MINUTES)
	$(FAULT_PROOF) symbols

test-chaos: ## Kill detector, alerter and gateway 100 times (KILLS=, MICROSTRUCTURE_SEED=) under load, and count what is lost
	@.ci/setup --test
	swift build --build-tests
	CHAOS_KILLS=$(or $(KILLS),100) MICROSTRUCTURE_SEED=$(or $(MICROSTRUCTURE_SEED),random) swift test --skip-build --no-parallel --filter EndToEndTests.ChaosTests

test-powercut: ## Cut the power 200 times (CUTS=, MICROSTRUCTURE_SEED=) on a disk that forgets what was not synced, and count what is lost
	@.ci/setup --test
	swift build --build-tests
	POWER_CUTS=$(or $(CUTS),200) MICROSTRUCTURE_SEED=$(or $(MICROSTRUCTURE_SEED),random) swift test --skip-build --no-parallel \
		--filter EndToEndTests.PowerCutTests

test-monitoring: build ## Scrape the demo with a real Prometheus and ask it every query of the Grafana dashboard
	@.ci/setup --test
	BIN="$$(swift build -c $(CONFIGURATION) --show-bin-path)" /usr/bin/python3 -uB Tests/GatewayTests/Watching/monitoring.py

test-dashboard: build ## Look at the dashboard with headless Chromium for MINUTES=10 (SHOTS=folder for the pictures)
	@.ci/setup --browser
	BIN="$$(swift build -c $(CONFIGURATION) --show-bin-path)" /usr/bin/python3 -uB Tests/GatewayTests/Watching/dashboard.py \
		--minutes $(MINUTES) $(if $(SHOTS),--shots "$(SHOTS)")
	BIN="$$(swift build -c $(CONFIGURATION) --show-bin-path)" /usr/bin/python3 -uB Tests/GatewayTests/Watching/markets.py \
		$(if $(SHOTS),--shots "$(SHOTS)")

test-compose: ## Build the image and prove the stack in containers: faults, Swarm, manifests (IMAGE= takes one that is there)
	@.ci/setup --test
	/usr/bin/python3 -uB Tests/Compose/compose.py $(if $(IMAGE),--image "$(IMAGE)") $(if $(ONLY),--only "$(ONLY)")

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
