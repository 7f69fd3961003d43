/* proc.c: see proc.h. */
#include "queue/front/proc.h"

#include "queue/front/alarm.h"
#include "queue/front/wire.h"
#include "stage/faults.h"

#include "admin/admin.h"
#include "api/api.h"
#include "behind/endings.h"
#include "core/token/presale.h"
#include "front/front_life.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LEAVE_MS = 400 };

static const struct front_config config = {
    .redis_host = "redis",
    .redis_port = 6379,
    .redis_tick_ms = 100,
    .line_gone_after_ms = FRONTS_GONE_AFTER_MS,
    .line_joins_waiting = 4096,
    .ticket_lifetime_ms = UINT64_C(3) * 86400 * 1000,
    .pass_issuer = GUEST_ISSUER,
    .pass_next_url = "/seats/{event}",
    .members_issuer = ASK_SHOP,
    .members_audience = GUEST_ISSUER,
};

static struct front_shared shared;
static struct proc_fleet fleet;

/* ---- shared by all fronts ---- */

/* Random keys: the run does not depend on their bytes. */
static struct jwks *make_keys(void)
{
    struct err_slot err;
    struct jwks_key *key;
    struct jwks *keys;
    int rc = jwks_key_generate(&err, &key);
    assert(rc == 0);
    rc = jwks_create(&err, &keys);
    assert(rc == 0);
    rc = jwks_add(keys, key, &err);
    assert(rc == 0);
    return keys;
}

static struct secret_file *make_token(void)
{
    char path[32];
    struct err_slot err;
    struct secret_file *token;
    int fd = memfd_create("token", MFD_CLOEXEC);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int rc = fchmod(fd, 0600);
    assert(rc == 0);
    ssize_t written = write(fd, "token", strlen("token"));
    assert(written > 0);
    rc = secret_file_read(path, &err, &token);
    assert(rc == 0);
    close(fd);
    return token;
}

static void make_secrets(void)
{
    struct err_slot err;
    struct secrets *keys = calloc(1, sizeof(*keys));
    assert(keys != NULL);
    atomic_init(&keys->refs, 1);
    keys->serial = 1;
    int rc = mac_ring_parse(SPAN("1 000102030405060708090a0b0c0d0e0f\n"), &err, &keys->tickets);
    assert(rc == 0);
    keys->draws = keys->tickets;
    identity_ring_make(&keys->tickets, &keys->identities);
    keys->passes = make_keys();
    keys->members = make_keys();
    keys->visits = make_token();
    fleet.keys = keys;
    fleet.shop = jwks_signer(keys->members);
}

static void make_routes(void)
{
    static const struct http_route *const all[] = {
        queue_api_routes,  move_api_routes,    pass_api_routes,         admin_change_routes,
        admin_move_routes, admin_codes_routes, pass_api_private_routes, NULL};
    struct err_slot err;
    int rc = http_router_create(&err, &fleet.routes);
    assert(rc == 0);
    rc = http_router_add_tables(fleet.routes, all, &err);
    assert(rc == 0);
}

void proc_fleet_begin(const struct ask_ears *ears)
{
    fleet.ears = *ears;
    make_secrets();
    make_routes();
    shared = (struct front_shared){.config = &config, .keys = fleet.keys, .loops = 1};
    int rc = uv_mutex_init(&shared.keys_lock);
    assert(rc == 0);
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

/* ---- what surrounds a front in its process (service.h, endings.h) ---- */

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

struct endings {
    struct proc *proc;
};

int endings_create(uv_loop_t *loop, const struct endings_conf *conf, struct err_slot *err,
                   struct endings **out)
{
    (void)conf;
    (void)err;
    *out = malloc(sizeof(**out));
    assert(*out != NULL);
    (*out)->proc = proc_of(loop->data);
    return 0;
}

void endings_use_token(struct endings *endings, struct span token)
{
    (void)endings;
    (void)token;
}

void endings_report(struct endings *endings, struct span session, uint64_t life_ms)
{
    struct proc *proc = endings->proc;
    char text[GUEST_SESSION_MAX];
    bool fits = span_to_cstr(session, text, sizeof(text));
    assert(fits && life_ms > 0);
    proc->has_reported = true;
    if (fleet.on_left != NULL)
        fleet.on_left(text);
}

void endings_look(struct endings *endings)
{
    (void)endings;
}

void endings_close(struct endings *endings)
{
    (void)endings;
}

void endings_free(struct endings *endings)
{
    free(endings);
}

/* ---- its life ---- */

static uint64_t mono_us(void *ctx)
{
    return sim_us() + ((const struct proc *)ctx)->mono_base_us;
}

static uint64_t wall_us(void *ctx)
{
    return (uint64_t)((int64_t)((uint64_t)SIM_EPOCH_S * SIM_S + sim_us()) +
                      ((const struct proc *)ctx)->wall_ahead_us);
}

void proc_start(struct proc *proc)
{
    struct service_loop *service = calloc(1, sizeof(*service));
    struct err_slot err;
    assert(service != NULL);
    sim_proc_start(&proc->sim);
    proc->leaving = proc->serves = proc->has_reported = false;
    proc->judged_again = 0;
    proc->loop = (uv_loop_t){.data = &proc->sim};
    proc->mono_base_us = sim_below(SIM_SYSTEM, 1000 * (uint64_t)SIM_S);
    proc->wall_ahead_us = fault_now(FAULT_CLOCKS)
                              ? (int64_t)sim_below(SIM_FAULTS, 6 * (uint64_t)SIM_S) - 3 * SIM_S
                              : 0;
    proc->clock = (struct clock){mono_us, wall_us, proc};
    /* Not index 0: the first loop also polls the health of others. */
    *service = (struct service_loop){.index = 1,
                                     .uv = &proc->loop,
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

void proc_leave(struct proc *proc)
{
    sim_note("leaves");
    proc->leaving = true;
    front_leave(proc->front);
    sim_after(&proc->sim, LEAVE_MS * SIM_MS, end, proc);
}
