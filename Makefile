# Fairgate. `make help` lists the targets; README.md says what this is.
#
#   VARIANT=debug    -O0 (default)
#   VARIANT=release  -O2, link-time optimised: what is shipped and measured
#   VARIANT=asan     address and undefined-behaviour sanitizers: what the tests run
#   VARIANT=tsan     thread sanitizer
#   VARIANT=fuzz     clang's fuzzer with asan, for tests/fuzz
#   VARIANT=coverage clang's counters of lines and branches, for `make coverage`
#   VARIANT=quick    -O1 and nothing else, for `make mutants`
#   WERROR=          lets warnings pass

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := help

VARIANT ?= debug
VARIANTS := debug release asan tsan fuzz coverage quick
$(if $(filter $(VARIANTS),$(VARIANT)),,$(error VARIANT=$(VARIANT): one of $(VARIANTS)))
CC      := $(if $(filter fuzz coverage,$(VARIANT)),clang,gcc)
AR      := $(if $(filter fuzz coverage,$(VARIANT)),ar,gcc-ar)
WERROR  ?= -Werror
OUT     := build/$(VARIANT)
GEN_DIR := $(OUT)/gen
CCACHE  := $(shell command -v ccache)

SYSTEM  := -isystem /usr/share/include/llhttp -isystem /usr/include/postgresql
WARN    := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla $(WERROR)
# Shipped programs are hardened; tests/integration/programs.test.js checks the files.
HARDEN := -fPIE -fstack-clash-protection -D_FORTIFY_SOURCE=3 $(if $(filter x86_64-%,$(shell $(CC) -dumpmachine)),-fcf-protection=full)
ALL_SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_debug    := -O0 -g3
CFLAGS_release  := -O2 -g -flto=auto -fno-semantic-interposition $(HARDEN)
# Brotli's best compression is tested with the release build; here it would take half of a program's start.
CFLAGS_asan     := -O1 -g1 $(ALL_SANITIZERS) -DSITE_FILE_QUALITY=4
CFLAGS_tsan     := -O1 -g1 -fsanitize=thread -fno-omit-frame-pointer
CFLAGS_fuzz     := -O1 -g1 -fsanitize=fuzzer-no-link $(ALL_SANITIZERS)
CFLAGS_coverage := -O1 -g1 -fno-omit-frame-pointer -fprofile-instr-generate -fcoverage-mapping
CFLAGS_quick    := -O1
# Asserts stay on in every variant: NDEBUG is never defined.
CFLAGS_ALL = -std=c17 -D_GNU_SOURCE -pthread -fstack-protector-strong -U_FORTIFY_SOURCE $(CFLAGS_$(VARIANT)) $(CFLAGS)

LDFLAGS_release := -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
# The tests are many programs, and these linkers need a third of the time.
LDFLAGS_asan    := $(if $(shell command -v ld.gold),-fuse-ld=gold)
LDFLAGS_tsan    := $(LDFLAGS_asan)
LDFLAGS_fuzz    := $(if $(shell command -v ld.lld),-fuse-ld=lld)
# jemalloc is linked into every program but the sanitized ones. Nothing refers to it, so the linker would drop it.
MALLOC_debug    := -Wl,--push-state,--no-as-needed -ljemalloc -Wl,--pop-state
MALLOC_release  := $(MALLOC_debug)
LINK_ALL = $(CFLAGS_ALL) $(LDFLAGS_$(VARIANT)) $(LDFLAGS) -Wl,--as-needed $(MALLOC_$(VARIANT))
LINK := $(if $(CCACHE),$(if $(filter release,$(VARIANT)),infra/link))
# A unit test program creates a file when it starts a thread (tests/unit/lib/threads.c).
TELLS_asan := -Wl,-u,unit_tells_of_threads

# ---- the components ------------------------------------------------------------------------------
# A component is a folder of C files that becomes one library, OUT/lib/NAME.a, and one program for each
# main file: main.c is OUT/bin/NAME, THING_main.c is OUT/bin/THING. Its tests are in tests/unit/NAME.
# It sees common/ and its own folder; what it needs are libraries of other components.

component = $(eval COMPONENTS += $(1))$(eval DIR_$(1) := $(2))$(eval NEEDS_$(1) := $(3))$(eval LIBS_$(1) := $(4))
#                name            folder                      needs                       libraries
$(call component,common,         common,                    ,                           -lcurl -luv -lssl -lcrypto -lsodium -ljansson -lbrotlienc -lz -lm -lpq -lqrencode)
$(call component,queue-core,     queue-front/src/core,      ,                           )
$(call component,queue-front,    queue-front/src,           queue-core,                 -lhiredis)
$(call component,seat-core,      seat-service/src/core,     ,                           )
$(call component,seat-service,   seat-service/src,          seat-core)
$(call component,pay-core,       payment-adapter/src/core,  ,                           )
$(call component,payment-adapter,payment-adapter/src,       pay-core,                   -lcrypt -largon2)
$(call component,demo-shop,      infra/demo/demo-shop/src,  ,                           -lcrypt -largon2)
$(call component,psp-sandbox,    infra/demo/psp-sandbox/src,,                           )
$(call component,ctl,            infra/ctl/src,             queue-front queue-core,     )
$(call component,crowd,          loadtest/crowd,            ,                           )
$(call component,floor,          loadtest/floor,            ,                           )
$(call component,engine-bench,   loadtest/engine,           seat-core,                  )
# Only tests need these, so they are built where their libraries are.
$(if $(wildcard /usr/include/fuse3/fuse.h),$(call component,forgetful-disk,tests/fault/disk,,-lfuse3))
ifneq ($(and $(wildcard /usr/include/lua5.1/lua-cjson.h),$(wildcard /usr/lib/*/lua/5.1/mpack.so)),)
$(call component,world-queue,    tests/sim/queue,           queue-front queue-core,     )
$(call component,world-redis,    tests/sim/redis-model,     ,                           )
$(call component,world-stage,    tests/sim/stage,           ,                           )
$(call component,sql-real,       tests/sim/sql-history,     seat-service seat-core)
$(call component,pay-real,       tests/sim/pay-history,     payment-adapter pay-core,   -lcrypt -largon2)
$(call component,world,          tests/sim,                 sql-real pay-real seat-service seat-core payment-adapter pay-core world-queue queue-front queue-core world-redis world-stage,-rdynamic -lhiredis -llua5.1 -llua5.1-bitop -llua5.1-cjson)
endif

# The only files compiled for fuzz targets, because clang takes long. The linker reports files that a new target lacks.
ROOMS := common/% $(patsubst %,infra/demo/psp-sandbox/src/%.c,fault form) $(patsubst %,payment-adapter/src/%/%,core/checkout core/pace psp) \
         $(patsubst %,queue-front/src/%/%,api core ended front line redis scripts shared) $(patsubst %,seat-service/src/%/%,access core journal tables)

making = @mkdir -p $(@D) && echo "  $(1)  $(2)"
find = $(sort $(shell find $(1) -name '$(2)' 2>/dev/null))
object = $(patsubst %.c,$(OUT)/obj/%.o,$(1))
library = $(patsubst %,$(OUT)/lib/%.a,$(1))
program = $(OUT)/bin/$(if $(filter main.c,$(notdir $(1))),$(2),$(patsubst %_main.c,%,$(notdir $(1))))

define rules
SRC_$(1)   := $$(filter $(if $(filter fuzz,$(VARIANT)),$(ROOMS),%),$$(filter-out $$(foreach n,$$(NEEDS_$(1)),$$(DIR_$$(n))/%),$$(call find,$$(DIR_$(1)),*.c)))
MAIN_$(1)  := $$(filter %/main.c %_main.c,$$(SRC_$(1)))
TEST_$(1)  := $$(patsubst %.c,$(OUT)/%,$$(call find,tests/unit/$(1),*_test.c))
FUZZ_$(1)  := $$(patsubst %.c,$(OUT)/%,$$(call find,tests/fuzz/$(1),*_fuzz.c))
HELP_$(1)  := $$(filter-out %_test.c,$$(call find,tests/unit/$(1) tests/unit/lib,*.c))
LINKED_$(1) := $$(call library,$$(if $$(filter common,$(1)),,$(1)) $$(NEEDS_$(1)) common)
TEST_LINKED_$(1) := $(OUT)/lib/$(1)-tests.a $$(call library,$$(if $$(filter common,$(1)),,$(1)) $$(NEEDS_$(1)) common)
PROGRAMS     += $$(foreach m,$$(MAIN_$(1)),$$(call program,$$(m),$(1)))
UNIT_TESTS   += $$(TEST_$(1))
FUZZ_TARGETS += $$(FUZZ_$(1))
OBJECTS      += $$(call object,$$(SRC_$(1)) $$(HELP_$(1)) $$(patsubst $(OUT)/%,%.c,$$(TEST_$(1)) $$(FUZZ_$(1))))

$(OUT)/lib/$(1).a: $$(call object,$$(filter-out $$(MAIN_$(1)),$$(SRC_$(1)))) $(if $(filter common,$(1)),$(patsubst %,$(OUT)/obj/llhttp/%.o,api http llhttp))
$(OUT)/lib/$(1)-tests.a: $$(call object,$$(HELP_$(1)))
$$(foreach m,$$(MAIN_$(1)),$$(eval $$(call program,$$(m),$(1)): $$(call object,$$(m))))
$$(foreach m,$$(MAIN_$(1)),$$(call program,$$(m),$(1))): $$(LINKED_$(1))
	$$(call making,LINK,$$@)
	@$(LINK) $(CC) -o $$@ $$(filter %.o,$$^) $$(filter %.a,$$^) $$(LINK_ALL) $$(LIBS_$(1)) $$(LIBS_common)
$$(TEST_$(1)): $(OUT)/%: $(OUT)/obj/%.o $$(TEST_LINKED_$(1))
	$$(call making,LINK,$$@)
	@$(CC) -o $$@ $$< $$(TEST_LIBS_$(1))
TEST_LIBS_$(1) = $(TELLS_$(VARIANT)) $$(TEST_LINKED_$(1)) $$(LINK_ALL) $$(LIBS_$(1)) $$(LIBS_common) -lcmocka
$$(FUZZ_$(1)): $(OUT)/%: $(OUT)/obj/%.o $$(LINKED_$(1))
	$$(call making,LINK,$$@)
	@$(CC) -o $$@ $$^ $$(LINK_ALL) -fsanitize=fuzzer $$(LIBS_$(1)) $$(LIBS_common)
endef
$(foreach c,$(COMPONENTS),$(eval $(call rules,$(c))))

# A script that a stack finds next to its programs.
PROGRAMS += $(OUT)/bin/halls
$(OUT)/bin/halls: infra/demo/halls/halls.js
	@mkdir -p $(@D) && ln -sf $(abspath $<) $@

# The hall for `fairgate rehearse`, at the path that a package uses.
HALL := $(OUT)/share/fairgate/halls/theatre.json
PROGRAMS += $(HALL)
$(HALL): infra/demo/halls/halls.js $(wildcard infra/demo/halls/*.js)
	@mkdir -p $(@D) && node $< theatre >$@

$(OUT)/lib/%.a:
	@mkdir -p $(@D) && rm -f $@ && $(AR) rcs $@ $^

# Tests also see what their component needs, tests/unit/NAME and tests/unit/lib.
includes_of = -I$(DIR_$(1)) $(patsubst %,-I%,$(patsubst %/,%,$(foreach n,$(NEEDS_$(1)),$(dir $(DIR_$(n))))))
INC_of = -Icommon -I$(GEN_DIR) $(foreach c,$(COMPONENTS),$(if $(filter $(DIR_$(c))/% tests/fuzz/$(c)/%,$(1)),$(call includes_of,$(c))) \
         $(if $(filter tests/unit/$(c)/%,$(1)),$(call includes_of,$(c)) -Itests/unit/$(c))) -Itests/unit/lib
INCLUDES = $(call INC_of,$<) $(SYSTEM) -isystem /usr/include/fuse3

$(OUT)/obj/%.o: %.c $(OUT)/flags | generated
	$(call making,CC  ,$<)
	@$(CCACHE) $(CC) -c -o $@ $< -MMD -MP $(INCLUDES) $(CFLAGS_ALL) $(WARN)

# Strict mode rejects what llhttp's default accepts: a space before the colon, bytes above 0x7F in a target.
$(OUT)/obj/llhttp/%.o: /usr/share/llhttp/%.c $(OUT)/flags
	@mkdir -p $(@D)
	@$(CCACHE) $(CC) -c -o $@ $< $(SYSTEM) $(CFLAGS_ALL) -w -DLLHTTP_STRICT_MODE=1

# Changes only when the compiler or its flags do.
$(OUT)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(CFLAGS_ALL) $(WARN) $(LINK_ALL)' | cmp -s - $@ || echo '$(CC) $(CFLAGS_ALL) $(WARN) $(LINK_ALL)' >$@

# Prints how a file is compiled and a component's tests are linked: make -s recipe-of FILE=common/base/text.c TESTS=common.
recipe-of:
	@echo '$(call INC_of,$(FILE)) $(SYSTEM) $(CFLAGS_ALL)'
	@echo '$(TEST_LIBS_$(TESTS))'

# ---- what is made before anything is compiled ----------------------------------------------------
# The pages' scripts are bundled once for all variants. Every text that a program carries becomes C (infra/embed.js).

BUNDLES := $(addprefix build/bundles/,$(addprefix web/console/,uplot.js uplot.css size.min.js) $(addprefix queue-front/web/,bls.min.js licences.txt wait.min.js place.min.js fair.min.js) \
           $(addprefix seat-service/web/,hall.min.js later.min.js) $(addprefix payment-adapter/web/,checkout.min.js order.min.js))
$(BUNDLES) &: infra/vendor.js package-lock.json $(wildcard web/*.js queue-front/web/*.js seat-service/web/*.js payment-adapter/web/*.js loadtest/sim/whole/*.js)
	@echo "  BUNDLE"
	@node infra/vendor.js build/bundles
TEXTS := $(wildcard */sql/*.sql infra/demo/*/sql/*.sql web/*.* web/console/* queue-front/web/* seat-service/web/* payment-adapter/web/* infra/demo/*/web/*) infra/demo/halls/samples.js infra/demo/halls/bowl.js docs/operate/runbook.md build/bundles/docs/runbook.ko.md $(BUNDLES)
build/bundles/docs/runbook.ko.md: infra/observe/runbook.js docs/operate/runbook.md docs/ko/operate/runbook.md
	@mkdir -p $(@D)
	@node $< >$@
$(GEN_DIR)/texts: infra/embed.js VERSION $(TEXTS)
	@node infra/embed.js $(GEN_DIR) $(TEXTS)
	@touch $@
$(GEN_DIR)/%.inc: $(GEN_DIR)/texts ;

define statements
GEN += $(patsubst %,$(GEN_DIR)/$(1)/sql/statements.%.inc,h c table test)
$(patsubst %,$(GEN_DIR)/$(1)/sql/statements.%.inc,h c table test) &: $(1)/sql/statements $(wildcard $(1)/sql/statements/*.sql) common/pg/server.sql infra/statements.js
	@mkdir -p $$(@D)
	@node infra/statements.js $(1) $$(@D) $$(filter %.sql,$$^)
endef
$(foreach s,$(patsubst %/sql/statements,%,$(wildcard */sql/statements)),$(eval $(call statements,$(s))))

# queue-front and its scripts in Redis share one list; both sides are generated from it.
WIRE := $(addprefix $(GEN_DIR)/queue-front/lua/line_,names.h wire.h scripts.inc)
GEN  += $(WIRE)
$(WIRE) &: infra/wire.js queue-front/lua/wire.list $(call find,queue-front/lua,*.lua)
	@mkdir -p $(@D)
	@node infra/wire.js queue-front/lua $(@D)

# Time zones, with their rules for the future.
GEN += $(GEN_DIR)/common/sale/zones.inc
$(GEN_DIR)/common/sale/zones.inc: infra/zones.js $(wildcard /usr/share/zoneinfo/tzdata.zi)
	@node infra/zones.js $@

# The fronts of the previous version, for `world --before`: that version's code, with what the world then had in place of
# HTTP, services and threads, below this world's proc.c and proc_ask.c. All else is the world's, which exports it.
BEFORE      := build/before/$(shell cat tests/fault/campaign/before)/fronts
BEFORE_LIBS := $(patsubst %,$(OUT)/lib/%.a,queue-front queue-core common)
BEFORE_OWN  := $(patsubst %,$(BEFORE)/tests/sim/%.c,queue/front/wire stage/outcalls stage/platform)
BEFORE_OURS := $(patsubst %,tests/sim/queue/front/%.c,proc proc_ask)
$(OUT)/lib/before.so: tests/fault/campaign/before $(BEFORE_OURS) $(wildcard tests/sim/*/*.h tests/sim/*/*/*.h)
	@mkdir -p $(BEFORE) $(@D)
	@git archive $$(cat $<) | tar -x -C $(BEFORE)
	@ln -sfn $(CURDIR)/node_modules $(BEFORE)/node_modules
	@$(MAKE) --no-print-directory -C $(BEFORE) VARIANT=$(VARIANT) CFLAGS='-fPIC -fno-lto' $(BEFORE_LIBS)
	$(call making,LINK,$@)
	@$(CC) -shared -o $@ $(BEFORE_OURS) $(BEFORE_OWN) $(addprefix $(BEFORE)/,$(BEFORE_LIBS)) -Itests/sim $(addprefix -I$(BEFORE)/,tests/sim common $(GEN_DIR) queue-front queue-front/src .) \
	    $(SYSTEM) $(CFLAGS_ALL) -fPIC -fno-lto -Wl,-Bsymbolic -Wl,--exclude-libs,ALL $(LIBS_queue-front) $(LIBS_common)

# ---- the linter ----------------------------------------------------------------------------------
# ccache caches the results of infra/lint like a compiler's. The analyser takes up to TIDY_NODES steps per function, which
# is half of the linter's time; `make check` leaves it out (0), `make soak` lets it take more.

TIDY_NODES ?= 20000
TIDY       := $(patsubst %.c,build/tidy/$(TIDY_NODES)/%.ok,$(foreach c,$(COMPONENTS),$(SRC_$(c))))
build/tidy/$(TIDY_NODES)/%.ok: %.c .clang-tidy infra/lint | generated
	$(call making,TIDY,$<)
	@FAIRGATE_LINT='$(if $(filter 0,$(TIDY_NODES)),--checks=-clang-analyzer-*)' CCACHE_COMPILERTYPE=clang CCACHE_DEPEND=1 \
	    CCACHE_COMPILERCHECK="clang-tidy --version" CCACHE_EXTRAFILES=.clang-tidy:infra/lint $(CCACHE) infra/lint -c $< -o $@ -MMD -MF $(@:.ok=.d) \
	    $(INCLUDES) -std=c17 -D_GNU_SOURCE $(if $(filter-out 0,$(TIDY_NODES)),-Xclang -analyzer-config -Xclang max-nodes=$(TIDY_NODES))

# ---- what is asked for ---------------------------------------------------------------------------

.PHONY: generated programs stack-programs unit-programs fuzz-programs tidy tidy-list recipe-of FORCE
generated: $(GEN_DIR)/texts $(GEN)
programs: $(PROGRAMS) ## build every program of this VARIANT
# The programs that a stack starts, and fairgate. The others are compiled but not linked, since linking takes longer.
stack-programs: $(addprefix $(OUT)/bin/,queue-front seat-service payment-adapter demo-shop psp-sandbox halls fairgate crowd) $(HALL) \
                $(call library,$(COMPONENTS)) $(foreach n,$(COMPONENTS),$(call object,$(MAIN_$(n))))
# UNIT=core/wait: only programs with this in their path.
unit-programs: $(if $(UNIT),$(foreach t,$(UNIT_TESTS),$(if $(findstring $(UNIT),$(t)),$(t))),$(UNIT_TESTS))
fuzz-programs: $(FUZZ_TARGETS)
tidy: $(TIDY)
tidy-list:
	@printf '%s\n' $(TIDY)

-include $(wildcard $(OBJECTS:.o=.d) $(TIDY:.ok=.d))

include infra/targets.mk
