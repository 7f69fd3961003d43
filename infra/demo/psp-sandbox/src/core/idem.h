/* idem.h: the answers given under idempotency keys, so that asking again gives the same answer and
 * never the effect a second time. Time is passed in with each call; the oldest keys are dropped
 * first, by age or when there are too many. */
#ifndef FG_PSP_SANDBOX_IDEM_H
#define FG_PSP_SANDBOX_IDEM_H

#include "base/err.h"
#include "core/form.h"

struct idem;

enum idem_found {
    IDEM_NEW,     /* the key is unused: proceed, then idem_keep() */
    IDEM_SAME,    /* used with the same parameters: here is the answer */
    IDEM_DIFFERS, /* used with other parameters */
};

struct idem_answer {
    unsigned status;
    struct span body; /* borrowed until the next idem_keep() */
};

int idem_create(uint32_t keys_max, uint64_t ttl_s, struct err_slot *err, struct idem **out);
enum idem_found idem_look(struct idem *idem, struct span key,
                          const uint8_t digest[FORM_DIGEST_BYTES], uint64_t now_s,
                          struct idem_answer *answer);
/* The key was IDEM_NEW at the same now_s. */
int idem_keep(struct idem *idem, struct span key, const uint8_t digest[FORM_DIGEST_BYTES],
              uint64_t now_s, const struct idem_answer *answer, struct err_slot *err);
bool idem_has(const struct idem *idem, struct span key);
uint32_t idem_len(const struct idem *idem);
void idem_destroy(struct idem *idem);

#endif
