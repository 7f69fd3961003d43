/* saga_engine_test.c: where the table at the top of saga.c leads, what a step is given, what the
 * engine makes of its outcome, and when an engine wants to be turned again. An engine that is due
 * at once while it waits for an answer would keep a processor busy for nothing.
 *
 * Statements of a row (script.h). Sagas are named by their ids.
 *
 *   conf KEY=N...              before everything else: another configuration than conf_of()
 *   turn AT | nudge | drain
 *   row DEF [xN] KEY=VALUE...  N rows for the next lease; their ids are 1, 2 and so on
 *   leased                     the store answers the lease with those rows
 *   serve DEF [xN] ...         turn 1ms; row DEF [xN] ...; leased; turn 2ms
 *   lease-failed
 *   data ID TEXT | effect ID KIND [JSON]   what the step of this saga stores and writes
 *   end ID|all VERDICT KEY=VALUE...        the step finishes
 *   stored KEY=VALUE... | refused | fenced | lost     the store answers the commit
 *
 * and what is expected: due AT|now|later, idle, busy, leases N, commits N, calls N (out), moved N
 *   (in the last commit), losses N (leases after a lost one), held N (sagas that it named),
 *   in_flight N (sagas that the engine has), call ID FIELD=VALUE..., move FIELD=VALUE... (the first
 *   of the last commit), after FIELD=VALUE... (the row, as it is after the last stored move). */
#include "core/saga/saga_engine.h"

#include "script.h"

enum { SLOTS = 12, ROWS_MAX = 16 };

static struct {
    struct saga_engine_conf conf;
    struct saga_engine *engine; /* NULL: still configuring */
    uint64_t now_us;            /* of the last turn */
    struct rng_seeded rng;
    uint64_t fallen; /* value of each random draw, if configured */
    uint32_t admit_ms;
    struct saga_row rows[ROWS_MAX]; /* for the next lease */
    char data[ROWS_MAX][64];
    uint32_t rows_len;
    struct saga_call *calls[ROWS_MAX]; /* open calls */
    uint32_t calls_len;
    uint32_t leases, commits, moved_len;
    uint32_t losses, held;         /* leases after a lost one; sagas that the last of these named */
    const struct saga_move *moved; /* the first of the last commit */
    struct saga_row after;         /* the row after the last stored move */
} now;

/* ---- definitions ---- */

static void take_call(struct saga_call *call)
{
    assert_true(now.calls_len < ROWS_MAX);
    now.calls[now.calls_len++] = call;
}

static void run_step(struct saga_call *call, void *ctx)
{
    (void)ctx;
    assert_int_equal(call->way, SAGA_DO);
    take_call(call);
}

static void undo_step(struct saga_call *call, void *ctx)
{
    (void)ctx;
    assert_int_equal(call->way, SAGA_UNDO);
    take_call(call);
}

static void finish_at_once(struct saga_call *call, void *ctx)
{
    (void)ctx;
    saga_call_finish(call, &(struct saga_outcome){.verdict = SAGA_DONE});
}

static void write_too_much(struct saga_effects *effects)
{
    static char half[SAGA_EFFECTS_MAX / 2];
    saga_effects_add(effects, 1, (struct span){half, sizeof(half)});
    assert_false(effects->failed);
    saga_effects_add(effects, 1, (struct span){half, sizeof(half)});
}

/* A local step's name says what goes wrong in it. */
static void ride(struct saga_call *call, void *ctx)
{
    (void)ctx;
    if (strcmp(call->step, "heavy") == 0)
        write_too_much(saga_call_effects(call));
    saga_effects_add(saga_call_effects(call), 2, SPAN("[]"));
    saga_call_set_data(call, SPAN("rode"));
    bool starved = strcmp(call->step, "starved") == 0;
    saga_call_finish(call, &(struct saga_outcome){.verdict = starved ? SAGA_UNKNOWN : SAGA_DONE});
}

#define STEP_TO(CAP, NAME, PEER, TIMEOUT, ...)                                                     \
    {                                                                                              \
        .name = (NAME), .peer = (PEER), .timeout_ms = (TIMEOUT), .deadline_ms = 20000,             \
        .retry_first_ms = 100, .retry_cap_ms = (CAP), __VA_ARGS__                                  \
    }
#define STEP(...)  STEP_TO(1000, __VA_ARGS__)
#define LOCAL(...) STEP("a", SAGA_PEER_NONE, 10000, __VA_ARGS__)
#define RIDE(NAME) STEP(NAME, SAGA_PEER_NONE, 10000, .run = ride, .rides = true)

static const struct saga_step local = LOCAL(.run = run_step),
                              both_ways = LOCAL(.run = run_step, .undo = undo_step),
                              optional = LOCAL(.run = run_step, .optional = true),
                              near = LOCAL(.run = run_step, .retry_near = 3),
                              far = STEP_TO(9000, "a", SAGA_PEER_NONE, 10000, .run = run_step),
                              at_once = LOCAL(.run = finish_at_once),
                              quick = STEP("a", SAGA_PEER_NONE, 400, .run = run_step),
                              riding = RIDE("a"), starved = RIDE("starved"), heavy = RIDE("heavy"),
                              asking = STEP("b", 0, 10000, .run = run_step),
                              asking_last = STEP("b", SAGA_PEERS_MAX - 1, 10000, .run = run_step);

static void add_too_much(void *ctx, const struct saga_row *row, const struct saga_move *move,
                         struct saga_effects *effects)
{
    (void)ctx, (void)row;
    if (move->mark == SAGA_MARK_DONE)
        write_too_much(effects);
}

#define STEPS(...)                                                                                 \
    .steps = (const struct saga_step *const[]){__VA_ARGS__},                                       \
    .steps_len = sizeof((const struct saga_step *const[]){__VA_ARGS__}) / sizeof(void *)

static const struct saga_def defs[] = {
    {.key = "one", STEPS(&local)},
    {.key = "two", STEPS(&local, &local), .pivot = 1},
    {.key = "three", STEPS(&local, &local, &local)},
    {.key = "back", STEPS(&both_ways, &local), .pivot = 1},
    {.key = "six", STEPS(&both_ways, &local, &both_ways, &local, &optional, &local), .pivot = 3},
    {.key = "near", STEPS(&near)},
    {.key = "far", STEPS(&far)},
    {.key = "quick", STEPS(&quick)},
    {.key = "at-once", STEPS(&at_once)},
    {.key = "ask", STEPS(&asking)},
    {.key = "ask-last", STEPS(&asking_last)},
    {.key = "rides", STEPS(&asking, &riding, &riding)},
    {.key = "rides-above", STEPS(&asking, &riding, &asking), .pivot = 2},
    {.key = "starved", STEPS(&asking, &riding, &starved)},
    {.key = "heavy", STEPS(&asking, &heavy)},
    {.key = "adds-too-much", STEPS(&local), .on_move = add_too_much},
};
enum { DEFS = sizeof(defs) / sizeof(defs[0]) };

/* ---- the engine's surroundings ---- */

static void lease(void *ctx, uint32_t max, const struct saga_held *held)
{
    (void)ctx, (void)max;
    now.leases++;
    now.losses += held != NULL;
    now.held = held != NULL ? held->len : 0;
}

static void commit(void *ctx, const struct saga_move *const *moves, uint32_t len)
{
    (void)ctx;
    assert_true(len > 0);
    now.moved = moves[0];
    now.moved_len = len;
    now.commits++;
}

static uint32_t admit(void *ctx, uint8_t peer)
{
    (void)ctx;
    assert_int_equal(peer, 0);
    return now.admit_ms;
}

static void name_try(void *ctx, char trace[SAGA_TRACE_MAX])
{
    (void)ctx;
    assert_string_equal("row", trace);
    snprintf(trace, SAGA_TRACE_MAX, "try");
}

static void on_stored(void *ctx, const struct saga_row *row, const struct saga_move *move)
{
    (void)ctx;
    assert_int_equal(row->id, move->id);
    now.after = *row;
}

static void fall(void *ctx, void *out, size_t len)
{
    (void)ctx;
    assert_int_equal(len, sizeof(now.fallen));
    memcpy(out, &now.fallen, len);
}

static const struct rng dice = {.fill = fall};

static struct saga_engine_conf conf_of(uint32_t slots, uint32_t calls_max)
{
    static const struct saga_def *list[DEFS];
    for (size_t i = 0; i < DEFS; i++)
        list[i] = &defs[i];
    return (struct saga_engine_conf){.defs = list,
                                     .defs_len = DEFS,
                                     .slots = slots,
                                     .calls_max = calls_max,
                                     .idle_ms = 500,
                                     .lease_ms = 60000,
                                     .breaker_trip = 10,
                                     .breaker_open_ms = 1000,
                                     .breaker_open_max_ms = 1000,
                                     .budget_share_milli = 100,
                                     .budget_per_s = 1,
                                     .budget_cap = 10,
                                     .store = {lease, commit, NULL},
                                     .rng = &now.rng.rng};
}

/* Created by the first statement that needs it. */
static struct saga_engine *engine(void)
{
    if (now.engine == NULL)
        assert_int_equal(saga_engine_create(&now.conf, now.now_us, NULL, &now.engine), 0);
    return now.engine;
}

/* ---- statements ---- */

SCRIPT_VERB(do_conf, "conf")
{
    struct saga_engine_conf *conf = &now.conf;
    assert_null(now.engine);
    conf->slots = (uint32_t)script_value_or(line, "slots", conf->slots);
    conf->calls_max = (uint32_t)script_value_or(line, "calls", conf->slots);
    conf->idle_ms = (uint32_t)script_value_or(line, "idle_ms", conf->idle_ms);
    conf->breaker_trip = (uint32_t)script_value_or(line, "trip", conf->breaker_trip);
    conf->budget_cap = (uint32_t)script_value_or(line, "cap", conf->budget_cap);
    conf->budget_per_s = (uint32_t)script_value_or(line, "per_s", conf->budget_per_s);
    conf->budget_share_milli = (uint32_t)script_value_or(line, "share", conf->budget_share_milli);
    now.now_us = script_value_or(line, "begin", 0);
    now.admit_ms = (uint32_t)script_value_or(line, "admit", 0);
    now.fallen = script_value_or(line, "dice", 0);
    conf->rng = script_value(line, "dice") != NULL ? &dice : conf->rng;
    conf->admit = script_value(line, "admit") != NULL ? admit : NULL;
    conf->on_try = script_has(line, "traced") ? name_try : NULL;
    conf->on_stored = script_has(line, "reported") ? on_stored : NULL;
}

SCRIPT_VERB(do_turn, "turn")
{
    uint64_t now_us = script_number_at(line, 1);
    saga_engine_turn(engine(), now_us);
    now.now_us = now_us;
}

static const char *const states[] = {"running", "undoing", "completed", "undone", NULL};

SCRIPT_VERB(do_row, "row")
{
    const char *cause = script_value(line, "cause"), *trace = script_value(line, "trace"),
               *data = script_value(line, "data"), *state = script_value(line, "state");
    uint32_t count = 1;
    if (line->len > 2 && line->words[2][0] == 'x')
        count = (uint32_t)script_number(line->words[2] + 1);
    struct saga_row row = {
        .token = 1,
        .def = saga_engine_def(engine(), span_of(script_word(line, 1))),
        .state = (enum saga_state)script_choice(line, state != NULL ? state : "running", states),
        .step = (uint8_t)script_value_or(line, "step", 0),
        .cancel = script_has(line, "cancel"),
        .tries = (uint32_t)script_value_or(line, "tries", 0),
        .step_us = (int64_t)script_value_or(line, "began", 0),
        .lease_us = script_value_or(line, "lease", 60001000),
    };
    assert_non_null(row.def);
    strcpy(row.cause, cause != NULL && strcmp(cause, "-") != 0 ? cause : "");
    strcpy(row.trace, trace != NULL ? trace : "");
    for (; count > 0; count--) {
        uint32_t at = now.rows_len++;
        assert_true(at < ROWS_MAX);
        row.id = script_value_or(line, "id", at + 1);
        snprintf(now.data[at], sizeof(now.data[at]), "%s", data != NULL ? data : "");
        row.data = span_of(now.data[at]);
        now.rows[at] = row;
    }
}

SCRIPT_VERB(do_leased, "leased")
{
    uint32_t before = saga_engine_in_flight(engine());
    saga_engine_on_leased(engine(), now.rows, now.rows_len);
    assert_int_equal(saga_engine_in_flight(engine()), before + now.rows_len);
    now.rows_len = 0;
    memset(now.data, 'x', sizeof(now.data)); /* rows are copied: overwrite the original */
}

/* The engine's first lease, and the turn that calls its steps. */
SCRIPT_VERB(do_serve, "serve")
{
    saga_engine_turn(engine(), 1000);
    do_row(line);
    do_leased(NULL);
    now.now_us = 2000;
    saga_engine_turn(engine(), now.now_us);
}

static uint32_t call_at(const struct script_line *line)
{
    uint64_t id = script_number_at(line, 1);
    for (uint32_t i = 0; i < now.calls_len; i++) {
        if (now.calls[i]->saga == id)
            return i;
    }
    fail_msg("%s: \"%s\": its call is not out", line->row, line->text);
    abort();
}

SCRIPT_VERB(do_data, "data")
{
    static const char large[SAGA_DATA_MAX + 1];
    const char *text = script_word(line, 2);
    struct span data = span_of(text);
    if (strcmp(text, "full") == 0)
        data = (struct span){large, SAGA_DATA_MAX};
    else if (strcmp(text, "too-long") == 0)
        data = (struct span){large, SAGA_DATA_MAX + 1};
    saga_call_set_data(now.calls[call_at(line)], data);
}

SCRIPT_VERB(do_effect, "effect")
{
    struct saga_effects *effects = saga_call_effects(now.calls[call_at(line)]);
    if (strcmp(script_word(line, 2), "too-long") == 0)
        write_too_much(effects);
    else
        saga_effects_add(effects, (uint8_t)script_number(line->words[2]),
                         span_of(line->len > 3 ? line->words[3] : "{}"));
}

static const char *const verdicts[] = {"done", "failed", "ongoing", "unknown", NULL};

SCRIPT_VERB(do_end, "end")
{
    static const char *const sorts[] = {"verdict", "answer", "nothing", NULL};
    const char *of = script_value(line, "heard");
    struct saga_outcome outcome = {
        .verdict = (enum saga_verdict)script_choice(line, script_word(line, 2), verdicts),
        .reply = (enum saga_reply)script_choice(line, of != NULL ? of : "verdict", sorts),
        .retry_ms = (uint32_t)script_value_or(line, "retry", 0),
        .code = script_value(line, "code"),
        .detail = script_value(line, "detail"),
    };
    if (strcmp(line->words[1], "all") == 0) {
        for (uint32_t i = 0; i < now.calls_len; i++)
            saga_call_finish(now.calls[i], &outcome);
        now.calls_len = 0;
        return;
    }
    uint32_t at = call_at(line);
    saga_call_finish(now.calls[at], &outcome);
    now.calls_len--;
    memmove(&now.calls[at], &now.calls[at + 1], (now.calls_len - at) * sizeof(now.calls[0]));
}

/* The same response for each move of the commit. */
SCRIPT_VERB(answer_commit, "stored|refused|fenced")
{
    static const char *const answers[] = {"stored", "fenced", "refused", NULL};
    struct saga_store_reply replies[SLOTS];
    for (uint32_t i = 0; i < now.moved_len; i++)
        replies[i] = (struct saga_store_reply){
            .stored = (enum saga_stored)script_choice(line, script_word(line, 0), answers),
            .cancel = script_has(line, "cancel"),
            .wake = (uint32_t)script_value_or(line, "wake", 0),
            .lease_us = script_value_or(line, "lease", 60001000),
            .why = "too-long",
        };
    saga_engine_on_committed(engine(), true, replies);
}

SCRIPT_DOES("nudge", saga_engine_nudge(engine()))
SCRIPT_DOES("drain", saga_engine_drain(engine()))
SCRIPT_DOES("lease-failed", saga_engine_on_leased(engine(), NULL, 0))
SCRIPT_DOES("lost", saga_engine_on_committed(engine(), false, NULL))

/* ---- expectations ---- */

SCRIPT_VERB(is_due, "due")
{
    const char *want = script_word(line, 1);
    uint64_t due_us = saga_engine_due_us(engine());
    if (strcmp(want, "now") == 0)
        assert_true(due_us <= now.now_us);
    else if (strcmp(want, "later") == 0)
        assert_true(due_us > now.now_us);
    else
        script_expect(line, want, due_us);
}

SCRIPT_VERB(is_idle, "idle|busy")
{
    bool idle = saga_engine_idle(engine());
    script_expect_text(line, script_word(line, 0), idle ? "idle" : "busy");
}

/* Counts of calls to the test, and the engine's sagas. */
SCRIPT_VERB(has_count, "leases|commits|calls|moved|losses|held|in_flight")
{
    const struct script_field fields[SCRIPT_FIELDS] = {
        SCRIPT_NUMBER("leases", now.leases),
        SCRIPT_NUMBER("commits", now.commits),
        SCRIPT_NUMBER("calls", now.calls_len),
        SCRIPT_NUMBER("moved", now.moved_len),
        SCRIPT_NUMBER("losses", now.losses),
        SCRIPT_NUMBER("held", now.held),
        SCRIPT_NUMBER("in_flight", saga_engine_in_flight(engine())),
    };
    script_expect_field(line, 0, fields);
}

static const char *text_of(struct span span, char text[128])
{
    return span.len < 128 && span_to_cstr(span, text, 128) ? text : "long";
}

SCRIPT_VERB(has_call, "call")
{
    const struct saga_call *call = now.calls[call_at(line)];
    char data[128];
    const struct script_field fields[SCRIPT_FIELDS] = {
        SCRIPT_TEXT("way", call->way == SAGA_UNDO ? "undo" : "do"),
        SCRIPT_TEXT("step", call->step),
        SCRIPT_NUMBER("tries", call->tries),
        SCRIPT_NUMBER("timeout", call->timeout_ms),
        SCRIPT_NUMBER("age", call->age_ms),
        SCRIPT_TEXT("trace", call->trace),
        SCRIPT_TEXT("data", text_of(call->data, data)),
    };
    script_expect_values(line, 2, fields);
}

/* The kind and the JSON of each. */
static const char *text_of_effects(const struct saga_effects *effects, char text[64])
{
    uint32_t at = 0;
    uint8_t kind;
    struct span json;
    int len = 0;
    while (effects != NULL && saga_effects_next(effects, &at, &kind, &json))
        len += snprintf(text + len, 64 - (size_t)len, "%u%.*s", kind, (int)json.len, json.ptr);
    text[len] = '\0';
    assert_int_equal(effects != NULL, len > 0);
    return text;
}

SCRIPT_VERB(has_move, "move")
{
    const struct saga_move *move = now.moved;
    char data[128], effects[64];
    const struct script_field fields[SCRIPT_FIELDS] = {
        SCRIPT_NUMBER("id", move->id),
        SCRIPT_NUMBER("at", move->at_step),
        SCRIPT_NUMBER("tried", move->tried),
        SCRIPT_TEXT("state", saga_state_name(move->state)),
        SCRIPT_NUMBER("step", move->step),
        SCRIPT_NUMBER("tries", move->tries),
        SCRIPT_TEXT("cause", move->cause),
        SCRIPT_NUMBER("parked", move->parked),
        SCRIPT_NUMBER("release", move->release),
        SCRIPT_NUMBER("wake", move->wake),
        SCRIPT_NUMBER("took", move->took_us),
        SCRIPT_NUMBER("rode", move->rode),
        SCRIPT_NUMBER("delay", move->delay_ms),
        SCRIPT_NUMBER("size", move->data.len),
        SCRIPT_TEXT("mark", saga_mark_name(move->mark)),
        SCRIPT_TEXT("code", move->code),
        SCRIPT_TEXT("detail", move->detail),
        SCRIPT_TEXT("trace", move->trace),
        SCRIPT_TEXT("data", move->data.ptr != NULL ? text_of(move->data, data) : ""),
        SCRIPT_TEXT("effects", text_of_effects(move->effects, effects)),
    };
    script_expect_values(line, 1, fields);
}

SCRIPT_VERB(has_row, "after")
{
    const struct script_field fields[SCRIPT_FIELDS] = {
        SCRIPT_NUMBER("size", now.after.data.len),
        SCRIPT_NUMBER("moves", now.after.moves),
        SCRIPT_NUMBER("began", (uint64_t)now.after.step_us),
    };
    script_expect_values(line, 1, fields);
}

/* ---- rows ---- */

/* One saga is leased, and its step is called. */
#define CALLED "serve one; calls 1; "
/* The step has ended, and the move is on its way to the store. */
#define COMMITTING(VERDICT) CALLED "end 1 " VERDICT "; turn 3ms; commits 1; "
/* The lease ends at 60001 ms, minus a margin of half a second. */
#define OVER "59501ms"
/* The same with a peer; then the move is stored, and another saga calls the same peer. */
#define ASKED       "serve ask; calls 1; "
#define ASKED_AGAIN "stored; nudge; turn 4ms; row ask; leased; turn 5ms; "

/* Where a verdict leads from each kind of step: 0 and 2 have an undo, 1 has none, 3 is the pivot, 4
 * is optional, 5 is the last. It falls at 30 s, and a step may take 20 s. */
#define VERDICT_LEADS(CASES)                                                                       \
    "turn 1ms; row six state=$a step=$b began=$c tries=2; leased; turn 30s; calls 1; "             \
    "end 1 $d code=why retry=400; turn 30s; move at=$b tried=3 mark=$e state=$f step=$g cause=$h " \
    "parked=$i release=$j delay=$k tries=$l ||" CASES
#define IN_TIME(STEP) "running " STEP " 11s unknown unknown running " STEP " - 0 1 400..1000 3|"

static const struct script_row rows[] = {
    /* the table of saga.c */
    {"step_that_is_done_leads_down_and_back_up_past_steps_without_undo",
     VERDICT_LEADS("running 0 30s done done running 1 - 0 1 400 0|"
                   "running 3 30s done done running 4 - 0 1 400 0|"
                   "running 5 30s done done completed 5 - 0 1 0 0|"
                   "undoing 2 30s done done undoing 0 - 0 1 400 0|"
                   "undoing 0 30s done done undone 0 - 0 1 0 0")},
    {"failure_leads_back_from_the_step_above_or_is_parked_or_skipped",
     VERDICT_LEADS("running 3 30s failed failed undoing 2 why 0 0 0 0|"
                   "running 2 30s failed failed undoing 0 why 0 0 0 0|"
                   "running 0 30s failed failed undone 0 why 0 1 0 0|"
                   "running 5 30s failed failed running 5 why 1 1 0 2|"
                   "running 4 30s failed skipped running 5 - 0 0 0 0|"
                   "undoing 0 30s failed failed undoing 0 why 1 1 0 2")},
    {"step_that_is_ongoing_is_repeated_until_its_deadline",
     VERDICT_LEADS("running 1 30s ongoing ongoing running 1 - 0 1 400 0|"
                   "running 0 10s+1ms ongoing ongoing running 0 - 0 1 400 0|"
                   "running 0 10s ongoing turned undoing 0 deadline 0 0 0 0|"
                   "running 3 10s ongoing ongoing running 3 deadline 1 1 0 0|"
                   "running 4 10s ongoing skipped running 5 - 0 0 0 0")},
    {"unknown_step_before_the_pivot_turns_back_at_its_deadline",
     VERDICT_LEADS(IN_TIME("0") IN_TIME("1") IN_TIME("2") IN_TIME("3") IN_TIME("4")
                       IN_TIME("5") "running 2 10s unknown turned undoing 2 deadline 0 0 0 0|"
                                    "running 1 10s unknown turned undoing 0 deadline 0 0 0 0|"
                                    "running 0 10s unknown turned undoing 0 deadline 0 0 0 0|"
                                    "running 3 10s unknown unknown running 3 deadline 1 1 0 2|"
                                    "running 5 10s unknown unknown running 5 deadline 1 1 0 2|"
                                    "undoing 2 10s unknown unknown undoing 2 deadline 1 1 0 2|"
                                    "running 4 10s unknown skipped running 5 - 0 0 0 0")},
    /* Of such dice each throw gives the longest pause. */
    {"near_pauses_stay_short_and_later_ones_double",
     "conf dice=6527222202500; serve $a tries=$b; end 1 unknown; turn 3ms; move delay=$c ||"
     "one 0 100|one 1 200|one 2 400|one 3 800|one 4 1000|near 0 100|near 1 200|near 2 200|"
     "near 4 200|near 5 400|near 6 800|near 7 1000|near 8999 1000"},
    {"pause_ends_soon_after_the_time_that_a_peer_names",
     "conf dice=36003999; serve far tries=9; end 1 unknown retry=$a; turn 3ms; move delay=$b ||"
     "0 9000|1 4000|1000 4999|8000 9000|9500 9500"},
    {"pause_ends_at_the_deadline",
     "turn 1ms; row six step=4 began=$a; leased; turn 30s; end 1 unknown retry=3600000; turn 30s; "
     "move delay=$b || 16s 6000|10s+1 1"},
    {"failure_without_a_code_is_refused_and_keeps_an_earlier_cause",
     "serve six state=$a step=$b cause=$c; end 1 failed; turn 3ms; move cause=$d parked=$e ||"
     "running 1 - refused 0|undoing 2 - refused 1|undoing 2 expired expired 1"},
    {"cancel_turns_back_from_the_current_step_down_to_the_pivot",
     "serve six step=$a cancel; calls 0; move mark=turned state=undoing step=2 cause=cancelled "
     "code=cancelled || 2|3"},
    /* No statement writes such a cancel, but a person can: it must not crash each process that
     * leases the row. */
    {"cancel_below_the_pivot_turns_nothing_back", "serve six step=5 cancel; call 1 way=do"},
    {"cancel_on_the_way_back_changes_nothing",
     "serve six state=undoing step=2 cancel; call 1 way=undo"},
    {"deferred_saga_sleeps_unchanged_and_its_time_goes_on",
     "conf reported admit=777; serve ask tries=2 began=7; calls 0; move mark=deferred "
     "state=running step=0 tries=2 delay=777; stored; after moves=1 began=7"},

    /* leasing */
    {"nudge_during_a_lease_waits_for_the_answer",
     "turn 1ms; leases 1; nudge; turn 2ms; due later; turn 700ms; due later; turn 1400ms; due "
     "later; leases 1; leased; due now; turn 1400ms; leases 2"},
    {"nudge_waits_for_a_free_slot",
     "serve one x12; calls 12; nudge; turn 3ms; due later; leases 1"},
    {"drained_engine_leases_nothing_and_is_not_due",
     CALLED "drain; nudge; turn 3ms; leases 1; due later"},
    {"saga_leased_while_draining_is_given_back_at_once",
     "turn 1ms; drain; row one; leased; turn 2ms; calls 0; commits 1; move release=1 delay=0 "
     "mark=deferred; busy; stored; idle"},
    {"failed_lease_is_retried",
     "turn 1ms; lease-failed; due 201ms; turn 201ms-1; leases 1; turn 201ms; leases 2"},
    {"lease_after_a_lost_one_names_the_sagas_that_the_engine_has",
     "serve one x2; turn 502ms; leases 2; losses 0; lease-failed; turn 702ms; leases 3; losses 1; "
     "held 2; leased"},
    {"lost_lease_is_ended_once_a_second_until_it_would_have_ended",
     "turn 1ms; lease-failed; turn 201ms; losses 1; leased; turn 701ms; leases 3; losses 1; "
     "leased; "
     "turn $a; losses 2; leased; turn $b; losses $c || 1201ms 60000ms 3|1201ms 60001ms 2"},
    {"full_lease_is_followed_by_another_and_others_by_a_pause",
     "turn 1ms; leases 1; row one x12; leased; turn 2ms; end all done; turn 3ms; moved 12; stored; "
     "turn 4ms; leases 2; leased; due 504ms; turn 504ms-1; leases 2; turn 504ms; leases 3; "
     "commits 1"},
    {"lease_waits_for_the_commit_under_way_and_shares_the_next",
     "serve one x3; end 1 done; turn 3ms; commits 1; nudge; end 2 done; turn 4ms; commits 1; "
     "leases 1; due later; stored; turn 5ms; commits 2; leases 2"},
    {"single_free_slot_is_leased_for_without_a_commit",
     "turn 1ms; row one x11; leased; nudge; due 1ms; turn 2ms; leases 2"},
    {"new_engine_is_due_at_once", "conf begin=7ms; due 7ms; turn 7ms; leases 1"},
    {"engine_is_idle_when_nothing_is_out",
     "idle; turn 1ms; busy; row one; leased; busy; turn 2ms; end 1 done; nudge; turn 3ms; "
     "lease-failed; busy; stored; idle"},
    {"sleeping_saga_is_leased_when_it_is_due_or_by_the_next_idle_lease",
     "serve one; end 1 ongoing retry=$a; turn 3ms; move release=1; stored; due $b; "
     "turn $b-1; leases 1; turn $b; leases 2 || 100 103ms|600 501ms"},
    {"woken_saga_is_leased_at_once",
     CALLED "end 1 ongoing retry=100; turn 3ms; stored wake=1; due 3ms; turn 3ms; leases 2"},
    {"parked_saga_is_not_leased_again",
     COMMITTING("done") "refused; turn 4ms; move parked=1; stored wake=7; due "
                        "501ms; turn 5ms; in_flight 0; leases 1"},
    {"ended_saga_is_not_leased_again_for_a_wake", COMMITTING("done") "stored wake=7; due 501ms"},

    /* leases that end */
    {"saga_whose_lease_is_over_is_dropped",
     "turn 1ms; row one; leased; turn " OVER "; calls 0; in_flight 0"},
    {"move_whose_lease_is_over_is_dropped",
     CALLED "end 1 done; turn " OVER "; commits 0; in_flight 0"},
    {"lost_commit_is_repeated_until_the_lease_is_over",
     COMMITTING("done") "lost; turn $a; commits $b; in_flight $c ||" OVER "-1 2 1|" OVER " 1 0"},
    {"renewed_lease_lets_the_next_step_run",
     "conf slots=1; serve two lease=2s; end 1 done; turn 3ms; stored lease=9s; turn 5s; calls 1"},

    /* commits */
    {"after_a_lost_commit_a_nudge_waits_for_its_retry",
     COMMITTING("done") "lost; nudge; turn 4ms; leases 1; due 103ms; turn 103ms; commits 2"},
    {"lost_commit_is_retried_before_the_next_idle_lease",
     COMMITTING("done") "lost; due 103ms; turn 103ms-1; commits 1; turn 103ms; commits 2"},
    {"refused_move_is_parked_then_parked_bare_then_dropped",
     COMMITTING("done") "refused; turn 4ms; commits 2; move parked=1 release=1 code=bad-row "
                        "detail=too-long cause=bad-row state=running step=0 tries=1; "
                        "refused; turn 5ms; commits 3; move parked=1 release=1 code=bad-row; "
                        "refused; turn 6ms; commits 3; in_flight 0"},
    {"refused_move_of_an_undo_keeps_why_the_saga_turned_back",
     "serve six state=undoing step=2 cause=expired; end 1 done; turn 3ms; refused; turn 4ms; "
     "move parked=1 code=bad-row cause=expired"},
    {"next_saga_in_a_slot_starts_with_no_refusals",
     "conf slots=1; turn 1ms; row one; leased; turn 10ms; end 1 done; turn 11ms; refused; turn "
     "12ms; refused; turn 13ms; commits 3; refused; nudge; turn 14ms; commits 3; leases 2; row "
     "one; leased; turn 20ms; end 1 done; turn 21ms; refused; turn 22ms; refused; turn 23ms; "
     "commits 6; refused; nudge; turn 24ms; commits 6; leases 3"},
    {"fenced_saga_is_dropped", COMMITTING("done") "fenced; turn 4ms; in_flight 0"},
    {"moves_whose_lease_is_over_are_not_repeated",
     "turn 1ms; row one lease=30s; row one x2; leased; turn 2ms; end all done; turn 3ms; moved 3; "
     "lost; turn 30s; commits 2; moved 2; move id=2; turn 31s; commits 2; stored; "
     "in_flight 0"},

    /* calls */
    {"calls_beyond_the_limit_wait_for_an_answer",
     "conf slots=4 calls=2; turn 1ms; row one x4; leased; due 1ms; turn 2ms; calls 2; due 502ms; "
     "end 1 done; due 2ms; turn 3ms; calls 2; call 3 tries=0"},
    {"engine_is_due_when_a_call_times_out",
     "conf slots=1 idle_ms=20000; " CALLED
     "due 10002ms; turn 10002ms-1; in_flight 1; turn 10002ms; move "
     "code=timeout took=10s mark=unknown"},
    {"second_of_three_calls_to_time_out_makes_the_engine_due",
     "turn 1ms; row one; row quick; row one; leased; turn 2ms; due 402ms; end 2 done; due 2ms"},
    {"calls_finish_in_reverse_order",
     "serve one x3; end 3 done; turn 3ms; moved 1; stored; end 2 done; turn 4ms; moved 1; "
     "stored; end 1 done; turn 5ms; moved 1"},
    {"finished_call_is_freed_with_the_engine", CALLED "end 1 done"},
    {"step_that_finishes_at_once_moves_in_the_same_turn",
     "serve at-once; calls 0; commits 1; move mark=done"},

    /* what a step gets, and what it leaves */
    {"step_is_given_its_try",
     "turn 1ms; row one id=77 tries=3 began=$a data=seats; leased; turn 5s; calls 1; "
     "call 77 way=do step=a tries=3 timeout=10000 age=$b data=seats || "
     "2s 3000|5s 0|5s+1 0"},
    {"stored_data_stays_until_other_data_is_stored",
     "serve three data=o; call 1 data=o; data 1 new; data 1 newest; end 1 done; turn 3ms; move "
     "data=newest took=1ms; stored; turn 4ms; call 1 data=newest; end 1 done; turn 5ms; move "
     "data=- took=1ms; stored; turn 6ms; call 1 data=newest; end 1 done; turn 7ms; move data=-; "
     "stored; in_flight 0"},
    {"effects_go_with_a_known_outcome",
     CALLED "effect 1 9; effect 1 3 [1]; end 1 $a code=the-code detail=words; turn 3ms; "
            "move code=the-code detail=words effects=$b || done 9{}3[1]|unknown -"},
    {"data_and_effects_stored_for_one_saga_are_not_stored_for_the_next",
     "conf slots=1; " CALLED "effect 1 9; data 1 mine; end 1 done; turn 3ms; move effects=9{}; "
     "stored; nudge; turn 4ms; row one id=2; leased; turn 5ms; call 2 "
     "data=-; end 2 unknown; turn 6ms; move id=2 effects=- data=-"},
    {"local_steps_below_the_pivot_are_done_with_the_move_before_them",
     "conf reported; serve $a data=was; effect 1 9; end 1 done; turn 3ms; move at=0 rode=$b "
     "state=$c step=$d "
     "data=$e effects=$f release=$g; stored; after moves=1 size=$h || "
     "rides 2 completed 2 rode 9{}2[]2[] 1 4|"
     "rides-above 0 running 1 - 9{} 0 3"},
    /* It runs in a turn of its own, and its writes are discarded. */
    {"local_step_that_cannot_be_done_with_the_move_before_it_is_not",
     "serve $a data=was; effect 1 9; end 1 done; turn 3ms; move at=0 rode=$b state=running step=$c "
     "data=$d effects=$e release=0; stored || starved 1 2 rode 9{}2[]|heavy 0 1 - 9{}"},
    {"longest_data_are_stored_and_what_is_too_long_makes_the_outcome_unknown",
     "conf reported; serve one data=was; $a 1 $b; $a 1 $c; end 1 done; turn 3ms; commits 1; "
     "move effects=- mark=$d code=$e size=$f; stored; after size=$g || "
     "data {} full done - 65536 65536|data too-long {} unknown no-memory 0 3|"
     "effect 9 too-long unknown no-memory 0 3"},
    {"data_are_dropped_with_effects_that_are_too_long",
     "conf reported; serve adds-too-much data=was; data 1 {}; end 1 done; turn 3ms; move effects=- "
     "mark=unknown code=no-memory size=0; "
     "stored; after size=3"},
    {"try_is_given_a_trace_of_its_own",
     "conf traced; serve one x2 trace=row; call 1 trace=try; call 2 trace=try; end 1 done; turn "
     "3ms; move trace=try; stored; turn 10002ms; move code=timeout trace=try"},
    {"saga_that_turns_back_is_undone_step_by_step",
     "serve back step=1; call 1 way=do; end 1 failed code=no; turn 3ms; stored; turn 4ms; calls 1; "
     "call 1 way=undo; end 1 done; turn 5ms; stored; in_flight 0"},
    {"cancelled_saga_turns_back_before_its_next_step",
     "serve two; end 1 done; turn 3ms; stored cancel wake=5; turn 4ms; calls 0; move mark=turned "
     "code=cancelled wake=5; stored; in_flight 0"},

    /* peers */
    {"peer_is_left_alone_until_it_is_admitted",
     "conf admit=$a; serve ask; calls $b; commits $c || 0 1 0|1 0 1"},
    {"retries_beyond_the_budget_wait",
     "conf cap=2 share=500; serve ask x4 tries=1; calls 2; moved 2; move delay=500..1499"},
    {"first_tries_earn_a_retry",
     "conf cap=1 per_s=0 share=500; turn 1ms; row ask tries=1; row ask x2; row ask x2 tries=1; "
     "leased; turn 2ms; calls 4; moved 1; move id=5"},
    {"longest_wait_for_the_budget_is_a_second_and_a_half",
     "conf dice=1000999 cap=1; serve ask x2 tries=1; move delay=1499"},
    {"longest_wait_for_a_silent_peer_is_twice_its_pause",
     "conf dice=1997 trip=1; serve ask x2; end 1 unknown; turn 3ms;" ASKED_AGAIN
     "move mark=deferred delay=1997"},
    {"silent_peer_is_left_alone_and_then_probed_once",
     "conf trip=2; serve ask x2; calls 2; end all unknown; turn 3ms; stored; nudge; turn 4ms; row "
     "ask x2; leased; turn 5ms; calls 0; move mark=deferred delay=999..1997; "
     "stored; nudge; turn 1003ms; row ask x2; leased; turn 1003ms+1; calls 1; end all done; turn "
     "1004ms; stored; turn 1005ms; stored; nudge; turn 1006ms; row ask x2; leased; turn 1007ms; "
     "calls 2"},
    {"probe_of_a_silent_peer_may_be_a_retry_beyond_the_budget",
     "conf trip=1 cap=1 per_s=0; serve ask tries=1; end 1 unknown; turn 3ms; stored; nudge; turn "
     "1003ms; row ask tries=1; leased; turn 1003ms; calls 1"},
    {"silence_with_too_long_data_opens_the_breaker_and_an_answer_does_not",
     "conf trip=1; " ASKED "data 1 too-long; end 1 $a; turn 3ms; move code=no-memory; " ASKED_AGAIN
     "calls $b || unknown 0|done 1"},
    {"probe_without_a_question_leaves_the_breaker_open",
     "conf trip=1; " ASKED
     "end 1 unknown; turn 3ms; stored; nudge; turn 1003ms; row ask x2; leased; turn 1003ms; calls "
     "1; end all done heard=nothing; move mark=deferred; stored; turn 1003ms; stored; nudge; turn "
     "1003ms; row ask x2; leased; turn 1003ms; calls 1"},
    {"retry_without_a_question_gives_its_budget_back",
     "conf cap=2 per_s=0; serve ask x2 tries=1; calls 2; end all unknown heard=nothing; turn 3ms; "
     "stored; nudge; turn 4ms; row ask x3 tries=1; leased; turn 5ms; calls 2"},
    {"silence_of_the_last_peer_does_not_stop_the_first",
     "conf trip=1 cap=1; turn 1ms; row ask-last x2 tries=1; row ask tries=1; leased; turn 2ms; "
     "calls 2; call 1 tries=1; call 3 tries=1; moved 1; stored; end 1 unknown; end 3 done; "
     "turn 3ms; stored; nudge; turn 4ms; row ask-last x2; row ask; leased; turn 5ms; calls 1; "
     "call 3 tries=0"},
};

/* A late finish frees calls that are still open. */
static void end(void)
{
    saga_engine_destroy(now.engine);
    for (uint32_t i = 0; i < now.calls_len; i++)
        saga_call_finish(now.calls[i], &(struct saga_outcome){.verdict = SAGA_UNKNOWN});
    memset(&now, 0, sizeof(now));
}

static void begin(void)
{
    rng_seeded_init(&now.rng, 1);
    now.conf = conf_of(SLOTS, SLOTS);
}

/* ---- what a row cannot say ---- */

TEST_CASE(slots_and_calls_out_of_range_are_refused)
{
    const struct {
        uint32_t slots, calls_max;
        const char *says; /* NULL: accepted */
    } cases[] = {
        {0, 1, "saga slots: 0"},           {1, 0, "saga calls at a time: 0"},          {1, 1, NULL},
        {1, 2, "saga calls at a time: 2"}, {8, 9, "saga calls at a time: 9"},          {8, 8, NULL},
        {SAGA_SLOTS_MAX, 1, NULL},         {SAGA_SLOTS_MAX + 1, 1, "saga slots: 4097"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct saga_engine *engine = NULL;
        struct saga_engine_conf conf = conf_of(cases[i].slots, cases[i].calls_max);
        struct err_slot err;
        int rc = saga_engine_create(&conf, 0, &err, &engine);
        assert_int_equal(rc, cases[i].says == NULL ? 0 : ERR_RANGE);
        if (cases[i].says != NULL)
            assert_says(&err, cases[i].says);
        saga_engine_destroy(engine);
    }
}

TEST_CASE(long_code_and_detail_are_copied_and_cut)
{
    static const struct script_row called = {"called", CALLED};
    char code[SAGA_CODE_MAX + 2] = "", detail[SAGA_DETAIL_MAX + 2] = "";
    memset(code, 'c', sizeof(code) - 1);
    memset(detail, 'd', sizeof(detail) - 1);
    script_run(&called, script_verbs);
    saga_call_finish(now.calls[0], &(struct saga_outcome){
                                       .verdict = SAGA_FAILED, .code = code, .detail = detail});
    now.calls_len = 0;
    memset(code, 'x', sizeof(code) - 1);
    memset(detail, 'x', sizeof(detail) - 1);
    saga_engine_turn(now.engine, 3000);
    assert_int_equal(strspn(now.moved->code, "c"), SAGA_CODE_MAX - 1);
    assert_int_equal(strspn(now.moved->detail, "d"), SAGA_DETAIL_MAX - 1);
}

TEST_CASE(definition_is_found_by_its_whole_key)
{
    assert_ptr_equal(saga_engine_def(engine(), SPAN("one")), &defs[0]);
    assert_ptr_equal(saga_engine_def(engine(), SPAN("two")), &defs[1]);
    assert_null(saga_engine_def(engine(), SPAN("four")));
    assert_null(saga_engine_def(engine(), SPAN("on")));
}

UNIT_BETWEEN(begin, end)
SCRIPT_TESTS(rows, script_verbs)
