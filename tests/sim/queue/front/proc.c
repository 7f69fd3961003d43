/* proc.c: see proc.h. */
#include "queue/front/proc.h"

#include "queue/front/wire.h"
#include "stage/faults.h"
#include "stage/invariant.h"
#include "stage/outcalls.h"

#include "admin/admin.h"
#include "api/api.h"
#include "core/token/presale.h"
#include "ended/ended.h"
#include "front/front_life.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LEAVE_MS = 400 };
enum { ROTATED_US = 30 * SIM_S }; /* a front that stood still has the new keys, too */
enum { HELD_MAX = 100 };          /* held seats: the autopilot's limit in operators.c */

#define ENDED_AT "http://seats"
#define HEALTH   ENDED_AT "/metrics"

static const struct front_config config = {
    .redis_path = "/redis.sock",
    .redis_tick_ms = 100,
    .line_gone_after_ms = FRONTS_GONE_AFTER_MS,
    .line_joins_waiting = 4096,
    .ticket_lifetime_ms = UINT64_C(3) * 86400 * 1000,
    .pass_issuer = GUEST_ISSUER,
    .pass_next_url = "/seats/{event}",
    .visits_ended_at = ENDED_AT,
    .autopilot_health = HEALTH,
    .autopilot_interval_ms = 1000,
    .members_issuer = ASK_SHOP,
    .members_audience = GUEST_ISSUER,
};

static const struct clock world_clock = {sim_mono_us, sim_wall_us, NULL};
static struct front_shared shared;
static struct proc_fleet fleet;

/* ---- calls to a front, and to the services behind the line ---- */

/* For some seconds each, the services are silent, at ease or overloaded. When nothing goes wrong
 * any more they stay silent: then the rate must be the floor. */
static unsigned answer_health(struct text *body)
{
    static uint64_t until_us, held;
    if (sim_us() >= until_us) {
        held = sim_below(SIM_CHOICES, 5) * HELD_MAX * 3 / 5;
        until_us = sim_us() + sim_between(2 * (uint64_t)SIM_S, 12 * (uint64_t)SIM_S);
    }
    if (held == 0 || fault_ended_us() > 0)
        return 503;
    text_printf(body, "fairgate_seats_held %" PRIu64 "\n", held);
    return 200;
}

/* While a rotation is on its way to the fronts, some still publish the set before. */
static unsigned answer_call(const char *url, struct text *body)
{
    static const char head[] = ENDED_AT "/internal/sessions/";
    char session[GUEST_SESSION_MAX];
    if (strncmp(url, head, strlen(head)) == 0) {
        int len = (int)strcspn(url + strlen(head), "/");
        assert(len < (int)sizeof(session));
        snprintf(session, sizeof(session), "%.*s", len, url + strlen(head));
        if (fleet.on_left != NULL)
            fleet.on_left(session);
        return 204;
    }
    if (strcmp(url, HEALTH) == 0)
        return answer_health(body);
    bool old = fleet.rotated_us + PROC_ROTATES_US > sim_us() && sim_below(SIM_CHOICES, 2) == 0;
    jwks_put(body, old && fleet.before != NULL ? fleet.before : fleet.keys->passes);
    return 200;
}

/* A visit that ends is reported at once; retries come from a timer. */
static void on_sent(struct sim_proc *from, const char *url)
{
    if (strncmp(url, ENDED_AT, strlen(ENDED_AT)) == 0)
        proc_of(from)->reported_us = sim_us();
}

/* ---- shared by all fronts ---- */

/* It stays open: a reload reads it again. */
static void make_file(struct span bytes, char path[PROC_PATH_BYTES])
{
    int fd = memfd_create("secret", MFD_CLOEXEC);
    snprintf(path, PROC_PATH_BYTES, "/proc/self/fd/%d", fd);
    int rc = fchmod(fd, 0600);
    assert(rc == 0);
    ssize_t written = write(fd, bytes.ptr, bytes.len);
    assert(written == (ssize_t)bytes.len);
}

/* Random keys: the run does not depend on their bytes. */
static struct jwks_key *make_key(void)
{
    struct jwks_key *key;
    int rc = jwks_key_generate(NULL, &key);
    assert(rc == 0);
    return key;
}

static void make_shop(char path[PROC_PATH_BYTES])
{
    char memory[4096];
    struct text text = text_on(memory, sizeof(memory));
    struct jwks *keys;
    int rc = jwks_create(NULL, &keys);
    assert(rc == 0);
    rc = jwks_add(keys, make_key(), NULL);
    assert(rc == 0);
    jwks_put(&text, keys);
    make_file(text_span(&text), path);
    fleet.shop = jwks_signer(keys);
}

/* As a start and each reload do. */
void proc_read_keys(const struct proc_fleet *of)
{
    const struct secrets_paths paths = {of->files.ring,   of->files.ring, of->files.ring,
                                        of->files.passes, of->files.shop, of->files.token};
    struct err_slot err;
    int rc = secrets_load(&paths, fleet.keys, &world_clock, &err, &fleet.keys);
    assert(rc == 0);
    shared.keys = fleet.keys;
}

/* A new key signs passes, and the one before stays valid. */
static void make_pass_key(void)
{
    static char before[PROC_PATH_BYTES];
    char memory[4096], path[PROC_PATH_BYTES];
    struct text pem = text_on(memory, sizeof(memory));
    struct jwks_key *key = make_key();
    struct err_slot err;
    int rc = jwks_key_put_pem(key, &pem, &err);
    assert(rc == 0);
    jwks_key_destroy(key);
    make_file(text_span(&pem), path);
    snprintf(fleet.files.passes, sizeof(fleet.files.passes), before[0] != '\0' ? "%s,%s" : "%s",
             path, before);
    memcpy(before, path, sizeof(before));
}

bool proc_fleet_is_rotated(void)
{
    return fleet.rotated_us == 0 || fleet.rotated_us + ROTATED_US < sim_us();
}

void proc_fleet_rotate(const struct proc_version *before)
{
    fleet.before = fleet.keys->passes;
    fleet.rotated_us = sim_us();
    make_pass_key();
    proc_read_keys(&fleet);
    if (before != NULL)
        before->read_keys(&fleet);
    sim_note("passes are signed with another key");
}

void proc_use_keys(void *ctx)
{
    front_use_keys(((const struct proc *)ctx)->front);
}

static void make_routes(void)
{
    static const struct http_route *const all[] = {
        queue_api_routes,        move_api_routes,   pass_api_routes,
        admin_change_routes,     admin_move_routes, admin_codes_routes,
        pass_api_private_routes, end_api_routes,    NULL};
    struct err_slot err;
    int rc = http_router_create(&err, &fleet.routes);
    assert(rc == 0);
    rc = http_router_add_tables(fleet.routes, all, &err);
    assert(rc == 0);
}

void proc_begin(const struct proc_fleet *of)
{
    fleet = *of;
    fleet.keys = NULL;
    make_routes();
    outcalls_begin(fleet.answer_call, fleet.on_sent);
    shared = (struct front_shared){.place = "line:8081", .config = &config, .loops = 1};
    proc_read_keys(&fleet);
    shared.redis_password = fleet.keys->visits;
    int rc = uv_mutex_init(&shared.keys_lock);
    assert(rc == 0);
}

void proc_fleet_begin(const struct ask_ears *ears)
{
    fleet.ears = *ears;
    fleet.answer_call = answer_call;
    fleet.on_sent = on_sent;
    make_file(SPAN("1 000102030405060708090a0b0c0d0e0f\n"), fleet.files.ring);
    make_file(SPAN("token"), fleet.files.token);
    make_shop(fleet.files.shop);
    make_pass_key();
    const struct proc_fleet of = fleet;
    proc_begin(&of);
}

void proc_fleet_report(void (*on_left)(const char *session))
{
    fleet.on_left = on_left;
}

const struct proc_fleet *proc_fleet(void)
{
    return &fleet;
}

/* ---- for the checkers ---- */

const struct line_view *proc_view(const struct proc *proc, struct line_ref line)
{
    char id[LINE_ID_MAX + 1];
    lines_id(line, id);
    return line_store_view(proc->front->store, span_of(id));
}

const struct line_view *proc_general(const struct proc *proc, const struct ask *ask)
{
    return proc_view(proc, (struct line_ref){ask->line.event, 0});
}

bool proc_is_judged(const struct proc *proc, const struct ask *ask)
{
    const struct line_view *view = proc_general(proc, ask);
    return view != NULL && lines_is_newest(ask->line.event, span_of(view->incarnation));
}

void proc_digest(unsigned event, uint64_t presale, uint8_t out[LINE_CODE_BYTES])
{
    char code[ASK_PRESALE_MAX];
    uint8_t sha[PRESALE_SHA_BYTES];
    ask_presale_text(presale, code);
    bool good = presale_digest(span_of(code), sha);
    assert(good);
    presale_sign(&fleet.keys->identities.key[0].codes, span_of(lines_event(event)), sha, out);
}

static void arrive_back(void *ctx)
{
    struct ask *ask = ctx;
    if (!ask->over) {
        ask->over = true;
        sim_gate_ring(ask->bell);
    }
}

void proc_answer(struct proc *proc, struct ask *ask, int outcome)
{
    const struct line_view *view = proc_view(proc, ask->line);
    ask->outcome = outcome;
    ask->stale = view == NULL || view->stale;
    ask->state = view != NULL ? view->state : LINE_DRAFT;
    if (proc_is_judged(proc, ask))
        fleet.ears.on_answer(proc->number, ask);
    if (fault_now(FAULT_ASK_ANSWER_LOST)) {
        ask->outcome = ANSWER_NONE;
        return;
    }
    sim_after(NULL, sim_between(SIM_MS, 40 * SIM_MS), arrive_back, ask);
}

/* ---- what surrounds a front in its process (service.h) ---- */

void service_ready(struct service_loop *loop, const char *condition, const char *reason)
{
    (void)loop;
    (void)condition;
    (void)reason;
}

void service_run(struct service_job *job)
{
    job->run(job->ctx);
    job->then(job->ctx);
}

const char *service_operator(const struct service_loop *loop, const struct http_req *req)
{
    (void)loop;
    (void)req;
    return NULL;
}

/* ---- its life ---- */

static uint64_t mono_us(void *ctx)
{
    return sim_us() + ((const struct proc *)ctx)->mono_base_us;
}

static uint64_t wall_us(void *ctx)
{
    return sim_wall_us(NULL) + (uint64_t)((const struct proc *)ctx)->wall_ahead_us;
}

/* Of all faults here only a Redis without memory may cause an error that a front logs: a script
 * that fails, or a reply that the front cannot read, would stop a line for good. */
static void on_line(void *ctx, struct span line)
{
    /* Errors expected in this world: Redis is out of memory, or has lost cuts that only a then
     * paused front knew. */
    static const char *const known[] = {"\"OOM ", "Redis has other cuts"};
    (void)ctx;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (memmem(line.ptr, line.len, known[i], strlen(known[i])) != NULL)
            return;
    invariant_broken(INVARIANT_4, "a front's error: %.*s", (int)line.len, line.ptr);
}

static struct logger *alarm_logger(void)
{
    static struct logger *logger;
    const struct logger_conf conf = {
        .service = "queue-front", .level = LOG_LEVEL_ERROR, .clock = &world_clock, .sink = on_line};
    struct err_slot err;
    int rc = logger == NULL ? logger_create(&conf, &err, &logger) : 0;
    assert(rc == 0);
    return logger;
}

void proc_start(struct proc *proc)
{
    struct service_loop *service = sim_new(sizeof(*service));
    struct err_slot err;
    sim_proc_start(&proc->sim);
    proc->leaving = proc->serves = false;
    proc->judged_again = proc->fault_us = 0;
    proc->loop = (uv_loop_t){.data = &proc->sim};
    proc->mono_base_us = sim_below(SIM_SYSTEM, 1000 * (uint64_t)SIM_S);
    proc->wall_ahead_us = fault_now(FAULT_CLOCKS)
                              ? (int64_t)sim_below(SIM_FAULTS, 6 * (uint64_t)SIM_S) - 3 * SIM_S
                              : 0;
    proc->clock = (struct clock){mono_us, wall_us, proc};
    *service = (struct service_loop){.uv = &proc->loop,
                                     .server = wire_server(&proc->clock, service),
                                     .clock = &proc->clock,
                                     .rng = sim_rng(SIM_SYSTEM),
                                     .log = alarm_logger()};
    int rc = metrics_create(&err, &service->metrics);
    assert(rc == 0);
    proc->service = service;
    rc = front_create(service, &shared, &err, &proc->front);
    assert(rc == 0);
    service->ctx = proc->front;
}

static void end(void *ctx)
{
    struct proc *proc = ctx;
    front_close(proc->front);
    sim_proc_kill(&proc->sim, "gone in good order");
}

void proc_leave(void *ctx)
{
    struct proc *proc = ctx;
    sim_note("leaves");
    proc->leaving = true;
    front_leave(proc->front);
    sim_after(&proc->sim, LEAVE_MS * SIM_MS, end, proc);
}

bool proc_is_ready(const struct proc *proc)
{
    return line_store_ready(proc->front->store);
}
