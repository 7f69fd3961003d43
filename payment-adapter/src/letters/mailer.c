/* mailer.c: mails leave at least once. One whose acceptance we did not hear is sent again with the
 * same Message-ID, by which mail programs recognise it. Rows are leased from the table, so a
 * process that dies gives its mails back by itself. The address is looked up for each try under the
 * mails' own share of the user database, and is never stored.
 *
 * A permanent refusal of the recipient or of the text would repeat, so after MAIL_REFUSED_MAX of
 * them the mail is given up; /admin/mails sends it again. Any refusal before RCPT (connection,
 * login, sender, quota) concerns us, and would meet every mail: it counts against none, and this
 * loop pauses, then tries one mail alone. */
#include "letters/mailer.h"

#include "base/magic.h"
#include "base/rfc3339.h"
#include "core/checkout/order.h"
#include "core/checkout/seat_names.h"
#include "letters/mail.h"
#include "letters/mail_page.h"
#include "observe/log.h"
#include "observe/tracer.h"
#include "pace/backoff.h"
#include "pay_limits.h"
#include "store/look.h"
#include "store/statements.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    RETRY_FIRST_MS = 2000,
    RETRY_CAP_MS = 10 * 60 * 1000,
    LEASE_SPARE_MS = 10000,
    LEFT_ALONE_MS = 250,    /* the cap is a bucket of one second: by then some of it is back */
    MAIL_PLACES_MAX = 4096, /* the page shows the rest */
};

struct mailer {
    uint32_t magic;
    struct mailer_conf conf;
    struct filled_page *page;
    uint32_t under_way;
    bool taking, closing;
    uint64_t pause_until_us;
    struct look look;
    uint32_t pauses; /* in a row, as the server refused us */
    struct mailer_stats stats;
};

MAGIC(mailer, 0x3a700005);

struct letter {
    uint32_t magic;
    struct mailer *mailer;
    uint64_t id;
    uint32_t tries, refused;
    char kind[16], lang[4], order[ORDER_ID_MAX], member[ORDER_MEMBER_MAX];
    char event[SEAT_NAMES_EVENT_MAX], places[MAIL_PLACES_MAX];
    char currency[4], starts_at[RFC3339_LEN + 1];
    uint64_t amount, fees, vat;
    uint32_t seats;
    char trace[TRACE_TEXT_LEN + 1]; /* traceparent of its writer, or "" */
    struct tracer_work work;
};

MAGIC(letter, 0x3a700004);

int mailer_create(const struct mailer_conf *conf, struct err_slot *err, struct mailer **out)
{
    struct mailer *mailer = calloc(1, sizeof(*mailer));
    if (mailer == NULL)
        return err_set(err, ERR_NOMEM, "mailer");
    int rc = mail_page_create(conf->site, err, &mailer->page);
    if (rc < 0) {
        free(mailer);
        return rc;
    }
    MAGIC_BEGIN(mailer, mailer);
    mailer->conf = *conf;
    *out = mailer;
    return 0;
}

static void free_if_over(struct mailer *mailer)
{
    if (mailer->closing && !mailer->taking && mailer->under_way == 0) {
        MAGIC_END(mailer, mailer);
        filled_page_destroy(mailer->page);
        free(mailer);
    }
}

static void letter_end(struct letter *letter)
{
    struct mailer *mailer = letter->mailer;
    MAGIC_END(letter, letter);
    sodium_memzero(letter, sizeof(*letter));
    free(letter);
    mailer->under_way--;
    free_if_over(mailer);
}

static void on_kept(void *ctx, const struct pg_answer *answer)
{
    (void)answer;
    letter_end(ctx);
}

static void later(struct letter *letter, const char *why, bool refused)
{
    struct mailer *mailer = letter->mailer;
    uint32_t wait_ms = backoff_ms(RETRY_FIRST_MS, RETRY_CAP_MS, letter->tries, mailer->conf.rng);
    const struct sql_mail_later_args args = {
        .id = letter->id, .wait_ms = wait_ms, .error = why, .refusals = refused};
    atomic_fetch_add_explicit(&mailer->stats.failed, 1, memory_order_relaxed);
    sql_mail_later(mailer->conf.pg, &args, on_kept, letter);
}

/* What stopped this mail would stop every other: they all wait, and this was no try. */
static void pause_all(struct letter *letter, uint32_t wait_ms, const char *why)
{
    struct mailer *mailer = letter->mailer;
    const struct sql_mail_later_args args = {
        .id = letter->id, .wait_ms = wait_ms, .error = why, .no_tries = 1};
    uint64_t until_us = clock_mono_us(mailer->conf.clock) + wait_ms * UINT64_C(1000);
    if (until_us > mailer->pause_until_us)
        mailer->pause_until_us = until_us;
    sql_mail_later(mailer->conf.pg, &args, on_kept, letter);
}

/* The next one comes as soon as possible. */
static void leave_alone(struct letter *letter, uint32_t wait_ms)
{
    pause_all(letter, wait_ms, "user database not asked: over its cap");
}

/* Mails that were under way together are refused together: they count as one refusal, and keep to
 * its pause. */
static void hold_back(struct letter *letter, const char *why)
{
    struct mailer *mailer = letter->mailer;
    uint64_t now_us = clock_mono_us(mailer->conf.clock);
    uint32_t wait_ms;
    if (mailer->pauses > 0 && now_us < mailer->pause_until_us)
        wait_ms = (uint32_t)((mailer->pause_until_us - now_us) / 1000);
    else
        wait_ms = backoff_ms(RETRY_FIRST_MS, MAIL_PAUSE_MAX_MS, ++mailer->pauses, mailer->conf.rng);
    atomic_fetch_add_explicit(&mailer->stats.held_back, 1, memory_order_relaxed);
    pause_all(letter, wait_ms, why);
}

static void done(struct letter *letter, const char *why)
{
    struct mailer *mailer = letter->mailer;
    const struct sql_mail_done_args args = {.id = letter->id, .error = why};
    atomic_fetch_add_explicit(why == NULL ? &mailer->stats.sent : &mailer->stats.given_up, 1,
                              memory_order_relaxed);
    sql_mail_done(mailer->conf.pg, &args, on_kept, letter);
}

static void tell_trace(const struct letter *letter, bool taken)
{
    const struct mailer_conf *conf = &letter->mailer->conf;
    struct tracer_span span;
    if (!tracer_end(&letter->work, TRACER_CLIENT, conf->clock, &span))
        return;
    span.failed = !taken;
    tracer_span_name(&span, "mail", letter->kind);
    tracer_span_number(&span, "fairgate.try", letter->tries);
    tracer_add(conf->tracer, &span);
}

static bool is_about_us(const struct outcall_answer *answer)
{
    enum { CLOSING = 421, LOGIN_REQUIRED = 530 };
    return !answer->sender_accepted || answer->status == CLOSING ||
           answer->status == LOGIN_REQUIRED;
}

static void on_refused(struct letter *letter, const struct outcall_answer *answer)
{
    char why[64];
    bool about_us = is_about_us(answer);
    snprintf(why, sizeof(why), "%s%s %u", about_us ? "mail server: " : "",
             answer->status >= 400 ? "smtp" : err_name(answer->rc), answer->status);
    if (about_us) {
        hold_back(letter, why);
        return;
    }
    letter->mailer->pauses = 0;
    bool for_good = answer->status >= 500 && answer->status < 600;
    if (for_good && letter->refused + 1 >= MAIL_REFUSED_MAX)
        done(letter, why);
    else
        later(letter, why, for_good);
}

static void on_sent(void *ctx, const struct outcall_answer *answer)
{
    struct letter *letter = MAGIC_OF(letter, ctx);
    bool taken = answer->rc == 0 && answer->status >= 200 && answer->status < 300;
    if (letter->mailer->closing) {
        letter_end(letter);
        return;
    }
    tell_trace(letter, taken);
    if (taken) {
        letter->mailer->pauses = 0;
        done(letter, NULL);
    } else {
        on_refused(letter, answer);
    }
}

static void send_mail(struct letter *letter, const char *address)
{
    struct mailer *mailer = letter->mailer;
    const struct settings *settings = mailer->conf.settings;
    struct mail_text text;
    enum lang lang;
    if (!lang_parse(span_of(letter->lang), &lang))
        lang = LANG_OF_READERS;
    struct mail mail = {.kind = letter->kind,
                        .words = site_phrases(mailer->conf.site, lang),
                        .page = mailer->page,
                        .lang = lang,
                        .house = settings->brand.name,
                        .from = span_of(settings->mail_from),
                        .to = span_of(address),
                        .order = span_of(letter->order),
                        .event = span_of(letter->event),
                        .currency = span_of(letter->currency),
                        .starts_at = span_of(letter->starts_at),
                        .places = span_of(letter->places),
                        .public_url = span_of(settings->public_url),
                        .support = span_of(settings->support_url),
                        .amount = letter->amount,
                        .fees = letter->fees,
                        .vat = letter->vat,
                        .seats = letter->seats,
                        .now_s = clock_wall_us(mailer->conf.clock) / 1000000};
    if (!mail_address_is_sane(mail.from)) {
        hold_back(letter, "mail.from is no address");
        return;
    }
    if (mail_write(&mail, NULL, &text) < 0) {
        done(letter, "unsendable");
        return;
    }
    bool auth = settings->mail_user[0] != '\0' && mailer->conf.password[0] != '\0';
    struct outcall_mail call = {.url = settings->mail_url,
                                .user = auth ? settings->mail_user : NULL,
                                .password = mailer->conf.password,
                                .tls_required = settings->mail_tls,
                                .from = settings->mail_from,
                                .to = address,
                                .headers = text.headers,
                                .text = text.body,
                                .html = text.html,
                                .timeout_ms = (uint32_t)settings->mail_timeout_ms,
                                .on_done = on_sent,
                                .ctx = letter};
    char below[TRACE_TEXT_LEN + 1]; /* no mail carries it */
    tracer_begin(mailer->conf.tracer, letter->trace, mailer->conf.clock, mailer->conf.rng,
                 &letter->work, below);
    outcall_send_mail(mailer->conf.outcalls, &call);
    sodium_memzero(&text, sizeof(text));
}

static void on_address(void *ctx, int rc, const struct user *user)
{
    struct letter *letter = MAGIC_OF(letter, ctx);
    if (letter->mailer->closing)
        letter_end(letter);
    else if (rc == ERR_FULL)
        leave_alone(letter, LEFT_ALONE_MS);
    else if (rc < 0)
        later(letter, "user database", false);
    else if (!user->found)
        done(letter, "no address");
    else
        send_mail(letter, user->address);
}

static void start_letter(struct mailer *mailer, const struct sql_mail_take_row *row)
{
    struct letter *letter = calloc(1, sizeof(*letter));
    if (letter == NULL)
        return; /* the lease will run out */
    MAGIC_BEGIN(letter, letter);
    letter->mailer = mailer;
    mailer->under_way++;
    letter->id = row->id;
    letter->tries = row->tries;
    letter->refused = row->refused;
    letter->amount = row->amount;
    letter->fees = row->fees;
    letter->vat = row->vat;
    letter->seats = (uint32_t)row->seats;
    span_to_cstr(row->kind, letter->kind, sizeof(letter->kind));
    span_to_cstr(row->lang, letter->lang, sizeof(letter->lang));
    span_to_cstr(row->order_id, letter->order, sizeof(letter->order));
    span_to_cstr(row->member, letter->member, sizeof(letter->member));
    span_to_cstr(row->event_name, letter->event, sizeof(letter->event));
    span_to_cstr(row->currency, letter->currency, sizeof(letter->currency));
    span_to_cstr(row->starts_at, letter->starts_at, sizeof(letter->starts_at));
    if (!span_to_cstr(row->trace, letter->trace, sizeof(letter->trace)))
        letter->trace[0] = '\0';
    if (!span_to_cstr(row->places, letter->places, sizeof(letter->places)))
        letter->places[0] = '\0';
    uint32_t retry_ms = 0;
    if (users_address(mailer->conf.users, PACE_MAIL, letter->member, on_address, letter,
                      &retry_ms) < 0)
        leave_alone(letter, retry_ms > 0 ? retry_ms : LEFT_ALONE_MS);
}

static void on_taken(void *ctx, const struct pg_answer *answer)
{
    struct mailer *mailer = MAGIC_OF(mailer, ctx);
    mailer->taking = false;
    if (mailer->closing) {
        free_if_over(mailer);
        return;
    }
    uint64_t late_us = 0;
    int len = answer->rc == 0 ? PQntuples(answer->results[0]) : 0;
    for (int i = 0; i < len; i++) {
        const struct sql_mail_take_row row = sql_mail_take_row(answer->results[0], i);
        late_us = row.late_us > late_us ? row.late_us : late_us;
        start_letter(mailer, &row);
    }
    if (len > 0)
        look_found(&mailer->look, late_us, clock_mono_us(mailer->conf.clock));
}

void mailer_tick(struct mailer *mailer)
{
    const struct settings *settings = mailer->conf.settings;
    uint32_t most = mailer->pauses > 0 ? 1 : MAIL_UNDER_WAY_MAX;
    uint64_t now_us = clock_mono_us(mailer->conf.clock);
    if (mailer->taking || settings->mail_url[0] == '\0' || mailer->conf.users == NULL ||
        mailer->under_way >= most || now_us < mailer->pause_until_us)
        return;
    const struct sql_mail_take_args args = {.most = most - mailer->under_way,
                                            .lease_ms = settings->mail_timeout_ms + LEASE_SPARE_MS,
                                            .back_ms = look_back_ms(&mailer->look, now_us)};
    mailer->taking = true;
    sql_mail_take(mailer->conf.pg, &args, on_taken, mailer);
}

void mailer_close(struct mailer *mailer)
{
    if (mailer == NULL)
        return;
    mailer->closing = true;
    free_if_over(mailer);
}

const struct mailer_stats *mailer_stats(const struct mailer *mailer)
{
    return &mailer->stats;
}
