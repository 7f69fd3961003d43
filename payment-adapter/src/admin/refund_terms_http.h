/* refund_terms_http.h: until when, by whom, and how much of an order is refunded. The configuration
 * sets this for all events, an operator for one event, and an order keeps the terms in force when
 * it was made. */
#ifndef FG_PAY_REFUND_TERMS_HTTP_H
#define FG_PAY_REFUND_TERMS_HTTP_H

#include "base/err.h"
#include "core/checkout/refund_terms.h"
#include "http/http.h"
#include "settings.h"

/* Called at process start: stores the configured terms as the row of the event ''. Blocks. */
int refund_terms_default(const struct settings *settings, struct err_slot *err);

extern const struct http_route refund_terms_routes[], refund_terms_private_routes[];

#endif
