/* openssl.h: the headers of OpenSSL 3 that we use. They have a type ERR_STATE, which is also a code
 * of base/err.h; the type, which is not needed, is renamed while the headers are read. */
#ifndef FG_CRYPTO_OPENSSL_H
#define FG_CRYPTO_OPENSSL_H

#define ERR_STATE openssl_err_state

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#undef ERR_STATE

#endif
