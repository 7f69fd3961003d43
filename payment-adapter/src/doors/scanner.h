/* scanner.h: a device that checks tickets in at one gate of one event. It has a token of its own,
 * stored as a hash. An operator creates and revokes it; a revoked scanner is refused from the next
 * scan on. */
#ifndef FG_PAY_SCANNER_H
#define FG_PAY_SCANNER_H

#include "pay_loop.h"

enum { SCANNER_ID_MAX = 24, SCANNER_GATE_MAX = 64, SCANNER_TOKEN_MAX = 64, SCANNER_HASH_MAX = 64 };

struct scanner {
    char id[SCANNER_ID_MAX];
    char event[ORDER_EVENT_MAX];
    char gate[SCANNER_GATE_MAX];
    char expires_at[32];
};

/* Finds the scanner that sent the request. `then` is called once, later, unless the request is
 * answered with 401, 429 or 503. */
typedef void scanner_then(struct http_req *req, const struct scanner *scanner);
void scanner_of(struct http_req *req, scanner_then *then);

#endif
