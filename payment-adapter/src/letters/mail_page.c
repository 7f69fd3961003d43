/* mail_page.c: fills web/mail.html, which says the same as the plain text. The page is made for
 * mail programs: tables, and styles on each element, since many support nothing else; no script, no
 * picture and nothing that is fetched, so that opening it reveals nothing to anybody. */
#include "letters/mail_page.h"

#include "number.h"
#include "page/fact.h"

#include <assert.h>
#include <string.h>

static const char mail_html[] =
#include "payment-adapter/web/mail.html.inc"
    ;

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

void mail_page_put(struct text *out, const struct mail *mail, const struct mail_said *said)
{
    struct mail_page page = {.mail = mail,
                             .facts = {.words = mail->words, .currency = mail->currency}};
    assert(mail->page != NULL);
    page.facts.ctx = &page;
    list_facts(&page, said);
    fact_page_put(out, mail->page, mail->lang, &page.facts);
}
