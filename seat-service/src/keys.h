/* keys.h: the waiting room's public keys, as they are now.
 *
 * Read from a file, or fetched from its address by a thread of their own, at start and then again
 * and again: so a rotation is seen without anybody telling us. What was fetched last stays in use
 * when the waiting room is away. A key that is not known is a reason to look at once, though not
 * more often than once in KEYS_RETRY_MS.
 *
 * Threading: keys_current() on any thread; the set it lends stays good until keys_destroy(). A set
 * is replaced a few times a day, so old ones are kept, and freed at the end. */
#ifndef FG_SEAT_SERVICE_KEYS_H
#define FG_SEAT_SERVICE_KEYS_H

#include "base/clock.h"
#include "base/err.h"
#include "crypto/jwks.h"
#include "observe/log.h"

struct keys;

struct keys_conf {
    const char *file; /* a JWK set; "" if there is a url */
    const char *url;  /* http://host:port/.well-known/jwks.json */
    uint64_t refresh_ms;
    const struct clock *clock;
    struct logger *log;
};

int keys_create(const struct keys_conf *conf, struct err_slot *err, struct keys **out);
const struct jwks *keys_current(const struct keys *keys); /* NULL: none yet */
uint64_t keys_generation(const struct keys *keys);        /* rises with each new set */
void keys_look_again(struct keys *keys); /* a token named a key that the set does not have */
void keys_destroy(struct keys *keys);

#endif
