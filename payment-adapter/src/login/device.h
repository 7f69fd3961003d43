/* device.h: recognises a browser that has logged in to an account before, by a cookie set then.
 *
 * Guessed passwords make an account wait; its owner, in the browser they always use, should not
 * have to wait too. So such a browser's failures are counted separately. The cookie grants nothing:
 * it only shows that this account's owner was here, and counts only together with the right
 * password. */
#ifndef FG_PAY_DEVICE_H
#define FG_PAY_DEVICE_H

#include "base/span.h"
#include "http/http.h"

#include <stdbool.h>
#include <stdint.h>

enum { DEVICE_BYTES = 12, DEVICE_SET_COOKIE_MAX = 192 };

/* `account` must be in lower case. True: *device identifies this browser. */
bool device_known(const uint8_t key[32], const struct http_req *req, struct span account,
                  uint8_t device[DEVICE_BYTES]);
/* The value of Set-Cookie for a browser that has just logged in; it keeps its device number if it
 * had one. */
void device_cookie_put(const uint8_t key[32], const struct http_req *req, struct span account,
                       char out[DEVICE_SET_COOKIE_MAX]);

#endif
