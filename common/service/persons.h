/* persons.h: operators as persons. Who they are and what they may is said by a token that an
 * OpenID Connect issuer has signed (an ID token, or an access token that is a JWT): its `sub` or
 * `email`, and roles, for all events or for some.
 *
 *   viewer     reads
 *   operator   turns knobs, too
 *   admin      everything
 *
 * What a token does not grant is refused: no role, no call. Threading: one loop. */
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

/* Bits. All may read; desk, finance and operator open different acts, and admin opens all. */
enum person_role {
    PERSON_NOBODY = 0,
    PERSON_VIEWER = 1,
    PERSON_DESK = 2,
    PERSON_FINANCE = 4,
    PERSON_OPERATOR = 8,
    PERSON_ADMIN = 16,
    PERSON_FEED = 32, /* no person's, and granted by no issuer: [private] feed_token_file */
};
enum {
    PERSON_ROLES = 5,
    PERSON_ANY = PERSON_VIEWER | PERSON_DESK | PERSON_FINANCE | PERSON_OPERATOR | PERSON_ADMIN,
};

enum {
    PERSONS_NAME_BYTES_MAX = 80, /* as long as a name on the trail may be */
    PERSONS_GRANTS_MAX = 32,     /* of one token; more only make it grant less */
    PERSONS_EVENTS_BYTES_MAX = 64,
    PERSONS_SEEN_MAX = 64,          /* tokens that were judged and are not judged again */
    PERSONS_LEEWAY_S = 30,          /* clocks differ */
    PERSONS_LIFETIME_S_MAX = 86400, /* a person who has left is shut out within a day */
};

/* A role for the events of a name, or of names that begin so ("hero-*"). */
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
    const char *keys;        /* an address of a key set, or a file */
    const char *ca_file;     /* certificates to trust for that; "": the system's */
    const char *roles_claim; /* names, comma between; a dot leads into an object */
    const char *events_claim;
    const char *role_prefix; /* before each role, so that other groups do not count */
    uv_loop_t *loop;
    const struct clock *clock;
    const struct rng *rng;
    struct logger *log;
};

/* Keys travel over TLS, or stay on this machine. */
bool persons_keys_ok(struct span keys);
int persons_create(const struct persons_conf *conf, struct err_slot *err, struct persons **out);
void persons_close(struct persons *persons); /* NULL is fine; the loop frees the memory */

/* Has it the form of such a token, and not of one that was made up by hand? */
bool persons_is_token(struct span shown);
/* ERR_AUTH, ERR_SYNTAX: it must not be believed; ERR_TIMEOUT: it has run out; ERR_UNKNOWN: its key
 * may be there in a moment. *out is borrowed until the loop turns. */
int persons_judge(struct persons *persons, struct span token, struct err_slot *err,
                  const struct person **out);
/* Why the last one was refused. */
enum jwt_fault persons_fault(const struct persons *persons);
/* Whose token it is, if it was judged a moment ago; NULL otherwise. */
const struct person *persons_seen(const struct persons *persons, struct span token);

const char *person_role_name(enum person_role role);
/* One of these roles opens the call. `event` is not there for a call that is about none. */
bool person_may(const struct person *person, unsigned roles, struct span event);
unsigned person_roles(const struct person *person); /* anywhere */
enum person_role person_lowest(unsigned roles);     /* of at least one */
enum person_role person_highest(unsigned roles);    /* or nobody */

#endif
