/* service_internal.h: shared by the parts of the skeleton: service.c, which starts and ends
 * everything, service_settings.c, which has its settings, and service_private.c, which serves the
 * private listener. */
#ifndef FG_SERVICE_SERVICE_INTERNAL_H
#define FG_SERVICE_SERVICE_INTERNAL_H

#include "base/magic.h"
#include "base/secret_file.h"
#include "observe/histogram.h"
#include "service/persons.h"
#include "service/service.h"

enum {
    SERVICE_SCRAPES_MAX = 4,  /* concurrent renderings of /metrics */
    SERVICE_REASONS_MAX = 16, /* listed by /readyz; the first ones suffice */
    SERVICE_BODY_MAX = 256,   /* of PUT /log/level */
};

struct service_settings {
    char http_host[CONFIG_STRING_MAX];
    uint64_t http_port;
    bool http_share_port;
    uint64_t http_loops;
    uint64_t http_connections_max;
    uint64_t http_connections_per_addr_max;
    uint64_t http_head_timeout_ms;
    uint64_t http_body_timeout_ms;
    uint64_t http_idle_timeout_ms;
    uint64_t http_write_timeout_ms;
    uint64_t http_drain_delay_ms;
    uint64_t http_drain_timeout_ms;
    char http_trusted_proxies[CONFIG_STRING_MAX];
    char http_client_ip_header[CONFIG_STRING_MAX];
    unsigned log_level;
    uint64_t log_requests;
    char trace_endpoint[CONFIG_STRING_MAX];
    uint64_t trace_sample;
    uint64_t trace_slow_ms;
    char private_host[CONFIG_STRING_MAX];
    uint64_t private_port;
    char private_token_file[CONFIG_STRING_MAX];
    char private_service_token_file[CONFIG_STRING_MAX];
    char private_feed_token_file[CONFIG_STRING_MAX];
    char private_operators_file[CONFIG_STRING_MAX];
    char private_origins[CONFIG_STRING_MAX];
    char operators_issuer[CONFIG_STRING_MAX];
    char operators_audience[CONFIG_STRING_MAX];
    char operators_keys[CONFIG_STRING_MAX];
    char operators_tls_ca[CONFIG_STRING_MAX];
    char operators_roles_claim[CONFIG_STRING_MAX];
    char operators_events_claim[CONFIG_STRING_MAX];
    char operators_role_prefix[CONFIG_STRING_MAX];
};

struct service_condition {
    const char *name;
    _Atomic(const char *) reason; /* NULL: it holds */
};

/* Requests of other threads to a loop; bits of service_runner.asked. */
enum service_ask {
    SERVICE_ASK_DRAIN = 1,     /* close connections */
    SERVICE_ASK_RELOAD = 2,    /* use what the reload read */
    SERVICE_ASK_FINISH = 4,    /* close everything, now */
    SERVICE_ASK_DRAIN_ALL = 8, /* to loop 0: drain all loops */
};

struct service_runner {
    struct service_loop loop; /* first: handlers see it */
    uint32_t magic;
    bool draining;
    bool finished;
    uv_loop_t uv;
    uv_async_t wake;
    _Atomic unsigned asked;
    uv_thread_t thread;
    uv_sem_t started; /* posted once start_rc is set */
    int start_rc;
    struct err_slot err;
    struct rng_seeded rng;
    uint64_t requests; /* every settings.log_requests-th is logged */
    struct histogram took;
    struct call_times calls;
    _Atomic uint64_t
        errors; /* public 5xx answers; outlives the server, which counts them as well */
    _Atomic unsigned conditions_len;
    struct service_condition condition[SERVICE_CONDITIONS_MAX];
};

MAGIC(service_runner, 0x5e7c0001);

/* Why a token at the private listener was refused. */
enum service_refused {
    SERVICE_REFUSED_EXPIRED,
    SERVICE_REFUSED_ISSUER,
    SERVICE_REFUSED_AUDIENCE,
    SERVICE_REFUSED_SIGNATURE,
    SERVICE_REFUSED_TIME,    /* not valid yet, or lifetime too long */
    SERVICE_REFUSED_FORM,    /* an operator's token by its form, but malformed */
    SERVICE_REFUSED_KEYS,    /* its key is unknown, or not fetched yet */
    SERVICE_REFUSED_ROLE,    /* valid, but without the role */
    SERVICE_REFUSED_EVENT,   /* valid, but for other events */
    SERVICE_REFUSED_UNKNOWN, /* not a known token */
    SERVICE_REFUSALS,
};

/* Bearer tokens of the private listener; used and replaced on loop 0 only. */
struct service_tokens {
    struct secret_file *admin;
    struct secret_file *service; /* NULL: none */
    struct secret_file *feed;    /* NULL: none */
    struct operators *operators; /* NULL: none */
};

struct service {
    uint32_t magic;
    const struct service_conf *conf;
    const char *path; /* the configuration file; borrowed from argv; NULL: none */
    struct service_settings settings;
    struct logger *log;
    struct metrics *metrics;
    struct tracer *tracer; /* NULL: off */
    struct http_router *routes;
    struct http_router *private_routes;
    struct service_tokens tokens;
    struct service_tokens new_tokens; /* from a reload, on their way to loop 0 */
    struct persons *persons;          /* loop 0's; NULL: there is no issuer */
    _Atomic uint64_t refused[SERVICE_REFUSALS];
    struct service_runner *runner;
    unsigned runners_len;
    _Atomic unsigned runners_left; /* loops with open connections */
    _Atomic bool draining;         /* written by loop 0, shown by /readyz */
    _Atomic bool failed;
    _Atomic(const char *) role; /* NULL: none */
    uint32_t scrapes;
    _Atomic uint64_t jobs;               /* calls of service_run() */
    uv_signal_t on_term, on_int, on_hup; /* loop 0 */
    uv_timer_t drain_delay;              /* loop 0 */
    uv_work_t reload;
    struct err_slot reload_err;
    int reload_rc;
    bool reloading;
    bool reload_again; /* a SIGHUP came during a reload */
};

MAGIC(service, 0x5e7c0002);

/* Reads all settings, including the program's own, and runs its check. */
int service_settings_read(struct service *service, const char *path, struct err_slot *err);

/* Prints them all, with their defaults. */
int service_settings_help(struct service *service);

int service_tokens_read(const struct service_settings *settings, struct err_slot *err,
                        struct service_tokens *out);
void service_tokens_destroy(struct service_tokens *tokens);

/* Starts to accept operators of an issuer, on loop 0, if one is configured. */
int service_persons_open(struct service_runner *runner);

/* fairgate_operator_tokens_refused_total */
int service_refused_metrics(struct service *service, struct err_slot *err);

/* The open pages, which monitoring polls every second. */
bool service_is_probe(struct span path);

/* Adds /healthz, /readyz, /followz, /metrics, /log/level, /admin/whoami and the guard. */
int service_private_routes(struct service *service, struct http_router *routes,
                           struct err_slot *err);

#endif
