# The targets that people call. The scripts in the recipes do the work.

PREFIX  ?= /usr/local
STACK   := $(if $(OWNERS),FAIRGATE_SEAT_OWNERS=$(OWNERS)) $(if $(OBSERVE),FAIRGATE_OBSERVE=$(OBSERVE))
# Test files that make packages, images or machines take long, and need more space than a folder in memory has.
LONG    := FAIRGATE_FILE_MAX_S=3600 TMPDIR=$${TMPDIR:-/tmp} node infra/black-box.js
FIRST   := run|test|check|unit|clean
HIGH    := $(filter-out unit programs %-programs generated tidy tidy-list recipe-of build/%,$(MAKECMDGOALS))
.PHONY: help unit $(HIGH)
$(if $(HIGH),$(eval .NOTPARALLEL:))

help: ## this list
	@row='BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }'; \
	    echo 'To begin with:'; awk "$$row" $(MAKEFILE_LIST) | grep -E '^  make ($(FIRST)) '; \
	    echo 'The others:'; awk "$$row" $(MAKEFILE_LIST) | grep -vE '^  make ($(FIRST)) ' | sort

# A target's requirements: packages (needs-run+ha is `infra/deps run ha`), and programs of a variant.
needs-%:
	@infra/deps $(subst +, ,$*)
build-%:
	@$(MAKE) --no-print-directory -j$$(nproc) VARIANT=$(word 1,$(subst +, ,$*)) $(or $(word 2,$(subst +, ,$*)),programs)

# ---- running it ----------------------------------------------------------------------------------

run: needs-run build-release+stack-programs ## install what is missing, build, start all of Fairgate here; Ctrl-C ends it
up: $(if $(filter 1,$(OBSERVE)),needs-run+observe,needs-run) build-release+stack-programs ## start what `make run` starts, in the background. OBSERVE=1: also its monitoring; OWNERS=2: two processes share the seats
down: ## end what `make up` started; data stays in .run
status: ## show the running parts: pid, uptime, ports, readiness
run up down status:
	@$(STACK) infra/stack/stack $@
install: build-release ## programs, config and systemd units below DESTDIR/PREFIX (/usr/local)
	@infra/install build/release '$(DESTDIR)' '$(PREFIX)'
clean: ## remove build/
	rm -rf build

# ---- testing it ----------------------------------------------------------------------------------

test: needs-test+browser ## the tests for a change; ends with "N passed, N failed"
	@infra/test quick
ci: needs-test+browser ## everything that CI runs
	@infra/test all
check: needs-test ## formatter, rooms, linter, unit tests under the address sanitizer
	@infra/test check
soak: needs-test+browser+ha ## the long forms of the random and crash tests
	@infra/test soak
lint: needs-test build-debug+tidy ## the linter with its analyser, which `make check` and `make test` leave out; subjects of commits
	@infra/commits
weight: ## lines of each kind of text, next to its budget
	@infra/weight
judges: ## list the tests of each promise
	@node infra/judges.js
unit: unit-programs ## build and run the unit tests of this VARIANT; UNIT=core/wait: only those with this in their path
	@infra/run-unit $(OUT) $(UNIT)
# ld redirects each call that has a row in tests/unit/lib/nth.c to that file; `make coverage` fails these calls, too.
NTH_CALLS = $(shell sed -n 's/^FAILS[^,]*, \([A-Za-z0-9_]*\),.*/\1/p' tests/unit/lib/nth.c) PQgetResult mkdtemp mkstemp _cmocka_run_group_tests
NTH_LINK = -Wl,-u,__wrap_malloc -Wl,--defsym=_fail=nth_noticed $(NTH_CALLS:%=-Wl,--wrap=%)
LDFLAGS_coverage = $(NTH_LINK)
nth: needs-test ## run the unit tests with each fallible call failing once (FAIRGATE_NTH_DRAW=n: n of them)
	@$(MAKE) --no-print-directory VARIANT=asan OUT=build/nth LDFLAGS_asan= TELLS_asan= LDFLAGS='$(NTH_LINK)' \
	    $(if $(PATTERN),$$(cd tests/unit && find * -name '*_test.c' | grep -E '$(PATTERN)' | sed 's|\(.*\)\.c|build/nth/tests/unit/\1|'),unit-programs)
	@node infra/nth.js build/nth $(if $(PATTERN),'$(PATTERN)')
faults: needs-test build-release ## run a sale with each fault, RUNS (1) times, and print a table of the results (tests/README.md)
	@node tests/fault/campaign/run.js --runs $(or $(RUNS),1) $(if $(SEED),--seed $(SEED)) $(FAULTS)
fuzz: needs-test build-fuzz+fuzz-programs ## every fuzz target for FUZZ_S seconds (60)
	@infra/run-fuzz build/fuzz $(or $(FUZZ_S),60)
coverage: needs-test ## lines and branches of the core modules that unit tests reach; OPEN=1 names the others, AT= a pattern
	@node tests/measure/coverage.js $(if $(OPEN),--open) $(if $(CHECK),--check) $(if $(AT),--at '$(AT)')
mutants: needs-test ## check that unit tests notice changes of the code: N=60 random changes, SEED=, AT= a pattern, IN= functions, ALL=1, NEAR= s, LEAST= percent
	@nice node tests/measure/mutants.js $(if $(ALL),--all) $(if $(AGAIN),--again) $(if $(N),--draw $(N)) \
	    $(if $(SEED),--seed $(SEED)) $(if $(AT),--at '$(AT)') $(if $(IN),--in '$(IN)') $(if $(NEAR),--near $(NEAR)) $(if $(LEAST),--least $(LEAST))
shards-test: needs-run+test+ha build-asan ## test one event's shards in a cluster of machines (network namespaces, as root): partitions, moves, failovers
observe-test: needs-run+test+observe build-release+stack-programs ## test the monitoring of a stack, and provoke its alerts
aws-test: needs-run+test build-release ## types, tests and rules of the templates for AWS (infra/aws); needs no account
	@cd infra/aws && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --loglevel=error; }
	@cd infra/aws && npm --silent test
docs-test: needs-run+test+browser+docs build-release ## run every command of the handbook in a real installation, and open its pages in a browser
shards-test observe-test docs-test:
	@$(LONG) tests/$(@:-test=)/*.test.js
deb-test: needs-test deb ## install, start, upgrade and purge the packages on a Debian made for that, as root
	@infra/deb build/deb-before 0.0.1
	@$(LONG) tests/packages/deb.test.js
guide-test: needs-test+recover deb build-release+stack-programs ## follow infra/ha/GUIDE on three Debians, new or with one that has sold, then break their parts, as root
	@$(LONG) tests/packages/guide.test.js
reproducible: needs-run+deb ## build the packages twice, in different places and at different times, and compare their bytes
	@infra/reproducible
images-test: needs-test+images deb build-release+stack-programs ## build images and release twice, compare and check them, and buy a ticket from compose.yaml's containers, as root
	@$(LONG) tests/packages/images.test.js
kube-test: needs-test+images deb build-release+stack-programs ## run the manifests of Kubernetes with podman, and buy a ticket from their pods, as root
	@$(LONG) tests/packages/pods.test.js

# ---- measuring it, and losing machines and stores of it ------------------------------------------

bench: needs-bench build-release ## measure all figures, next to other servers, in one run (SUITES= for some); COMPARE=COMMIT alternates with another commit
	@node loadtest/bench/$(if $(COMPARE),against.js $(COMPARE),bench.js) $(SUITES)
hostile: ## measure what visitors notice during attacks; AT=edge,front: only there, ATTACK='slow heads,rapid reset': only these
	@$(MAKE) --no-print-directory bench SUITES=hostile
crowd: needs-bench build-release ## run one load scenario on a stack of its own: make crowd SCENARIO=onsale (loadtest/README.md)
	@node loadtest/run.js $(or $(SCENARIO),smoke) $(if $(SEED),--seed $(SEED))
cdn: needs-test build-asan ## send 10,000 first views of the waiting page through nginx, and count what reaches a front
	@FAIRGATE_VIEWS=10000 FAIRGATE_KEPT=5 node infra/black-box.js tests/integration/cdn.test.js
scale: ## simulate a whole sale: VISITORS= SEATS= (ARGS= for more); without them, rewrite the tables of infra/SCALE.md
	@node loadtest/sim/scale.js $(or $(strip $(VISITORS:%=--visitors %) $(SEATS:%=--seats %) $(ARGS)),--document)
ha: needs-run+ha build-release ## run fifteen machines (network namespaces, as root); Ctrl-C ends them. OWNERS=2: two share the seats
	@$(STACK) tini -s -- node infra/ha/ha.js
ha-drill: needs-run+ha build-release ## kill, stop, switch off and cut off each of them, and check what visitors saw (FAULTS="power off")
	@tini -s -- node infra/ha/drill.js "$$FAULTS"
recover-drill: needs-run+recover build-release ## back up a stack, lose its stores in ten ways and restore them; prints losses, RPO, RTO (FAULTS="line"); REGION=1: lose a region
	@node infra/recover/$(if $(REGION),region.js,drill.js "$$FAULTS")

# ---- what is published ---------------------------------------------------------------------------

deb: needs-run+deb ## build Debian packages in build/deb, and check them with lintian
	@infra/deb build/deb
	@lintian --allow-root --fail-on error,warning build/deb/*.changes
images: needs-images deb build-release+stack-programs ## build container images: those for production, and more for trials (infra/images)
	@infra/images/build
release: deb images ## put a release into build/dist, signed by FAIRGATE_RELEASE_KEY: apt repository, images, notes, bill of materials
	@infra/release
sbom: build-release ## write a bill of materials (CycloneDX) of what runs to build/sbom.json; prints the licences
	@node infra/sbom.js build/release >build/sbom.json.new && mv build/sbom.json.new build/sbom.json
docs: needs-docs ## build the handbook in build/docs; it can be read and searched without a network
	@node infra/docs/build.js build/docs
screens: needs-test+browser build-release ## take the pictures of README and handbook again
	@node tests/browser/screens.js
halls: $(OUT)/bin/halls ## write the sample halls to build/halls/
	@mkdir -p build/halls
	@for hall in theatre arena stadium; do $(OUT)/bin/halls $$hall >build/halls/$$hall.json || exit; done
