# The targets for people. The scripts that the recipes name do the work.

PREFIX  ?= /usr/local
STACK   := $(if $(OWNERS),FAIRGATE_SEAT_OWNERS=$(OWNERS)) $(if $(OBSERVE),FAIRGATE_OBSERVE=$(OBSERVE))
# Test files that make packages, images or machines run long and need too much room for memory.
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
up: $(if $(filter 1,$(OBSERVE)),needs-run+observe,needs-run) build-release+stack-programs ## what `make run` starts, in the background. OBSERVE=1: also what watches it; OWNERS=2: two processes share the seats
down: ## end what `make up` started; data stays in .run
status: ## the parts that run: pid, uptime, ports, readiness
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
judges: ## which test holds which promise
	@node infra/judges.js
unit: unit-programs ## build and run the unit tests of this VARIANT; UNIT=core/wait those whose path has it
	@infra/run-unit $(OUT) $(UNIT)
# ld redirects each call that has a row in tests/unit/lib/nth.c to that file; `make coverage` fails these calls, too.
NTH_CALLS = $(shell sed -n 's/^FAILS[^,]*, \([A-Za-z0-9_]*\),.*/\1/p' tests/unit/lib/nth.c) PQgetResult mkdtemp mkstemp _cmocka_run_group_tests
NTH_LINK = -Wl,-u,__wrap_malloc -Wl,--defsym=_fail=nth_noticed $(NTH_CALLS:%=-Wl,--wrap=%)
LDFLAGS_coverage = $(NTH_LINK)
nth: needs-test ## each call of the code that can fail fails once, under the unit tests (FAIRGATE_NTH_DRAW=n: n of them)
	@$(MAKE) --no-print-directory VARIANT=asan OUT=build/nth LDFLAGS_asan= TELLS_asan= LDFLAGS='$(NTH_LINK)' \
	    $(if $(PATTERN),$$(cd tests/unit && find * -name '*_test.c' | grep -E '$(PATTERN)' | sed 's|\(.*\)\.c|build/nth/tests/unit/\1|'),unit-programs)
	@node infra/nth.js build/nth $(if $(PATTERN),'$(PATTERN)')
faults: needs-test build-release ## sales that are broken, RUNS (1) for each fault, and the table of what held (tests/README.md)
	@node tests/fault/campaign/run.js --runs $(or $(RUNS),1) $(if $(SEED),--seed $(SEED)) $(FAULTS)
fuzz: needs-test build-fuzz+fuzz-programs ## every fuzz target for FUZZ_S seconds (60)
	@infra/run-fuzz build/fuzz $(or $(FUZZ_S),60)
coverage: needs-test ## lines and branches of the core modules that unit tests come to; OPEN=1 names the others, AT= a pattern
	@node tests/measure/coverage.js $(if $(OPEN),--open) $(if $(CHECK),--check) $(if $(AT),--at '$(AT)')
mutants: needs-test ## do unit tests notice a changed program? N=60 changes at random, SEED=, AT= a pattern, IN= functions, ALL=1, NEAR= s, LEAST= percent
	@nice node tests/measure/mutants.js $(if $(ALL),--all) $(if $(AGAIN),--again) $(if $(N),--draw $(N)) \
	    $(if $(SEED),--seed $(SEED)) $(if $(AT),--at '$(AT)') $(if $(IN),--in '$(IN)') $(if $(NEAR),--near $(NEAR)) $(if $(LEAST),--least $(LEAST))
shards-test: needs-run+test+ha build-asan ## one event's shards in a cluster of machines (network namespaces, as root) that is cut, moved and promoted
observe-test: needs-run+test+observe build-release+stack-programs ## what watches a stack sees it, and tells of an alert that is provoked
aws-test: needs-run+test build-release ## types, tests and rules of the templates for AWS (infra/aws); needs no account
	@cd infra/aws && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --loglevel=error; }
	@cd infra/aws && npm --silent test
docs-test: needs-run+test+browser+docs build-release ## every command of the handbook against a real installation, and its pages in a browser
shards-test observe-test docs-test:
	@$(LONG) tests/$(@:-test=)/*.test.js
deb-test: needs-test deb ## installs, starts, upgrades and purges the packages on a Debian made for that, as root
	@infra/deb build/deb-before 0.0.1
	@$(LONG) tests/packages/deb.test.js
guide-test: needs-test+recover deb build-release+stack-programs ## makes the set that may lose a machine on three Debians, of new ones and of one that has sold, by infra/ha/GUIDE, and loses its parts, as root
	@$(LONG) tests/packages/guide.test.js
reproducible: needs-run+deb ## makes the packages twice, in other places and at other times, and compares their bytes
	@infra/reproducible
images-test: needs-test+images deb build-release+stack-programs ## makes the images twice, looks into them, and walks through what compose.yaml brings up, as root
	@$(LONG) tests/packages/images.test.js
kube-test: needs-test+images deb build-release+stack-programs ## plays the manifests of Kubernetes by podman, and walks through their pods, as root
	@$(LONG) tests/packages/pods.test.js

# ---- measuring it, and losing machines and stores of it ------------------------------------------

bench: needs-bench build-release ## the figures, side by side with others, in one run (SUITES= for some); COMPARE=COMMIT takes turns with another commit
	@node loadtest/bench/$(if $(COMPARE),against.js $(COMPARE),bench.js) $(SUITES)
hostile: ## what everybody else notices while hostile clients are at the doors; AT=edge,front some of them, ATTACK='slow heads,rapid reset' some attacks
	@$(MAKE) --no-print-directory bench SUITES=hostile
crowd: needs-bench build-release ## one scenario on a stack of its own: make crowd SCENARIO=onsale (loadtest/README.md)
	@node loadtest/run.js $(or $(SCENARIO),smoke) $(if $(SEED),--seed $(SEED))
cdn: needs-test build-asan ## 10,000 first views of the waiting page through nginx; what reaches a front is counted
	@FAIRGATE_VIEWS=10000 FAIRGATE_KEPT=5 node infra/black-box.js tests/integration/cdn.test.js
scale: ## a whole sale simulated: VISITORS= SEATS= (ARGS= for more); without them the tables of infra/SCALE.md are written anew
	@node loadtest/sim/scale.js $(or $(strip $(VISITORS:%=--visitors %) $(SEATS:%=--seats %) $(ARGS)),--document)
ha: needs-run+ha build-release ## the whole set on fifteen machines (network namespaces, as root); Ctrl-C ends it. OWNERS=2: two share the seats
	@$(STACK) node infra/ha/ha.js
ha-drill: needs-run+ha build-release ## kill, stop, switch off and cut off each of them, judge what visitors saw (FAULTS="power off")
	@node infra/ha/drill.js "$$FAULTS"
recover-drill: needs-run+recover build-release ## backs a stack up, loses its stores in ten ways, restores; what was lost, RPO, RTO (FAULTS="line"); REGION=1: a region
	@node infra/recover/$(if $(REGION),region.js,drill.js "$$FAULTS")

# ---- what is published ---------------------------------------------------------------------------

deb: needs-run+deb ## Debian packages in build/deb, judged by lintian
	@infra/deb build/deb
	@lintian --allow-root --fail-on error,warning build/deb/*.changes
images: needs-images deb build-release+stack-programs ## container images of what is installed, and of what compose.yaml tries it with (infra/images)
	@infra/images/build
release: deb images sbom ## what a release hands out, in build/dist, signed by FAIRGATE_RELEASE_KEY: apt repository, images, notes, what is in it
	@infra/release
sbom: build-release ## what runs, as a bill of materials (CycloneDX): build/sbom.json; prints the licences
	@node infra/sbom.js build/release >build/sbom.json.new && mv build/sbom.json.new build/sbom.json
docs: needs-docs ## the handbook in build/docs, to be read and searched without a network
	@node infra/docs/build.js build/docs
screens: needs-test+browser build-release ## take the README's pictures again
	@node tests/browser/screens.js
halls: $(OUT)/bin/halls ## write the sample halls to build/halls/
	@mkdir -p build/halls
	@for hall in theatre arena stadium; do $(OUT)/bin/halls $$hall >build/halls/$$hall.json || exit; done
