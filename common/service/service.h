/* service.h: what is the same in every service's main(): options, configuration, loops, listeners,
 * signals, drain, health, metrics and the access log. A main.c declares its settings and its hooks
 * and calls service_main().
 *
 *     --config FILE      read settings from FILE
 *     --check-config     judge them and exit
 *     --migrate          bring the database up to what this version wants, and exit
 *     --version, --help
 *
 * A life, each hook on the thread named; those that are NULL are left out:
 *
 *     check          main   settings are read: check the rules between them
 *     start          main   once: keys, shared state; add routes and metrics
 *     loop_start     each   the loop's servers stand; make what the loop owns, set loop->ctx
 *     ...                   requests
 *     reload         pool   SIGHUP: read keys and knobs again, keeping the old ones (may block)
 *     loop_reload    each   after a reload that succeeded: use what it read
 *     loop_drain     each   SIGTERM: no new connections from here on; begin to finish
 *     loop_stop      each   connections are gone or their time is up: close every handle you made
 *     stop           main   all loops have ended: free what start made
 *
 * Loop 0 is the main thread and also has the private listener, which stays open until the last loop
 * has drained: /healthz, /readyz and /metrics for anybody; PUT /log/level {"level":"debug"} and the
 * service's own routes behind the admin token, those below /internal/ also behind the token that
 * services use among themselves (config: [private]).
 *
 * Exit code 0 after a drain, 1 when something failed at run time, 2 when options or settings are
 * wrong. A second SIGTERM or SIGINT ends the process at once. */
#ifndef FG_SERVICE_SERVICE_H
#define FG_SERVICE_SERVICE_H

#include "base/clock.h"
#include "base/err.h"
#include "base/rng.h"
#include "config/config.h"
#include "http/http_server.h"
#include "observe/log.h"
#include "observe/metrics.h"
#include "observe/tracer.h"
#include "service/call_times.h"
#include "service/persons.h"

enum {
    SERVICE_LOOPS_MAX = 64,
    SERVICE_CONDITIONS_MAX = 8, /* reasons for not being ready, of one loop */
};

struct service;

/* One of the threads that serve. Handlers get it by service_loop_of(req). */
struct service_loop {
    struct service *service;
    unsigned index; /* 0..service_loops()-1 */
    uv_loop_t *uv;
    struct http_server *server;         /* the public one */
    struct http_server *private_server; /* loop 0 only; NULL on others */
    const struct clock *clock;
    const struct rng *rng;   /* fast and this loop's own: trace ids, jitter; not for secrets */
    struct logger *log;      /* shared */
    struct metrics *metrics; /* shared */
    const void *config;      /* what conf.settings filled */
    void *ctx;               /* the service's own, set by loop_start; NULL after loop_stop */
};

enum { SERVICE_READYZ_MAX = 16384 };

struct service_call {
    enum http_method method;
    const char *pattern; /* as in its route */
    unsigned roles;      /* persons.h: those that open it, besides admin */
};

struct service_conf {
    const char *name;
    const char *version;
    const char *commands; /* what the program can do besides serving, for --help; may be NULL */
    const struct config_setting *settings;
    size_t settings_len;
    void *config; /* the struct that settings fill; borrowed to the end */
    void *ctx;    /* service_ctx() */
    /* Paths of the private listener that begin so need no token: a console's page and scripts.
     * Ended by NULL; may be NULL. */
    const char *const *private_open;
    /* Calls of the private listener that other roles open than usual. Usually each role may read
     * (GET) below /admin/, and operators may do the rest there; what does not begin so, and all
     * DELETEs, are for admins. Ended by one without a pattern; may be NULL. */
    const struct service_call *private_roles;
    /* Calls of the private listener that tell of one event where the query names it by `id`, and of
     * all where it does not: a person who is limited to that event may make them so. Ended
     * likewise; may be NULL. */
    const struct service_call *private_by_id;
    /* Calls of visitors that have figures of their own, up to CALL_TIMES_MAX, ended by one without
     * a name; may be NULL. */
    const struct call_name *calls;

    int (*check)(void *config, struct err_slot *err);
    /* For --migrate: what start, or a loop, would do to the database. on_wait() gets a sentence
     * about each wait. NULL: no database. */
    int (*migrate)(void *config, void (*on_wait)(const char *words), struct err_slot *err);
    int (*start)(struct service *service, struct http_router *routes,
                 struct http_router *private_routes, struct err_slot *err);
    int (*loop_start)(struct service_loop *loop, struct err_slot *err);
    int (*reload)(struct service *service, struct err_slot *err); /* failed: the old ones stay */
    void (*loop_reload)(struct service_loop *loop);
    void (*loop_drain)(struct service_loop *loop);
    void (*loop_stop)(struct service_loop *loop);
    void (*stop)(struct service *service);
    /* Adds members to /readyz, which is open to all: what monitoring should know besides the
     * verdict, in SERVICE_READYZ_MAX bytes. On loop 0; may be NULL. */
    void (*readyz)(void *ctx, struct text *body);
    /* Why the process is not ready in this very moment, beside its conditions; NULL: it is. For
     * what a condition would tell too late: a process that was stopped answers before its timers
     * run. A literal. On loop 0; may be NULL. */
    const char *(*unready)(void *ctx);

    /* No private listener, so that routes answer /healthz themselves: stand-ins for the world
     * outside, such as the demo shop. start() gets NULL as private_routes. */
    bool public_only;
};

int service_main(const struct service_conf *conf, int argc, char **argv);

/* For a command of the same program that does not serve ("seed"): reads and checks all settings,
 * the skeleton's too, into conf->config. `path` may be NULL. */
int service_read_settings(const struct service_conf *conf, const char *path, struct err_slot *err);

/* The same file and environment once more, into `config` (another struct of conf->config's
 * kind): what a reload finds now. The skeleton's own settings stay as they are. May block; any
 * thread. */
int service_settings_again(const struct service *service, void *config, struct err_slot *err);
/* "HOST:PORT" of the private listener, which is unique on this machine: the name of this process
 * among others of its kind, and the same after a restart. With a closing NUL. */
enum { SERVICE_PLACE_MAX = 80 };
void service_place(const struct service *service, char out[SERVICE_PLACE_MAX]);

unsigned service_loops(const struct service *service);
void *service_ctx(const struct service *service); /* conf.ctx */
const void *service_config(const struct service *service);
struct logger *service_log(const struct service *service);
struct metrics *service_metrics(const struct service *service);
/* NULL: no collector ([trace] endpoint). Any thread. */
struct tracer *service_tracer(const struct service *service);
/* The trace that a request belongs to, with an id of its own in it for what it causes. The same
 * whenever it is asked. */
struct trace service_trace(struct http_req *req);
/* How often visitors were answered 5xx, by all loops since the start. Any thread. */
uint64_t service_errors(const struct service *service);

static inline struct service_loop *service_loop_of(const struct http_req *req)
{
    return http_req_loop_ctx(req);
}

/* What takes a millisecond or more: `run` on libuv's pool, then `then` on the loop. If loop_stop()
 * was called meanwhile, loop->ctx is NULL, and a request is still to be answered. */
struct service_job {
    uv_work_t work;
    struct service_loop *loop;
    void (*run)(void *ctx);
    void (*then)(void *ctx);
    void *ctx;
};
void service_run(struct service_job *job);

/* Of a request at the private listener: the name that its token bears ([private] operators_file, or
 * a token of [operators] issuer); NULL: the admin token or a service's, which bear none. On loop 0;
 * borrowed until the next turn.
 */
const char *service_operator(const struct service_loop *loop, const struct http_req *req);

/* By a loop about itself: a condition (a name of the program's own, a literal) holds, or it does
 * not for this reason (a literal; NULL: it holds). /readyz is 200 when every condition of every
 * loop holds. A loop that never says anything is ready once it runs. */
void service_ready(struct service_loop *loop, const char *condition, const char *reason);

/* This process's role among others of its kind ("owner", "standby"): a literal, shown by /readyz
 * besides the verdict. Any thread. */
void service_role(struct service *service, const char *role);

/* Something cannot be repaired at run time: drains and exits with 1. Any thread. */
void service_fail(struct service *service, const char *reason);

#endif
