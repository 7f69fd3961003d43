/* signed.c: one check of one RSA signature, with OpenSSL.
 *
 * The certificate is parsed again at each check. Checks are a few a day, so a cache would be
 * more code than it saves. Everything that can be wrong (no certificate, another kind of key, a
 * signature of another length) is the same answer: not signed. */
#include "crypto/signed.h"

#include "crypto/openssl.h"

#include <openssl/x509.h>

static EVP_PKEY *read_key(struct span pem)
{
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    X509 *certificate = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    EVP_PKEY *key = certificate != NULL ? X509_get_pubkey(certificate) : NULL;
    X509_free(certificate);
    BIO_free(bio);
    if (key != NULL && EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    ERR_clear_error();
    return key;
}

int signed_certificate_check(struct span pem, struct err_slot *err)
{
    EVP_PKEY *key = read_key(pem);
    if (key == NULL)
        return err_set(err, ERR_SYNTAX, "there is no certificate of an RSA key in PEM");
    EVP_PKEY_free(key);
    return 0;
}

bool signed_by(struct span pem, struct span message, struct span signature)
{
    EVP_PKEY *key = read_key(pem);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = key != NULL && ctx != NULL &&
                EVP_DigestVerifyInit(ctx, NULL, EVP_sha512(), NULL, key) == 1 &&
                EVP_DigestVerify(ctx, (const uint8_t *)signature.ptr, signature.len,
                                 (const uint8_t *)message.ptr, message.len) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return good;
}
