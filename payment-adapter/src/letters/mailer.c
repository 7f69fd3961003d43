/* mailer.c: a mail whose acceptance was not confirmed is sent again with the same Message-ID, by
 * which mail programs recognise it. The address is looked up for each try within the mails' own
 * share of the user database's cap, and is never stored.
 *
 * Any refusal before RCPT (connection, login, sender, quota) concerns us. A later one may concern
 * the recipient or the text, or us: many servers answer about the sender no earlier. The outbox
 * decides. */
#include "core/checkout/order.h"
#include "core/checkout/seat_names.h"
#include "letters/mail.h"
#include "letters/outbox.h"
#include "pay_limits.h"
#include "store/statements.h"

#include <sodium.h>
#include <stdio.h>

enum {
    RETRY_FIRST_MS = 2000,
    RETRY_CAP_MS = 10 * 60 * 1000,
    LEASE_SPARE_MS = 10000,
    LEFT_ALONE_MS = 250,    /* the cap is a bucket of one second: some of it is back by then */
    MAIL_PLACES_MAX = 4096, /* the page shows the rest */
};

struct letter {
    struct outbox_item item;
    char lang[4], member[ORDER_MEMBER_MAX];
    char event[SEAT_NAMES_EVENT_MAX], places[MAIL_PLACES_MAX];
    char currency[4];
    struct show show;
    uint64_t amount, fees, vat;
    uint32_t seats;
    bool off;
    char until[32];
    char trace[TRACE_TEXT_LEN + 1]; /* the writer's traceparent, or "" */
};

static bool is_about_us(const struct outcall_answer *answer)
{
    enum { CLOSING = 421, LOGIN_REQUIRED = 530 };
    return !answer->sender_accepted || answer->status == CLOSING ||
           answer->status == LOGIN_REQUIRED;
}

static void on_sent(void *ctx, const struct outcall_answer *answer)
{
    struct outbox_item *item = ctx;
    if (!outbox_goes_on(item))
        return;
    bool taken = answer->rc == 0 && answer->status >= 200 && answer->status < 300;
    outbox_answered(item, taken, 0);
    char why[64];
    bool about_us = is_about_us(answer), for_good = answer->status >= 500 && answer->status < 600;
    snprintf(why, sizeof(why), "%s%s %u", about_us ? "mail server: " : "",
             answer->status >= 400 ? "smtp" : err_name(answer->rc), answer->status);
    outbox_end(item,
               taken      ? OUTBOX_SENT
               : about_us ? OUTBOX_HELD
               : for_good ? OUTBOX_REFUSED
                          : OUTBOX_LATER,
               why);
}

static void send_mail(struct letter *letter, const char *address)
{
    struct outbox_item *item = &letter->item;
    const struct outbox_conf *conf = item->conf;
    const struct settings *settings = conf->settings;
    struct mail_text text;
    enum lang lang;
    if (!lang_parse(span_of(letter->lang), &lang))
        lang = LANG_OF_READERS;
    struct mail mail = {.kind = item->kind,
                        .id = item->id,
                        .words = site_phrases(conf->site, lang),
                        .page = item->state,
                        .lang = lang,
                        .company = settings->brand.name,
                        .from = span_of(settings->mail_from),
                        .to = span_of(address),
                        .order = span_of(item->order),
                        .event = span_of(letter->event),
                        .currency = span_of(letter->currency),
                        .show = &letter->show,
                        .places = span_of(letter->places),
                        .public_url = span_of(settings->public_url),
                        .support = span_of(settings->support_url),
                        .amount = letter->amount,
                        .fees = letter->fees,
                        .vat = letter->vat,
                        .seats = letter->seats,
                        .off = letter->off,
                        .until = span_of(letter->until),
                        .now_s = clock_wall_us(conf->clock) / 1000000};
    if (!mail_address_is_sane(mail.from)) {
        outbox_end(item, OUTBOX_HELD, "mail.from is no address");
        return;
    }
    if (mail_write(&mail, &text) < 0) {
        outbox_end(item, OUTBOX_GIVEN_UP, "unsendable");
        return;
    }
    bool auth = settings->mail_user[0] != '\0' && conf->mail_password[0] != '\0';
    struct outcall_mail call = {.url = settings->mail_url,
                                .user = auth ? settings->mail_user : NULL,
                                .password = conf->mail_password,
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
    outbox_sending(item, span_of(letter->trace), below);
    outcall_send_mail(conf->outcalls, &call);
    sodium_memzero(&text, sizeof(text));
}

/* Pauses until the cap has room again. */
static void leave_alone(struct outbox_item *item, uint32_t wait_ms)
{
    outbox_pause(item, wait_ms, "user database not asked: over its cap");
}

static void on_address(void *ctx, int rc, const struct user *user)
{
    struct letter *letter = ctx;
    if (!outbox_goes_on(&letter->item))
        return;
    if (rc == ERR_FULL)
        leave_alone(&letter->item, LEFT_ALONE_MS);
    else if (rc < 0)
        outbox_end(&letter->item, OUTBOX_LATER, "user database");
    else if (!user->found)
        outbox_end(&letter->item, OUTBOX_GIVEN_UP, "no address");
    else
        send_mail(letter, user->address);
}

static void start_letter(struct outbox_item *item, const PGresult *rows, int at)
{
    struct letter *letter = (struct letter *)item;
    const struct sql_mail_take_row row = sql_mail_take_row(rows, at);
    item->id = row.id;
    item->tries = row.tries;
    item->retry_max_ms = RETRY_CAP_MS;
    letter->amount = row.amount;
    letter->fees = row.fees;
    letter->vat = row.vat;
    letter->seats = (uint32_t)row.seats;
    letter->off = row.off;
    span_to_cstr(row.until, letter->until, sizeof(letter->until));
    span_to_cstr(row.kind, item->kind, sizeof(item->kind));
    span_to_cstr(row.order_id, item->order, sizeof(item->order));
    span_to_cstr(row.lang, letter->lang, sizeof(letter->lang));
    span_to_cstr(row.member, letter->member, sizeof(letter->member));
    span_to_cstr(row.event_name, letter->event, sizeof(letter->event));
    span_to_cstr(row.currency, letter->currency, sizeof(letter->currency));
    if (row.off && strncmp(item->kind, "postponed-", strlen("postponed-")) == 0) {
        outbox_end(item, OUTBOX_SENT, "the event is cancelled"); /* it has no new date */
        return;
    }
    if (show_parse(row.show, &letter->show) < 0) {
        outbox_end(item, OUTBOX_LATER, "memory");
        return;
    }
    if (!span_to_cstr(row.trace, letter->trace, sizeof(letter->trace)))
        letter->trace[0] = '\0';
    if (!span_to_cstr(row.places, letter->places, sizeof(letter->places)))
        letter->places[0] = '\0';
    uint32_t retry_ms = 0;
    if (users_address(item->conf->users, letter->member, on_address, letter, &retry_ms) < 0)
        leave_alone(item, retry_ms > 0 ? retry_ms : LEFT_ALONE_MS);
}

static uint64_t late_us(const PGresult *rows, int at)
{
    return sql_mail_take_row(rows, at).late_us;
}

static bool take(const struct outbox_conf *conf, uint32_t most, uint64_t back_ms,
                 pg_on_done *on_taken, void *ctx)
{
    if (conf->settings->mail_url[0] == '\0' || conf->users == NULL)
        return false;
    const struct sql_mail_take_args args = {.most = most,
                                            .lease_ms =
                                                conf->settings->mail_timeout_ms + LEASE_SPARE_MS,
                                            .back_ms = back_ms};
    sql_mail_take(conf->pg, &args, on_taken, ctx);
    return true;
}

static int create(const struct outbox_conf *conf, struct err_slot *err, void **state)
{
    struct filled_page *page;
    int rc = mail_page_create(conf->site, err, &page);
    if (rc == 0)
        *state = page;
    return rc;
}

static void destroy(void *state)
{
    filled_page_destroy(state);
}

const struct outbox_kind mails = {.box = OUTBOX_MAIL,
                                  .name = "mail",
                                  .item = "mail",
                                  .given_up = "a mail is given up",
                                  .under_way_max = MAIL_UNDER_WAY_MAX,
                                  .retry_first_ms = RETRY_FIRST_MS,
                                  .item_size = sizeof(struct letter),
                                  .counted_as = {[OUTBOX_SENT] = OUTBOX_SENT,
                                                 [OUTBOX_LATER] = OUTBOX_LATER,
                                                 [OUTBOX_REFUSED] = OUTBOX_LATER,
                                                 [OUTBOX_GIVEN_UP] = OUTBOX_GIVEN_UP,
                                                 [OUTBOX_PAUSED] = OUTBOX_PAUSED,
                                                 [OUTBOX_HELD] = OUTBOX_HELD},
                                  .create = create,
                                  .destroy = destroy,
                                  .take = take,
                                  .late_us = late_us,
                                  .send = start_letter};
