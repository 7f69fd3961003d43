/* member_keys.h: the shop's public keys, which verify member tokens: from the shop's URL or else
 * from a file. One per front. */
#ifndef FG_QUEUE_FRONT_MEMBER_KEYS_H
#define FG_QUEUE_FRONT_MEMBER_KEYS_H

#include "outcall/jwks_feed.h"

struct front;

/* False, with a reason in the error: `url` is neither empty nor http(s). */
bool member_keys_check(const char *url, struct err_slot *err);

/* Sets front->member_keys; NULL if no URL is set. */
int member_keys_create(struct front *front, struct err_slot *err);

/* The last fetched set, else the file's; NULL: none yet. Borrowed for one request. */
const struct jwks *member_keys_now(const struct front *front);

/* A token names an unknown key. True: the shop may have a newer set, which is being fetched. */
bool member_keys_doubt(const struct front *front);

/* True if a URL is set, and neither it nor a file has supplied keys yet. */
bool member_keys_awaited(const struct front *front);

#endif
