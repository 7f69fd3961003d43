/* tls_client.c: TLS on a socket that the caller owns and polls.
 *
 * OpenSSL reads and writes the socket itself, without read-ahead: an incomplete record stays in the
 * kernel, so polling the socket always shows that there is more to read. Each step says what it
 * waits for, because under TLS a read may have to write first.
 *
 * Errors are for people. A certificate's own problem comes first, since OpenSSL's message for every
 * such problem is "certificate verify failed". */
#include "crypto/tls_client.h"

#include "base/ip.h"
#include "base/secret_file.h"
#include "base/span.h"
#include "crypto/openssl.h"

#include <assert.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

enum { WHY_BYTES = 512 }; /* a host, a sentence of OpenSSL's and a name */

struct tls_client {
    struct tls_client_conf conf;
    uv_mutex_t lock; /* held while `ctx` is used or replaced */
    SSL_CTX *ctx;
};

struct tls_session {
    SSL *ssl;
    bool wants_write;
    const char *host; /* borrowed */
    const char *name; /* borrowed: what the certificate must bear */
    char why[WHY_BYTES];
};

static const char *reason(void)
{
    const char *words = ERR_reason_error_string(ERR_peek_last_error());
    return words != NULL ? words : "no reason given";
}

static int trust(SSL_CTX *ctx, const struct tls_client_conf *conf, struct err_slot *err)
{
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    /* Like curl: a trusted authority ends the chain, even if it is not a root. */
    X509_STORE_set_flags(SSL_CTX_get_cert_store(ctx), X509_V_FLAG_PARTIAL_CHAIN);
    if (conf->ca[0] == '\0') {
        SSL_CTX_set_default_verify_paths(ctx);
        return 0;
    }
    if (SSL_CTX_load_verify_file(ctx, conf->ca) != 1)
        return err_set(err, ERR_SYNTAX, "tls_ca: %s: %s", conf->ca, reason());
    return 0;
}

static int identify(SSL_CTX *ctx, const struct tls_client_conf *conf, struct err_slot *err)
{
    if (conf->cert[0] == '\0')
        return 0;
    if (SSL_CTX_use_certificate_chain_file(ctx, conf->cert) != 1)
        return err_set(err, ERR_SYNTAX, "tls_cert: %s: %s", conf->cert, reason());
    const char *path = conf->key;
    struct secret_file *secret;
    int rc = secret_file_read(path, err, &secret);
    if (rc < 0)
        return err_wrap(err, "tls_key");
    struct span pem = secret_file_span(secret);
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    char no_passphrase[] = "";
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, no_passphrase) : NULL;
    if (key == NULL || SSL_CTX_use_PrivateKey(ctx, key) != 1)
        rc = err_set(err, ERR_SYNTAX, "tls_key: %s: %s", path, reason());
    EVP_PKEY_free(key);
    BIO_free(bio);
    secret_file_destroy(secret);
    return rc;
}

static int make_ctx(const struct tls_client_conf *conf, struct err_slot *err, SSL_CTX **out)
{
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL)
        return err_set(err, ERR_NOMEM, "a TLS context");
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    int rc = trust(ctx, conf, err);
    if (rc == 0)
        rc = identify(ctx, conf, err);
    if (rc < 0)
        SSL_CTX_free(ctx);
    else
        *out = ctx;
    return rc;
}

int tls_client_create(const struct tls_client_conf *conf, struct err_slot *err,
                      struct tls_client **out)
{
    struct tls_client *tls = calloc(1, sizeof(*tls));
    if (tls == NULL)
        return err_set(err, ERR_NOMEM, "TLS of %zu bytes", sizeof(*tls));
    tls->conf = *conf;
    int rc = uv_mutex_init(&tls->lock) == 0 ? 0 : err_set(err, ERR_LOOP, "a mutex for TLS");
    if (rc < 0)
        goto free_tls;
    rc = make_ctx(conf, err, &tls->ctx);
    if (rc < 0)
        goto destroy_lock;
    *out = tls;
    return 0;

destroy_lock:
    uv_mutex_destroy(&tls->lock);
free_tls:
    free(tls);
    return rc;
}

int tls_client_reload(struct tls_client *tls, struct err_slot *err)
{
    SSL_CTX *ctx;
    int rc = make_ctx(&tls->conf, err, &ctx);
    if (rc < 0)
        return rc;
    uv_mutex_lock(&tls->lock);
    SSL_CTX *before = tls->ctx;
    assert(before != NULL && ctx != before);
    tls->ctx = ctx;
    uv_mutex_unlock(&tls->lock);
    SSL_CTX_free(before); /* sessions keep references of their own */
    return 0;
}

void tls_client_destroy(struct tls_client *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->ctx);
    uv_mutex_destroy(&tls->lock);
    free(tls);
}

static bool expect_name(SSL *ssl, const char *name)
{
    if (ip_is_numeric(name))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

struct tls_session *tls_session_open(struct tls_client *tls, int fd, const char *host)
{
    struct tls_session *session = calloc(1, sizeof(*session));
    if (session == NULL)
        return NULL;
    assert(fd >= 0 && host != NULL);
    session->host = host;
    session->name = tls->conf.name[0] != '\0' ? tls->conf.name : host;
    session->wants_write = true;
    uv_mutex_lock(&tls->lock);
    session->ssl = SSL_new(tls->ctx);
    uv_mutex_unlock(&tls->lock);
    if (session->ssl == NULL || SSL_set_fd(session->ssl, fd) != 1 ||
        !expect_name(session->ssl, session->name)) {
        tls_session_close(session);
        return NULL;
    }
    SSL_set_connect_state(session->ssl);
    return session;
}

/* Maps the result `rc` of an OpenSSL call to a step. */
static enum tls_step judge(struct tls_session *session, int rc)
{
    if (rc > 0)
        return TLS_DONE;
    int failure = SSL_get_error(session->ssl, rc);
    if (failure == SSL_ERROR_WANT_READ || failure == SSL_ERROR_WANT_WRITE) {
        session->wants_write = failure == SSL_ERROR_WANT_WRITE;
        return TLS_WAITS;
    }
    long flaw = SSL_get_verify_result(session->ssl);
    const char *words = reason();
    if (flaw != X509_V_OK)
        words = X509_verify_cert_error_string(flaw);
    else if (failure == SSL_ERROR_ZERO_RETURN)
        words = "hung up";
    else if (failure == SSL_ERROR_SYSCALL)
        words = errno != 0 ? uv_strerror(-errno) : "hung up";
    bool name = flaw == X509_V_ERR_HOSTNAME_MISMATCH || flaw == X509_V_ERR_IP_ADDRESS_MISMATCH;
    snprintf(session->why, sizeof(session->why), "TLS with %s: %s%s%s", session->host, words,
             name ? ", the certificate is not for " : "", name ? session->name : "");
    return TLS_FAILED;
}

/* Called before each OpenSSL call, whose result is read from the error queue and errno. */
static void forget_errors(struct tls_session *session)
{
    session->wants_write = false;
    ERR_clear_error();
    errno = 0;
}

enum tls_step tls_session_shake(struct tls_session *session)
{
    forget_errors(session);
    return judge(session, SSL_do_handshake(session->ssl));
}

enum tls_step tls_session_read(struct tls_session *session, char *bytes, size_t cap, size_t *len)
{
    assert(cap > 0);
    forget_errors(session);
    return judge(session, SSL_read_ex(session->ssl, bytes, cap, len));
}

enum tls_step tls_session_write(struct tls_session *session, const char *bytes, size_t count,
                                size_t *len)
{
    assert(count > 0);
    forget_errors(session);
    return judge(session, SSL_write_ex(session->ssl, bytes, count, len));
}

bool tls_session_has_more(const struct tls_session *session)
{
    return SSL_pending(session->ssl) > 0;
}

bool tls_session_wants_write(const struct tls_session *session)
{
    return session->wants_write;
}

const char *tls_session_why(const struct tls_session *session)
{
    return session->why;
}

void tls_session_close(struct tls_session *session)
{
    if (session == NULL)
        return;
    SSL_free(session->ssl);
    free(session);
}
