/* refund_terms_http.h: until when, by whom, and how much of an order is refunded. The configuration
 * sets it for all events, an operator for one event, and an order keeps what was in force when it
 * was made. */
#ifndef FG_PAY_REFUND_TERMS_HTTP_H
#define FG_PAY_REFUND_TERMS_HTTP_H

#include "base/err.h"
#include "core/checkout/refund_terms.h"
#include "http/http.h"
#include "settings.h"

/* At the start of a process: the configuration's terms become the row of the event ''. Blocks. */
int refund_terms_default(const struct settings *settings, struct err_slot *err);

extern const struct http_route refund_terms_routes[], refund_terms_private_routes[];

#endif
