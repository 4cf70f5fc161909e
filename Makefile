.DEFAULT_GOAL := help
SHELL := /bin/bash

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Node 24 comes with the packages, so no other setup is needed.
node_modules/.package-lock.json: package-lock.json
	npm ci --no-audit --no-fund
	@touch $@

demo: node_modules/.package-lock.json ## Start everything and show orders on their way, until Ctrl-C
	@npm run --silent demo -- $(ARGS)

test: node_modules/.package-lock.json ## Lint, types, and every test against real servers; ARGS=FILE for one (CONTRIBUTING.md)
	@npm run --silent test -- $(ARGS)

bench: node_modules/.package-lock.json ## Measure; ARGS="drain --quick", or "--record" for docs/performance.md
	@npm run --silent bench -- $(ARGS)

chaos: node_modules/.package-lock.json ## Inject faults under load and check every promise (SEED, MINUTES, FAULT, ...)
	@npm run --silent chaos

lint: node_modules/.package-lock.json ## Lint only; npm run lint:fix repairs
	@npm run --silent lint

generate: node_modules/.package-lock.json ## Write the generated files: OpenAPI, settings, results, the chart's table and goldens
	@npm run --silent generate

verify: node_modules/.package-lock.json ## Fail if a generated file is not up to date; needs a clean checkout
	@npm run --silent verify

build: node_modules/.package-lock.json ## Compile every workspace to its dist folder
	@npm run --silent build

stack: node_modules/.package-lock.json ## Start Postgres and Kafka alone, print their addresses, until Ctrl-C
	@npm run --silent stack

images: ## Build the images of the services
	@deploy/images/build.sh

kind-up: ## Start a kind cluster with everything that the chart needs (settings: deploy/versions.env)
	@deploy/kind/up.sh

kind-down: ## Remove that cluster
	@deploy/kind/down.sh

deploy: ## Install or upgrade the release in the cluster, and wait until it is ready
	@deploy/kind/deploy.sh

e2e: node_modules/.package-lock.json ## Test the release in the cluster, under load
	@. deploy/kind/common.sh && export KUBE_CONTEXT NAMESPACE RELEASE KUBECTL HELM && npm run --silent e2e -- $(ARGS)

waiting: ## Show what the release waits for, and what cannot start and why
	@deploy/kind/waiting.sh

logs: ## Show pods, events and the last log lines of the cluster
	@deploy/kind/logs.sh

clean: ## Remove installed packages and compiled files
	rm -rf node_modules packages/*/dist services/*/dist .tap

.PHONY: help demo test bench chaos lint generate verify build images kind-up kind-down deploy e2e waiting logs stack clean
