/* service_private.c: every service's routes for operators, orchestrators and Prometheus.
 *
 * The guard runs before every route. Health, readiness and metrics are open, because the programs
 * that read them keep no secrets; everything else requires a token, compared in constant time.
 * Services use a token of their own among themselves, which opens /internal/ and nothing else, so
 * that an attacker who takes over one service does not get the operator's rights on the others.
 * Operators may each have a named token (operators.h), or an account at an issuer (persons.h); the
 * admin token has no name.
 *
 * The rights of an account are decided here, for all routes, by method and pattern. The defaults
 * are safe for forgotten routes: viewers read, operators write, and an operator who is limited to
 * some events cannot reach a route without an event.
 *
 * A scrape may take milliseconds (it counts open files), so it is rendered on the thread pool. */
#include "service/service_internal.h"

#include "base/json_in.h"
#include "base/json_time.h"
#include "service/operators.h"

#include <assert.h>
#include <stdlib.h>

/* ---- tokens ---- */

void service_tokens_destroy(struct service_tokens *tokens)
{
    secret_file_destroy(tokens->admin);
    secret_file_destroy(tokens->service);
    secret_file_destroy(tokens->feed);
    operators_destroy(tokens->operators);
    *tokens = (struct service_tokens){.admin = NULL};
}

/* An operator's token must not equal another one: it would prove the wrong name or open too
 * much. */
static int check_apart(const struct service_tokens *tokens, struct err_slot *err)
{
    static const char *const whose[] = {"admin", "service", "feed"};
    const struct secret_file *others[] = {tokens->admin, tokens->service, tokens->feed};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        const char *name = others[i] == NULL || tokens->operators == NULL
                               ? NULL
                               : operators_name(tokens->operators, secret_file_span(others[i]));
        if (name != NULL)
            return err_set(err, ERR_RANGE,
                           "private.operators_file: the token of %s is also the %s token", name,
                           whose[i]);
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
    if (rc == 0 && settings->private_feed_token_file[0] != '\0')
        rc = secret_file_read(settings->private_feed_token_file, err, &tokens.feed);
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

/* The program that carries the number of free seats to the waiting room has its own token. */
static const struct person feed = {.name = "seats-feed", .everywhere = PERSON_FEED};

const char *service_operator(const struct service_loop *loop, const struct http_req *req)
{
    const struct service *service = loop->service;
    struct span shown = http_req_bearer(req);
    assert(loop->index == 0);
    if (is_token(shown, service->tokens.feed))
        return feed.name;
    const char *name =
        service->tokens.operators != NULL ? operators_name(service->tokens.operators, shown) : NULL;
    if (name != NULL || service->persons == NULL || !persons_is_token(shown))
        return name;
    const struct person *person = persons_seen(service->persons, shown);
    return person != NULL ? person->name : NULL;
}

/* "/console" opens /console and everything below it, but not /consoles. */
static bool is_below(struct span path, struct span prefix)
{
    if (!span_starts(path, prefix))
        return false;
    struct span rest = span_skip(path, prefix.len);
    return rest.len == 0 || rest.ptr[0] == '/';
}

bool service_is_probe(struct span path)
{
    return span_eq(path, SPAN("/metrics")) || span_eq(path, SPAN("/readyz")) ||
           span_eq(path, SPAN("/followz")) || span_eq(path, SPAN("/healthz"));
}

static bool is_open(const struct service *service, struct span path)
{
    if (service_is_probe(path))
        return true;
    const char *const *open = service->conf->private_open;
    for (; open != NULL && *open != NULL; open++) {
        if (is_below(path, span_of(*open)))
            return true;
    }
    return false;
}

/* ---- operators' accounts ---- */

int service_persons_open(struct service_runner *runner)
{
    struct service *service = runner->loop.service;
    const struct service_settings *settings = &service->settings;
    const struct persons_conf conf = {.issuer = settings->operators_issuer,
                                      .audience = settings->operators_audience,
                                      .keys = settings->operators_keys,
                                      .ca_file = settings->operators_tls_ca,
                                      .roles_claim = settings->operators_roles_claim,
                                      .events_claim = settings->operators_events_claim,
                                      .role_prefix = settings->operators_role_prefix,
                                      .loop = &runner->uv,
                                      .clock = runner->loop.clock,
                                      .rng = runner->loop.rng,
                                      .log = service->log};
    assert(runner->loop.index == 0);
    if (settings->operators_issuer[0] == '\0')
        return 0;
    return persons_create(&conf, &runner->err, &service->persons);
}

static const struct service_call *find_call(const struct service_call *call,
                                            const struct http_route *route)
{
    for (; call != NULL && call->pattern != NULL; call++) {
        if (call->method == route->method && strcmp(call->pattern, route->pattern) == 0)
            return call;
    }
    return NULL;
}

static unsigned roles_for(const struct service *service, const struct http_req *req)
{
    const struct http_route *route = http_req_route(req);
    if (route == NULL || !span_starts(http_req_path(req), SPAN("/admin/")) ||
        route->method == HTTP_METHOD_DELETE)
        return PERSON_ADMIN;
    const struct service_call *own = find_call(service->conf->private_roles, route);
    if (own != NULL)
        return own->roles | PERSON_ADMIN;
    return route->method == HTTP_METHOD_GET ? PERSON_ANY : PERSON_OPERATOR | PERSON_ADMIN;
}

/* The call's event; "not there" if it has none, or is about several. */
static struct span event_of(const struct service *service, const struct http_req *req)
{
    const struct http_route *route = http_req_route(req);
    if (route != NULL && find_call(service->conf->private_by_id, route) != NULL)
        return http_req_query_arg(req, SPAN("id"));
    const char *param = route != NULL ? strchr(route->pattern, '{') : NULL;
    if (param == NULL || strncmp(param, "{event}", 7) != 0)
        return (struct span){NULL, 0};
    return http_req_param(req, 0);
}

/* Readable by every role, whatever its limits. */
static bool is_common(const struct http_req *req)
{
    struct span path = http_req_path(req);
    return span_eq(path, SPAN("/admin/whoami")) || span_eq(path, SPAN("/admin/knobs"));
}

static bool may(const struct service *service, const struct http_req *req,
                const struct person *person)
{
    if (is_common(req) && http_req_method(req) == HTTP_METHOD_GET)
        return person_roles(person) != PERSON_NOBODY;
    return person_may(person, roles_for(service, req), event_of(service, req));
}

static const char *const refused_names[SERVICE_REFUSALS] = {
    [SERVICE_REFUSED_EXPIRED] = "expired",   [SERVICE_REFUSED_ISSUER] = "issuer",
    [SERVICE_REFUSED_AUDIENCE] = "audience", [SERVICE_REFUSED_SIGNATURE] = "signature",
    [SERVICE_REFUSED_TIME] = "time",         [SERVICE_REFUSED_FORM] = "form",
    [SERVICE_REFUSED_KEYS] = "keys",         [SERVICE_REFUSED_ROLE] = "role",
    [SERVICE_REFUSED_EVENT] = "event",       [SERVICE_REFUSED_UNKNOWN] = "unknown",
};

int service_refused_metrics(struct service *service, struct err_slot *err)
{
    int rc = 0;
    for (unsigned i = 0; i < SERVICE_REFUSALS && rc == 0; i++) {
        const struct metrics_labels labels = metrics_one_label("reason", span_of(refused_names[i]));
        const struct metrics_desc desc = {
            "fairgate_operator_tokens_refused_total",
            "Tokens shown at the private listener that opened nothing, by reason.", labels.text};
        rc = metrics_counter(service->metrics, &desc, &service->refused[i], err);
    }
    return rc;
}

static void count_refused(struct service *service, enum service_refused why)
{
    /* relaxed: a statistic for a graph */
    atomic_fetch_add_explicit(&service->refused[why], 1, memory_order_relaxed);
}

static enum service_refused refused_for(enum jwt_fault fault)
{
    static const enum service_refused whys[] = {
        [JWT_FAULT_FORM] = SERVICE_REFUSED_FORM,
        [JWT_FAULT_KEY] = SERVICE_REFUSED_KEYS,
        [JWT_FAULT_ALG] = SERVICE_REFUSED_SIGNATURE,
        [JWT_FAULT_SIGNATURE] = SERVICE_REFUSED_SIGNATURE,
        [JWT_FAULT_ISSUER] = SERVICE_REFUSED_ISSUER,
        [JWT_FAULT_AUDIENCE] = SERVICE_REFUSED_AUDIENCE,
        [JWT_FAULT_TIME] = SERVICE_REFUSED_TIME,
        [JWT_FAULT_EXPIRED] = SERVICE_REFUSED_EXPIRED,
    };
    assert(fault < sizeof(whys) / sizeof(whys[0]));
    return whys[fault];
}

static void refuse_person(struct http_req *req, struct service *service,
                          const struct person *person)
{
    unsigned needed = roles_for(service, req);
    char detail[128];
    bool has_role = (person_roles(person) & needed) != 0;
    if (has_role)
        snprintf(detail, sizeof(detail), "the role of this token is for other events");
    else
        snprintf(detail, sizeof(detail), "this call needs the role %s",
                 person_role_name(person_lowest(needed)));
    count_refused(service, has_role ? SERVICE_REFUSED_EVENT : SERVICE_REFUSED_ROLE);
    http_problem_reply(req, &(struct http_problem){.status = 403,
                                                   .code = has_role ? "operator-event-refused"
                                                                    : "operator-role-needed",
                                                   .detail = detail});
}

static bool guard(struct http_req *req, void *ctx)
{
    struct service *service = ctx;
    struct span path = http_req_path(req);
    struct span shown = http_req_bearer(req);
    if (is_open(service, path) || is_token(shown, service->tokens.admin) ||
        (service->tokens.operators != NULL &&
         operators_name(service->tokens.operators, shown) != NULL))
        return true;
    if (is_below(path, SPAN("/internal")) && is_token(shown, service->tokens.service))
        return true;
    if (is_token(shown, service->tokens.feed)) {
        if (person_may(&feed, roles_for(service, req), event_of(service, req)))
            return true;
        refuse_person(req, service, &feed);
        return false;
    }
    if (service->persons != NULL && persons_is_token(shown)) {
        struct err_slot err;
        const struct person *person;
        int rc = persons_judge(service->persons, shown, &err, &person);
        if (rc < 0 && rc != ERR_NOMEM)
            count_refused(service, refused_for(persons_fault(service->persons)));
        if (rc < 0) {
            struct http_problem problem = {
                .status = 401,
                .code = rc == ERR_TIMEOUT ? "operator-token-expired" : "operator-token-refused",
                .detail = err.text,
                .headers = SPAN("WWW-Authenticate: Bearer error=\"invalid_token\"\r\n")};
            if (rc == ERR_UNKNOWN || rc == ERR_NOMEM)
                problem = (struct http_problem){.status = 503,
                                                .code = "operator-keys-awaited",
                                                .detail = err.text,
                                                .retry_after_s = 1};
            http_problem_reply(req, &problem);
        } else if (!may(service, req, person))
            refuse_person(req, service, person);
        else
            return true;
        return false;
    }
    if (shown.len > 0) /* a request without a token is not an attempt */
        count_refused(service, SERVICE_REFUSED_UNKNOWN);
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

static void put_reason(struct text *body, unsigned *count, unsigned loop, const char *condition,
                       const char *reason)
{
    assert(condition != NULL && reason != NULL);
    if (*count < SERVICE_REASONS_MAX) {
        struct text before = *body;
        json_open(body, '{');
        json_member_u64(body, "loop", loop);
        json_member_cstr(body, "condition", condition);
        json_member_cstr(body, "reason", reason);
        json_close(body, '}');
        if (body->cap - body->len < 8) /* leave room to close the document */
            *body = before;
    }
    ++*count;
}

static void answer_readiness(struct http_req *req, bool may_follow)
{
    struct service *service = http_req_route_ctx(req);
    char memory[4096];
    struct text reasons = text_on(memory, sizeof(memory));
    unsigned count = 0;
    json_open(&reasons, '[');
    bool draining = atomic_load_explicit(&service->draining, memory_order_relaxed);
    if (draining)
        put_reason(&reasons, &count, 0, "draining", "the process is shutting down");
    const char *unready =
        service->conf->unready != NULL ? service->conf->unready(service->conf->ctx) : NULL;
    if (unready != NULL)
        put_reason(&reasons, &count, 0, "now", unready);
    for (unsigned i = 0; i < service->runners_len; i++) {
        const struct service_runner *runner = &service->runner[i];
        /* acquire: partner of the release in service_ready(), which wrote the condition first */
        unsigned len = atomic_load_explicit(&runner->conditions_len, memory_order_acquire);
        assert(len <= SERVICE_CONDITIONS_MAX);
        for (unsigned nth = 0; nth < len; nth++) {
            const struct service_condition *condition = &runner->condition[nth];
            const char *reason = atomic_load_explicit(&condition->reason, memory_order_acquire);
            if (reason != NULL)
                put_reason(&reasons, &count, runner->loop.index, condition->name, reason);
        }
    }
    json_close(&reasons, ']');

    char body_memory[sizeof(memory) + 64 + SERVICE_READYZ_MAX];
    struct text body = text_on(body_memory, sizeof(body_memory));
    json_open(&body, '{');
    json_member_bool(&body, "ready", count == 0);
    const char *role = atomic_load_explicit(&service->role, memory_order_relaxed);
    if (role != NULL)
        json_member_cstr(&body, "role", role);
    if (count > 0)
        json_member_raw(&body, "reasons", text_span(&reasons));
    if (service->conf->readyz != NULL)
        service->conf->readyz(service->conf->ctx, &body);
    json_close(&body, '}');
    assert(!body.overflown);
    bool follows = may_follow && !draining && service->conf->follows != NULL &&
                   service->conf->follows(service->conf->ctx);
    reply_json(req, count == 0 || follows ? 200 : 503, &body);
}

static void on_readyz(struct http_req *req)
{
    answer_readiness(req, false);
}

static void on_followz(struct http_req *req)
{
    answer_readiness(req, true);
}

void service_role(struct service *service, const char *role)
{
    /* relaxed: literals always exist */
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
    /* release: readers of the pointer or the length see the literals */
    atomic_store_explicit(&runner->condition[i].reason, reason, memory_order_release);
    if (i == len) {
        runner->condition[i].name = condition;
        atomic_store_explicit(&runner->conditions_len, len + 1, memory_order_release);
    }
}

/* ---- work off the loop ---- */

static void on_pool(uv_work_t *work)
{
    const struct service_job *job = work->data;
    job->run(job->ctx);
}

static void on_run(uv_work_t *work, int status)
{
    const struct service_job *job = work->data;
    (void)status; /* this work is never cancelled */
    job->then(job->ctx);
}

void service_run(struct service_job *job)
{
    job->work.data = job;
    /* relaxed: a statistic for a graph */
    atomic_fetch_add_explicit(&job->loop->service->jobs, 1, memory_order_relaxed);
    int rc = uv_queue_work(job->loop->uv, &job->work, on_pool, on_run);
    assert(rc == 0); /* fails only without a callback */
    (void)rc;
}

/* ---- metrics ---- */

struct scrape {
    struct service_job job;
    struct service *service;
    struct http_req *req;
    struct http_blob *blob;
    int rc;
    struct err_slot err;
};

static void render(void *ctx)
{
    struct scrape *scrape = ctx;
    char *text = NULL;
    size_t len;
    scrape->rc = metrics_render(scrape->service->metrics, &scrape->err, &text, &len);
    if (scrape->rc == 0)
        scrape->blob = http_blob_create((struct span){text, len});
    if (scrape->rc == 0 && scrape->blob == NULL)
        scrape->rc = err_set(&scrape->err, ERR_NOMEM, "%zu bytes of metrics", len);
    free(text);
}

static void on_rendered(void *ctx)
{
    struct scrape *scrape = ctx;
    assert(scrape->service->scrapes > 0);
    scrape->service->scrapes--;
    if (scrape->rc < 0)
        http_problem(scrape->req, 500, "metrics-failed", "%s", scrape->err.text);
    else
        http_reply(scrape->req,
                   &(struct http_reply){.status = 200, .type = METRICS_TYPE, .blob = scrape->blob});
    http_blob_unref(scrape->blob);
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
    scrape->job = (struct service_job){
        .loop = service_loop_of(req), .run = render, .then = on_rendered, .ctx = scrape};
    service->scrapes++;
    service_run(&scrape->job);
}

/* ---- the log's level ---- */

static void on_log_level(struct http_req *req)
{
    struct service *service = http_req_route_ctx(req);
    struct err_slot err;
    json_t *doc;
    int rc = json_in_parse(http_req_body(req), &err, &doc);
    if (rc < 0) {
        bool unread = rc == ERR_NOMEM; /* the text may be valid */
        http_problem_reply(req,
                           &(struct http_problem){.status = unread ? 503 : 400,
                                                  .code = unread ? "overloaded" : "invalid-json",
                                                  .detail = err.text,
                                                  .retry_after_s = unread ? 1 : 0});
        return;
    }
    struct json_in in;
    unsigned level = LOG_LEVEL_INFO;
    json_in_object(&in, doc, &err);
    json_in_require(&in, "level");
    json_in_word(&in, "level", log_level_words, &level);
    rc = json_in_end(&in);
    json_decref(doc);
    if (rc < 0) {
        http_problem(req, 422, "invalid-body", "%s", err.text);
        return;
    }
    logger_set_level(service->log, (enum log_level)level);
    http_reply(req, &(struct http_reply){.status = 204});
}

/* ---- whoami ---- */

static void put_person(struct text *body, const struct person *person)
{
    json_member_cstr(body, "by", "issuer");
    json_member_cstr(body, "name", person->name);
    json_member_cstr(body, "role", person_role_name(person_highest(person_roles(person))));
    json_member_open(body, "grants", '[');
    for (unsigned left = person->everywhere; left != 0; left &= left - 1) {
        json_open(body, '{');
        json_member_cstr(body, "role", person_role_name(person_lowest(left)));
        json_close(body, '}');
    }
    for (size_t i = 0; i < person->grants_len; i++) {
        json_open(body, '{');
        json_member_cstr(body, "role", person_role_name(person->grant[i].role));
        json_member_cstr(body, "events", person->grant[i].events);
        json_close(body, '}');
    }
    json_close(body, ']');
    json_member_time(body, "expires_at", person->exp_s * 1000);
}

static void on_whoami(struct http_req *req)
{
    const struct service *service = http_req_route_ctx(req);
    struct span shown = http_req_bearer(req);
    const char *name = service_operator(service_loop_of(req), req);
    const struct person *person = service->persons != NULL && persons_is_token(shown)
                                      ? persons_seen(service->persons, shown)
                                      : NULL;
    char memory[8192]; /* fits the maximum number of grants */
    struct text body = text_on(memory, sizeof(memory));
    json_open(&body, '{');
    if (person != NULL) {
        put_person(&body, person);
    } else {
        json_member_cstr(&body, "by", name != NULL ? "operator-token" : "admin-token");
        if (name != NULL)
            json_member_cstr(&body, "name", name);
        json_member_cstr(&body, "role", person_role_name(PERSON_ADMIN));
    }
    json_close(&body, '}');
    reply_json(req, 200, &body);
}

int service_private_routes(struct service *service, struct http_router *routes,
                           struct err_slot *err)
{
    const struct http_route all[] = {
        {HTTP_METHOD_GET, "/healthz", on_healthz, service, 0},
        {HTTP_METHOD_GET, "/readyz", on_readyz, service, 0},
        {HTTP_METHOD_GET, "/followz", on_followz, service, 0},
        {HTTP_METHOD_GET, "/metrics", on_metrics, service, 0},
        {HTTP_METHOD_PUT, "/log/level", on_log_level, service, SERVICE_BODY_MAX},
        {HTTP_METHOD_GET, "/admin/whoami", on_whoami, service, 0},
    };
    int rc = http_router_add_all(routes, all, sizeof(all) / sizeof(all[0]), err);
    http_router_guard(routes, guard, service);
    return rc;
}
