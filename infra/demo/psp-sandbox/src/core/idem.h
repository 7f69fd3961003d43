/* idem.h: the answers given under idempotency keys, so that the same call gets the same answer and
 * never has its effect a second time. Time is passed in; the oldest keys are dropped first, by age
 * or when there are too many. */
#ifndef FG_PSP_SANDBOX_IDEM_H
#define FG_PSP_SANDBOX_IDEM_H

#include "base/span.h"
#include "core/psp_limits.h"

#include <jansson.h>

struct idem {
    json_t *kept; /* key -> {at, status, digest, body}, oldest first */
};

struct idem_answer {
    unsigned status;
    struct span body;   /* borrowed until the next idem_keep() */
    const char *digest; /* of the call that was answered */
};

void idem_init(struct idem *idem);
/* False: the key is unused. */
bool idem_find(struct idem *idem, struct span key, uint64_t now_s, struct idem_answer *answer);
/* The key is unused, and text. */
void idem_keep(struct idem *idem, struct span key, uint64_t now_s,
               const struct idem_answer *answer);
void idem_deinit(struct idem *idem);

#endif
