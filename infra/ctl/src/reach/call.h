/* call.h: requests to the private listeners, several at a time, and their outcomes. */
#ifndef FG_CTL_REACH_CALL_H
#define FG_CTL_REACH_CALL_H

#include "base/grow.h"
#include "reach/profile.h"

#include <curl/curl.h>
#include <jansson.h>

enum call_end {
    CALL_ANSWERED, /* `status` says what */
    CALL_AWAY,     /* the request never reached anybody */
    CALL_UNKNOWN,  /* it may have, and no whole answer came */
    CALL_STOPPED,  /* the caller had enough of it */
};

struct call {
    /* what is asked */
    const char *method; /* NULL: GET */
    char url[CTL_URL_MAX];
    struct span body;                     /* borrowed; no pointer: none */
    const char *content_type;             /* NULL: JSON */
    const char *if_match, *if_none_match; /* NULL: none */
    const char *why, *who;                /* of the trail; NULL: not said */
    const char *bearer, *cookie, *key;    /* of a visitor; NULL: none */
    bool open;                            /* shows no token: healthz, readyz, metrics, the edge */
    bool outside;                         /* by the proxy that the environment names, if any */
    /* Where its path begins in the url, if another process may have what is asked for; else 0. */
    size_t path_at;
    /* the outcome */
    enum call_end end;
    long status;
    struct grow answer; /* freed by call_free() */
    json_t *json;       /* of it, if it was JSON; or NULL */
    char etag[CTL_ETAG_MAX];
    char cookies[CTL_COOKIES_MAX]; /* that it sets, as a request shows them */
    char link[CTL_URL_MAX];        /* path of the next part; "": there is none */
    bool csv;
    int64_t date_s;              /* by the server's clock; 0: unknown */
    int64_t asked_s, answered_s; /* by ours, since 1970 */
    long retry_after_s;
    uint64_t took_ms;
    char error[CURL_ERROR_SIZE];
    unsigned sent_on;          /* so many answers said that another process has the event, */
    char owner[CTL_OWNER_MAX]; /* the last of them which */
    /* for call.c */
    struct curl_slist *headers;
    CURL *easy;
};

struct caller;

/* `token` may be NULL for calls that show none; it is copied. */
int caller_create(const struct profile *profile, const char *token, struct err_slot *err,
                  struct caller **out);
void caller_destroy(struct caller *caller); /* wipes the token */

/* "http://127.0.0.1:8091" + path into the call's url; false: too long, or not in the profile. */
bool call_to(struct call *call, const struct profile *profile, enum command_service service,
             const char *path);

/* "/admin/events/EVENT" + leaf */
bool call_to_event(struct call *call, const struct profile *profile, enum command_service service,
                   struct span event, const char *leaf);

/* The same for the edge, where visitors come. */
bool call_to_edge(struct call *call, const struct profile *profile, const char *path);

/* Makes all calls at the same time; each has its own end. An answer 421 event-elsewhere names
 * another process, and the call is repeated there. Returns early, with the others CALL_STOPPED,
 * once `stop_fd` can be read (-1: none). */
void caller_make(struct caller *caller, struct call *calls, size_t len, uint64_t timeout_ms,
                 int stop_fd);

void call_free(struct call *call);

/* 200 to 299 */
bool call_good(const struct call *call);

/* Appends a segment of a path, or a value of a query, percent-encoded. */
void call_put_encoded(struct text *out, struct span text);

/* What a failed call has to say, in a sentence; not yet fit for a terminal. `who` is whom it was
 * asked of. Answers what the process ends with. */
int call_failure(const struct call *call, const char *who, struct grow *out);

#endif
