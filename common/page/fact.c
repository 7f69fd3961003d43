/* fact.c: facts are listed in the order of the template, which reads them by index. Everything is
 * escaped except codes, which are our own markup. */
#include "page/fact.h"

#include "base/rfc3339.h"
#include "page/wording.h"
#include "web/qr.h"

#include <assert.h>
#include <stdlib.h>

enum { WORDS_MAX = SHOW_LINE_MAX };

static struct fact *add(struct fact_list *facts, const char *name, enum fact_kind kind, bool shown)
{
    assert(facts->len < FACTS_MAX);
    struct fact *fact = &facts->all[facts->len++];
    assert(fact->name == NULL || fact->name == name); /* another repetition of its block */
    *fact = (struct fact){.name = name, .kind = kind, .shown = shown, .more = fact->more};
    return fact;
}

struct fact *fact_text(struct fact_list *facts, const char *name, struct span text)
{
    struct fact *fact = add(facts, name, FACT_TEXT, text.len > 0);
    fact->text = text;
    return fact;
}

void fact_if(struct fact_list *facts, const char *name, bool shown)
{
    add(facts, name, FACT_TEXT, shown);
}

void fact_time(struct fact_list *facts, const char *name, const char *in_words,
               const struct show *show, struct span at)
{
    fact_text(facts, name, at);
    struct fact *words = add(facts, in_words, FACT_TIME, at.len > 0);
    words->text = at;
    words->show = show;
}

void fact_show(struct fact_list *facts, const struct show *show)
{
    bool placed = show->venue.name.len > 0;
    add(facts, "show", FACT_SHOW, show->starts_ms != 0 || placed)->show = show;
    add(facts, "starts", FACT_STAMP, show->starts_ms != 0)->number = show->starts_ms;
    fact_text(facts, "zone", wording_zone_of(show));
    add(facts, "venue", FACT_PLACE, placed)->show = show;
}

void fact_count(struct fact_list *facts, const char *name, bool shown, uint64_t count)
{
    add(facts, name, FACT_NUMBER, shown)->number = count;
}

void fact_money(struct fact_list *facts, const char *name, const char *in_words, uint64_t minor)
{
    add(facts, name, FACT_NUMBER, minor > 0)->number = minor;
    add(facts, in_words, FACT_MONEY, minor > 0)->number = minor;
}

void fact_phrase(struct fact_list *facts, const char *name, struct span key, struct span first,
                 struct span second)
{
    struct fact *fact = add(facts, name, FACT_PHRASE, key.len > 0);
    fact->text = key;
    fact->values[0] = first;
    fact->values[1] = second;
}

void fact_seat(struct fact_list *facts, const char *name, const struct span names[FACT_SEAT_NAMES],
               struct span id)
{
    if (names[2].len == 0) {
        fact_text(facts, name, names[0].len > 0 ? names[0] : id);
        return;
    }
    bool labelled = names[3].len > 0;
    fact_phrase(facts, name, labelled ? SPAN("seat.labelled") : SPAN("seat.name"), names[0],
                names[1]);
    facts->all[facts->len - 1].values[2] = names[labelled ? 3 : 2];
}

void fact_qr(struct fact_list *facts, const char *name, struct span text)
{
    add(facts, name, FACT_QR, text.len > 0)->text = text;
}

void fact_each(struct fact_list *facts, const char *name, bool (*more)(void *ctx, unsigned turn))
{
    add(facts, name, FACT_TEXT, false)->more = more;
}

static void put_qr(struct text *out, struct span token)
{
    char *svg = malloc(FACT_QR_MAX);
    struct text qr = text_on(svg, svg != NULL ? FACT_QR_MAX : 0);
    if (svg != NULL && qr_svg(token, NULL, &qr) == 0)
        text_put(out, text_span(&qr));
    free(svg);
}

static void put(struct text *out, unsigned gap, void *ctx)
{
    const struct fact_list *facts = ctx;
    const struct fact *fact = &facts->all[gap];
    char memory[WORDS_MAX];
    struct text words = text_on(memory, sizeof(memory));
    assert(gap < FACTS_MAX && fact->name != NULL);
    switch (fact->kind) {
    case FACT_TEXT:
        html_put(out, fact->text);
        break;
    case FACT_TIME:
        wording_put_time(&words, facts->words, fact->show, fact->text);
        html_put(out, text_span(&words));
        break;
    case FACT_STAMP:
        if (fact->number > 0)
            rfc3339_put(out, fact->number);
        break;
    case FACT_SHOW:
        wording_put_show(&words, facts->words, facts->lang, fact->show);
        html_put(out, text_span(&words));
        break;
    case FACT_PLACE:
        show_put_place(&words, &fact->show->venue, span_of(lang_tag(facts->lang)));
        html_put(out, text_span(&words));
        break;
    case FACT_NUMBER:
        text_u64(out, fact->number);
        break;
    case FACT_MONEY:
        wording_put_money(&words, facts->words, fact->number, facts->currency);
        html_put(out, text_span(&words));
        break;
    case FACT_PHRASE:
        if (fact->text.len > 0)
            phrases_fill(out, phrases_find(facts->words, fact->text), fact->values, html_put);
        break;
    case FACT_QR:
        put_qr(out, fact->text);
        break;
    }
}

static bool more(unsigned block, unsigned turn, void *ctx)
{
    struct fact_list *facts = ctx;
    assert(block < FACTS_MAX && facts->all[block].name != NULL);
    if (facts->all[block].more != NULL)
        return facts->all[block].more(facts->ctx, turn);
    return turn == 0 && facts->all[block].shown;
}

int fact_page_create(const struct fact_list *facts, const struct site *site, struct span html,
                     struct err_slot *err, struct filled_page **out)
{
    const char *names[FACTS_MAX + 1] = {NULL};
    for (unsigned i = 0; i < facts->len; i++)
        names[i] = facts->all[i].name;
    return filled_page_create(site, html, names, err, out);
}

void fact_page_put(struct text *out, const struct filled_page *page, enum lang lang,
                   struct fact_list *facts)
{
    facts->lang = lang;
    filled_page_put(out, page, lang, put, more, facts);
}
