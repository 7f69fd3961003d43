/* mail_page.c: fills web/mail.html, which says what the plain text of the mail says. It is a page
 * for mail programs: tables and styles on each element, since many know nothing else, no script, no
 * picture and nothing that is fetched, so that opening it tells nobody anything. */
#include "letters/mail_page.h"

#include "wording.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char mail_html[] =
#include "payment-adapter/web/mail.html.inc"
    ;

struct mail_page {
    const struct mail *mail;
    const struct mail_said *said;
    struct span place, rest; /* of this turn, and after it */
};

static const struct mail *mail_of(const void *ctx)
{
    return ((const struct mail_page *)ctx)->mail;
}

static bool once(unsigned turn, bool shown)
{
    return turn == 0 && shown;
}

static void put_house(struct text *out, void *ctx)
{
    html_put(out, span_of(mail_of(ctx)->house));
}

static bool has_house(void *ctx, unsigned turn)
{
    return once(turn, mail_of(ctx)->house[0] != '\0');
}

static void put_title(struct text *out, void *ctx)
{
    html_put(out, ((const struct mail_page *)ctx)->said->title);
}

static void put_first(struct text *out, void *ctx)
{
    html_put(out, ((const struct mail_page *)ctx)->said->first);
}

static void put_url(struct text *out, void *ctx)
{
    html_put(out, ((const struct mail_page *)ctx)->said->url);
}

static bool has_tickets(void *ctx, unsigned turn)
{
    return once(turn, ((const struct mail_page *)ctx)->said->tickets);
}

static bool has_no_tickets(void *ctx, unsigned turn)
{
    return once(turn, !((const struct mail_page *)ctx)->said->tickets);
}

static void put_event(struct text *out, void *ctx)
{
    html_put(out, mail_of(ctx)->event);
}

static bool has_start(void *ctx, unsigned turn)
{
    return once(turn, mail_of(ctx)->starts_at.len > 0);
}

static void put_start(struct text *out, void *ctx)
{
    char memory[256];
    struct text time = text_on(memory, sizeof(memory));
    wording_put_time(&time, mail_of(ctx)->words, mail_of(ctx)->starts_at);
    html_put(out, text_span(&time));
}

static bool more_places(void *ctx, unsigned turn)
{
    struct mail_page *page = ctx;
    if (turn == 0)
        page->rest = page->mail->places;
    if (page->rest.len == 0)
        return false;
    page->rest = span_cut(page->rest, '\n', &page->place);
    return true;
}

/* A place in an area has no row and no number. */
static void put_place(struct text *out, void *ctx)
{
    const struct mail_page *page = ctx;
    struct span words[3], line = page->place;
    for (int i = 0; i < 3; i++)
        line = span_cut(line, '\t', &words[i]);
    if (words[2].len > 0)
        phrases_fill(out, phrases_find(page->mail->words, SPAN("seat.name")), words, html_put);
    else
        html_put(out, words[0]);
}

/* Without their names it is said how many they are. */
static bool has_count(void *ctx, unsigned turn)
{
    return once(turn, mail_of(ctx)->places.len == 0);
}

static void put_count(struct text *out, void *ctx)
{
    text_u64(out, mail_of(ctx)->seats);
}

static void put_money(struct text *out, const struct mail *mail, uint64_t minor)
{
    char memory[64];
    struct text amount = text_on(memory, sizeof(memory));
    wording_put_money(&amount, mail->words, minor, mail->currency);
    html_put(out, text_span(&amount));
}

static bool is_bought(void *ctx, unsigned turn)
{
    return once(turn, ((const struct mail_page *)ctx)->said->bought);
}

static bool has_fees(void *ctx, unsigned turn)
{
    return once(turn, mail_of(ctx)->fees > 0);
}

static void put_prices(struct text *out, void *ctx)
{
    assert(mail_of(ctx)->fees <= mail_of(ctx)->amount);
    put_money(out, mail_of(ctx), mail_of(ctx)->amount - mail_of(ctx)->fees);
}

static void put_fees(struct text *out, void *ctx)
{
    put_money(out, mail_of(ctx), mail_of(ctx)->fees);
}

static void put_amount_name(struct text *out, void *ctx)
{
    html_put(out, ((const struct mail_page *)ctx)->said->amount);
}

static void put_amount(struct text *out, void *ctx)
{
    put_money(out, mail_of(ctx), mail_of(ctx)->amount);
}

static bool has_vat(void *ctx, unsigned turn)
{
    return once(turn, mail_of(ctx)->vat > 0);
}

static void put_vat(struct text *out, void *ctx)
{
    put_money(out, mail_of(ctx), mail_of(ctx)->vat);
}

static void put_order(struct text *out, void *ctx)
{
    html_put(out, mail_of(ctx)->order);
}

static void put_support(struct text *out, void *ctx)
{
    html_put(out, mail_of(ctx)->support);
}

static bool has_support(void *ctx, unsigned turn)
{
    return once(turn, mail_of(ctx)->support.len > 0);
}

struct span mail_page_contact(struct span address)
{
    static const struct span schemes[] = {SPAN("mailto:"), SPAN("tel:")};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (!span_starts(address, schemes[i]))
            continue;
        struct span shown = span_skip(address, schemes[i].len);
        const char *end = memchr(shown.ptr, '?', shown.len); /* a subject is not for readers */
        if (end != NULL)
            shown.len = (size_t)(end - shown.ptr);
        return shown;
    }
    return address;
}

static void put_contact(struct text *out, void *ctx)
{
    html_put(out, mail_page_contact(mail_of(ctx)->support));
}

static const struct page_gap gaps[] = {
    {"house", put_house, has_house},   {"title", put_title, NULL},
    {"first", put_first, NULL},        {"url", put_url, NULL},
    {"tickets", NULL, has_tickets},    {"order-only", NULL, has_no_tickets},
    {"event", put_event, NULL},        {"start", put_start, has_start},
    {"place", put_place, more_places}, {"count", put_count, has_count},
    {"bought", NULL, is_bought},       {"prices", put_prices, NULL},
    {"fees", put_fees, has_fees},      {"amount-name", put_amount_name, NULL},
    {"amount", put_amount, NULL},      {"vat", put_vat, has_vat},
    {"order", put_order, NULL},        {"support", put_support, has_support},
    {"contact", put_contact, NULL},    {NULL, NULL, NULL},
};

int mail_page_create(const struct site *site, struct err_slot *err, struct filled_page **out)
{
    return filled_page_create(site, span_of(mail_html), gaps, err, out);
}

void mail_page_put(struct text *out, const struct mail *mail, const struct mail_said *said)
{
    struct mail_page page = {.mail = mail, .said = said};
    assert(mail->page != NULL);
    filled_page_put(out, mail->page, mail->lang, &page);
}
