/* service_private.c: what operators, orchestrators and Prometheus ask every service.
 *
 * The guard runs before every route. Health, readiness and metrics are open, because the programs
 * that read them keep no secrets; everything else requires a token, compared in constant time.
 * Services use a token of their own among themselves, which opens /internal/ and nothing else, so
 * that an attacker who takes over one service does not get the operator's rights on the others.
 * Operators may each have a token that bears their name (operators.h); the admin token names
 * nobody.
 *
 * A scrape may take milliseconds (it counts open files), so it is rendered on the thread pool. */
#include "service/service_internal.h"

#include "base/json_in.h"
#include "service/operators.h"

#include <assert.h>
#include <stdlib.h>

/* ---- tokens ---- */

void service_tokens_destroy(struct service_tokens *tokens)
{
    secret_file_destroy(tokens->admin);
    secret_file_destroy(tokens->service);
    operators_destroy(tokens->operators);
    *tokens = (struct service_tokens){.admin = NULL};
}

/* An operator's token that is also another's would bear the wrong name, or open more than is its.
 */
static int check_apart(const struct service_tokens *tokens, struct err_slot *err)
{
    const struct secret_file *others[] = {tokens->admin, tokens->service};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        const char *name = others[i] == NULL || tokens->operators == NULL
                               ? NULL
                               : operators_name(tokens->operators, secret_file_span(others[i]));
        if (name != NULL)
            return err_set(err, ERR_RANGE,
                           "private.operators_file: the token of %s is also the %s token", name,
                           i == 0 ? "admin" : "service");
    }
    return 0;
}

int service_tokens_read(const struct service_settings *settings, struct err_slot *err,
                        struct service_tokens *out)
{
    struct service_tokens tokens = {.admin = NULL};
    int rc = secret_file_read(settings->private_token_file, err, &tokens.admin);
    if (rc == 0 && settings->private_service_token_file[0] != '\0')
        rc = secret_file_read(settings->private_service_token_file, err, &tokens.service);
    if (rc == 0 && settings->private_operators_file[0] != '\0')
        rc = operators_read(settings->private_operators_file, err, &tokens.operators);
    if (rc == 0)
        rc = check_apart(&tokens, err);
    if (rc < 0) {
        service_tokens_destroy(&tokens);
        return rc;
    }
    *out = tokens;
    return 0;
}

static bool is_token(struct span shown, const struct secret_file *token)
{
    return token != NULL && span_eq_secret(shown, secret_file_span(token));
}

const char *service_operator(const struct service_loop *loop, const struct http_req *req)
{
    const struct service_tokens *tokens = &loop->service->tokens;
    assert(loop->index == 0);
    if (tokens->operators == NULL)
        return NULL;
    return operators_name(tokens->operators, http_req_bearer(req));
}

/* "/console" opens /console and what lies below it, and not /consoles. */
static bool is_below(struct span path, struct span prefix)
{
    if (!span_starts(path, prefix))
        return false;
    struct span rest = span_skip(path, prefix.len);
    return rest.len == 0 || rest.ptr[0] == '/';
}

static bool is_open(const struct service *service, struct span path)
{
    if (span_eq(path, SPAN("/healthz")) || span_eq(path, SPAN("/readyz")) ||
        span_eq(path, SPAN("/metrics")))
        return true;
    const char *const *open = service->conf->private_open;
    for (; open != NULL && *open != NULL; open++) {
        if (is_below(path, span_of(*open)))
            return true;
    }
    return false;
}

static bool guard(struct http_req *req, void *ctx)
{
    const struct service *service = ctx;
    struct span path = http_req_path(req);
    struct span shown = http_req_bearer(req);
    if (is_open(service, path) || is_token(shown, service->tokens.admin) ||
        service_operator(&service->runner[0].loop, req) != NULL)
        return true;
    if (is_below(path, SPAN("/internal")) && is_token(shown, service->tokens.service))
        return true;
    http_problem_reply(
        req, &(struct http_problem){.status = 401,
                                    .code = "admin-token-required",
                                    .detail = "this listener requires Authorization: Bearer with a "
                                              "token that opens this path",
                                    .headers = SPAN("WWW-Authenticate: Bearer\r\n")});
    return false;
}

/* ---- health and readiness ---- */

static void reply_json(struct http_req *req, unsigned status, struct text *body)
{
    assert(!body->overflown);
    text_char(body, '\n');
    http_reply(req, &(struct http_reply){.status = status,
                                         .type = "application/json",
                                         .headers = SPAN("Cache-Control: no-store\r\n"),
                                         .body = text_span(body)});
}

static void on_healthz(struct http_req *req)
{
    char memory[32];
    struct text body = text_on(memory, sizeof(memory));
    TEXT_LIT(&body, "{\"status\":\"ok\"}");
    reply_json(req, 200, &body);
}

static void put_reason(struct text *body, unsigned *told, unsigned loop, const char *condition,
                       const char *reason)
{
    assert(condition != NULL && reason != NULL);
    if (*told < SERVICE_REASONS_MAX) {
        struct text before = *body;
        json_open(body, '{');
        json_member_u64(body, "loop", loop);
        json_member_cstr(body, "condition", condition);
        json_member_cstr(body, "reason", reason);
        json_close(body, '}');
        if (body->cap - body->len < 8) /* what closes the document has to fit too */
            *body = before;
    }
    ++*told;
}

static void put_reasons(struct text *body, unsigned *told, const struct service_runner *runner)
{
    /* acquire: partner of service_ready()'s release, which filled the condition in before */
    unsigned len = atomic_load_explicit(&runner->conditions_len, memory_order_acquire);
    assert(len <= SERVICE_CONDITIONS_MAX);
    for (unsigned i = 0; i < len; i++) {
        const struct service_condition *condition = &runner->condition[i];
        const char *reason = atomic_load_explicit(&condition->reason, memory_order_acquire);
        if (reason != NULL)
            put_reason(body, told, runner->loop.index, condition->name, reason);
    }
}

static void on_readyz(struct http_req *req)
{
    struct service *service = http_req_route_ctx(req);
    char memory[4096];
    struct text reasons = text_on(memory, sizeof(memory));
    unsigned told = 0;
    json_open(&reasons, '[');
    if (atomic_load_explicit(&service->draining, memory_order_relaxed))
        put_reason(&reasons, &told, 0, "draining", "the process is shutting down");
    const char *unready =
        service->conf->unready != NULL ? service->conf->unready(service->conf->ctx) : NULL;
    if (unready != NULL)
        put_reason(&reasons, &told, 0, "now", unready);
    for (unsigned i = 0; i < service->runners_len; i++)
        put_reasons(&reasons, &told, &service->runner[i]);
    json_close(&reasons, ']');

    char body_memory[sizeof(memory) + 64 + SERVICE_READYZ_MAX];
    struct text body = text_on(body_memory, sizeof(body_memory));
    json_open(&body, '{');
    json_member_bool(&body, "ready", told == 0);
    const char *role = atomic_load_explicit(&service->role, memory_order_relaxed);
    if (role != NULL)
        json_member_cstr(&body, "role", role);
    if (told > 0)
        json_member_raw(&body, "reasons", text_span(&reasons));
    if (service->conf->readyz != NULL)
        service->conf->readyz(service->conf->ctx, &body);
    json_close(&body, '}');
    assert(!body.overflown);
    reply_json(req, told == 0 ? 200 : 503, &body);
}

void service_role(struct service *service, const char *role)
{
    /* relaxed: literals are there from the beginning */
    atomic_store_explicit(&service->role, role, memory_order_relaxed);
}

void service_ready(struct service_loop *loop, const char *condition, const char *reason)
{
    struct service_runner *runner = (struct service_runner *)loop;
    unsigned len = atomic_load_explicit(&runner->conditions_len, memory_order_relaxed);
    unsigned i = 0;
    while (i < len && strcmp(runner->condition[i].name, condition) != 0)
        i++;
    assert(i < SERVICE_CONDITIONS_MAX);
    /* release: a reader of the pointer or the length sees the literals behind them */
    atomic_store_explicit(&runner->condition[i].reason, reason, memory_order_release);
    if (i == len) {
        runner->condition[i].name = condition;
        atomic_store_explicit(&runner->conditions_len, len + 1, memory_order_release);
    }
}

/* ---- metrics ---- */

struct scrape {
    uv_work_t work;
    struct service *service;
    struct http_req *req;
    char *text;
    size_t len;
    int rc;
    struct err_slot err;
};

static void render(uv_work_t *work)
{
    struct scrape *scrape = work->data;
    scrape->rc =
        metrics_render(scrape->service->metrics, &scrape->err, &scrape->text, &scrape->len);
}

static void on_rendered(uv_work_t *work, int status)
{
    struct scrape *scrape = work->data;
    (void)status; /* never cancelled */
    assert(scrape->service->scrapes > 0);
    scrape->service->scrapes--;
    if (scrape->rc < 0)
        http_problem(scrape->req, 500, "metrics-failed", "%s", scrape->err.text);
    else
        http_reply(scrape->req, &(struct http_reply){.status = 200,
                                                     .type = METRICS_TYPE,
                                                     .body = {scrape->text, scrape->len}});
    free(scrape->text);
    free(scrape);
}

static void on_metrics(struct http_req *req)
{
    struct service *service = http_req_route_ctx(req);
    struct scrape *scrape =
        service->scrapes < SERVICE_SCRAPES_MAX ? calloc(1, sizeof(*scrape)) : NULL;
    if (scrape == NULL) {
        http_problem_reply(req, &(struct http_problem){.status = 503,
                                                       .code = "too-many-scrapes",
                                                       .detail = "other scrapes are being answered",
                                                       .retry_after_s = 1});
        return;
    }
    assert(service->scrapes < SERVICE_SCRAPES_MAX);
    scrape->service = service;
    scrape->req = req;
    scrape->work.data = scrape;
    service->scrapes++;
    int rc =
        uv_queue_work(http_server_loop(http_req_server(req)), &scrape->work, render, on_rendered);
    assert(rc == 0); /* it only fails without a callback */
    (void)rc;
}

/* ---- the log's level ---- */

static void on_log_level(struct http_req *req)
{
    struct service *service = http_req_route_ctx(req);
    struct err_slot err;
    json_t *doc;
    if (json_in_parse(http_req_body(req), &err, &doc) < 0) {
        http_problem(req, 400, "invalid-json", "%s", err.text);
        return;
    }
    struct json_in in;
    unsigned level = LOG_LEVEL_INFO;
    json_in_object(&in, doc, &err);
    json_in_require(&in, "level");
    json_in_word(&in, "level", log_level_words, &level);
    int rc = json_in_end(&in);
    json_decref(doc);
    if (rc < 0) {
        http_problem(req, 422, "invalid-body", "%s", err.text);
        return;
    }
    logger_set_level(service->log, (enum log_level)level);
    http_reply(req, &(struct http_reply){.status = 204});
}

int service_private_routes(struct service *service, struct http_router *routes,
                           struct err_slot *err)
{
    const struct http_route all[] = {
        {HTTP_METHOD_GET, "/healthz", on_healthz, service, 0},
        {HTTP_METHOD_GET, "/readyz", on_readyz, service, 0},
        {HTTP_METHOD_GET, "/metrics", on_metrics, service, 0},
        {HTTP_METHOD_PUT, "/log/level", on_log_level, service, SERVICE_BODY_MAX},
    };
    int rc = http_router_add_all(routes, all, sizeof(all) / sizeof(all[0]), err);
    http_router_guard(routes, guard, service);
    return rc;
}
