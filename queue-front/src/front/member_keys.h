/* member_keys.h: the shop's public keys, which verify member tokens: from the shop's URL or else
 * from a file. One per front. */
#ifndef FG_QUEUE_FRONT_MEMBER_KEYS_H
#define FG_QUEUE_FRONT_MEMBER_KEYS_H

#include "outcall/jwks_feed.h"

struct front;
struct member_keys; /* belongs to one loop */

/* False, with a reason in the error: `url` is neither empty nor http(s). */
bool member_keys_check(const char *url, struct err_slot *err);

/* Sets front->member_keys; NULL if no URL is set. */
int member_keys_create(struct front *front, struct err_slot *err);
void member_keys_close(struct member_keys *keys); /* NULL is fine; the loop frees the memory */

/* The last fetched set, else the file's; NULL: none yet. Borrowed for one request. */
const struct jwks *member_keys_now(const struct front *front);

/* A token names an unknown key. True: the shop may have a newer set, which is being fetched. */
bool member_keys_doubt(const struct front *front);

/* True if a URL is set, and neither it nor a file has supplied keys yet. */
bool member_keys_awaited(const struct front *front);

const struct jwks_feed_stats *member_keys_stats(const struct member_keys *keys);

#endif
