/* endings.c: a short list of ended visits to report, each by its own call to POST
 * /internal/sessions/{session}/end, which both seat-service and this program have.
 *
 * Redis frees the slot at once; the report follows one round trip later. One of the addresses is
 * enough, since the service passes the report on to its other processes (seat-service writes it to
 * its database). A failed call is repeated, at the next address first, at growing intervals, until
 * the pass has expired by itself. A full list keeps its entries: a visitor who leaves then keeps a
 * pass until it expires, and is counted.
 *
 * A front that stops gives each report one more try, all at once, and waits for the responses. By
 * then nobody reads its counters, so each visit that was not reported has a line in the log.
 *
 * Not reported: visits whose time ran out (their passes expire with them), and those that an order
 * ended (payment-adapter notifies both sides) or that another service ended by a POST here, which
 * has to notify the seats as well.
 *
 * Threading: none, the loop owns all of it. */
#include "behind/endings.h"

#include "base/magic.h"
#include "base/text.h"
#include "behind/page_list.h"
#include "core/token/session.h"
#include "pace/backoff.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ENDINGS_MAX = 256,    /* under way or to be retried; per loop */
    ANSWER_MS = 2000,     /* a commit of the seat service */
    AGAIN_FIRST_MS = 500, /* shortest and longest pause between retries */
    AGAIN_CAP_MS = 16000,
    REPORTED_MAX = 256, /* remembered, so that repeated leaving writes nothing at the seats */
    TOKEN_HEADER_MAX = 320,
    URL_MAX = 2048,
};

struct ending {
    struct endings *endings; /* NULL: unused */
    char session[SESSION_LEN_MAX + 1];
    uint64_t until_us; /* then the pass has expired as well */
    uint64_t next_us;
    unsigned tries;
    bool asking;
    bool last; /* its last try, of a front that stops */
};

struct endings {
    uint32_t magic;
    struct endings_conf conf;
    struct page_list urls;
    char authorization[TOKEN_HEADER_MAX];
    struct ending ending[ENDINGS_MAX];
    unsigned len;                                     /* used entries */
    char reported[REPORTED_MAX][SESSION_LEN_MAX + 1]; /* the latest reports, in a ring */
    unsigned reported_next;
    bool closed;  /* ends with the last response */
    bool failing; /* logged once per outage */
};

MAGIC(endings, 0x3f40e4d5);

static void drop(struct ending *ending)
{
    assert(ending->endings != NULL && ending->endings->len > 0);
    ending->endings->len--;
    *ending = (struct ending){.endings = NULL};
}

static void endings_free(struct endings *endings)
{
    page_list_close(&endings->urls);
    sodium_memzero(endings->authorization, sizeof(endings->authorization));
    MAGIC_END(endings, endings);
    free(endings);
}

static void end_if_over(struct endings *endings)
{
    if (endings->closed && endings->len == 0)
        endings_free(endings);
}

static outcall_on_done on_reported;

static void ask(struct ending *ending)
{
    struct endings *endings = ending->endings;
    char url[URL_MAX];
    const char *base = endings->urls.url[ending->tries % endings->urls.len];
    int len = snprintf(url, sizeof(url), "%s/internal/sessions/%s/end", base, ending->session);
    assert(len > 0 && len < (int)sizeof(url)); /* a setting has at most 1,000 bytes */
    ending->asking = true;
    ending->last = endings->closed;
    struct outcall call = {
        .method = "POST",
        .url = url,
        .headers = {endings->authorization},
        .timeout_ms = ANSWER_MS,
        .reply_max = 4096,
        .on_done = on_reported,
        .ctx = ending,
    };
    outcall_send(endings->urls.outcalls, &call);
}

static void on_reported(void *ctx, const struct outcall_answer *answer)
{
    struct ending *ending = ctx;
    struct endings *endings = ending->endings;
    assert(ending->asking);
    ending->asking = false;
    bool reported = answer->rc == 0 && answer->status / 100 == 2;
    if (reported) {
        endings->failing = false;
        memcpy(endings->reported[endings->reported_next], ending->session, sizeof(ending->session));
        endings->reported_next = (endings->reported_next + 1) % REPORTED_MAX;
    } else if (!endings->failing || ending->last) {
        endings->failing = true;
        struct log_line line;
        log_begin(&line, endings->conf.log, LOG_LEVEL_WARN,
                  "ended visits were not reported to the services behind the line; their passes "
                  "work until they expire");
        log_u64(&line, "status", answer->status);
        log_cstr(&line, "why", answer->rc < 0 ? answer->why : "");
        log_bool(&line, "last", ending->last);
        log_end(&line);
    }
    if (reported || ending->last) {
        drop(ending);
        end_if_over(endings);
        return;
    }
    uint32_t wait_ms = backoff_ms(AGAIN_FIRST_MS, AGAIN_CAP_MS, ++ending->tries, endings->conf.rng);
    ending->next_us = clock_mono_us(endings->conf.clock) + UINT64_C(1000) * wait_ms;
    if (endings->closed)
        ask(ending);
}

static void count_unreported(const struct endings *endings)
{
    atomic_fetch_add_explicit(endings->conf.unreported, 1, memory_order_relaxed);
}

void endings_report(struct endings *endings, struct span session, uint64_t life_ms)
{
    assert(session.len > 0);
    if (endings == NULL)
        return;
    for (unsigned i = 0; i < ENDINGS_MAX && endings->len > 0; i++) {
        const struct ending *ending = &endings->ending[i];
        if (ending->endings != NULL && span_eq(span_of(ending->session), session))
            return;
    }
    for (unsigned i = 0; i < REPORTED_MAX; i++) {
        if (span_eq(span_of(endings->reported[i]), session))
            return;
    }
    struct ending *ending = endings->ending;
    while (ending < endings->ending + ENDINGS_MAX && ending->endings != NULL)
        ending++;
    if (ending == endings->ending + ENDINGS_MAX) {
        assert(endings->len == ENDINGS_MAX);
        count_unreported(endings);
        return;
    }
    *ending = (struct ending){
        .endings = endings,
        .until_us = clock_mono_us(endings->conf.clock) + life_ms * 1000,
    };
    bool fits = span_to_cstr(session, ending->session, sizeof(ending->session));
    assert(fits);
    endings->len++;
    ask(ending);
}

void endings_look(struct endings *endings)
{
    if (endings == NULL || endings->len == 0)
        return;
    uint64_t now_us = clock_mono_us(endings->conf.clock);
    for (unsigned i = 0; i < ENDINGS_MAX; i++) {
        struct ending *ending = &endings->ending[i];
        if (ending->endings == NULL || ending->asking || now_us < ending->next_us)
            continue;
        if (now_us < ending->until_us) {
            ask(ending);
            continue;
        }
        count_unreported(endings);
        drop(ending);
    }
}

int endings_check(const char *setting, const char *urls, struct err_slot *err)
{
    int rc = page_list_check(setting, urls, err, NULL);
    if (rc < 0)
        return rc;
    struct span rest = span_of(urls), url;
    while (rest.len > 0 && span_next(&rest, ',', &url)) {
        struct span host = span_after_scheme(span_trim(url));
        if (memchr(host.ptr, '/', host.len) != NULL)
            return err_set(err, ERR_RANGE, "%s: an address of a service, without a path", setting);
    }
    return 0;
}

void endings_use_token(struct endings *endings, struct span token)
{
    assert(token.len > 0 && token.len <= VISITS_TOKEN_BYTES_MAX);
    if (endings == NULL)
        return;
    struct text header = text_on(endings->authorization, sizeof(endings->authorization) - 1);
    TEXT_LIT(&header, "Authorization: Bearer ");
    text_put(&header, token);
    assert(!header.overflown);
    endings->authorization[header.len] = '\0';
}

int endings_create(uv_loop_t *loop, const struct endings_conf *conf, struct err_slot *err,
                   struct endings **out)
{
    *out = NULL;
    if (conf->urls[0] == '\0')
        return 0;
    struct endings *endings = calloc(1, sizeof(*endings));
    if (endings == NULL)
        return err_set(err, ERR_NOMEM, "a list of those who left");
    MAGIC_BEGIN(endings, endings);
    endings->conf = *conf;
    int rc = page_list_open(&endings->urls, loop, conf->urls, conf->tls_ca, err);
    if (rc < 0) {
        endings_free(endings);
        return rc;
    }
    *out = endings;
    return 0;
}

void endings_close(struct endings *endings)
{
    if (endings == NULL)
        return;
    endings->closed = true;
    for (unsigned i = 0; i < ENDINGS_MAX; i++) {
        if (endings->ending[i].endings != NULL && !endings->ending[i].asking)
            ask(&endings->ending[i]);
    }
    end_if_over(endings);
}
