# Fairgate. `make help` lists what can be asked for; README.md says what it is.
#
# A component is a folder of C files that becomes one static library, build/VARIANT/lib/NAME.a, and
# for each main file one program, build/VARIANT/bin/NAME. Its tests lie at tests/unit/NAME/ and link
# against that library. A new .c file is found by itself; a new component is one line below.
#
#   VARIANT=debug    -O0, everything traceable (default)
#   VARIANT=release  -O2, link-time optimised; what runs in production and what is measured
#   VARIANT=asan     address and undefined-behaviour sanitizers; what the tests run
#   VARIANT=tsan     thread sanitizer
#   VARIANT=fuzz     clang's fuzzer with asan, for tests/fuzz
#   VARIANT=coverage clang's counters of lines and branches, for `make coverage`
#   VARIANT=quick    -O1 and nothing else, for `make mutants`
#   CC=clang         the other compiler, in build/clang-VARIANT; WERROR= lets warnings pass

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VARIANT ?= debug
ifneq ($(filter fuzz coverage,$(VARIANT)),)
CC := clang
else ifeq ($(origin CC),default)
CC := gcc
endif
WERROR ?= -Werror
ifneq ($(findstring clang,$(CC)),)
COMPILER := clang
OUT      := build/$(if $(filter fuzz coverage,$(VARIANT)),,clang-)$(VARIANT)
else
COMPILER := gcc
OUT      := build/$(VARIANT)
endif
ifeq ($(filter debug release asan tsan fuzz coverage quick,$(VARIANT)),)
$(error VARIANT=$(VARIANT): one of debug release asan tsan fuzz coverage quick)
endif

# What was compiled by the same words before, in another clone too, is taken from ccache where that is installed.
CCACHE := $(shell command -v ccache)

# Link-time optimisation is gcc's here: clang's needs a linker and an archiver of its own.
LTO_gcc     := -flto=auto
ARCHIVE_gcc := gcc-ar
ARCHIVE_clang := ar

LLHTTP_SRC ?= /usr/share/llhttp
LLHTTP_INC ?= /usr/share/include/llhttp

WARN   := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla $(WERROR)
# What is shipped, for the day on which a bug can be used: nothing lies where it can be guessed, what the
# loader has filled in is read-only, no stack is executable or jumped over, calls of the C library know how
# much room there is, and indirect jumps land where a function begins. tests/integration/programs.test.js
# holds it.
HARDEN := -fPIE -fstack-clash-protection -D_FORTIFY_SOURCE=3
ifneq ($(filter x86_64-%,$(shell $(CC) -dumpmachine)),)
HARDEN += -fcf-protection=full
endif
# What tests link are many programs, and this linker takes a third of the other's time for one.
LDFLAGS_asan := $(if $(shell command -v ld.gold),-fuse-ld=gold)
LDFLAGS_tsan := $(LDFLAGS_asan)
LDFLAGS_fuzz := $(if $(shell command -v ld.lld),-fuse-ld=lld)
# clang links its sanitizer into the program, where that would take the place of its own pthread_create().
ifeq ($(COMPILER),gcc)
TELLS_asan   := -Wl,-u,unit_tells_of_threads
endif
LINK_release := $(if $(CCACHE),infra/link)
LDFLAGS_release := -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
# Reports of the sanitizers name functions and lines: that is -g1, and two thirds of the compiler's time
# with -g3, which is debug's.
CFLAGS_debug   := -O0 -g3
CFLAGS_release := -O2 -g $(LTO_$(COMPILER)) -fno-semantic-interposition $(HARDEN)
# Tests start sanitized services many hundreds of times: to make their files as small as can be was
# nearly half of a start. How small they are is judged with the release build.
CFLAGS_asan    := -O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer \
                  -DSITE_FILE_QUALITY=4
CFLAGS_tsan    := -O1 -g1 -fsanitize=thread -fno-omit-frame-pointer
CFLAGS_fuzz    := -O1 -g1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all \
                  -fno-omit-frame-pointer
CFLAGS_coverage := -O1 -g1 -fno-omit-frame-pointer -fprofile-instr-generate -fcoverage-mapping
CFLAGS_quick   := -O1
# Asserts stay on in every variant: NDEBUG is never defined.
CFLAGS_ALL = -std=c17 -D_GNU_SOURCE -pthread -fstack-protector-strong -U_FORTIFY_SOURCE \
             $(CFLAGS_$(VARIANT)) $(CFLAGS)

# name: folder(s) of sources, then what it needs beyond common.
COMPONENTS := common queue-core queue-front seat-core seat-service pay-core payment-adapter demo-shop psp-sandbox halls ctl \
              crowd floor engine-bench
# Only tests need these, so they are built where their libraries are.
ifneq ($(wildcard /usr/include/fuse3/fuse.h),)
COMPONENTS += forgetful-disk
endif
ifneq ($(wildcard /usr/include/lua5.1/lua.h),)
COMPONENTS += world-queue world-redis world-stage world
endif
DIR_common          := common
DIR_queue-core      := queue-front/src/core
DIR_queue-front     := queue-front/src
DIR_seat-core       := seat-service/src/core
DIR_seat-service    := seat-service/src
DIR_pay-core        := payment-adapter/src/core
DIR_payment-adapter := payment-adapter/src
DIR_demo-shop       := infra/demo/demo-shop/src
DIR_psp-sandbox     := infra/demo/psp-sandbox/src
DIR_halls           := infra/demo/halls/src
DIR_ctl             := infra/ctl/src
DIR_crowd           := loadtest/crowd
DIR_floor           := loadtest/floor
DIR_engine-bench    := loadtest/engine
DIR_world-queue     := tests/sim/queue
DIR_world-redis     := tests/sim/redis-model
DIR_world-stage     := tests/sim/stage
DIR_world           := tests/sim
DIR_forgetful-disk  := tests/fault/disk

# --as-needed leaves out of each program what it does not call: queue-front has no libpq.
LIBS_common          := -lcurl -luv -lssl -lcrypto -lsodium -ljansson -lbrotlienc -lz -lm -lpq -lqrencode
LIBS_queue-core      := -lm
LIBS_queue-front     := -lhiredis -lcurl -lm
LIBS_seat-core       := -lm
LIBS_seat-service    := -lck -lcurl -lm
LIBS_engine-bench    := -lm
LIBS_world           := -lm -lck -lhiredis -llua5.1
LIBS_halls           := -lm
LIBS_ctl             := -lcurl -lm
LIBS_forgetful-disk  := -lfuse3
LIBS_payment-adapter := -lcurl -lcrypt -largon2
LIBS_demo-shop       := -lcrypt -largon2

# Components that are libraries for others: linked in, left out of a folder that contains theirs, and
# their headers found as FOLDER/name.h.
NEEDS_queue-front  := queue-core
NEEDS_seat-service := seat-core
NEEDS_payment-adapter := pay-core
NEEDS_engine-bench := seat-core
NEEDS_ctl          := queue-front queue-core
NEEDS_world-queue  := queue-front queue-core
NEEDS_world        := seat-service seat-core pay-core world-queue queue-front queue-core world-redis world-stage

# The rooms that fuzz targets read, and of some rooms single files; the others are left out, since clang takes long
# over them. The linker says which one a new target misses.
FUZZ_ROOMS := $(patsubst %,common/%/%,base config crypto http pg system) \
              $(patsubst %,common/%.c,archive/lines archive/manifest observe/log observe/trace outcall/outcall pace/tally sale/purchase web/lang) \
              $(patsubst %,infra/demo/psp-sandbox/src/core/%.c,fault form) \
              $(patsubst %,queue-front/src/%/%,board core/draw core/event core/line core/token line redis scripts) \
              $(patsubst %,queue-front/src/%.c,api/caller ended/archive front/front) \
              $(patsubst %,payment-adapter/src/%/%,core/checkout core/pace psp) \
              $(patsubst %,seat-service/src/%/%,core journal) $(patsubst %,seat-service/src/%.c,access/idem tables/statements)

# What unit tests need besides, to judge a seam on the real thing: another service's pure part, and a
# helper of its tests.
TEST_NEEDS_payment-adapter := seat-core
TEST_HELP_payment-adapter  := tests/unit/seat-service/test_hall.c

# jemalloc serves every program except under a sanitizer, which brings an allocator of its own.
# Nothing names it, so the linker would leave it out again.
MALLOC_debug   := -Wl,--push-state,--no-as-needed -ljemalloc -Wl,--pop-state
MALLOC_release := $(MALLOC_debug)
LINK_ALL = $(CFLAGS_ALL) $(LDFLAGS_$(VARIANT)) $(LDFLAGS) -Wl,--as-needed $(MALLOC_$(VARIANT))

.PHONY: all
all: programs ## build every program of this VARIANT

# ---- how a component is built -------------------------------------------------------------------
# A file called main.c, or NAME_main.c, holds main() and becomes the program; all else is library.

PROGRAMS :=
UNIT_TESTS :=
FUZZ_TARGETS :=
DEPS :=

define component
SRC_$(1)  := $$(sort $$(shell find $$(DIR_$(1)) -name '*.c' 2>/dev/null))
SRC_$(1)  := $$(filter-out $$(foreach n,$$(NEEDS_$(1)),$$(DIR_$$(n))/%),$$(SRC_$(1)))
ifeq ($(VARIANT),fuzz)
SRC_$(1)  := $$(filter $$(FUZZ_ROOMS),$$(SRC_$(1)))
endif
NEED_$(1) := $$(foreach n,$$(NEEDS_$(1)),$(OUT)/lib/$$(n).a)
TEST_NEED_$(1) := $$(NEED_$(1)) $$(foreach n,$$(TEST_NEEDS_$(1)),$(OUT)/lib/$$(n).a)
MAIN_$(1) := $$(filter %/main.c %_main.c,$$(SRC_$(1)))
OBJ_$(1)  := $$(patsubst %.c,$(OUT)/obj/%.o,$$(filter-out $$(MAIN_$(1)),$$(SRC_$(1))))
ifeq ($(1),common)
OBJ_$(1)  += $$(addprefix $(OUT)/obj/llhttp/,api.o http.o llhttp.o)
endif
LIB_$(1)  := $(OUT)/lib/$(1).a
$$(LIB_$(1)): $$(OBJ_$(1))
	@mkdir -p $$(@D) && rm -f $$@ && $(ARCHIVE_$(COMPILER)) rcs $$@ $$^
DEPS += $$(patsubst %.o,%.d,$$(OBJ_$(1)))

# Programs: main.c gives bin/COMPONENT, thing_main.c gives bin/thing.
BIN_$(1) := $$(foreach m,$$(MAIN_$(1)),$(OUT)/bin/$$(if $$(filter %/main.c,$$(m)),$(1),$$(patsubst %_main.c,%,$$(notdir $$(m)))))
$$(foreach m,$$(MAIN_$(1)),$$(eval $(OUT)/bin/$$(if $$(filter %/main.c,$$(m)),$(1),$$(patsubst %_main.c,%,$$(notdir $$(m)))): $$(patsubst %.c,$(OUT)/obj/%.o,$$(m))))
DEPS += $$(patsubst %.c,$(OUT)/obj/%.d,$$(MAIN_$(1)))
$$(BIN_$(1)): $$(LIB_$(1)) $$(NEED_$(1)) $(OUT)/lib/common.a
	@mkdir -p $$(@D)
	@echo "  LINK  $$@"
	@$(LINK_$(VARIANT)) $(CC) -o $$@ $$(filter %.o,$$^) $$(LIB_$(1)) $$(NEED_$(1)) $(OUT)/lib/common.a $$(LINK_ALL) $$(LIBS_$(1)) $$(LIBS_common)
PROGRAMS += $$(BIN_$(1))

# Unit tests: one program a file, with cmocka.
TEST_$(1) := $$(patsubst %.c,$(OUT)/%,$$(sort $$(shell find tests/unit/$(1) -name '*_test.c' 2>/dev/null)))
HELP_$(1) := $$(patsubst %.c,$(OUT)/obj/%.o,$$(filter-out %_test.c,$$(shell find tests/unit/$(1) tests/unit/lib -name '*.c' 2>/dev/null) $$(TEST_HELP_$(1))))
HELPS_$(1) := $(OUT)/lib/$(1)-tests.a
$$(HELPS_$(1)): $$(HELP_$(1))
	@mkdir -p $$(@D) && rm -f $$@ && $(ARCHIVE_$(COMPILER)) rcs $$@ $$^
$$(TEST_$(1)): $(OUT)/%: $(OUT)/obj/%.o $$(HELPS_$(1)) $$(LIB_$(1)) $$(TEST_NEED_$(1)) $(OUT)/lib/common.a
	@mkdir -p $$(@D)
	@echo "  LINK  $$@"
	@$(CC) -o $$@ $$(filter %.o,$$^) $$(TEST_LIBS_$(1))
TEST_LIBS_$(1) = $(TELLS_$(VARIANT)) $$(HELPS_$(1)) $$(LIB_$(1)) $$(TEST_NEED_$(1)) $(OUT)/lib/common.a $$(LINK_ALL) $$(LIBS_$(1)) $$(LIBS_common) -lcmocka
DEPS += $$(patsubst $(OUT)/%,$(OUT)/obj/%.d,$$(TEST_$(1))) $$(patsubst %.o,%.d,$$(HELP_$(1)))
UNIT_TESTS += $$(TEST_$(1))

# Fuzz targets: tests/fuzz/NAME/THING_fuzz.c defines LLVMFuzzerTestOneInput; VARIANT=fuzz only.
FUZZ_$(1) := $$(patsubst %.c,$(OUT)/%,$$(sort $$(shell find tests/fuzz/$(1) -name '*_fuzz.c' 2>/dev/null)))
$$(FUZZ_$(1)): $(OUT)/%: $(OUT)/obj/%.o $$(LIB_$(1)) $$(NEED_$(1)) $(OUT)/lib/common.a
	@mkdir -p $$(@D)
	@echo "  LINK  $$@"
	@$(CC) -o $$@ $$< $$(LIB_$(1)) $$(NEED_$(1)) $(OUT)/lib/common.a $$(LINK_ALL) -fsanitize=fuzzer $$(LIBS_$(1)) $$(LIBS_common)
DEPS += $$(patsubst $(OUT)/%,$(OUT)/obj/%.d,$$(FUZZ_$(1)))
FUZZ_TARGETS += $$(FUZZ_$(1))
endef

# Each component sees common/ and its own folder, never another service's; its tests what they need.
INC_dirs = -I$(DIR_$(1)) $(foreach n,$(NEEDS_$(1)),-I$(patsubst %/,%,$(dir $(DIR_$(n)))))
INC_tests = $(foreach n,$(TEST_NEEDS_$(1)),-I$(patsubst %/,%,$(dir $(DIR_$(n)))))
INC_of = -Icommon -I$(GEN_DIR) $(foreach c,$(COMPONENTS),$(if $(filter $(DIR_$(c))/% tests/unit/$(c)/% tests/fuzz/$(c)/%,$(1)),$(call INC_dirs,$(c)))$(if $(filter tests/unit/$(c)/%,$(1)), $(call INC_tests,$(c)))) $(foreach c,$(COMPONENTS),$(if $(filter tests/unit/$(c)/%,$(1)),-Itests/unit/$(c))) -Itests/unit/lib

INC_others = -isystem $(LLHTTP_INC) -isystem /usr/include/postgresql -isystem /usr/include/fuse3
INCLUDES = $(call INC_of,$<) $(INC_others)

# A text that a program carries becomes a C string: #include "seat-service/sql/001_seats.sql.inc"
# where an expression may stand. `| $(GEN)` has them made before anything is compiled; from then on
# the compiler's own dependencies say who needs which.
GEN_DIR := $(OUT)/gen
SQL     := $(sort $(wildcard */sql/*.sql infra/demo/*/sql/*.sql))
GEN     := $(patsubst %,$(GEN_DIR)/%.inc,$(sort $(SQL) $(wildcard web/*.* web/console/* queue-front/web/* seat-service/web/* payment-adapter/web/* infra/demo/*/web/*)))

# The pages' scripts are bundled once for all variants, by npm's packages (infra/vendor.js).
BUNDLES := $(addprefix build/bundles/,web/console/uplot.js web/console/uplot.css queue-front/web/bls.min.js \
           queue-front/web/licences.txt queue-front/web/wait.min.js queue-front/web/fair.min.js seat-service/web/hall.min.js \
           seat-service/web/later.min.js payment-adapter/web/checkout.min.js payment-adapter/web/order.min.js)
GEN     += $(BUNDLES:build/bundles/%=$(GEN_DIR)/%.inc)
$(BUNDLES) &: infra/vendor.js package-lock.json $(wildcard web/*.js queue-front/web/*.js seat-service/web/*.js payment-adapter/web/*.js)
	@echo "  BUNDLE"
	@node infra/vendor.js build/bundles

# Statements become C: SERVICE/sql/statements/*.sql, and those that are every service's, give
# #include "SERVICE/sql/statements.h.inc" and the other parts that infra/statements.awk names.
define statements
GEN += $(patsubst %,$(GEN_DIR)/$(1)/sql/statements.%.inc,h c table test)
$(GEN_DIR)/$(1)/sql/statements.%.inc: $(1)/sql/statements $(wildcard $(1)/sql/statements/*.sql) common/pg/archive.sql infra/statements.awk
	@mkdir -p $$(@D)
	@awk -f infra/statements.awk -v part=$$* -v service=$(1) $$(filter %.sql,$$^) >$$@
endef
$(foreach s,$(patsubst %/sql/statements,%,$(wildcard */sql/statements)),$(eval $(call statements,$(s))))

# A step of a schema that no program lists is one that no database gets, and one that is listed out of
# its order is another step.
.PHONY: sql-listed
sql-listed:
	@for file in $(SQL); do \
	    grep -rqF "#include \"$$file.inc\"" --include='*.c' "$${file%/sql/*}/src" || \
	    { echo "$$file: no program carries it; list it where the others are" >&2; exit 1; }; done
	@for dir in $(sort $(dir $(SQL))); do \
	    grep -rhoE "^#include \"$$dir[0-9][^\"]*" --include='*.c' "$${dir%/sql/}/src" | sort -cu || exit 1; done

# The texts of the languages that are built in (common/web/lang.h), as rows of an array by language: a
# file text.ja is found by itself.
WORDS := queue-front/web/text seat-service/web/text payment-adapter/web/text web/console/console \
         infra/demo/psp-sandbox/web/text
words_in = $(filter-out %.js,$(wildcard $(1).??))
GEN   += $(WORDS:%=$(GEN_DIR)/%.words.inc)
$(foreach w,$(WORDS),$(eval $(GEN_DIR)/$(w).words.inc: $(patsubst %,$(GEN_DIR)/%.inc,$(call words_in,$(w)))))
$(WORDS:%=$(GEN_DIR)/%.words.inc):
	@for file in $^; do tag=$${file%.inc} && tag=$${tag##*.} && \
	    echo "[LANG_$$(echo $$tag | tr a-z A-Z)] = SITE_BYTES(" && cat $$file && echo '),' || \
	    exit 1; done >$@

# What the console serves comes packed, so that no start has to do it: a table of a row a file, its
# name, kind, bytes, and the bytes by gzip and by brotli.
CONSOLE := $(sort $(filter-out %.html $(call words_in,web/console/console),$(wildcard web/console/*)) \
           $(addprefix build/bundles/,web/console/uplot.js web/console/uplot.css queue-front/web/licences.txt) queue-front/web/icon.svg queue-front/web/draw-check.js web/base.css web/kit.js web/plan.js)
# Of the visitors' files the curve alone: the others are small, or get the brand's colours.
CURVE := build/bundles/queue-front/web/bls.min.js
TABLES := $(GEN_DIR)/web/console/console.table.inc $(GEN_DIR)/queue-front/web/bls.table.inc
GEN    += $(TABLES)
$(word 1,$(TABLES)): FILES = $(CONSOLE)
$(word 2,$(TABLES)): FILES = $(CURVE)
$(word 1,$(TABLES)): $(CONSOLE) $(patsubst %,$(GEN_DIR)/%.inc,$(CONSOLE:build/bundles/%=%))
$(word 2,$(TABLES)): $(CURVE) $(CURVE:build/bundles/%=$(GEN_DIR)/%.inc)
$(TABLES):
	@mkdir -p $(@D)
	@for file in $(FILES); do \
	    echo "FILE_OF(\"$${file##*/}\", $${file##*.}," && cat $(GEN_DIR)/$${file#build/bundles/}.inc && echo , && \
	    gzip -9nc $$file | $(OCTETS) && echo , && brotli -q 11 -c $$file | $(OCTETS) && echo ')' || \
	    exit 1; done >$@
OCTETS := od -An -v -to1 | sed -e 's/ /\\/g' -e 's/^/"/' -e 's/$$/"/'

# What queue-front and its scripts in Redis agree about is one list, of which both sides are made.
LUA  := queue-front/lua/wire.awk queue-front/lua/wire.list $(sort $(shell find queue-front/lua -name '*.lua'))
WIRE := $(addprefix $(GEN_DIR)/queue-front/lua/line_,names.h wire.h scripts.inc)
GEN  += $(WIRE)
$(WIRE): $(GEN_DIR)/queue-front/lua/line_%: $(LUA)
	@mkdir -p $(@D)
	@awk -f $(word 1,$^) -v make=$(basename $*) $(word 2,$^) >$@

# What each program says of itself.
GEN += $(GEN_DIR)/version.inc
$(GEN_DIR)/version.inc: VERSION
	@mkdir -p $(@D)
	@printf '#define FAIRGATE_VERSION "%s"\n' "$$(cat $<)" >$@

# A picture has bytes that no text has.
$(GEN_DIR)/%.png.inc: %.png
	@mkdir -p $(@D)
	@<$< $(OCTETS) >$@

define text_inc
@mkdir -p $(@D)
@sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/??/?\\?/g' -e 's/^/"/' -e 's/$$/\\n"/' $< >$@
endef
$(GEN_DIR)/%.inc: build/bundles/%
	$(text_inc)
$(GEN_DIR)/%.inc: %
	$(text_inc)

# Strict mode refuses what its default lets pass: a space before the colon, bytes above 0x7F in a
# target, a missing line feed after the last chunk.
$(OUT)/obj/llhttp/%.o: $(LLHTTP_SRC)/%.c $(OUT)/flags
	@mkdir -p $(@D)
	@$(CCACHE) $(CC) -c -o $@ $< -I$(LLHTTP_INC) $(CFLAGS_ALL) -w -DLLHTTP_STRICT_MODE=1

$(OUT)/obj/%.o: %.c $(OUT)/flags | $(GEN)
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CCACHE) $(CC) -c -o $@ $< -MMD -MP $(INCLUDES) $(CFLAGS_ALL) $(WARN)

# Other flags mean other objects: this file changes only when the compiler or its flags do.
$(OUT)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(CFLAGS_ALL) $(WARN) $(LINK_ALL)' >$@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

$(foreach c,$(COMPONENTS),$(eval $(call component,$(c))))

# How a file of ours is compiled, and what the tests of a component are linked with, for whoever does it
# otherwise: make -s recipe-of FILE=common/base/text.c TESTS=common.
.PHONY: recipe-of
recipe-of:
	@echo '$(call INC_of,$(FILE)) $(INC_others) $(CFLAGS_ALL)'
	@echo '$(TEST_LIBS_$(TESTS))'

.SECONDARY:
.PHONY: FORCE generated programs stack-programs unit-programs fuzz-programs
generated: $(GEN)
programs: sql-listed $(PROGRAMS)
# Of all that is compiled only the programs that a stack starts, and fairgate, are linked: with link-time optimisation a
# link takes longer than all of a program's compiling, and the others are for benches.
stack-programs: sql-listed $(addprefix $(OUT)/bin/,queue-front seat-service payment-adapter demo-shop psp-sandbox halls fairgate) \
                $(foreach n,$(COMPONENTS),$(LIB_$(n)) $(MAIN_$(n):%.c=$(OUT)/obj/%.o))
# UNIT="common seat-service": those of these components alone.
unit-programs: sql-listed $(if $(UNIT),$(foreach n,$(UNIT),$(TEST_$(n))),$(UNIT_TESTS))
fuzz-programs: $(FUZZ_TARGETS)

# ---- the linter ----------------------------------------------------------------------------------
# One stamp a file, so that only what has changed, or includes what has changed, is judged again. The
# analyser walks TIDY_NODES steps of a function. Even so it takes half of the linter's time, so `make check` and
# `make test` leave it out (0) and `make lint` has it. Nearly all of its time goes into the few functions with more
# steps, which `make soak` judges with as many as the analyser takes by itself. Of 315 functions in every tenth file
# 46 have more than 20,000 steps and 32 more than 60,000, which would take four times as long.

TIDY_NODES ?= 20000
TIDY_DIR := build/tidy/$(TIDY_NODES)
TIDY := $(patsubst %.c,$(TIDY_DIR)/%.ok,$(foreach c,$(COMPONENTS),$(SRC_$(c))))
ifeq ($(TIDY_NODES),0)
TIDY_CHECKS := --checks=-clang-analyzer-*
else
TIDY_STEPS := -Xclang -analyzer-config -Xclang max-nodes=$(TIDY_NODES)
endif
.PHONY: tidy tidy-list
tidy: $(TIDY)
tidy-list:
	@printf '%s\n' $(TIDY)

# In a compiler's place (infra/lint), so that ccache keeps verdicts as well: until the linter, what it is told, the file or
# what that includes is another one.
$(TIDY_DIR)/linter: FORCE
	@mkdir -p $(@D)
	@{ clang-tidy --version && cat .clang-tidy infra/lint && echo '$(TIDY_CHECKS)'; } >$@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

$(TIDY_DIR)/%.ok: %.c $(TIDY_DIR)/linter | $(GEN)
	@mkdir -p $(@D)
	@echo "  TIDY  $<"
	@FAIRGATE_LINT='$(TIDY_CHECKS)' CCACHE_COMPILERTYPE=clang CCACHE_COMPILERCHECK=none CCACHE_EXTRAFILES=$(TIDY_DIR)/linter \
	    CCACHE_DEPEND=1 $(CCACHE) infra/lint -c $< -o $@ -MMD -MF $(TIDY_DIR)/$*.d \
	    $(INCLUDES) -std=c17 -D_GNU_SOURCE $(TIDY_STEPS)

-include $(wildcard $(DEPS) $(TIDY:.ok=.d))

include infra/targets.mk
