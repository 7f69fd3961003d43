/* nth.c: each call that can fail, made to fail once.
 *
 * `make nth` links the unit tests so that the calls named below come here first (ld's --wrap), from
 * the code under test as from the tests. Where one is made from is its site. FAIRGATE_NTH=+FILE
 * writes the sites that a run comes to; FAIRGATE_NTH=SITE:N,FILE lets the Nth call from one site
 * fail, writes there that it did, and leaves it alone from then on: infra/nth.js judges what the
 * program makes of it. In any other build nothing refers to this file, so it is not linked.
 *
 * A failure is one that the real function documents: nothing was done, and the answer says so. */
#include <curl/curl.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <hiredis/async.h>
#include <jansson.h>
#include <libpq-fe.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>
#include <zlib.h>

enum { SITES = 4096, DEPTH = 24 };

extern const char __executable_start;

struct site {
    _Atomic uintptr_t at;
    const char *name;
    _Atomic unsigned calls;
};

static struct site sites[SITES];
static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *told; /* the file that is written to; NULL: nobody asked for anything */
static bool lists;
static uintptr_t wanted;
static unsigned wanted_call;
static atomic_uint wanted_calls;

static void list_sites(void)
{
    int fd = open(told, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    for (unsigned i = 0; i < SITES; i++) {
        uintptr_t at = atomic_load(&sites[i].at);
        if (at != 0)
            dprintf(fd, "%#zx %s %u\n", (size_t)at, sites[i].name, atomic_load(&sites[i].calls));
    }
    close(fd);
}

static void begin(void)
{
    char *how = getenv("FAIRGATE_NTH"), *end;
    if (how == NULL)
        return;
    if (*how == '+') {
        told = how + 1;
        lists = true;
        atexit(list_sites);
        return;
    }
    wanted = strtoull(how, &end, 0);
    wanted_call = (unsigned)strtoul(end + 1, &end, 10);
    told = end + 1;
}

static void count(uintptr_t at, const char *name)
{
    for (unsigned i = 0; i < SITES; i++) {
        struct site *site = &sites[(at + i) % SITES];
        uintptr_t there = 0;
        if (atomic_compare_exchange_strong(&site->at, &there, at) || there == at) {
            site->name = name;
            atomic_fetch_add(&site->calls, 1);
            return;
        }
    }
}

/* What is written: who called whom, so that a leak can be laid at the right door. */
static void tell(const char *name)
{
    void *frames[DEPTH];
    int len = backtrace(frames, DEPTH);
    int fd = open(told, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dprintf(fd, "%s", name);
    for (int i = 0; i < len; i++)
        dprintf(fd, " %#zx", (size_t)((uintptr_t)frames[i] - (uintptr_t)&__executable_start));
    dprintf(fd, "\n");
    close(fd);
}

static bool nth_fails(const char *name, void *caller)
{
    pthread_once(&once, begin);
    if (told == NULL)
        return false;
    uintptr_t at = (uintptr_t)caller - (uintptr_t)&__executable_start;
    if (lists)
        count(at, name);
    if (lists || at != wanted || atomic_fetch_add(&wanted_calls, 1) + 1 != wanted_call)
        return false;
    tell(name);
    return true;
}

/* One row a function: FAILS(its type, its name, (parameters), (arguments), what a failure is). */
#define FAILS(TYPE, NAME, PARAMETERS, ARGUMENTS, ...)                                              \
    extern TYPE __real_##NAME PARAMETERS __attribute__((weak));                                    \
    TYPE __wrap_##NAME PARAMETERS;                                                                 \
    TYPE __wrap_##NAME PARAMETERS                                                                  \
    {                                                                                              \
        if (nth_fails(#NAME, __builtin_return_address(0))) {                                       \
            __VA_ARGS__;                                                                           \
        }                                                                                          \
        return __real_##NAME ARGUMENTS;                                                            \
    }

/* clang-format off */
#define ERRNO(CODE) errno = (CODE); return -1
#define NOTHING errno = ENOMEM; return NULL


/* ---- memory ---- */
FAILS(void *, malloc, (size_t n), (n), NOTHING)
FAILS(void *, calloc, (size_t n, size_t size), (n, size), NOTHING)
FAILS(void *, realloc, (void *p, size_t n), (p, n), NOTHING)
FAILS(void *, aligned_alloc, (size_t align, size_t n), (align, n), NOTHING)
FAILS(char *, strdup, (const char *text), (text), NOTHING)
FAILS(char *, strndup, (const char *text, size_t n), (text, n), NOTHING)

/* ---- the system ---- */
FAILS(int, open, (const char *path, int flags, int mode), (path, flags, mode), ERRNO(EMFILE))
FAILS(FILE *, fopen, (const char *path, const char *mode), (path, mode), errno = EMFILE; return NULL)
FAILS(ssize_t, read, (int fd, void *to, size_t n), (fd, to, n), ERRNO(EIO))
FAILS(ssize_t, write, (int fd, const void *from, size_t n), (fd, from, n), ERRNO(ENOSPC))
FAILS(size_t, fread, (void *to, size_t n, size_t m, FILE *file), (to, n, m, file), errno = EIO; return 0)
FAILS(size_t, fwrite, (const void *from, size_t n, size_t m, FILE *file), (from, n, m, file), errno = ENOSPC; return 0)
FAILS(int, fclose, (FILE *file), (file), __real_fclose(file); errno = ENOSPC; return EOF)
FAILS(int, fsync, (int fd), (fd), ERRNO(EIO))
FAILS(int, fstat, (int fd, struct stat *st), (fd, st), ERRNO(EIO))
FAILS(int, stat, (const char *path, struct stat *st), (path, st), ERRNO(EACCES))
FAILS(int, fchown, (int fd, uid_t uid, gid_t gid), (fd, uid, gid), ERRNO(EPERM))
FAILS(int, rename, (const char *from, const char *to), (from, to), ERRNO(ENOSPC))
FAILS(int, unlink, (const char *path), (path), ERRNO(EIO))
FAILS(int, socket, (int domain, int type, int protocol), (domain, type, protocol), ERRNO(EMFILE))
FAILS(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t n), (fd, level, name, value, n), ERRNO(ENOBUFS))
FAILS(int, bind, (int fd, const struct sockaddr *addr, socklen_t n), (fd, addr, n), ERRNO(EADDRINUSE))
FAILS(int, listen, (int fd, int backlog), (fd, backlog), ERRNO(EADDRINUSE))
FAILS(int, accept4, (int fd, struct sockaddr *addr, socklen_t *n, int flags), (fd, addr, n, flags), ERRNO(EMFILE))
FAILS(int, getsockname, (int fd, struct sockaddr *addr, socklen_t *n), (fd, addr, n), ERRNO(ENOBUFS))
FAILS(ssize_t, recv, (int fd, void *to, size_t n, int flags), (fd, to, n, flags), ERRNO(ECONNRESET))
FAILS(ssize_t, send, (int fd, const void *from, size_t n, int flags), (fd, from, n, flags), ERRNO(ECONNRESET))
FAILS(ssize_t, sendmsg, (int fd, const struct msghdr *msg, int flags), (fd, msg, flags), ERRNO(ECONNRESET))
FAILS(int, eventfd, (unsigned n, int flags), (n, flags), ERRNO(EMFILE))
FAILS(int, poll, (struct pollfd *fds, nfds_t n, int ms), (fds, n, ms), ERRNO(EINTR))
FAILS(int, pthread_create, (pthread_t *t, const pthread_attr_t *attr, void *(*run)(void *), void *ctx), (t, attr, run, ctx), return EAGAIN)
FAILS(int, gethostname, (char *name, size_t n), (name, n), ERRNO(ENAMETOOLONG))

/* ---- libuv ---- */
FAILS(int, uv_loop_init, (uv_loop_t *loop), (loop), return UV_EMFILE)
FAILS(int, uv_async_init, (uv_loop_t *loop, uv_async_t *async, uv_async_cb cb), (loop, async, cb), return UV_EMFILE)
FAILS(int, uv_poll_init, (uv_loop_t *loop, uv_poll_t *poll, int fd), (loop, poll, fd), return UV_ENOMEM)
FAILS(int, uv_poll_init_socket, (uv_loop_t *loop, uv_poll_t *poll, uv_os_sock_t fd), (loop, poll, fd), return UV_ENOMEM)
FAILS(int, uv_signal_init, (uv_loop_t *loop, uv_signal_t *signal), (loop, signal), return UV_EMFILE)
FAILS(int, uv_signal_start, (uv_signal_t *signal, uv_signal_cb cb, int number), (signal, cb, number), return UV_EINVAL)
FAILS(int, uv_getaddrinfo, (uv_loop_t *loop, uv_getaddrinfo_t *req, uv_getaddrinfo_cb cb, const char *node, const char *service, const struct addrinfo *hints), (loop, req, cb, node, service, hints), return UV_ENOMEM)
FAILS(int, uv_thread_create, (uv_thread_t *thread, uv_thread_cb run, void *ctx), (thread, run, ctx), return UV_EAGAIN)
FAILS(int, uv_mutex_init, (uv_mutex_t *mutex), (mutex), return UV_ENOMEM)
FAILS(int, uv_sem_init, (uv_sem_t *sem, unsigned n), (sem, n), return UV_ENOMEM)

/* ---- hiredis ---- */
FAILS(redisAsyncContext *, redisAsyncConnect, (const char *ip, int port), (ip, port), NOTHING)
FAILS(redisAsyncContext *, redisAsyncConnectUnix, (const char *path), (path), NOTHING)
FAILS(int, redisAsyncFormattedCommand, (redisAsyncContext *ac, redisCallbackFn *fn, void *ctx, const char *cmd, size_t n), (ac, fn, ctx, cmd, n), return REDIS_ERR)

/* ---- libpq ---- */
FAILS(PGconn *, PQconnectStartParams, (const char *const *names, const char *const *values, int expand), (names, values, expand), return NULL)
FAILS(PGconn *, PQconnectdbParams, (const char *const *names, const char *const *values, int expand), (names, values, expand), return NULL)
FAILS(PostgresPollingStatusType, PQconnectPoll, (PGconn *conn), (conn), return PGRES_POLLING_FAILED)
FAILS(PGresult *, PQexec, (PGconn *conn, const char *sql), (conn, sql), return NULL)
FAILS(PGresult *, PQexecParams, (PGconn *conn, const char *sql, int n, const Oid *types, const char *const *values, const int *lengths, const int *formats, int format), (conn, sql, n, types, values, lengths, formats, format), return NULL)
FAILS(PGresult *, PQprepare, (PGconn *conn, const char *name, const char *sql, int n, const Oid *types), (conn, name, sql, n, types), return NULL)
FAILS(int, PQsendPrepare, (PGconn *conn, const char *name, const char *sql, int n, const Oid *types), (conn, name, sql, n, types), return 0)
FAILS(int, PQsendQuery, (PGconn *conn, const char *sql), (conn, sql), return 0)
FAILS(int, PQsendQueryParams, (PGconn *conn, const char *sql, int n, const Oid *types, const char *const *values, const int *lengths, const int *formats, int format), (conn, sql, n, types, values, lengths, formats, format), return 0)
FAILS(int, PQsendQueryPrepared, (PGconn *conn, const char *name, int n, const char *const *values, const int *lengths, const int *formats, int format), (conn, name, n, values, lengths, formats, format), return 0)
FAILS(int, PQpipelineSync, (PGconn *conn), (conn), return 0)
FAILS(int, PQenterPipelineMode, (PGconn *conn), (conn), return 0)
FAILS(int, PQexitPipelineMode, (PGconn *conn), (conn), return 0)
FAILS(int, PQsetnonblocking, (PGconn *conn, int on), (conn, on), return -1)
FAILS(int, PQconsumeInput, (PGconn *conn), (conn), return 0)
FAILS(int, PQflush, (PGconn *conn), (conn), return -1)
FAILS(int, PQgetCopyData, (PGconn *conn, char **row, int async), (conn, row, async), return -2)

/* ---- curl ---- */
FAILS(CURL *, curl_easy_init, (void), (), return NULL)
FAILS(CURLM *, curl_multi_init, (void), (), return NULL)
FAILS(CURLcode, curl_easy_perform, (CURL *easy), (easy), return CURLE_OUT_OF_MEMORY)
FAILS(CURLcode, curl_easy_setopt, (CURL *easy, CURLoption option, void *value), (easy, option, value), return CURLE_OUT_OF_MEMORY)
FAILS(CURLMcode, curl_multi_add_handle, (CURLM *multi, CURL *easy), (multi, easy), return CURLM_OUT_OF_MEMORY)
FAILS(struct curl_slist *, curl_slist_append, (struct curl_slist *list, const char *text), (list, text), return NULL)
FAILS(curl_mime *, curl_mime_init, (CURL *easy), (easy), return NULL)
FAILS(curl_mimepart *, curl_mime_addpart, (curl_mime *mime), (mime), return NULL)
FAILS(CURLcode, curl_mime_data, (curl_mimepart *part, const char *data, size_t n), (part, data, n), return CURLE_OUT_OF_MEMORY)
FAILS(CURLcode, curl_mime_type, (curl_mimepart *part, const char *type), (part, type), return CURLE_OUT_OF_MEMORY)
FAILS(CURLcode, curl_mime_encoder, (curl_mimepart *part, const char *name), (part, name), return CURLE_BAD_FUNCTION_ARGUMENT)

/* ---- JSON, packing, keys ---- */
FAILS(json_t *, json_object, (void), (), return NULL)
FAILS(json_t *, json_array, (void), (), return NULL)
FAILS(json_t *, json_string, (const char *text), (text), return NULL)
FAILS(json_t *, json_stringn, (const char *text, size_t n), (text, n), return NULL)
FAILS(json_t *, json_integer, (json_int_t value), (value), return NULL)
FAILS(json_t *, json_real, (double value), (value), return NULL)
FAILS(json_t *, json_deep_copy, (const json_t *json), (json), return NULL)
FAILS(json_t *, json_loadb, (const char *text, size_t n, size_t flags, json_error_t *err), (text, n, flags, err), memset(err, 0, sizeof(*err)); strcpy(err->text, "out of memory"); return NULL)
FAILS(char *, json_dumps, (const json_t *json, size_t flags), (json, flags), return NULL)
FAILS(int, json_object_set_new, (json_t *object, const char *key, json_t *value), (object, key, value), json_decref(value); return -1)
FAILS(int, json_array_append_new, (json_t *array, json_t *value), (array, value), json_decref(value); return -1)
FAILS(int, deflateInit2_, (z_streamp z, int level, int method, int bits, int memory, int strategy, const char *version, int size), (z, level, method, bits, memory, strategy, version, size), return Z_MEM_ERROR)
FAILS(int, sodium_init, (void), (), return -1)
FAILS(EVP_MD_CTX *, EVP_MD_CTX_new, (void), (), return NULL)
FAILS(int, EVP_DigestVerify, (EVP_MD_CTX *ctx, const unsigned char *sig, size_t n, const unsigned char *data, size_t m), (ctx, sig, n, data, m), return -1)
FAILS(int, EVP_DigestSign, (EVP_MD_CTX *ctx, unsigned char *sig, size_t *n, const unsigned char *data, size_t m), (ctx, sig, n, data, m), return -1)
FAILS(BIO *, BIO_new, (const BIO_METHOD *method), (method), return NULL)
FAILS(BIO *, BIO_new_mem_buf, (const void *from, int n), (from, n), return NULL)
FAILS(BIGNUM *, BN_bin2bn, (const unsigned char *from, int n, BIGNUM *to), (from, n, to), return NULL)
FAILS(SSL_CTX *, SSL_CTX_new, (const SSL_METHOD *method), (method), return NULL)
FAILS(SSL *, SSL_new, (SSL_CTX *ctx), (ctx), return NULL)
FAILS(int, SSL_set_fd, (SSL *ssl, int fd), (ssl, fd), return 0)
/* clang-format on */

/* What a server refuses: a result that says so, in place of the one that came. */
extern PGresult *__real_PQgetResult(PGconn *conn) __attribute__((weak));
PGresult *__wrap_PQgetResult(PGconn *conn);
PGresult *__wrap_PQgetResult(PGconn *conn)
{
    PGresult *result = __real_PQgetResult(conn);
    if (result == NULL || !nth_fails("PQgetResult", __builtin_return_address(0)))
        return result;
    PQclear(result);
    return PQmakeEmptyPGresult(conn, PGRES_FATAL_ERROR);
}
