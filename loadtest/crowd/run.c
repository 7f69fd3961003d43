/* run.c: first the prelude, which is not timed: each of the shop's accounts logs in once, as people
 * do before an on-sale, by password or with a token of the shop. Then all processes start at the
 * same instant, and each visitor arrives at its drawn time. */
#include "run.h"

#include "base/secret_file.h"
#include "system/system.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

struct run {
    struct crowd crowd;
    uv_loop_t loop;
    uv_timer_t tick;
    struct run_shared *shared;
    struct rng_seeded rng;
    char service_token[POOL_HEADER_MAX];
    struct pool_call call; /* of the prelude */
    uint32_t part, logged_in, refusals;
    uint64_t log_in_us; /* when to try again; 0: never */
    uint64_t end_us;
    bool started;
    bool closing;
    int status;
};

static int open_pool(struct run *run, const char *targets, uint32_t n, struct pool **out)
{
    struct pool_conf conf = {.link = run->crowd.link,
                             .connections = (uint32_t)run->crowd.scenario->connections};
    struct err_slot err;
    if (!scenario_target(targets, n, &conf.link.to)) /* checked when the scenario was read */
        return ERR_SYNTAX;
    return pool_create(&conf, &err, out);
}

static int open_fronts(struct run *run)
{
    struct crowd *crowd = &run->crowd;
    const char *list = crowd->scenario->queue;
    while (crowd->fronts < CROWD_FRONTS_MAX &&
           scenario_target(list, crowd->fronts, &crowd->front[crowd->fronts])) {
        int rc = open_pool(run, list, crowd->fronts, &crowd->queue[crowd->fronts]);
        if (rc < 0)
            return rc;
        crowd->fronts++;
    }
    return 0;
}

static int open_pools(struct run *run)
{
    struct crowd *crowd = &run->crowd;
    const struct scenario *scenario = crowd->scenario;
    const struct {
        const char *target;
        bool needed;
    } services[SERVICES] = {
        [SERVICE_SEATS] = {scenario->seats,
                           scenario->journey >= JOURNEY_HOLD && scenario->seats[0] != '\0'},
        [SERVICE_SAGA] = {scenario->saga, scenario->journey == JOURNEY_SOLD},
        [SERVICE_PAY] = {scenario->pay, scenario->journey == JOURNEY_ORDER},
        [SERVICE_PSP] = {scenario->psp, scenario->journey == JOURNEY_ORDER},
    };
    int rc = crowd->passes == NULL ? open_fronts(run) : 0;
    for (unsigned i = 0; rc == 0 && i < SERVICES; i++) {
        if (services[i].needed)
            rc = open_pool(run, services[i].target, 0, &crowd->service[i]);
    }
    return rc;
}

/* ---- the prelude ---- */

/* Each login has an address of its own, as people at home have. */
static void write_login(void *ctx, struct text *out)
{
    const struct run *run = ctx;
    const struct buyer *buyer = &run->crowd.buyers[run->logged_in];
    char memory[1024];
    struct text body = text_on(memory, sizeof(memory));
    json_open(&body, '{');
    if (buyer->token[0] != '\0') {
        json_member_cstr(&body, "token", buyer->token);
    } else {
        json_member_cstr(&body, "login", buyer->login);
        json_member_cstr(&body, "password", buyer->password);
    }
    json_close(&body, '}');
    text_printf(out,
                "POST /v1/pay/login HTTP/1.1\r\nHost: %s\r\nX-Forwarded-For: 12.%u.%u.%u\r\n"
                "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                run->crowd.scenario->host, run->part & 255, run->logged_in >> 8 & 255,
                run->logged_in & 255, body.len);
    text_put(out, text_span(&body));
}

static void log_in_next(struct run *run);

static void on_login(void *ctx, const struct pool_answer *answer)
{
    struct run *run = ctx;
    struct buyer *buyer = &run->crowd.buyers[run->logged_in];
    bool later = answer->rc == 0 && (answer->status == 429 || answer->status == 503);
    if (later && run->refusals++ < PRELUDE_REFUSALS_MAX) {
        /* Several processes log in with the same accounts, and the service limits attempts; or the
         * user database is busy. */
        run->log_in_us = system_mono_us() + (1 + answer->retry_after_s) * UINT64_C(1000000);
        return;
    }
    if (answer->rc != 0 || answer->status >= 300 ||
        !span_to_cstr(answer->cookie, buyer->cookie, sizeof(buyer->cookie)) ||
        answer->cookie.len == 0) {
        fprintf(stderr, "crowd: logging in an account of the shop: status %u\n", answer->status);
        run->status = 1;
        uv_stop(&run->loop);
        return;
    }
    run->logged_in++;
    log_in_next(run);
}

static void log_in_next(struct run *run)
{
    if (run->logged_in == run->crowd.buyers_len) {
        atomic_fetch_add(&run->shared->ready, 1);
        return;
    }
    run->call = (struct pool_call){
        .write = write_login, .on_answer = on_login, .ctx = run, .due_us = system_mono_us()};
    pool_ask(run->crowd.service[SERVICE_PAY], &run->call);
}

static char *text_of(const json_t *user, const char *key)
{
    const char *text = json_string_value(json_object_get(user, key));
    return strdup(text != NULL ? text : "");
}

static int read_buyers(struct run *run)
{
    json_error_t why;
    json_t *users = json_load_file(run->crowd.scenario->users_file, 0, &why);
    size_t len = json_array_size(users);
    if (len == 0 || len > BUYERS_MAX) {
        fprintf(stderr, "crowd: %s: %s\n", run->crowd.scenario->users_file, why.text);
        return -1;
    }
    run->crowd.buyers = calloc(len, sizeof(*run->crowd.buyers));
    for (size_t i = 0; run->crowd.buyers != NULL && i < len; i++) {
        const json_t *user = json_array_get(users, i);
        struct buyer *buyer = &run->crowd.buyers[run->crowd.buyers_len];
        buyer->login = text_of(user, "login");
        buyer->password = text_of(user, "password");
        buyer->token = text_of(user, "token");
        /* A token works once: with tokens each process has accounts of its own. */
        bool anothers = buyer->token[0] != '\0' && i % run->crowd.scenario->processes != run->part;
        run->crowd.buyers_len += !anothers;
    }
    json_decref(users);
    return 0;
}

/* ---- the run ---- */

/* The loop turn continues after uv_stop(): waiting calls must not get a connection, since their
 * callers have ended. */
static void finish(struct run *run)
{
    struct crowd *crowd = &run->crowd;
    run->closing = true;
    visitors_end(crowd);
    for (uint32_t i = 0; i < CROWD_FRONTS_MAX; i++)
        pool_close(crowd->queue[i]);
    for (unsigned i = 0; i < SERVICES; i++)
        pool_close(crowd->service[i]);
    uv_stop(&run->loop);
}

static void begin(struct run *run, uint64_t start_us)
{
    struct crowd *crowd = &run->crowd;
    const struct scenario *scenario = crowd->scenario;
    run->started = true;
    run->end_us = start_us + scenario->patience_ms * 1000;
    if (scenario->streams_within_ms > 0)
        crowd->streams_from_us = start_us + scenario->within_ms * 1000;
    for (uint32_t i = 0; i < crowd->visitors_len; i++) {
        struct due due = {.visitor = i};
        due.at_us = start_us + scenario_arrival_us(scenario, crowd->first_number + i, crowd->rng);
        schedule_add(crowd->schedule, &due);
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct run *run = timer->data;
    struct crowd *crowd = &run->crowd;
    uint64_t now = system_mono_us();
    uint64_t start = atomic_load(&run->shared->start_us);
    bool stop = atomic_load(&run->shared->failed) + atomic_load(&run->shared->stopped) > 0;
    if (run->log_in_us != 0 && now >= run->log_in_us) {
        run->log_in_us = 0;
        log_in_next(run);
    }
    if (stop && !run->closing)
        finish(run);
    if (start == 0 || now < start || run->closing)
        return;
    if (!run->started)
        begin(run, start);
    struct due due;
    while (schedule_take(crowd->schedule, now, &due))
        visitor_due(crowd, &due);
    if (crowd->ended == crowd->visitors_len || now >= run->end_us)
        finish(run);
}

static int prepare_visitors(struct run *run, uint32_t part, struct err_slot *err)
{
    struct crowd *crowd = &run->crowd;
    const struct scenario *scenario = crowd->scenario;
    uint32_t share = (uint32_t)(scenario->visitors / scenario->processes);
    crowd->first_number = part * share;
    crowd->visitors_len = part + 1 == scenario->processes
                              ? (uint32_t)scenario->visitors - crowd->first_number
                              : share;
    rng_seeded_init(&run->rng, scenario->seed + part);
    crowd->rng = &run->rng.rng;
    crowd->salt =
        rng_u64(crowd->rng) ^ system_mono_us(); /* to the services a replay is a new run */
    crowd->schedule = schedule_create(crowd->visitors_len);
    crowd->visitors = visitors_create(crowd, crowd->visitors_len, crowd->first_number);
    if (crowd->schedule == NULL || crowd->visitors == NULL)
        return err_set(err, ERR_NOMEM, "%u visitors", crowd->visitors_len);
    atomic_store(&crowd->stats->in[PHASE_AWAY], crowd->visitors_len);
    return 0;
}

/* The key of a saga at the seats. */
static int read_service_token(struct run *run, struct err_slot *err)
{
    const char *path = run->crowd.scenario->service_token_file;
    struct secret_file *secret;
    int rc = secret_file_read(path, err, &secret);
    if (rc < 0)
        return rc;
    if (!span_to_cstr(secret_file_span(secret), run->service_token, sizeof(run->service_token)))
        rc = err_set(err, ERR_RANGE, "%s: longer than a key can be", path);
    secret_file_destroy(secret);
    run->crowd.service_token = run->service_token;
    return rc;
}

static int prepare(struct run *run, uint32_t part, struct err_slot *err)
{
    struct crowd *crowd = &run->crowd;
    const struct scenario *scenario = crowd->scenario;
    int rc = prepare_visitors(run, part, err);
    if (rc < 0)
        return rc;
    if (scenario->from[0] != '\0') {
        inet_pton(AF_INET, scenario->from, &crowd->link.from);
        crowd->link.from.s_addr = htonl(ntohl(crowd->link.from.s_addr) + part * 256);
    }
    const struct tls_client_conf tls = {
        .ca = scenario->ca, .name = "", .cert = "", .key = ""}; /* the host's name */
    if (scenario->tls) {
        rc = tls_client_create(&tls, err, &crowd->link.tls);
        if (rc < 0)
            return rc;
    }
    if (scenario->record[0] != '\0') {
        char path[CONFIG_STRING_MAX + 16];
        snprintf(path, sizeof(path), "%s.%u", scenario->record, part);
        crowd->recorder = recorder_open(path, err);
        if (crowd->recorder == NULL)
            return ERR_IO;
    }
    if (scenario->passes_file[0] != '\0') {
        struct passes *passes;
        rc = passes_read(scenario->passes_file, err, &passes);
        if (rc < 0)
            return rc;
        crowd->passes = passes;
    }
    if (open_pools(run) < 0)
        return err_set(err, ERR_NOMEM, "pools of connections");
    if (scenario->journey >= JOURNEY_ORDER && read_buyers(run) < 0)
        return err_set(err, ERR_IO, "the shop's accounts");
    return scenario->journey == JOURNEY_SOLD ? read_service_token(run, err) : 0;
}

int run_part(const struct scenario *scenario, uint32_t part, struct run_shared *shared)
{
    struct run *run = calloc(1, sizeof(*run));
    struct err_slot err = {0};
    if (run == NULL)
        return 1;
    run->shared = shared;
    run->part = part;
    run->crowd.scenario = scenario;
    run->crowd.loop = run->crowd.link.loop = &run->loop;
    run->crowd.link.host = scenario->host;
    run->crowd.stats = &shared->stats[part];
    uv_loop_init(&run->loop);
    if (prepare(run, part, &err) < 0) {
        fprintf(stderr, "crowd: %s\n", err.text);
        return 1;
    }
    uv_timer_init(&run->loop, &run->tick);
    run->tick.data = run;
    uv_timer_start(&run->tick, on_tick, 1, 1);
    log_in_next(run);
    uv_run(&run->loop, UV_RUN_DEFAULT);
    if (recorder_close(run->crowd.recorder, &err) < 0) {
        fprintf(stderr, "crowd: %s\n", err.text);
        run->status = 1;
    }
    if (run->status != 0)
        atomic_fetch_add(&shared->failed, 1);
    return run->status; /* the process ends here, and everything with it */
}
