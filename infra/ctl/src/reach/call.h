/* call.h: requests to the private listeners, several at a time, and their outcomes. */
#ifndef FG_CTL_REACH_CALL_H
#define FG_CTL_REACH_CALL_H

#include "base/grow.h"
#include "reach/profile.h"

#include <curl/curl.h>
#include <jansson.h>

enum call_end {
    CALL_ANSWERED, /* there is an answer: see `status` */
    CALL_AWAY,     /* the request reached nobody */
    CALL_UNKNOWN,  /* it may have, but no complete answer came */
    CALL_STOPPED,  /* the caller stopped waiting */
};

struct call {
    /* the request */
    const char *method; /* NULL: GET */
    char url[CTL_URL_MAX];
    struct span body;                     /* borrowed; NULL pointer: no body */
    const char *content_type;             /* NULL: JSON */
    const char *if_match, *if_none_match; /* NULL: none */
    const char *why, *who;                /* for the trail; NULL: not given */
    const char *bearer, *cookie, *key;    /* a visitor's; NULL or "": none */
    bool open;                            /* sends no token: healthz, readyz, metrics, the edge */
    bool outside;                         /* through the proxy in the environment, if any */
    /* Offset of the path in the url if another process may own the event; else 0. */
    size_t path_at;
    /* the outcome */
    enum call_end end;
    long status;
    struct grow answer; /* freed by call_free() */
    json_t *json;       /* the answer parsed, if it was JSON; or NULL */
    char etag[CTL_ETAG_MAX];
    char cookies[CTL_COOKIES_MAX]; /* cookies that it sets, as a request sends them */
    char link[CTL_URL_MAX];        /* path of the next part; "": none */
    bool csv;
    int64_t date_s;              /* by the server's clock; 0: unknown */
    int64_t asked_s, answered_s; /* by our clock, since 1970 */
    long retry_after_s;
    uint64_t took_ms;
    char error[CURL_ERROR_SIZE];
    unsigned sent_on;          /* how often a 421 named another process, */
    char owner[CTL_OWNER_MAX]; /* and the process that the last one named */
    /* private to call.c */
    struct curl_slist *headers;
    CURL *easy;
};

struct caller;

/* `token` is copied; it may be NULL if no call needs it. */
int caller_create(const struct profile *profile, const char *token, struct err_slot *err,
                  struct caller **out);
void caller_destroy(struct caller *caller); /* wipes the token */
/* Copies a newer token, for the next calls. */
void caller_renew(struct caller *caller, const char *token);

/* Sets the call's url to "http://127.0.0.1:8091" + path; false: too long, or not in the profile. */
bool call_to(struct call *call, const struct profile *profile, enum command_service service,
             const char *path);

/* "/admin/events/EVENT" + leaf */
bool call_to_event(struct call *call, const struct profile *profile, enum command_service service,
                   struct span event, const char *leaf);

/* The same for the edge, the visitors' address. */
bool call_to_edge(struct call *call, const struct profile *profile, const char *path);

/* Makes all calls in parallel; each has its own outcome. On a 421 event-elsewhere the call is
 * repeated at the process that it names. Calls without a url are not made. False: `stop_fd` became
 * readable (-1: never), so this returned early, with unfinished calls CALL_STOPPED. */
bool caller_make(struct caller *caller, struct call *calls, size_t len, uint64_t timeout_ms,
                 int stop_fd);

void call_free(struct call *call);

/* 200 to 299 */
bool call_good(const struct call *call);

/* Appends a segment of a path, or a value of a query, percent-encoded. */
void call_put_encoded(struct text *out, struct span text);

/* Appends why a call failed, as a sentence that is not yet safe for a terminal. `who` names the
 * service. Returns the exit code. */
int call_failure(const struct call *call, const char *who, struct grow *out);

#endif
