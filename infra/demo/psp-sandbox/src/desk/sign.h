/* sign.h: the Stripe-Signature header. */
#ifndef FG_PSP_SANDBOX_SIGN_H
#define FG_PSP_SANDBOX_SIGN_H

#include "base/text.h"

/* Appends "t=<at_s>,v1=<hex>": HMAC-SHA256 of "<at_s>.<body>" under the whole secret, its whsec_
 * included. */
void sign_put(struct text *header, struct span secret, uint64_t at_s, struct span body);

#endif
