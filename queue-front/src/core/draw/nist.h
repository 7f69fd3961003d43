/* nist.h: a pulse of NIST's randomness beacon (2.0, NISTIR 8213): did its certificate sign it, and
 * is it the one that was promised? */
#ifndef FG_QUEUE_FRONT_CORE_NIST_H
#define FG_QUEUE_FRONT_CORE_NIST_H

#include "base/err.h"
#include "base/span.h"
#include "base/text.h"

#include <stdint.h>

enum {
    NIST_VALUE_LEN = 128,        /* 512 bits in hex */
    NIST_CERTIFICATE_MAX = 4096, /* PEM; an RSA certificate of 4,096 bits has 2.5 KB */
};

struct nist_want {
    struct span certificate; /* PEM, of the signer that is believed */
    uint64_t chain;
    uint64_t at_ms;
};

/* `json` is a pulse, or an answer {"pulse": ..}. On success `value` is its output in lower-case hex
 * and the pulse is appended to `pulse`, if there is one. ERR_SYNTAX: no JSON; ERR_RANGE: no pulse,
 * or not the one that was wanted; ERR_AUTH: not signed by the certificate, or an output that does
 * not follow. */
int nist_pulse_check(struct span json, const struct nist_want *want, struct err_slot *err,
                     char value[NIST_VALUE_LEN + 1], struct text *pulse);

#endif
