/* service.h: the common part of every service's main(): options, configuration, loops, listeners,
 * signals, drain, health, metrics and the access log. A main.c declares its settings and its hooks
 * and calls service_main().
 *
 *     --config FILE      read settings from FILE
 *     --check-config     validate them and exit
 *     --migrate          bring the database up to what this version needs, and exit
 *     --version, --help
 *
 * The life of a process; each hook runs on the thread named; NULL hooks are skipped:
 *
 *     check          main   settings are read: check the rules between them
 *     start          main   once: keys, shared state; add routes and metrics
 *     loop_start     each   the loop's servers exist; create what the loop owns, set loop->ctx
 *     ...                   requests
 *     reload         pool   SIGHUP: read keys and knobs again, keeping the old ones (may block)
 *     loop_reload    each   after a successful reload: use what it read
 *     loop_drain     each   SIGTERM: no new connections from here on; begin to finish
 *     loop_stop      each   connections are closed or timed out: close every handle you made
 *     stop           main   all loops have ended: free what start made
 *
 * Loop 0 is the main thread and also has the private listener, which stays open until the last loop
 * has drained. /healthz, /readyz, /followz and /metrics are open to all; PUT /log/level
 * {"level":"debug"} and the service's own routes need the admin token; those below /internal/ also
 * accept the token that services use among themselves (config: [private]).
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
    SERVICE_CONDITIONS_MAX = 8, /* conditions for readiness, per loop */
};

struct service;

/* One of the serving threads. Handlers get it from service_loop_of(req). */
struct service_loop {
    struct service *service;
    unsigned index; /* 0..service_loops()-1 */
    uv_loop_t *uv;
    struct http_server *server;         /* the public one */
    struct http_server *private_server; /* loop 0 only; NULL on others */
    const struct clock *clock;
    const struct rng *rng;   /* fast, for this loop only: trace ids, jitter; not for secrets */
    struct logger *log;      /* shared */
    struct metrics *metrics; /* shared */
    const void *config;      /* the struct filled from conf.settings */
    void *ctx;               /* the service's own, set by loop_start; NULL after loop_stop */
};

enum { SERVICE_READYZ_MAX = 16384 };

struct service_call {
    enum http_method method;
    const char *pattern; /* as in its route */
    unsigned roles;      /* persons.h: roles that may call it, besides admin */
};

struct service_conf {
    const char *name;
    const char *version;
    const char *commands; /* other commands of the program, for --help; may be NULL */
    const struct config_setting *settings;
    size_t settings_len;
    void *config; /* the struct that settings fill; borrowed to the end */
    void *ctx;    /* service_ctx() */
    /* The clock of all loops and of each answer's Date, valid after start(). NULL:
     * clock_system(). */
    const struct clock *clock;
    /* Prefixes of private paths that need no token: a console's page and scripts. Ends with NULL;
     * may be NULL. */
    const char *const *private_open;
    /* Calls of the private listener with roles other than the default. By default each role may
     * read (GET) below /admin/, and operators may make the other calls there; DELETEs and all other
     * paths are for admins. Ends with an entry without a pattern; may be NULL. */
    const struct service_call *private_roles;
    /* Calls of the private listener about one event if the query has its `id`, otherwise about all:
     * an operator who is limited to that event may make them with its id. Ends with an entry
     * without a pattern; may be NULL. */
    const struct service_call *private_by_id;
    /* Calls of visitors with figures of their own, up to CALL_TIMES_MAX. Ends with an entry without
     * a name; may be NULL. */
    const struct call_name *calls;

    int (*check)(void *config, struct err_slot *err);
    /* For --migrate: applies the database changes that start, or a loop, would apply. on_wait()
     * gets a sentence about each wait. NULL: no database. */
    int (*migrate)(void *config, void (*on_wait)(const char *words), struct err_slot *err);
    int (*start)(struct service *service, struct http_router *routes,
                 struct http_router *private_routes, struct err_slot *err);
    int (*loop_start)(struct service_loop *loop, struct err_slot *err);
    int (*reload)(struct service *service,
                  struct err_slot *err); /* if it fails, the old ones stay */
    void (*loop_reload)(struct service_loop *loop);
    void (*loop_drain)(struct service_loop *loop);
    void (*loop_stop)(struct service_loop *loop);
    void (*stop)(struct service *service);
    /* Adds members to /readyz, which is open to all: what monitoring should know besides the
     * verdict, in SERVICE_READYZ_MAX bytes. On loop 0; may be NULL. */
    void (*readyz)(void *ctx, struct text *body);
    /* Returns a reason (a literal) why the process is not ready right now, in addition to its
     * conditions; NULL: ready. For reasons that a condition reports too late: a process that was
     * stopped (SIGSTOP) answers before its timers run. On loop 0; may be NULL. */
    const char *(*unready)(void *ctx);
    /* Returns whether a process that is not ready does well all the same, as a standby does:
     * /followz is 200 then. On loop 0; may be NULL. */
    bool (*follows)(void *ctx);

    /* No private listener, so routes answer /healthz themselves: for stand-ins of outside systems,
     * such as the demo shop. start() gets NULL as private_routes. */
    bool public_only;
};

int service_main(const struct service_conf *conf, int argc, char **argv);

/* For a command of the same program that does not serve ("seed"): reads and checks all settings,
 * including those of the skeleton, into conf->config. `path` may be NULL. */
int service_read_settings(const struct service_conf *conf, const char *path, struct err_slot *err);

/* Reads the same file and environment again into `config` (another struct of conf->config's type),
 * as a reload does. The skeleton's own settings do not change. May block; any thread. */
int service_settings_again(const struct service *service, void *config, struct err_slot *err);
/* "HOST:PORT" of the private listener, which is unique on this machine: the name of this process
 * among others of its kind, stable across restarts. With a closing NUL. */
enum { SERVICE_PLACE_MAX = 80 };
void service_place(const struct service *service, char out[SERVICE_PLACE_MAX]);

unsigned service_loops(const struct service *service);
void *service_ctx(const struct service *service); /* conf.ctx */
const void *service_config(const struct service *service);
struct logger *service_log(const struct service *service);
struct metrics *service_metrics(const struct service *service);
/* NULL: no collector ([trace] endpoint). Any thread. */
struct tracer *service_tracer(const struct service *service);
/* The trace of a request, with a span id of its own as the parent of calls it makes. The same on
 * every call. */
struct trace service_trace(struct http_req *req);
/* The number of 5xx answers to visitors, of all loops since the start. Any thread. */
uint64_t service_errors(const struct service *service);

static inline struct service_loop *service_loop_of(const struct http_req *req)
{
    return http_req_loop_ctx(req);
}

/* Work of a millisecond or more: `run` on libuv's pool, then `then` on the loop. If loop_stop() was
 * called meanwhile, loop->ctx is NULL, and a request must still be answered. */
struct service_job {
    uv_work_t work;
    struct service_loop *loop;
    void (*run)(void *ctx);
    void (*then)(void *ctx);
    void *ctx;
};
void service_run(struct service_job *job);

/* For a request at the private listener: the operator's name, proven by its token ([private]
 * operators_file, or [operators] issuer); NULL for the admin token and those of services. On loop
 * 0; borrowed until the next turn. */
const char *service_operator(const struct service_loop *loop, const struct http_req *req);

/* Called by a loop about itself: a condition (its name, a literal) does not hold for this reason (a
 * literal), or holds (NULL). /readyz is 200 when every condition of every loop holds. A loop
 * without conditions is ready once it runs. */
void service_ready(struct service_loop *loop, const char *condition, const char *reason);

/* This process's role among others of its kind ("owner", "standby"): a literal, shown by /readyz
 * besides the verdict. Any thread. */
void service_role(struct service *service, const char *role);

/* An error that cannot be repaired at run time: drains and exits with 1. Any thread. */
void service_fail(struct service *service, const char *reason);

#endif
