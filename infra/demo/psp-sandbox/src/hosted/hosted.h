/* hosted.h: the pages on which a buyer types the card: the one of an intent or a session, its
 * authentication, and Toss's payment window. */
#ifndef FG_PSP_SANDBOX_HOSTED_H
#define FG_PSP_SANDBOX_HOSTED_H

#include "http/http.h"

int hosted_add_routes(struct http_router *router, struct err_slot *err);

#endif
