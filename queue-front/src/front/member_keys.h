/* member_keys.h: the shop's public keys, which verify member tokens: from the shop's address or
 * else from a file. One per front. */
#ifndef FG_QUEUE_FRONT_MEMBER_KEYS_H
#define FG_QUEUE_FRONT_MEMBER_KEYS_H

#include "outcall/jwks_feed.h"

struct front;
struct member_keys; /* belongs to one loop */

/* False, and the error says why: `url` is neither empty nor http(s). */
bool member_keys_check(const char *url, struct err_slot *err);

/* front->member_keys; NULL where no address is set. */
int member_keys_create(struct front *front, struct err_slot *err);
void member_keys_close(struct member_keys *keys); /* NULL is fine; the loop frees the memory */

/* What was fetched last, else what the file has; NULL: none was ever seen. Borrowed for as long as
 * one request is looked at. */
const struct jwks *member_keys_now(const struct front *front);

/* A token names a key that is not known. True: the shop may have a newer set, and is being asked.
 */
bool member_keys_doubt(const struct front *front);

/* Did the shop name an address, and has nothing come from there or from a file yet? */
bool member_keys_awaited(const struct front *front);

const struct jwks_feed_stats *member_keys_stats(const struct member_keys *keys);

#endif
