/* tls_client.h: TLS towards a server, for clients that own their sockets: the trusted CA, our own
 * certificate, and the encryption of a socket that is already connected.
 *
 * The server's certificate is always verified, by the CA and by name; TLS 1.2 at least.
 *
 * `struct tls_client` is shared by all loops; a session belongs to one. */
#ifndef FG_CRYPTO_TLS_CLIENT_H
#define FG_CRYPTO_TLS_CLIENT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct tls_client;

/* Borrowed until tls_client_destroy(). */
struct tls_client_conf {
    const char *ca;   /* PEM file of trusted certificates; "": the system's */
    const char *name; /* name expected in certificates; "": the host of the connection */
    const char *cert; /* PEM file of our own certificate and its chain; "": none */
    const char *key;  /* its key, a secret file */
};

int tls_client_create(const struct tls_client_conf *conf, struct err_slot *err,
                      struct tls_client **out);
/* Reads the files again, for future connections. Any thread; on failure nothing changes. */
int tls_client_reload(struct tls_client *tls, struct err_slot *err);
void tls_client_destroy(struct tls_client *tls);

struct tls_session;

enum tls_step {
    TLS_DONE,
    TLS_WAITS,  /* for the socket, see tls_session_wants_write() */
    TLS_FAILED, /* see tls_session_why() */
};

/* For a non-blocking socket. NULL: no memory. */
struct tls_session *tls_session_open(struct tls_client *tls, int fd, const char *host);
enum tls_step tls_session_shake(struct tls_session *session);
/* Only TLS_DONE sets *len, above 0. */
enum tls_step tls_session_read(struct tls_session *session, char *bytes, size_t cap, size_t *len);
/* Unwritten bytes must be passed again, at any address; more may follow them. */
enum tls_step tls_session_write(struct tls_session *session, const char *bytes, size_t count,
                                size_t *len);
bool tls_session_has_more(const struct tls_session *session); /* to read, without the socket */
bool tls_session_wants_write(const struct tls_session *session);
const char *tls_session_why(const struct tls_session *session);
void tls_session_close(struct tls_session *session); /* the socket stays open */

#endif
