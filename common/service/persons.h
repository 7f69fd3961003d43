/* persons.h: operators with accounts at an OpenID Connect issuer. A token signed by it (an ID
 * token, or an access token that is a JWT) has their name (`sub` or `email`) and roles, for all
 * events or for some:
 *
 *   viewer          reads
 *   desk, finance   also make the calls that a service lists for them
 *   operator        also makes the other calls below /admin/, but deletes nothing
 *   admin           makes every call
 *
 * Anything that a token does not grant is refused: no role, no call. Threading: one loop. */
#ifndef FG_SERVICE_PERSONS_H
#define FG_SERVICE_PERSONS_H

#include "base/clock.h"
#include "base/err.h"
#include "base/rng.h"
#include "base/span.h"
#include "crypto/jwt.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct logger;
struct persons;

/* Bits. All may read; desk, finance and operator allow different actions, admin allows all. */
enum person_role {
    PERSON_NOBODY = 0,
    PERSON_VIEWER = 1,
    PERSON_DESK = 2,
    PERSON_FINANCE = 4,
    PERSON_OPERATOR = 8,
    PERSON_ADMIN = 16,
    PERSON_FEED = 32, /* for no operator, not granted by issuers: [private] feed_token_file */
};
enum {
    PERSON_ROLES = 5,
    PERSON_ANY = PERSON_VIEWER | PERSON_DESK | PERSON_FINANCE | PERSON_OPERATOR | PERSON_ADMIN,
};

enum {
    PERSONS_NAME_BYTES_MAX = 80, /* the audit trail's limit for a name */
    PERSONS_GRANTS_MAX = 32,     /* per token; further grants are ignored */
    PERSONS_EVENTS_BYTES_MAX = 64,
    PERSONS_SEEN_MAX = 64,          /* cached tokens */
    PERSONS_LEEWAY_S = 30,          /* for clocks that differ */
    PERSONS_LIFETIME_S_MAX = 86400, /* an operator who leaves loses access within a day */
};

/* A role for the events of a name, or of a prefix ("hero-*"). */
struct person_grant {
    enum person_role role;
    char events[PERSONS_EVENTS_BYTES_MAX + 1];
};

struct person {
    char name[PERSONS_NAME_BYTES_MAX + 1]; /* visible ASCII */
    unsigned everywhere;                   /* roles for all events, and for what belongs to none */
    size_t grants_len;
    struct person_grant grant[PERSONS_GRANTS_MAX];
    uint64_t exp_s;
};

struct persons_conf { /* all borrowed until persons_close() */
    const char *issuer, *audience;
    const char *keys;        /* URL or file of the key set */
    const char *ca_file;     /* CA certificates for that URL; "": the system's */
    const char *roles_claim; /* claim names, comma-separated; a dot leads into an object */
    const char *events_claim;
    const char *role_prefix; /* prefix of our roles; other groups are ignored */
    uv_loop_t *loop;
    const struct clock *clock;
    const struct rng *rng;
    struct logger *log;
};

/* Keys must be fetched over TLS or from this machine. */
bool persons_keys_ok(struct span keys);
int persons_create(const struct persons_conf *conf, struct err_slot *err, struct persons **out);
void persons_close(struct persons *persons); /* NULL is fine; the loop frees the memory */

/* Is it a JWT by its form, rather than a configured token? */
bool persons_is_token(struct span shown);
/* ERR_AUTH, ERR_SYNTAX: invalid; ERR_TIMEOUT: expired; ERR_UNKNOWN: its key is missing and may
 * arrive in a moment. *out is borrowed until the next loop turn. */
int persons_judge(struct persons *persons, struct span token, struct err_slot *err,
                  const struct person **out);
/* Why the last token was refused. */
enum jwt_fault persons_fault(const struct persons *persons);
/* The operator of a token that was verified recently; NULL otherwise. */
const struct person *persons_seen(const struct persons *persons, struct span token);

const char *person_role_name(enum person_role role);
/* Does one of these roles allow the call? `event` is "not there" for calls without one. */
bool person_may(const struct person *person, unsigned roles, struct span event);
unsigned person_roles(const struct person *person); /* for any event */
enum person_role person_lowest(unsigned roles);     /* at least one role */
enum person_role person_highest(unsigned roles);    /* highest, or PERSON_NOBODY */

#endif
