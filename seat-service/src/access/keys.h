/* keys.h: the waiting room's public keys, as they are now.
 *
 * Read from a file, or fetched from its address by a thread of their own, at start and then again
 * and again: so a rotation is seen without anybody telling us. What was fetched last stays in use
 * when the waiting room is away. A key that is not known is a reason to look at once, though not
 * more often than once in retry_ms.
 *
 * Threading: a set is taken and given back on any thread, and stays what it is in between. */
#ifndef FG_SEAT_SERVICE_KEYS_H
#define FG_SEAT_SERVICE_KEYS_H

#include "base/clock.h"
#include "base/err.h"
#include "crypto/jwks.h"
#include "observe/log.h"

struct keys;
struct keys_set;

struct keys_conf {
    const char *file; /* a JWK set; "" if there is a url */
    const char *url;  /* http://host:port/.well-known/jwks.json */
    uint64_t refresh_ms;
    uint64_t retry_ms; /* never more often than this, whoever asks */
    const struct clock *clock;
    struct logger *log;
};

int keys_create(const struct keys_conf *conf, struct err_slot *err, struct keys **out);
/* The current set, or NULL: none yet. To be given back. */
struct keys_set *keys_take(struct keys *keys);
const struct jwks *keys_jwks(const struct keys_set *set);
void keys_give_back(struct keys *keys, struct keys_set *set);
uint64_t keys_generation(const struct keys *keys); /* rises with each new set; 0: none yet */
void keys_look_again(struct keys *keys); /* a token named a key that the set does not have */
void keys_destroy(struct keys *keys);

#endif
