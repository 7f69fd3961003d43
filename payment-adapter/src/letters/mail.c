/* mail.c: a mail as plain text and as a page, in the buyer's language, from the service's texts and
 * web/mail.html. libcurl encodes the body (curl_mime) but not a non-ASCII subject, so the subject
 * is encoded here. Addresses come from a database of the company's, so characters that could end a
 * line are rejected.
 *
 * The page says the same as the text. It is made for mail programs: tables, and styles on each
 * element, since many support nothing else; no script, no picture and nothing that is fetched, so
 * that opening it reveals nothing to anybody. */
#include "letters/mail.h"

#include "core/checkout/effect.h"
#include "core/checkout/order.h"
#include "core/checkout/seat_names.h"
#include "number.h"
#include "page/fact.h"
#include "page/wording.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    KEY_MAX = 64,
    SUBJECT_MAX = SEAT_NAMES_EVENT_MAX + 512,
    URL_MAX = 4096,
    WORD_BYTES = 39, /* of the subject: 73 characters once encoded */
};

static const char mail_html[] =
#include "payment-adapter/web/mail.html.inc"
    ;

/* Decided once for both forms. */
struct mail_said {
    struct span title, first; /* the subject without the event, and the first sentence */
    struct span url;
    bool tickets;       /* links to the tickets; otherwise to the order */
    struct span amount; /* label of the sum */
    bool bought;        /* shows sums and the order number, which are private to the buyer */
};

bool mail_address_is_sane(struct span address)
{
    bool at = false;
    for (size_t i = 0; i < address.len; i++) {
        unsigned char c = (unsigned char)address.ptr[i];
        if (c <= 0x20 || c >= 0x7f || c == '<' || c == '>' || c == ',' || c == ';' || c == '"')
            return false;
        at = at || (c == '@' && i > 0 && i + 1 < address.len);
    }
    return at && address.len <= 320;
}

struct span mail_page_contact(struct span address)
{
    static const struct span schemes[] = {SPAN("mailto:"), SPAN("tel:")};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (!span_starts(address, schemes[i]))
            continue;
        struct span shown = span_skip(address, schemes[i].len);
        const char *end = memchr(shown.ptr, '?', shown.len); /* leaves out a mailto: subject */
        if (end != NULL)
            shown.len = (size_t)(end - shown.ptr);
        return shown;
    }
    return address;
}

static bool is_about(const struct mail *mail, const char *word)
{
    size_t len = strcspn(mail->kind, "-");
    return strlen(word) == len && strncmp(mail->kind, word, len) == 0;
}

static bool is_about_refund(const struct mail *mail)
{
    return is_about(mail, LETTER_REFUNDED) || is_about(mail, LETTER_CREDITED);
}

static struct span words_of(const struct mail *mail, const char *part)
{
    char memory[KEY_MAX];
    struct text key = text_on(memory, sizeof(memory));
    const char *kind = mail->kind;
    if (is_about_refund(mail) && mail->off)
        kind = mail->amount == 0 ? "cancelled_free" : "cancelled";
    else if (is_about_refund(mail) && mail->amount == 0)
        kind = "returned";
    else if (is_about(mail, LETTER_REVOKED) && mail->off)
        kind = "cancelled_free";
    else if (is_about(mail, "postponed") && mail->until.len == 0)
        kind = "postponed_held"; /* only the buyer can refund the order */
    /* "moved-2": the second of its order. */
    text_printf(&key, "told.mail.%.*s.%s", (int)strcspn(kind, "-"), kind, part);
    return key.overflown ? (struct span){NULL, 0} : phrases_find(mail->words, text_span(&key));
}

/* ---- the text ---- */

/* Encoded words (RFC 2047), each of whole characters and on its own line. */
static void put_subject(struct text *text, struct span subject)
{
    TEXT_LIT(text, "Subject:");
    for (const char *fold = ""; subject.len > 0; fold = "\r\n") {
        size_t most = subject.len < WORD_BYTES ? subject.len : WORD_BYTES;
        size_t len = most;
        while (len > 0 && len < subject.len && ((unsigned char)subject.ptr[len] & 0xc0) == 0x80)
            len--;
        if (len == 0) /* no character starts in these bytes, so they may be cut anywhere */
            len = most;
        char word[sodium_base64_ENCODED_LEN(WORD_BYTES, sodium_base64_VARIANT_ORIGINAL)];
        sodium_bin2base64(word, sizeof(word), (const uint8_t *)subject.ptr, len,
                          sodium_base64_VARIANT_ORIGINAL);
        text_printf(text, "%s =?UTF-8?B?%s?=", fold, word);
        subject = span_skip(subject, len);
    }
}

static void put_fact(struct text *body, const struct mail *mail, const char *name)
{
    text_put(body, phrases_find(mail->words, span_of(name)));
    TEXT_LIT(body, ": ");
}

static struct span word(const struct mail *mail, const char *key)
{
    return phrases_find(mail->words, span_of(key));
}

static void put_money(struct text *body, const struct mail *mail, struct span name, uint64_t minor)
{
    text_put(body, name);
    TEXT_LIT(body, ": ");
    wording_put_money(body, mail->words, minor, mail->currency);
    text_char(body, '\n');
}

static void put_body(struct text *body, const struct mail *mail, const struct mail_said *said)
{
    text_put(body, said->first);
    TEXT_LIT(body, "\n\n");
    text_put(body, said->url);
    TEXT_LIT(body, "\n\n");
    text_put(body, mail->event);
    text_char(body, '\n');
    size_t before = body->len;
    wording_put_show(body, mail->words, mail->lang, mail->show);
    if (body->len > before)
        text_char(body, '\n');
    /* A place in an area has no row and no number. */
    struct span line, rest = mail->places;
    while (rest.len > 0) {
        struct span words[FACT_SEAT_NAMES];
        rest = span_cut(rest, '\n', &line);
        for (int i = 0; i < FACT_SEAT_NAMES; i++)
            line = span_cut(line, '\t', &words[i]);
        TEXT_LIT(body, "- ");
        if (words[3].len > 0) {
            words[2] = words[3];
            phrases_fill(body, phrases_find(mail->words, SPAN("seat.labelled")), words, text_put);
        } else if (words[2].len > 0)
            phrases_fill(body, phrases_find(mail->words, SPAN("seat.name")), words, text_put);
        else
            text_put(body, words[0]);
        text_char(body, '\n');
    }
    if (mail->places.len == 0) {
        put_fact(body, mail, "order.seats");
        text_printf(body, "%u\n", mail->seats);
    }
    if (mail->until.len > 0) {
        put_fact(body, mail, "order.refund-until");
        wording_put_time(body, mail->words, mail->show, mail->until);
        text_char(body, '\n');
    }
    if (said->bought) {
        char number[NUMBER_MAX];
        assert(mail->fees <= mail->amount);
        assert(mail->vat <= mail->amount);
        if (mail->fees > 0) {
            put_money(body, mail, word(mail, "order.prices"), mail->amount - mail->fees);
            put_money(body, mail, word(mail, "order.fees"), mail->fees);
        }
        put_money(body, mail, said->amount, mail->amount);
        if (mail->vat > 0)
            put_money(body, mail, word(mail, "order.vat"), mail->vat);
        put_fact(body, mail, "order.number");
        number_of(mail->order, number);
        text_put(body, span_of(number));
        text_char(body, '\n');
    }
    if (mail->support.len > 0) {
        text_char(body, '\n');
        put_fact(body, mail, "links.support");
        text_put(body, mail_page_contact(mail->support));
        text_char(body, '\n');
    }
}

/* ---- the page ---- */

struct mail_page {
    const struct mail *mail;
    struct span rest; /* of the places, after this turn */
    unsigned place_at;
    char number[NUMBER_MAX];
    struct fact_list facts;
};

static bool more_places(void *ctx, unsigned turn);

/* A place in an area has no row and no number. */
static void list_place(struct mail_page *page, struct span line)
{
    struct span names[FACT_SEAT_NAMES];
    for (int i = 0; i < FACT_SEAT_NAMES; i++)
        line = span_cut(line, '\t', &names[i]);
    fact_seat(&page->facts, "place", names, SPAN(""));
    page->facts.all[page->place_at].more = more_places;
}

static bool more_places(void *ctx, unsigned turn)
{
    struct mail_page *page = ctx;
    struct span line;
    if (turn == 0)
        page->rest = page->mail->places;
    if (page->rest.len == 0)
        return false;
    page->rest = span_cut(page->rest, '\n', &line);
    page->facts.len = page->place_at;
    list_place(page, line);
    return true;
}

static void list_facts(struct mail_page *page, const struct mail_said *said)
{
    struct fact_list *facts = &page->facts;
    const struct mail *mail = page->mail;
    assert(mail->fees <= mail->amount);
    fact_text(facts, "company", span_of(mail->company));
    fact_text(facts, "title", said->title);
    fact_text(facts, "first", said->first);
    fact_text(facts, "url", said->url);
    fact_if(facts, "tickets", said->tickets);
    fact_if(facts, "order-only", !said->tickets);
    fact_text(facts, "event", mail->event);
    fact_show(facts, mail->show);
    page->place_at = facts->len;
    list_place(page, SPAN(""));
    fact_count(facts, "count", mail->places.len == 0, mail->seats);
    fact_time(facts, "until", "until-words", mail->show, mail->until);
    fact_if(facts, "bought", said->bought);
    fact_money(facts, "prices-stored", "prices", mail->amount - mail->fees);
    fact_money(facts, "fees-stored", "fees", mail->fees);
    fact_text(facts, "amount-name", said->amount);
    fact_money(facts, "amount-stored", "amount", mail->amount);
    fact_money(facts, "vat-stored", "vat", mail->vat);
    number_of(mail->order, page->number);
    fact_text(facts, "number", span_of(page->number));
    fact_text(facts, "support", mail->support);
    fact_text(facts, "contact", mail_page_contact(mail->support));
}

int mail_page_create(const struct site *site, struct err_slot *err, struct filled_page **out)
{
    const struct show unsaid = {.starts_ms = 0};
    const struct mail none = {.company = "", .show = &unsaid};
    struct mail_page page = {.mail = &none};
    list_facts(&page, &(struct mail_said){.tickets = false});
    return fact_page_create(&page.facts, site, span_of(mail_html), err, out);
}

static void put_page(struct text *out, const struct mail *mail, const struct mail_said *said)
{
    struct mail_page page = {.mail = mail,
                             .facts = {.words = mail->words, .currency = mail->currency}};
    assert(mail->page != NULL);
    page.facts.ctx = &page;
    list_facts(&page, said);
    fact_page_put(out, mail->page, mail->lang, &page.facts);
}

/* ---- the whole mail ---- */

/* False: too long. */
static bool write_subject(const struct mail *mail, struct span title, struct mail_text *out)
{
    char memory[SUBJECT_MAX];
    struct text plain = text_on(memory, sizeof(memory));
    struct text coded = text_on(out->subject, sizeof(out->subject) - 1);
    text_put(&plain, title);
    TEXT_LIT(&plain, ": ");
    text_put(&plain, mail->event);
    put_subject(&coded, text_span(&plain));
    out->subject[coded.len] = '\0';
    return !plain.overflown && !coded.overflown;
}

int mail_write(const struct mail *mail, struct mail_text *out)
{
    bool revoked = is_about(mail, LETTER_REVOKED);
    bool moved =
        is_about(mail, "moved") || is_about(mail, "renewed") || is_about(mail, "postponed");
    char url_memory[URL_MAX];
    struct text url = text_on(url_memory, sizeof(url_memory));
    struct mail_said said = {
        .title = words_of(mail, "subject"),
        .first = words_of(mail, "text"),
        .amount = word(mail, is_about_refund(mail) && mail->amount > 0 ? "order.refund-amount"
                                                                       : "order.amount"),
        /* With a deadline, to the order: it has the refund, and its buyer may hold no ticket. */
        .tickets =
            (moved && mail->until.len == 0) || revoked || strcmp(mail->kind, LETTER_COMPLETED) == 0,
        .bought = !moved && !revoked};
    text_put(&url, mail->public_url);
    text_str(&url, said.tickets ? "/pay/tickets/" : "/pay/orders/");
    text_put(&url, mail->order);
    said.url = text_span(&url);
    if (said.title.ptr == NULL || said.first.ptr == NULL || url.overflown ||
        !mail_address_is_sane(mail->to) || !mail_address_is_sane(mail->from))
        return ERR_RANGE;
    struct tm tm;
    time_t now = (time_t)mail->now_s;
    gmtime_r(&now, &tm);
    strftime(out->date, sizeof(out->date), "Date: %a, %d %b %Y %H:%M:%S +0000", &tm);
    snprintf(out->from, sizeof(out->from), "From: <%.*s>", (int)mail->from.len, mail->from.ptr);
    snprintf(out->to, sizeof(out->to), "To: <%.*s>", (int)mail->to.len, mail->to.ptr);
    snprintf(out->id, sizeof(out->id), "Message-ID: <%.*s.%s@%" PRIu64 ".fairgate>",
             (int)mail->order.len, mail->order.ptr, mail->kind, mail->id);
    struct text body = text_on(out->body_memory, sizeof(out->body_memory));
    put_body(&body, mail, &said);
    if (!write_subject(mail, said.title, out) || body.overflown)
        return ERR_FULL;
    /* The text is complete, so a page that does not fit is left out. */
    struct text html = text_on(out->html_memory, sizeof(out->html_memory));
    if (mail->page != NULL)
        put_page(&html, mail, &said);
    out->html = html.overflown ? SPAN("") : text_span(&html);
    out->body = text_span(&body);
    const char *const headers[MAIL_HEADERS + 1] = {
        out->date, out->from, out->to, out->id, out->subject, "Auto-Submitted: auto-generated"};
    memcpy(out->headers, headers, sizeof(headers));
    assert(out->headers[MAIL_HEADERS - 1] != NULL && out->headers[MAIL_HEADERS] == NULL);
    return 0;
}
