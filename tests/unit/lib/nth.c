/* nth.c: makes each call that can fail fail once.
 *
 * `make nth` links the unit tests so that the calls named below come here first (ld's --wrap), from
 * the code under test as well as from the tests. A call is identified by its path: its caller, that
 * function's caller, and so on. Functions are identified by their return addresses, so a helper
 * called from ten places can fail in ten ways, and thread scheduling does not matter.
 * FAIRGATE_NTH=+FILE writes the paths of a run to FILE; FAIRGATE_NTH=PATH:N,FILE lets only the Nth
 * call on one path fail and records that in FILE; infra/nth.js checks how the program handles it.
 * No other build refers to this file, so it is not linked there.
 *
 * FAIRGATE_NTH=serve runs one test many times without starting its program each time: each line of
 * standard input is a run, done by a child.
 *
 * A failure is one that the real function documents: it did nothing, and its result says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <hiredis/async.h>
#include <inttypes.h>
#include <jansson.h>
#include <libpq-fe.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>
#include <zlib.h>

enum {
    PATHS = 32768,
    DEPTH = 24, /* frames that are read */
    KEY = 8,    /* frames that make up a path: nested loops would make endless paths */
    LAST_MS = 10000
};

extern const char __executable_start, etext;

struct path {
    _Atomic uint64_t key;
    const char *name;
    _Atomic unsigned calls;
    unsigned depth;
    uintptr_t frames[DEPTH];
};

static struct path paths[PATHS];
static const char *out_path; /* the output file; NULL: nothing was requested */
static bool lists;
static uint64_t wanted;
static unsigned wanted_call;
static atomic_uint wanted_calls;
static int only = -1;   /* the one test to run; -1: all */
static int seen;        /* tests of earlier groups */
static bool only_names; /* list the tests instead of running them */

static void put_line(const char *kind, const char *what)
{
    int fd = open(out_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dprintf(fd, "%s %s\n", kind, what);
    close(fd);
}

static void list_paths(void)
{
    FILE *file = fopen(out_path, "ae");
    for (unsigned i = 0; file != NULL && i < PATHS; i++) {
        const struct path *path = &paths[i];
        if (atomic_load(&path->key) == 0)
            continue;
        fprintf(file, "%#" PRIx64 " %s %u", path->key, path->name, atomic_load(&path->calls));
        for (unsigned k = 0; k < path->depth; k++)
            fprintf(file, " %#zx", (size_t)path->frames[k]);
        fprintf(file, "\n");
    }
    if (file != NULL)
        fclose(file);
}

/* Collects the return addresses, the nearest first, as far as frame pointers reach: our code has
 * them, a library may not. It reads only this thread's stack. */
static unsigned walk(void *const *frame, uintptr_t *frames)
{
    static _Thread_local uintptr_t top;
    if (top == 0) {
        pthread_attr_t attr;
        void *low;
        size_t size;
        if (pthread_getattr_np(pthread_self(), &attr) != 0)
            return 0;
        pthread_attr_getstack(&attr, &low, &size);
        pthread_attr_destroy(&attr);
        top = (uintptr_t)low + size;
    }
    unsigned depth = 0;
    for (uintptr_t at = (uintptr_t)frame;
         depth < DEPTH && at % sizeof(void *) == 0 && at + 2 * sizeof(void *) <= top;) {
        const uintptr_t *words = (const uintptr_t *)at;
        if (words[1] > (uintptr_t)&__executable_start && words[1] < (uintptr_t)&etext)
            frames[depth++] = words[1] - (uintptr_t)&__executable_start;
        if (words[0] <= at)
            break;
        at = words[0];
    }
    return depth;
}

static void take_orders(char *how)
{
    char *end;
    uintptr_t frames[DEPTH];
    walk(__builtin_frame_address(0),
         frames); /* a thread's first walk allocates; do not count that */
    if (*how == '+') {
        lists = true;
        out_path = how + 1;
        atexit(list_paths);
        return;
    }
    wanted = strtoull(how, &end, 0);
    wanted_call = (unsigned)strtoul(end + 1, &end, 10);
    out_path = end + 1;
}

/* Parses a line: number of the test, output file, value of FAIRGATE_NTH ("?FILE" lists names). */
static void become(char *line)
{
    static char order[1024];
    char words[512];
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (sscanf(line, "%d %511s %1023s", &only, words, order) != 3)
        _exit(125);
    int out = open(words, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (null < 0 || out < 0)
        _exit(125);
    dup2(null, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    setpgid(0, 0);
    only_names = *order == '?';
    if (only_names)
        out_path = order + 1;
    else
        take_orders(order);
}

/* Ends the processes that the child left: a server would still have its files open. */
static void end_family(pid_t child)
{
    kill(-child, SIGTERM);
    for (int ms = 0; ms < LAST_MS; ms++) {
        pid_t gone;
        while ((gone = waitpid(-1, NULL, WNOHANG)) > 0) {
        }
        if (gone < 0)
            return;
        poll(NULL, 0, 1);
    }
    kill(-child, SIGKILL);
}

static long cpu_ms(void)
{
    struct rusage all;
    getrusage(RUSAGE_CHILDREN, &all);
    return (all.ru_utime.tv_sec + all.ru_stime.tv_sec) * 1000 +
           (all.ru_utime.tv_usec + all.ru_stime.tv_usec) / 1000;
}

/* Runs before main() and its threads. A child returns from here, the parent never does. */
static void serve(void)
{
    char line[2048];
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        pid_t child = fork();
        if (child < 0)
            _exit(1); /* not a passed run: the caller sees that this has ended */
        if (child == 0) {
            become(line);
            return;
        }
        int status = 0;
        long cpu_before_ms = cpu_ms();
        printf("began %d\n", (int)child);
        fflush(stdout);
        for (pid_t gone = 0; gone != child && (gone >= 0 || errno == EINTR);) {
            int how = 0;
            gone = waitpid(-1, &how, 0); /* also reaps processes that a child left */
            if (gone == child)
                status = how;
        }
        end_family(child);
        printf("ended %d %ld\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status),
               cpu_ms() - cpu_before_ms);
        fflush(stdout);
    }
    _exit(0);
}

__attribute__((constructor)) static void begin(void)
{
    char *how = getenv("FAIRGATE_NTH");
    if (how == NULL)
        return;
    if (strcmp(how, "serve") == 0)
        serve();
    else
        take_orders(how);
    unsetenv("FAIRGATE_NTH"); /* does not apply to a program that a test starts */
}

static void count(uint64_t key, const char *name, const uintptr_t *frames, unsigned depth)
{
    for (unsigned i = 0; i < PATHS; i++) {
        struct path *path = &paths[(key + i) % PATHS];
        uint64_t there = 0;
        if (atomic_compare_exchange_strong(&path->key, &there, key)) {
            path->name = name;
            path->depth = depth;
            memcpy(path->frames, frames, depth * sizeof(*frames));
        } else if (there != key) {
            continue;
        }
        atomic_fetch_add(&path->calls, 1);
        return;
    }
}

static bool nth_fails(const char *name, void *const *frame)
{
    if (out_path == NULL)
        return false;
    uintptr_t frames[DEPTH];
    unsigned depth = walk(frame, frames);
    uint64_t key = 0xcbf29ce484222325u;
    for (unsigned i = 0; i < depth && i < KEY; i++)
        key = (key ^ frames[i]) * 0x100000001b3u;
    if (lists)
        count(key, name, frames, depth);
    if (lists || key != wanted || atomic_fetch_add(&wanted_calls, 1) + 1 != wanted_call)
        return false;
    put_line("failed", name);
    return true;
}

/* ---- one test of many, and what it leaves ---- */

extern int __real__cmocka_run_group_tests(const char *group, const struct CMUnitTest *tests,
                                          size_t n, CMFixtureFunction setup,
                                          CMFixtureFunction teardown);
int __wrap__cmocka_run_group_tests(const char *group, const struct CMUnitTest *tests, size_t n,
                                   CMFixtureFunction setup, CMFixtureFunction teardown);
int __wrap__cmocka_run_group_tests(const char *group, const struct CMUnitTest *tests, size_t n,
                                   CMFixtureFunction setup, CMFixtureFunction teardown)
{
    int before = seen;
    seen += (int)n;
    for (size_t i = 0; only_names && i < n; i++)
        put_line("test", tests[i].name);
    if (only_names)
        return 0;
    if (only < 0)
        return __real__cmocka_run_group_tests(group, tests, n, setup, teardown);
    if (only < before || only >= seen)
        return 0;
    return __real__cmocka_run_group_tests(group, &tests[only - before], 1, setup, teardown);
}

/* A failed test does not clean up. Everything it still references counts as reachable, so the rest
 * is a leak. The linker makes this the _fail() that the tests and libcmocka itself call. */
void __lsan_do_leak_check(void) __attribute__((weak));
void nth_noticed(const char *file, int line);
void nth_noticed(const char *file, int line)
{
    static void (*theirs)(const char *file, int line);
    char at[256];
    if (out_path != NULL && only >= 0 && !lists) {
        snprintf(at, sizeof(at), "%s:%d", file, line);
        put_line("noticed", at);
        if (__lsan_do_leak_check != NULL)
            __lsan_do_leak_check(); /* ends the program if there is a leak */
        _exit(1);
    }
    *(void **)&theirs = dlsym(RTLD_NEXT, "_fail");
    theirs(file, line);
    abort();
}

/* A failed test leaves its files behind, too. */
extern char *__real_mkdtemp(char *path);
char *__wrap_mkdtemp(char *path);
char *__wrap_mkdtemp(char *path)
{
    char *made = __real_mkdtemp(path);
    if (made != NULL && out_path != NULL)
        put_line("made", made);
    return made;
}

extern int __real_mkstemp(char *path);
int __wrap_mkstemp(char *path);
int __wrap_mkstemp(char *path)
{
    int fd = __real_mkstemp(path);
    if (fd >= 0 && out_path != NULL)
        put_line("made", path);
    return fd;
}

static json_t *no_json(json_error_t *err)
{
    if (err != NULL)
        *err =
            (json_error_t){.line = -1, .column = -1}; /* jansson only has texts for syntax errors */
    return NULL;
}

/* One row per function: FAILS(type, name, (parameters), (arguments), what a failure does). */
#define FAILS(TYPE, NAME, PARAMETERS, ARGUMENTS, ...)                                              \
    extern TYPE __real_##NAME PARAMETERS __attribute__((weak));                                    \
    TYPE __wrap_##NAME PARAMETERS;                                                                 \
    TYPE __wrap_##NAME PARAMETERS                                                                  \
    {                                                                                              \
        if (nth_fails(#NAME, __builtin_frame_address(0))) {                                        \
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
FAILS(int, PQsendFlushRequest, (PGconn *conn), (conn), return 0)
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
FAILS(json_t *, json_loadb, (const char *text, size_t n, size_t flags, json_error_t *err), (text, n, flags, err), return no_json(err))
FAILS(int, json_dump_callback, (const json_t *json, json_dump_callback_t cb, void *ctx, size_t flags), (json, cb, ctx, flags), return -1)
FAILS(int, json_object_set_new, (json_t *object, const char *key, json_t *value), (object, key, value), json_decref(value); return -1)
FAILS(int, json_array_append_new, (json_t *array, json_t *value), (array, value), json_decref(value); return -1)
FAILS(int, deflateInit2_, (z_streamp z, int level, int method, int bits, int memory, int strategy, const char *version, int size), (z, level, method, bits, memory, strategy, version, size), return Z_MEM_ERROR)
FAILS(int, sodium_init, (void), (), return -1)
FAILS(EVP_MD_CTX *, EVP_MD_CTX_new, (void), (), return NULL)
FAILS(int, EVP_DigestVerify, (EVP_MD_CTX *ctx, const unsigned char *sig, size_t n, const unsigned char *data, size_t m), (ctx, sig, n, data, m), return -1)
FAILS(int, EVP_DigestSign, (EVP_MD_CTX *ctx, unsigned char *sig, size_t *n, const unsigned char *data, size_t m), (ctx, sig, n, data, m), return -1)
FAILS(int, EVP_DigestVerifyInit_ex, (EVP_MD_CTX *ctx, EVP_PKEY_CTX **out, const char *digest, OSSL_LIB_CTX *lib, const char *props, EVP_PKEY *key, const OSSL_PARAM *params), (ctx, out, digest, lib, props, key, params), return 0)
FAILS(int, EVP_DigestSignInit_ex, (EVP_MD_CTX *ctx, EVP_PKEY_CTX **out, const char *digest, OSSL_LIB_CTX *lib, const char *props, EVP_PKEY *key, const OSSL_PARAM *params), (ctx, out, digest, lib, props, key, params), return 0)
FAILS(int, EVP_PKEY_get_group_name, (const EVP_PKEY *key, char *name, size_t cap, size_t *len), (key, name, cap, len), return 0)
FAILS(int, EVP_PKEY_get_bn_param, (const EVP_PKEY *key, const char *name, BIGNUM **out), (key, name, out), return 0)
FAILS(EVP_PKEY_CTX *, EVP_PKEY_CTX_new_from_name, (OSSL_LIB_CTX *lib, const char *name, const char *props), (lib, name, props), return NULL)
FAILS(int, EVP_PKEY_fromdata_init, (EVP_PKEY_CTX *ctx), (ctx), return 0)
FAILS(int, PEM_write_bio_PKCS8PrivateKey, (BIO *bio, const EVP_PKEY *key, const EVP_CIPHER *cipher, const char *pass, int n, pem_password_cb *cb, void *ctx), (bio, key, cipher, pass, n, cb, ctx), return 0)
FAILS(EVP_PKEY *, PEM_read_bio_PrivateKey, (BIO *bio, EVP_PKEY **key, pem_password_cb *cb, void *ctx), (bio, key, cb, ctx), return NULL)
FAILS(EVP_PKEY *, EVP_PKEY_Q_keygen, (OSSL_LIB_CTX *lib, const char *props, const char *type, const char *curve), (lib, props, type, curve), return NULL)
FAILS(ECDSA_SIG *, d2i_ECDSA_SIG, (ECDSA_SIG **sig, const unsigned char **der, long n), (sig, der, n), return NULL)
FAILS(ECDSA_SIG *, ECDSA_SIG_new, (void), (), return NULL)
FAILS(int, ECDSA_SIG_set0, (ECDSA_SIG *sig, BIGNUM *r, BIGNUM *s), (sig, r, s), return 0)
FAILS(int, BN_bn2binpad, (const BIGNUM *number, unsigned char *to, int n), (number, to, n), return -1)
FAILS(BIO *, BIO_new, (const BIO_METHOD *method), (method), return NULL)
FAILS(BIO *, BIO_new_mem_buf, (const void *from, int n), (from, n), return NULL)
FAILS(BIGNUM *, BN_bin2bn, (const unsigned char *from, int n, BIGNUM *to), (from, n, to), return NULL)
FAILS(SSL_CTX *, SSL_CTX_new, (const SSL_METHOD *method), (method), return NULL)
FAILS(SSL *, SSL_new, (SSL_CTX *ctx), (ctx), return NULL)
FAILS(int, SSL_set_fd, (SSL *ssl, int fd), (ssl, fd), return 0)
FAILS(int, SSL_set1_host, (SSL *ssl, const char *name), (ssl, name), return 0)
FAILS(long, SSL_ctrl, (SSL *ssl, int what, long n, void *value), (ssl, what, n, value), return 0)
FAILS(int, X509_VERIFY_PARAM_set1_ip_asc, (X509_VERIFY_PARAM *param, const char *address), (param, address), return 0)
FAILS(int, SSL_CTX_use_PrivateKey, (SSL_CTX *ctx, EVP_PKEY *key), (ctx, key), return 0)
/* clang-format on */

/* libpq without memory returns an error of its own instead of the server's result. */
extern PGresult *__real_PQgetResult(PGconn *conn) __attribute__((weak));
PGresult *__wrap_PQgetResult(PGconn *conn);
PGresult *__wrap_PQgetResult(PGconn *conn)
{
    PGresult *result = __real_PQgetResult(conn);
    ExecStatusType status = PQresultStatus(result);
    bool done =
        status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK; /* not within a longer sequence */
    if (!done || !nth_fails("PQgetResult", __builtin_frame_address(0)))
        return result;
    PQclear(result);
    return PQmakeEmptyPGresult(conn, PGRES_FATAL_ERROR);
}
