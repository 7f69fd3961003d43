/* member_name.h: a pseudonym for a shop member, used where the member's id is not needed: in the
 * admission pass, and at the seats. The waiting room and the payment adapter derive the same name
 * from the same id, independently, so that one can compare and the other can count.
 *
 * It is bound to the event, so the passes of two events do not reveal that one member has both.
 * It is neither secret nor proof: ids can be guessed and hashed. The pass around it is signed. */
#ifndef FG_CRYPTO_MEMBER_NAME_H
#define FG_CRYPTO_MEMBER_NAME_H

#include "base/span.h"

enum { MEMBER_NAME_LEN = 22 };

struct member_name {
    char text[MEMBER_NAME_LEN + 1]; /* base64url; "": not a member */
};

struct member_name member_name_make(struct span event, struct span member);

#endif
