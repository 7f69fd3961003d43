# What people ask for. The recipes are thin: the work is in the scripts that they name.

PREFIX  ?= /usr/local
FUZZ_S  ?= 60
STACK   := infra/stack/stack
RELEASE := $(MAKE) --no-print-directory VARIANT=release
# For test files that make packages, images or machines: large ones, with devices, which memory has no room for.
LONG    := FAIRGATE_FILE_MAX_S=3600 TMPDIR=$${TMPDIR:-/tmp}

.PHONY: help
FIRST := run|test|check|unit|clean
help: ## this list
	@row='BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }'; \
	    echo 'To begin with:'; awk "$$row" $(MAKEFILE_LIST) | grep -E '^  make ($(FIRST)) '; \
	    echo 'The others:'; awk "$$row" $(MAKEFILE_LIST) | grep -vE '^  make ($(FIRST)) ' | sort

# ---- running it ----------------------------------------------------------------------------------

.PHONY: run up down status
OBSERVED := $(if $(OBSERVE),FAIRGATE_OBSERVE=$(OBSERVE))
SHARED   := $(if $(OWNERS),FAIRGATE_SEAT_OWNERS=$(OWNERS))
run: ready-to-run ## install what is missing, build, start all of Fairgate here; Ctrl-C ends it
	@$(OBSERVED) $(SHARED) $(STACK) run
up: ready-to-run ## what `make run` starts, in the background; just what is missing. OBSERVE=1: and what watches it; OWNERS=2: two processes share the seats
	@$(OBSERVED) $(SHARED) $(STACK) up
down: ## end what `make up` started; data stays in .run
	@$(STACK) down
status: ## the parts that run: pid, uptime, ports, readiness
	@$(STACK) status

.PHONY: ready-to-run
ready-to-run:
	@infra/deps run $(if $(filter 1,$(OBSERVE)),observe)
	@$(RELEASE) -j$$(nproc) programs

# ---- judging it ----------------------------------------------------------------------------------

.PHONY: test check lint weight unit nth soak faults fuzz coverage mutants bench hostile crowd cdn
test: ## everything that CI runs; ends with "N passed, N failed"
	@infra/deps test browser
	@infra/test all
check: ## formatter, rooms, linter, unit tests under the address sanitizer
	@infra/deps test
	@infra/test check
lint: ## the linter with its analyser, which `make check` and `make test` leave out; subjects of commits
	@infra/deps test
	@$(MAKE) --no-print-directory -j$$(nproc) tidy
	@infra/commits
weight: ## lines of each kind of text, next to its budget
	@infra/weight
unit: ## build and run the unit tests of this VARIANT
	@$(MAKE) --no-print-directory unit-programs
	@infra/run-unit $(OUT)
# ld lets each call that tests/unit/lib/nth.c has a row for come there first.
# `make coverage` has them fail, too: the way out of a failure is a branch like others.
NTH_CALLS = $(shell sed -n 's/^FAILS[^,]*, \([A-Za-z0-9_]*\),.*/\1/p' tests/unit/lib/nth.c) PQgetResult mkdtemp mkstemp _cmocka_run_group_tests
NTH_LINK = -Wl,-u,__wrap_malloc -Wl,--defsym=_fail=nth_noticed $(NTH_CALLS:%=-Wl,--wrap=%)
LDFLAGS_coverage = $(NTH_LINK)
nth: ## each call of the code that can fail fails once, under the unit tests (FAIRGATE_NTH_DRAW=n: n of them)
	@infra/deps test
	@$(MAKE) --no-print-directory VARIANT=asan OUT=build/nth LDFLAGS_asan= TELLS_asan= LDFLAGS='$(NTH_LINK)' \
	    $(if $(PATTERN),$$(cd tests/unit && find * -name '*_test.c' | grep -E '$(PATTERN)' | sed 's|\(.*\)\.c|build/nth/tests/unit/\1|'),unit-programs)
	@node infra/nth.js build/nth $(if $(PATTERN),'$(PATTERN)')
soak: ## the long forms of the random and crash tests
	@infra/deps test browser ha
	@infra/test soak
faults: ## sales that are broken, RUNS (1) for each fault, and the table of what held (tests/README.md)
	@infra/deps test
	@$(RELEASE) -j$$(nproc) programs
	@node tests/fault/campaign/run.js --runs $(or $(RUNS),1) $(if $(SEED),--seed $(SEED)) $(FAULTS)
.PHONY: observe-test
observe-test: ## what watches a stack sees it, and tells of an alert that is provoked (part of make soak)
	@infra/deps run test observe
	@$(RELEASE) -j$$(nproc) stack-programs
	@$(LONG) node infra/black-box.js tests/observe/*.test.js
fuzz: ## every fuzz target for FUZZ_S seconds (60)
	@infra/deps test
	@$(MAKE) --no-print-directory VARIANT=fuzz fuzz-programs
	@infra/run-fuzz build/fuzz $(FUZZ_S)
coverage: ## lines and branches of the core modules that unit tests come to; OPEN=1 names the others, AT= a pattern
	@infra/deps test
	@node tests/measure/coverage.js $(if $(OPEN),--open) $(if $(CHECK),--check) $(if $(AT),--at '$(AT)')
mutants: ## do unit tests notice a changed program? N=60 changes at random, SEED=, AT= a pattern, IN= functions, ALL=1, NEAR= s, LEAST= percent
	@infra/deps test
	@nice node tests/measure/mutants.js $(if $(ALL),--all) $(if $(AGAIN),--again) $(if $(N),--draw $(N)) \
	    $(if $(SEED),--seed $(SEED)) $(if $(AT),--at '$(AT)') $(if $(IN),--in '$(IN)') $(if $(NEAR),--near $(NEAR)) $(if $(LEAST),--least $(LEAST))
bench: ## the figures, side by side with others, in one run (SUITES= for some)
	@infra/deps bench
	@$(RELEASE) -j$$(nproc) programs
	@node loadtest/bench/bench.js $(SUITES)

hostile: ## what everybody else notices while hostile clients are at the doors; AT=edge,front some of them, ATTACK='slow heads,rapid reset' some attacks
	@$(MAKE) --no-print-directory bench SUITES=hostile

crowd: ## one scenario on a stack of its own: make crowd SCENARIO=onsale (loadtest/README.md)
	@infra/deps bench
	@$(RELEASE) -j$$(nproc) programs
	@node loadtest/run.js $(or $(SCENARIO),smoke) $(if $(SEED),--seed $(SEED))

cdn: ## 10,000 first views of the waiting page through nginx; what reaches a front is counted
	@infra/deps test
	@$(MAKE) --no-print-directory VARIANT=asan -j$$(nproc) programs
	@FAIRGATE_ONCE=1 FAIRGATE_VIEWS=10000 FAIRGATE_KEPT=5 node infra/black-box.js tests/integration/cdn.test.js

.PHONY: scale
scale: ## a whole sale simulated: VISITORS= SEATS= (ARGS= for more); without them the tables of infra/SCALE.md are written anew
	@node loadtest/sim/scale.js $(if $(VISITORS)$(SEATS)$(ARGS),$(if $(VISITORS),--visitors $(VISITORS)) $(if $(SEATS),--seats $(SEATS)) $(ARGS),--document)

.PHONY: shards-test
shards-test: ## one event's shards in a cluster of machines (network namespaces, as root) that is cut, moved and promoted (part of make soak)
	@infra/deps run test ha
	@$(MAKE) --no-print-directory VARIANT=asan programs
	@$(LONG) node infra/black-box.js tests/shards/cluster.test.js
.PHONY: years
years: ## fills a PostgreSQL for MINUTES (10) as years would, and asks for each statement's plan (loadtest/years)
	@infra/deps bench
	@nice node loadtest/years/years.js --minutes $(or $(MINUTES),10)

# ---- without a machine that it could not lose ----------------------------------------------------

.PHONY: ha ha-drill
ha: ready-for-ha ## the whole set on fifteen machines (network namespaces, as root); Ctrl-C ends it. OWNERS=2: two share the seats
	@$(SHARED) node infra/ha/ha.js
ha-drill: ready-for-ha ## kill, stop, switch off and cut off each of them, judge what visitors saw (FAULTS="power off")
	@node infra/ha/drill.js "$$FAULTS"

.PHONY: ready-for-ha
ready-for-ha:
	@infra/deps run ha
	@$(RELEASE) -j$$(nproc) programs

# ---- what was lost comes back --------------------------------------------------------------------

.PHONY: recover-drill
recover-drill: ## backs a stack up, loses its stores in ten ways, restores; what was lost, RPO, RTO (FAULTS="line"); REGION=1: a region
	@infra/deps run recover
	@$(RELEASE) -j$$(nproc) programs
	@node infra/recover/$(if $(REGION),region.js,drill.js "$$FAULTS")

# ---- the rest ------------------------------------------------------------------------------------

.PHONY: install clean
install: ## programs, config and systemd units below DESTDIR/PREFIX (/usr/local)
	@$(RELEASE) -j$$(nproc) programs
	@infra/install build/release '$(DESTDIR)' '$(PREFIX)'
clean: ## remove build/
	rm -rf build

.PHONY: deb deb-test
deb: ## Debian packages in build/deb, judged by lintian
	@infra/deps run deb
	@infra/deb build/deb
	@lintian --allow-root --fail-on error,warning build/deb/*.changes
deb-test: ## installs, starts, upgrades and purges them on a Debian made for that, as root (tests/packages)
	@infra/deps run test deb
	@infra/deb build/deb-before 0.0.1
	@$(MAKE) --no-print-directory deb
	@$(LONG) node infra/black-box.js tests/packages/deb.test.js

.PHONY: aws-test
aws-test: ## types, tests and rules of the templates for AWS (infra/aws); needs no account
	@infra/deps run test
	@$(RELEASE) -j$$(nproc) programs
	@cd infra/aws && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --loglevel=error; }
	@cd infra/aws && npm --silent test

.PHONY: images images-test
images: ## container images of what is installed, and of what compose.yaml tries it with (infra/images)
	@infra/deps run images
	@$(MAKE) --no-print-directory deb
	@$(RELEASE) -j$$(nproc) stack-programs
	@infra/images/build
images-test: ## makes them twice, looks into them, and walks through what compose.yaml brings up, as root (tests/packages)
	@infra/deps run test deb images
	@$(MAKE) --no-print-directory deb
	@$(RELEASE) -j$$(nproc) stack-programs
	@$(LONG) node infra/black-box.js tests/packages/images.test.js

.PHONY: kube-test
kube-test: ## plays the manifests of Kubernetes by podman, and walks through their pods, as root (tests/packages)
	@infra/deps run test deb images
	@$(MAKE) --no-print-directory deb
	@$(RELEASE) -j$$(nproc) stack-programs
	@$(LONG) node infra/black-box.js tests/packages/pods.test.js

.PHONY: sbom
sbom: ## what runs, as a bill of materials (CycloneDX): build/sbom.json; prints the licences
	@$(RELEASE) -j$$(nproc) programs
	@node infra/sbom.js build/release >build/sbom.json.new && mv build/sbom.json.new build/sbom.json

.PHONY: dashboards
dashboards: ## write the rules and dashboards of infra/observe to build/observe
	@node infra/observe/make.js build/observe

# ---- the handbook --------------------------------------------------------------------------------

.PHONY: docs docs-test
docs: ## the handbook in build/docs, to be read and searched without a network
	@infra/deps docs
	@node infra/docs/build.js build/docs
docs-test: ## every command of the handbook against a real installation, and its pages in a browser
	@infra/deps run test browser docs
	@$(RELEASE) -j$$(nproc) programs
	@$(LONG) node infra/black-box.js tests/docs/*.test.js

.PHONY: screens
screens: ## take the README's pictures again
	@infra/deps test browser
	@$(RELEASE) -j$$(nproc) programs
	@node tests/browser/screens.js

.PHONY: halls
halls: $(OUT)/bin/halls ## write the sample halls to build/halls/
	@mkdir -p build/halls
	@for hall in theatre arena stadium; do \
	    $(OUT)/bin/halls $$hall >build/halls/$$hall.json.new && \
	    mv build/halls/$$hall.json.new build/halls/$$hall.json || exit 1; done
