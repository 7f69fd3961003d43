/* signed.h: has the owner of a certificate signed this? For other people's signatures, which we
 * only check: RSA, PKCS #1 v1.5 over SHA-512. The caller knows the owner: no chain is followed.
 * */
#ifndef FG_CRYPTO_SIGNED_H
#define FG_CRYPTO_SIGNED_H

#include "base/err.h"
#include "base/span.h"

/* Is there a certificate of an RSA key in it? ERR_SYNTAX otherwise. */
int signed_certificate_check(struct span pem, struct err_slot *err);

bool signed_by(struct span pem, struct span message, struct span signature);

#endif
