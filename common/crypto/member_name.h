/* member_name.h: what a member of the shop is called where the member's id is not needed: in the
 * admission pass, and at the seats. The waiting room and the payment adapter make the same name of
 * the same id, each by itself, so that one can compare and the other can count.
 *
 * It is bound to the event, so the passes of two events do not reveal that one member has both. It
 * is no secret and no proof: ids can be guessed and hashed. The pass that it is in is signed. */
#ifndef FG_CRYPTO_MEMBER_NAME_H
#define FG_CRYPTO_MEMBER_NAME_H

#include "base/span.h"

enum { MEMBER_NAME_LEN = 22 };

struct member_name {
    char text[MEMBER_NAME_LEN + 1]; /* base64url; "": nobody */
};

struct member_name member_name_make(struct span event, struct span member);

#endif
