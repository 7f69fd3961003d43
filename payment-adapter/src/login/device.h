/* device.h: a browser that has logged in to an account before, known by a cookie that it got then.
 *
 * Whoever guesses passwords makes an account wait; its owner, at the browser they always use, is
 * not to wait with them. So such a browser's failures are counted for itself. The cookie opens
 * nothing: it says which account's owner was here, to us alone, and only beside the right
 * password. */
#ifndef FG_PAY_DEVICE_H
#define FG_PAY_DEVICE_H

#include "base/span.h"
#include "http/http.h"

#include <stdbool.h>
#include <stdint.h>

enum { DEVICE_BYTES = 12, DEVICE_SET_COOKIE_MAX = 192 };

/* `account` as it is compared: in small letters. True: *device is who this browser is. */
bool device_known(const uint8_t key[32], const struct http_req *req, struct span account,
                  uint8_t device[DEVICE_BYTES]);
/* The value of Set-Cookie for a browser that has just logged in; the same device, if it was one. */
void device_cookie_put(const uint8_t key[32], const struct http_req *req, struct span account,
                       char out[DEVICE_SET_COOKIE_MAX]);

#endif
