/* outcall.c: libcurl's multi interface on a libuv loop.
 *
 * libcurl says which sockets to watch and when to wake it; each socket has a uv_poll, and there
 * is one timer. A call that is refused at once (too many under way, no memory) is answered in
 * the next turn, from the timer, so that nobody is called back from within their own call.
 *
 * libcurl takes an error of one of our callbacks for the end of all calls, those to come included:
 * none is returned to it. A call whose socket cannot be watched is ended by us, alone.
 * Redirects are not followed: a peer that sends us elsewhere is misconfigured or worse. */
#include "outcall/outcall.h"

#include "base/bug.h"
#include "base/grow.h"
#include "base/magic.h"
#include "base/text.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdlib.h>

struct one {
    uint32_t magic;
    struct one *next, *prev;
    struct outcalls *outcalls;
    CURL *easy; /* NULL: refused */
    struct curl_slist *headers, *recipients;
    struct grow reply;
    curl_mime *mime; /* of a mail */
    size_t reply_max;
    bool too_long;
    bool unmade;    /* an option could not be set, so it is not sent */
    bool unwatched; /* its socket is not watched, so it cannot make progress */
    bool sender_accepted;
    outcall_on_done *on_done;
    void *ctx;
    int refusal;
    char error[CURL_ERROR_SIZE];
};

MAGIC(one, 0x0c7c0001);

struct outcalls {
    uint32_t magic;
    uv_loop_t *loop;
    uv_timer_t timer;
    CURLM *multi;
    struct one *under_way;
    struct one *refused;
    uint32_t len;
    uint32_t unwatched_len; /* calls under way among them */
    bool closing;
    char *tls_ca;
    struct outcall_stats stats;
};

MAGIC(outcalls, 0x0c7c0002);

struct watch {
    uint32_t magic;
    uv_poll_t poll;
    curl_socket_t socket;
    struct outcalls *outcalls;
};

MAGIC(watch, 0x0c7c0003);

/* ---- ends ---- */

static void one_free(struct one *one)
{
    MAGIC_END(one, one);
    if (one->easy != NULL)
        curl_easy_cleanup(one->easy);
    curl_mime_free(one->mime);
    curl_slist_free_all(one->headers);
    curl_slist_free_all(one->recipients);
    grow_free(&one->reply);
    free(one);
}

static void one_unlink(struct one *one)
{
    struct outcalls *outcalls = one->outcalls;
    *(one->prev != NULL ? &one->prev->next : &outcalls->under_way) = one->next;
    if (one->next != NULL)
        one->next->prev = one->prev;
    assert(outcalls->len > 0);
    outcalls->len--;
    assert(!one->unwatched || outcalls->unwatched_len > 0);
    outcalls->unwatched_len -= one->unwatched;
    assert((outcalls->len == 0) == (outcalls->under_way == NULL));
    atomic_store_explicit(&outcalls->stats.under_way, outcalls->len, memory_order_relaxed);
}

static int rc_of(const struct one *one, CURLcode code)
{
    if (one->too_long)
        return ERR_RANGE;
    if (code == CURLE_OK)
        return 0;
    if (one->unwatched || one->reply.failed || code == CURLE_OUT_OF_MEMORY)
        return ERR_NOMEM;
    return code == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_PEER;
}

static void read_headers(CURL *easy, struct outcall_answer *answer)
{
    struct curl_header *header;
    if (curl_easy_header(easy, "Idempotent-Replayed", 0, CURLH_HEADER, -1, &header) == CURLHE_OK)
        answer->replayed = span_eq_nocase(span_of(header->value), SPAN("true"));
    if (curl_easy_header(easy, "Date", 0, CURLH_HEADER, -1, &header) == CURLHE_OK) {
        time_t date_s = curl_getdate(header->value, NULL);
        answer->date_s = date_s > 0 ? (uint64_t)date_s : 0;
    }
    curl_off_t retry_after_s = 0;
    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after_s);
    if (retry_after_s > 0)
        answer->retry_after_s = retry_after_s < 3600 ? (uint32_t)retry_after_s : 3600;
}

static void one_done(struct one *one, CURLcode code)
{
    struct outcall_stats *stats = &one->outcalls->stats;
    assert(one->easy != NULL && one->on_done != NULL);
    struct outcall_answer answer = {.rc = rc_of(one, code)};
    long status = 0;
    curl_off_t took_us = 0;
    curl_easy_getinfo(one->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(one->easy, CURLINFO_TOTAL_TIME_T, &took_us);
    answer.status = (unsigned)status;
    answer.took_us = (uint32_t)took_us;
    answer.sender_accepted = one->sender_accepted;
    answer.body = (struct span){one->reply.ptr, one->reply.len};
    if (answer.rc == 0)
        read_headers(one->easy, &answer);
    const char *why = one->error[0] != '\0' ? one->error : curl_easy_strerror(code);
    if (one->unwatched)
        why = "its socket cannot be watched";
    if (answer.rc < 0)
        strncpy(answer.why, one->too_long ? "the answer is too long" : why, sizeof(answer.why) - 1);
    atomic_fetch_add_explicit(answer.rc == 0 ? &stats->answered : &stats->failed, 1,
                              memory_order_relaxed);
    curl_multi_remove_handle(one->outcalls->multi, one->easy);
    one_unlink(one);
    one->on_done(one->ctx, &answer);
    one_free(one);
}

static void one_refuse(struct one *one, int rc)
{
    assert(rc < 0);
    struct outcall_answer answer = {.rc = rc};
    strncpy(answer.why, "never sent", sizeof(answer.why) - 1);
    one->on_done(one->ctx, &answer);
    one_free(one);
}

/* ---- libcurl and the loop ---- */

static void collect(struct outcalls *outcalls)
{
    CURLMsg *message;
    int left;
    while (!outcalls->closing && (message = curl_multi_info_read(outcalls->multi, &left)) != NULL) {
        void *private = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        one_done(MAGIC_OF(one, private), code);
    }
    /* The call may have been sent, so its outcome is unknown, as after a broken connection. It says
     * nothing about the peer. */
    while (!outcalls->closing && outcalls->unwatched_len > 0) {
        struct one *one = outcalls->under_way;
        while (!one->unwatched)
            one = one->next;
        one_done(one, CURLE_OUT_OF_MEMORY);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct outcalls *outcalls = MAGIC_OF(outcalls, timer->data);
    struct one *one;
    while ((one = outcalls->refused) != NULL) {
        outcalls->refused = one->next;
        one_refuse(one, one->refusal);
    }
    if (outcalls->closing)
        return;
    int running;
    curl_multi_socket_action(outcalls->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(outcalls);
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *ctx)
{
    struct outcalls *outcalls = MAGIC_OF(outcalls, ctx);
    (void)multi;
    if (outcalls->closing)
        return 0;
    if (outcalls->refused != NULL || outcalls->unwatched_len > 0)
        uv_timer_start(&outcalls->timer, on_timer, 0, 0); /* and libcurl's time is asked for then */
    else if (timeout_ms < 0)
        uv_timer_stop(&outcalls->timer);
    else
        uv_timer_start(&outcalls->timer, on_timer, (uint64_t)timeout_ms, 0);
    return 0;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = MAGIC_OF(watch, poll->data);
    struct outcalls *outcalls = watch->outcalls;
    int flags = 0, running;
    if (status < 0)
        flags = CURL_CSELECT_ERR;
    if (events & UV_READABLE)
        flags |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        flags |= CURL_CSELECT_OUT;
    curl_multi_socket_action(outcalls->multi, watch->socket, flags, &running);
    collect(outcalls);
}

static void free_watch(uv_handle_t *handle)
{
    struct watch *watch = MAGIC_OF(watch, handle->data);
    MAGIC_END(watch, watch);
    free(watch);
}

/* Returns NULL without memory. */
static struct watch *watch_create(struct outcalls *outcalls, curl_socket_t socket)
{
    struct watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL)
        return NULL;
    if (uv_poll_init_socket(outcalls->loop, &watch->poll, socket) < 0) {
        free(watch);
        return NULL;
    }
    MAGIC_BEGIN(watch, watch);
    watch->poll.data = watch;
    watch->socket = socket;
    watch->outcalls = outcalls;
    curl_multi_assign(outcalls->multi, socket, watch);
    return watch;
}

/* The call is ended after libcurl returns, as it must not be removed from within. */
static void give_up(struct outcalls *outcalls, CURL *easy)
{
    void *private = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
    if (private == NULL) /* a handle of libcurl's own, for closing a connection */
        return;
    struct one *one = MAGIC_OF(one, private);
    outcalls->unwatched_len += !one->unwatched;
    one->unwatched = true;
    uv_timer_start(&outcalls->timer, on_timer, 0, 0);
}

static int on_curl_socket(CURL *easy, curl_socket_t socket, int what, void *ctx, void *socket_ctx)
{
    struct outcalls *outcalls = MAGIC_OF(outcalls, ctx);
    struct watch *watch = socket_ctx != NULL ? MAGIC_OF(watch, socket_ctx) : NULL;
    if (what == CURL_POLL_REMOVE) {
        if (watch != NULL) {
            uv_poll_stop(&watch->poll);
            uv_close((uv_handle_t *)&watch->poll, free_watch);
            curl_multi_assign(outcalls->multi, socket, NULL);
        }
        return 0;
    }
    if (watch == NULL)
        watch = watch_create(outcalls, socket);
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    if (watch == NULL || uv_poll_start(&watch->poll, events, on_poll) < 0)
        give_up(outcalls, easy);
    return 0;
}

/* ---- one call ---- */

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
    struct one *one = MAGIC_OF(one, ctx);
    size_t len = size * count;
    assert(one->reply.len <= one->reply_max);
    if (one->reply.len + len > one->reply_max) {
        one->too_long = true;
        return 0;
    }
    grow_add(&one->reply, (struct span){bytes, len});
    return one->reply.failed ? 0 : len;
}

static struct one *one_create(struct outcalls *outcalls, outcall_on_done *on_done, void *ctx)
{
    struct one *one = calloc(1, sizeof(*one));
    if (one == NULL)
        BUG_STOP(
            "no memory for an outgoing call"); /* a page: an error could not be reported either */
    assert(on_done != NULL);
    MAGIC_BEGIN(one, one);
    one->outcalls = outcalls;
    one->on_done = on_done;
    one->ctx = ctx;
    one->reply_max = OUTCALL_REPLY_MAX;
    bool room = !outcalls->closing && outcalls->len < OUTCALL_UNDER_WAY_MAX;
    one->refusal = outcalls->closing ? ERR_CLOSED : ERR_FULL;
    one->easy = room ? curl_easy_init() : NULL;
    return one;
}

/* If an option cannot be set, the call is not sent: a capture without its Idempotency-Key, or a
 * call that trusts every authority, would be worse than none. */
#define SET(one, option, value)                                                                    \
    ((one)->unmade |= curl_easy_setopt((one)->easy, (option), (value)) != CURLE_OK)

static void add_to(struct one *one, struct curl_slist **list, const char *text)
{
    struct curl_slist *longer = curl_slist_append(*list, text);
    if (longer == NULL)
        one->unmade = true;
    else
        *list = longer;
}

static void set_common(struct one *one, const char *url, uint32_t timeout_ms)
{
    SET(one, CURLOPT_URL, url);
    SET(one, CURLOPT_PRIVATE, one);
    SET(one, CURLOPT_ERRORBUFFER, one->error);
    SET(one, CURLOPT_NOSIGNAL, 1L);
    /* A lookup that outlasts its call ends by itself: joining its thread would block the loop. */
    SET(one, CURLOPT_QUICK_EXIT, 1L);
    SET(one, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    SET(one, CURLOPT_CONNECTTIMEOUT_MS,
        (long)(timeout_ms < OUTCALL_CONNECT_MS ? timeout_ms : OUTCALL_CONNECT_MS));
    SET(one, CURLOPT_WRITEFUNCTION, on_body);
    SET(one, CURLOPT_WRITEDATA, one);
    SET(one, CURLOPT_PROXY, ""); /* never a proxy, whatever the environment says */
    if (one->outcalls->tls_ca != NULL)
        SET(one, CURLOPT_CAINFO, one->outcalls->tls_ca);
}

static void one_start(struct one *one)
{
    struct outcalls *outcalls = one->outcalls;
    if (one->easy == NULL || one->unmade ||
        curl_multi_add_handle(outcalls->multi, one->easy) != CURLM_OK) {
        if (one->easy != NULL)
            curl_easy_cleanup(one->easy);
        one->easy = NULL;
        one->next = outcalls->refused;
        outcalls->refused = one;
        atomic_fetch_add_explicit(&outcalls->stats.refused, 1, memory_order_relaxed);
        if (!outcalls->closing)
            uv_timer_start(&outcalls->timer, on_timer, 0, 0);
        return;
    }
    assert(outcalls->len < OUTCALL_UNDER_WAY_MAX);
    one->next = outcalls->under_way;
    if (one->next != NULL)
        one->next->prev = one;
    outcalls->under_way = one;
    outcalls->len++;
    atomic_fetch_add_explicit(&outcalls->stats.sent, 1, memory_order_relaxed);
    atomic_store_explicit(&outcalls->stats.under_way, outcalls->len, memory_order_relaxed);
}

void outcall_send(struct outcalls *outcalls, const struct outcall *call)
{
    assert(call->timeout_ms > 0);
    struct one *one = one_create(outcalls, call->on_done, call->ctx);
    if (one->easy != NULL) {
        one->reply_max = call->reply_max > 0 ? call->reply_max : OUTCALL_REPLY_MAX;
        set_common(one, call->url, call->timeout_ms);
        SET(one, CURLOPT_PROTOCOLS_STR, "http,https");
        SET(one, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        for (int i = 0; i < OUTCALL_HEADERS_MAX && call->headers[i] != NULL; i++)
            add_to(one, &one->headers, call->headers[i]);
        add_to(one, &one->headers, "Expect:"); /* no waiting for a 100 */
        SET(one, CURLOPT_HTTPHEADER, one->headers);
        if (call->body.ptr != NULL) {
            SET(one, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
            SET(one, CURLOPT_COPYPOSTFIELDS, call->body.ptr);
        }
        if (call->method != NULL)
            SET(one, CURLOPT_CUSTOMREQUEST, call->method);
    }
    one_start(one);
}

static bool add_part(curl_mime *mime, struct span bytes, const char *type)
{
    curl_mimepart *part = curl_mime_addpart(mime);
    return curl_mime_data(part, bytes.ptr, bytes.len) == CURLE_OK &&
           curl_mime_type(part, type) == CURLE_OK && curl_mime_encoder(part, "base64") == CURLE_OK;
}

/* libcurl's error is the same whether MAIL or RCPT was refused, so its commands are watched. */
static int on_debug(CURL *easy, curl_infotype type, char *bytes, size_t len, void *ctx)
{
    (void)easy;
    if (type == CURLINFO_HEADER_OUT && span_starts((struct span){bytes, len}, SPAN("RCPT TO:")))
        MAGIC_OF(one, ctx)->sender_accepted = true;
    return 0;
}

void outcall_send_mail(struct outcalls *outcalls, const struct outcall_mail *mail)
{
    struct one *one = one_create(outcalls, mail->on_done, mail->ctx);
    if (one->easy != NULL) {
        set_common(one, mail->url, mail->timeout_ms);
        SET(one, CURLOPT_DEBUGFUNCTION, on_debug);
        SET(one, CURLOPT_DEBUGDATA, one);
        SET(one, CURLOPT_VERBOSE, 1L);
        SET(one, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
        SET(one, CURLOPT_USE_SSL, (long)(mail->tls_required ? CURLUSESSL_ALL : CURLUSESSL_TRY));
        SET(one, CURLOPT_MAIL_FROM, mail->from);
        add_to(one, &one->recipients, mail->to);
        SET(one, CURLOPT_MAIL_RCPT, one->recipients);
        if (mail->user != NULL) {
            SET(one, CURLOPT_USERNAME, mail->user);
            SET(one, CURLOPT_PASSWORD, mail->password);
        }
        for (const char *const *header = mail->headers; *header != NULL; header++)
            add_to(one, &one->headers, *header);
        /* The plain text comes first: mail programs show the last form they support. */
        one->mime = curl_mime_init(one->easy);
        bool written = add_part(one->mime, mail->text, "text/plain; charset=utf-8");
        if (mail->html.len > 0)
            written = written && add_part(one->mime, mail->html, "text/html; charset=utf-8");
        one->unmade |= !written;
        add_to(one, &one->headers, "Content-Type: multipart/alternative");
        SET(one, CURLOPT_HTTPHEADER, one->headers);
        SET(one, CURLOPT_MIMEPOST, one->mime);
    }
    one_start(one);
}

/* ---- a life ---- */

int outcalls_create(uv_loop_t *loop, const char *tls_ca, struct err_slot *err,
                    struct outcalls **out)
{
    struct outcalls *outcalls = calloc(1, sizeof(*outcalls));
    if (outcalls == NULL)
        return err_set(err, ERR_NOMEM, "outgoing calls");
    bool own_ca = tls_ca != NULL && tls_ca[0] != '\0';
    outcalls->multi = curl_multi_init();
    outcalls->tls_ca = own_ca ? strdup(tls_ca) : NULL;
    /* Without the copy all calls would trust the system's authorities instead. */
    if (outcalls->multi == NULL || (own_ca && outcalls->tls_ca == NULL)) {
        curl_multi_cleanup(outcalls->multi);
        free(outcalls->tls_ca);
        free(outcalls);
        return err_set(err, ERR_NOMEM, "outgoing calls");
    }
    MAGIC_BEGIN(outcalls, outcalls);
    outcalls->loop = loop;
    uv_timer_init(loop, &outcalls->timer);
    outcalls->timer.data = outcalls;
    curl_multi_setopt(outcalls->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    curl_multi_setopt(outcalls->multi, CURLMOPT_SOCKETDATA, outcalls);
    curl_multi_setopt(outcalls->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    curl_multi_setopt(outcalls->multi, CURLMOPT_TIMERDATA, outcalls);
    curl_multi_setopt(outcalls->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)OUTCALL_PER_HOST_MAX);
    curl_multi_setopt(outcalls->multi, CURLMOPT_MAXCONNECTS, 4L * OUTCALL_PER_HOST_MAX);
    *out = outcalls;
    return 0;
}

static void free_outcalls(uv_handle_t *handle)
{
    struct outcalls *outcalls = MAGIC_OF(outcalls, handle->data);
    assert(outcalls->len == 0 && outcalls->refused == NULL);
    MAGIC_END(outcalls, outcalls);
    free(outcalls->tls_ca);
    free(outcalls);
}

void outcalls_close(struct outcalls *outcalls)
{
    if (outcalls == NULL)
        return;
    assert(!outcalls->closing);
    outcalls->closing = true;
    struct one *one;
    while ((one = outcalls->under_way) != NULL) {
        curl_multi_remove_handle(outcalls->multi, one->easy);
        one_unlink(one);
        one_refuse(one, ERR_CLOSED);
    }
    while ((one = outcalls->refused) != NULL) {
        outcalls->refused = one->next;
        one_refuse(one, ERR_CLOSED);
    }
    curl_multi_cleanup(outcalls->multi);
    uv_close((uv_handle_t *)&outcalls->timer, free_outcalls);
}

const struct outcall_stats *outcalls_stats(const struct outcalls *outcalls)
{
    return &outcalls->stats;
}

void outcall_escape(struct text *text, struct span value)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (c != '\0' && strchr(SPAN_LETTERS SPAN_DIGITS "-_.~", c) != NULL) {
            text_char(text, (char)c);
        } else {
            text_char(text, '%');
            text_char(text, hex[c >> 4]);
            text_char(text, hex[c & 15]);
        }
    }
}
