/* tls_client_test.c: both ends of one connection in one thread, over sockets with small buffers, so
 * that every step has to wait for the other end. */
#include "unit.h"

#include "crypto/openssl.h"
#include "crypto/tls_client.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOAD_BYTES = 1 << 20 };

static struct rig {
    char *path; /* of the certificate, which the client trusts */
    int fd[2];
    SSL_CTX *ctx;
    SSL *server;
    struct tls_client *client;
    struct tls_session *session;
} rig;

/* From an unknown authority: a certificate in the client's file is trusted, root or not. */
static X509 *make_certificate(EVP_PKEY *key, const char *name)
{
    X509 *cert = X509_new();
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME *subject = X509_get_subject_name(cert);
    X509_set_issuer_name(cert, subject);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1,
                               0);
    char names[64];
    snprintf(names, sizeof(names), "%s%s", strncmp(name, "IP:", 3) != 0 ? "DNS:" : "", name);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    return cert;
}

/* A new key and its certificate, in files. */
static void make_files(const char *name, char **cert_path, char **key_path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = make_certificate(key, name);
    BIO *bio = BIO_new(BIO_s_mem());
    char *bytes;
    assert_int_equal(1, PEM_write_bio_X509(bio, cert));
    long len = BIO_get_mem_data(bio, &bytes);
    *cert_path = unit_file((struct span){bytes, (size_t)len}, 0600);
    BIO_reset(bio);
    assert_int_equal(1, PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL));
    len = BIO_get_mem_data(bio, &bytes);
    *key_path = unit_file((struct span){bytes, (size_t)len}, 0600);
    BIO_free(bio);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void open_server(const char *name)
{
    char *key_path;
    make_files(name, &rig.path, &key_path);
    rig.ctx = SSL_CTX_new(TLS_server_method());
    assert_int_equal(1, SSL_CTX_use_certificate_file(rig.ctx, rig.path, SSL_FILETYPE_PEM));
    assert_int_equal(1, SSL_CTX_use_PrivateKey_file(rig.ctx, key_path, SSL_FILETYPE_PEM));
    SSL_CTX_set_mode(rig.ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    unit_file_remove(key_path);
}

/* A server with a certificate for `name`, a client that expects `expected` or else `host`. */
static void open_rig(const char *name, const char *expected, const char *host)
{
    signal(SIGPIPE, SIG_IGN);
    rig = (struct rig){.session = NULL};
    open_server(name);
    assert_int_equal(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, rig.fd));
    int little = 4096;
    for (int i = 0; i < 2; i++)
        setsockopt(rig.fd[i], SOL_SOCKET, SO_SNDBUF, &little, sizeof(little));
    rig.server = SSL_new(rig.ctx);
    SSL_set_fd(rig.server, rig.fd[1]);
    SSL_set_accept_state(rig.server);
    struct err_slot err;
    const struct tls_client_conf conf = {.ca = rig.path, .name = expected, .cert = "", .key = ""};
    assert_int_equal(0, tls_client_create(&conf, &err, &rig.client));
    rig.session = tls_session_open(rig.client, rig.fd[0], host);
    assert_non_null(rig.session);
}

static void close_rig(void)
{
    tls_session_close(rig.session);
    tls_client_destroy(rig.client);
    SSL_free(rig.server);
    SSL_CTX_free(rig.ctx);
    close(rig.fd[0]);
    if (rig.fd[1] >= 0)
        close(rig.fd[1]);
    unit_file_remove(rig.path);
}

static void open_usual(void)
{
    open_rig("redis.example", "", "redis.example");
}

UNIT_BETWEEN(open_usual, close_rig)

static enum tls_step shake(void)
{
    enum tls_step step;
    do {
        step = tls_session_shake(rig.session);
        SSL_do_handshake(rig.server);
    } while (step == TLS_WAITS);
    return step;
}

TEST_CASE(bytes_that_the_socket_refuses_are_sent_again)
{
    assert_int_equal(TLS_DONE, shake());
    static char sent[LOAD_BYTES], got[LOAD_BYTES], back[LOAD_BYTES];
    for (size_t i = 0; i < LOAD_BYTES; i++)
        sent[i] = (char)(i * 7 + i / 251);
    size_t written = 0, echoed = 0, arrived = 0, returned = 0;
    unsigned waits = 0;
    while (returned < LOAD_BYTES) {
        size_t len = 0;
        if (written < LOAD_BYTES) { /* from another address each time, like a growing buffer */
            char *copy = malloc(LOAD_BYTES - written);
            memcpy(copy, sent + written, LOAD_BYTES - written);
            enum tls_step step = tls_session_write(rig.session, copy, LOAD_BYTES - written, &len);
            assert_true(step != TLS_FAILED);
            waits += step == TLS_WAITS && tls_session_wants_write(rig.session);
            written += step == TLS_DONE ? len : 0;
            free(copy);
        }
        size_t room = LOAD_BYTES - arrived;
        if (room > 0 && SSL_read_ex(rig.server, got + arrived, room, &len) == 1)
            arrived += len;
        if (echoed < arrived && SSL_write_ex(rig.server, got + echoed, arrived - echoed, &len) == 1)
            echoed += len;
        enum tls_step step =
            tls_session_read(rig.session, back + returned, LOAD_BYTES - returned, &len);
        assert_true(step != TLS_FAILED);
        returned += step == TLS_DONE ? len : 0;
    }
    assert_true(waits > 0);
    assert_memory_equal(sent, back, LOAD_BYTES);
}

TEST_CASE(a_closed_socket_is_reported_in_the_handshake_and_later)
{
    for (int later = 0; later < 2; later++) {
        char bytes[16];
        size_t len;
        if (later)
            assert_int_equal(TLS_DONE, shake());
        close(rig.fd[1]);
        rig.fd[1] = -1;
        enum tls_step step;
        do {
            step = later ? tls_session_read(rig.session, bytes, sizeof(bytes), &len)
                         : tls_session_shake(rig.session);
        } while (step == TLS_WAITS);
        assert_int_equal(TLS_FAILED, step);
        assert_memory_equal("TLS with redis.example: ", tls_session_why(rig.session), 24);
        close_rig();
        open_usual();
    }
}

/* OpenSSL keeps one list of errors for all of a thread's sessions. */
TEST_CASE(an_error_of_another_session_is_ignored)
{
    char bytes[16];
    size_t len;
    ERR_raise(ERR_LIB_SSL, ERR_R_INTERNAL_ERROR);
    assert_int_equal(TLS_WAITS, tls_session_shake(rig.session)); /* for the other end */
    assert_int_equal(TLS_DONE, shake());
    ERR_raise(ERR_LIB_SSL, ERR_R_INTERNAL_ERROR);
    assert_int_equal(TLS_WAITS, tls_session_read(rig.session, bytes, sizeof(bytes), &len));
    enum tls_step step = TLS_DONE;
    while (step == TLS_DONE) { /* until the socket's buffer is full */
        static const char load[1024];
        ERR_raise(ERR_LIB_SSL, ERR_R_INTERNAL_ERROR);
        step = tls_session_write(rig.session, load, sizeof(load), &len);
    }
    assert_int_equal(TLS_WAITS, step);
    ERR_clear_error();
}

TEST_CASE(a_certificate_is_for_an_address_or_an_expected_name)
{
    static const struct {
        const char *certificate, *expected, *host;
        const char *why; /* NULL: accepted */
    } rows[] = {
        {"redis.example", "", "other.example",
         "TLS with other.example: hostname mismatch, the certificate is not for other.example"},
        {"IP:127.0.0.1", "", "127.0.0.1", NULL},
        {"IP:127.0.0.1", "", "127.0.0.2",
         "TLS with 127.0.0.2: IP address mismatch, the certificate is not for 127.0.0.2"},
        {"IP:::1", "", "::1", NULL},
        {"redis.example", "redis.example", "127.0.0.1", NULL},
        {"redis.example", "other.example", "127.0.0.1",
         "TLS with 127.0.0.1: hostname mismatch, the certificate is not for other.example"},
        {"*.shop.example", "db.shop.example", "127.0.0.1", NULL},
        {"d*.shop.example", "db.shop.example", "127.0.0.1", /* no part of a label */
         "TLS with 127.0.0.1: hostname mismatch, the certificate is not for db.shop.example"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        close_rig();
        open_rig(rows[i].certificate, rows[i].expected, rows[i].host);
        assert_int_equal(shake(), rows[i].why == NULL ? TLS_DONE : TLS_FAILED);
        assert_string_equal(rows[i].why != NULL ? rows[i].why : "", tls_session_why(rig.session));
    }
    tls_session_close(NULL);
    tls_client_destroy(NULL);
}

TEST_CASE(a_tls_shutdown_is_reported)
{
    char bytes[16];
    size_t len;
    assert_int_equal(TLS_DONE, shake());
    assert_false(tls_session_has_more(rig.session));
    SSL_shutdown(rig.server);
    enum tls_step step;
    do
        step = tls_session_read(rig.session, bytes, sizeof(bytes), &len);
    while (step == TLS_WAITS);
    assert_int_equal(TLS_FAILED, step);
    assert_string_equal("TLS with redis.example: hung up", tls_session_why(rig.session));
}

TEST_CASE(trusted_certificates_are_read_again_or_kept)
{
    struct err_slot err;
    assert_int_equal(0, tls_client_reload(rig.client, &err));
    unlink(rig.path);
    assert_true(tls_client_reload(rig.client, &err) < 0);
    assert_says(&err, rig.path);
    tls_session_close(rig.session); /* the first session; new ones use the files read last */
    rig.session = tls_session_open(rig.client, rig.fd[0], "redis.example");
    assert_non_null(rig.session);
    assert_int_equal(TLS_DONE, shake());
}

TEST_CASE(certificate_and_key_files_must_match)
{
    char *cert_path, *key_path, *other_cert, *other_key;
    make_files("client.example", &cert_path, &key_path);
    make_files("client.example", &other_cert, &other_key);
    const struct {
        const char *ca, *cert, *key;
        const char *says; /* NULL: they fit */
    } rows[] = {{"", cert_path, key_path, NULL},
                {"", cert_path, other_key, "tls_key: "}, /* of another certificate */
                {"", cert_path, cert_path, "tls_key: "}, /* not a key */
                {"", cert_path, "/nowhere/own.key", "tls_key: "},
                {"/nowhere/ca.pem", "", "", "tls_ca: /nowhere/ca.pem: "},
                {"", "/nowhere/own.pem", "/nowhere/own.pem", "tls_cert: /nowhere/own.pem: "}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err_slot err;
        struct tls_client *client = NULL;
        struct tls_client_conf conf = {
            .ca = rows[i].ca, .name = "", .cert = rows[i].cert, .key = rows[i].key};
        int rc = tls_client_create(&conf, &err, &client);
        assert_int_equal(rc == 0, rows[i].says == NULL);
        if (rc < 0) {
            assert_null(client);
            assert_says(&err, rows[i].says);
            assert_says(&err, rows[i].key);
        }
        tls_client_destroy(client);
    }
    char *const paths[] = {cert_path, key_path, other_cert, other_key};
    for (size_t i = 0; i < 4; i++)
        unit_file_remove(paths[i]);
}
