/* page.c: one template (web/pay.html) is all three pages: the card's form, the bank's question, a
 * notice alone. The table at the end says what stands in each gap and which blocks are shown. */
#include "hosted/page.h"

#include <assert.h>

static const char pay_html[] =
#include "infra/demo/psp-sandbox/web/pay.html.inc"
    ;
static const char pay_css[] =
#include "infra/demo/psp-sandbox/web/pay.css.inc"
    ;

static const struct site_file files[] = {{"pay.css", SITE_CSS, SITE_BYTES(pay_css)}};

static const char *const notices[PAGE_NOTICES] = {
    [PAGE_BAD_NUMBER] = "notice.bad-number",
    [PAGE_BAD_DETAILS] = "notice.bad-details",
    [PAGE_REFUSED_AUTHENTICATION] = "notice.refused",
    [PAGE_BAD_RETURN_URL] = "notice.bad-return-url",
    [PAGE_UNKNOWN_PAYMENT] = "notice.unknown",
    [PAGE_PAID] = "notice.paid",
    [PAGE_GONE] = "notice.gone",
    [PAGE_FAILED] = "notice.failed",
};

struct filling {
    const struct page *page;
    const struct phrases *words;
    unsigned hidden; /* the turn */
};

static const struct page *page_of(const struct filling *filling)
{
    return filling->page;
}

static void put_grouped(struct text *out, uint64_t value)
{
    if (value >= 1000) {
        put_grouped(out, value / 1000);
        text_printf(out, ",%03u", (unsigned)(value % 1000));
    } else {
        text_u64(out, value);
    }
}

/* ₩132,000 or 132,000원; $12.34 as 12.34 USD. */
static void put_money(struct text *out, const struct page *page)
{
    struct span currency = span_of(page->currency);
    uint64_t amount = (uint64_t)page->amount;
    bool whole = span_eq(currency, SPAN("krw")) || span_eq(currency, SPAN("jpy"));
    bool won = span_eq(currency, SPAN("krw"));
    if (won && page->lang == LANG_EN)
        TEXT_LIT(out, "₩");
    put_grouped(out, whole ? amount : amount / 100);
    if (!whole)
        text_printf(out, ".%02u", (unsigned)(amount % 100));
    if (won && page->lang == LANG_KO)
        TEXT_LIT(out, "원");
    if (won)
        return;
    text_char(out, ' ');
    for (size_t i = 0; i < currency.len; i++)
        text_char(out, (char)(currency.ptr[i] - 'a' + 'A'));
}

/* ---- gaps ---- */

static void put_what(struct text *out, void *ctx)
{
    const struct filling *filling = ctx;
    struct span what = page_of(filling)->what;
    html_put(out, what.len > 0 ? what : phrases_find(filling->words, SPAN("title")));
}

static void put_amount(struct text *out, void *ctx)
{
    put_money(out, page_of(ctx));
}

static bool has_amount(void *ctx, unsigned turn)
{
    return turn == 0 && page_of(ctx)->amount > 0;
}

static void put_notice(struct text *out, void *ctx)
{
    const struct filling *filling = ctx;
    const struct page *page = page_of(filling);
    html_put(out, page->refusal.len > 0
                      ? page->refusal
                      : phrases_find(filling->words, span_of(notices[page->notice])));
}

static bool is_done(void *ctx, unsigned turn)
{
    return turn == 0 && page_of(ctx)->notice == PAGE_PAID;
}

static bool is_refused(void *ctx, unsigned turn)
{
    const struct page *page = page_of(ctx);
    return turn == 0 && page->notice != PAGE_PAID &&
           (page->notice != PAGE_NOTHING || page->refusal.len > 0);
}

static bool has_form(void *ctx, unsigned turn)
{
    return turn == 0 && page_of(ctx)->form != PAGE_NO_FORM;
}

static bool is_card(void *ctx, unsigned turn)
{
    return turn == 0 && page_of(ctx)->form == PAGE_CARD;
}

static bool is_question(void *ctx, unsigned turn)
{
    return turn == 0 && page_of(ctx)->form == PAGE_QUESTION;
}

static void put_action(struct text *out, void *ctx)
{
    html_put(out, page_of(ctx)->action);
}

static bool more_hidden(void *ctx, unsigned turn)
{
    struct filling *filling = ctx;
    filling->hidden = turn;
    return turn < page_of(filling)->hidden_len;
}

static const struct page_hidden *hidden_of(const struct filling *filling)
{
    assert(filling->hidden < page_of(filling)->hidden_len);
    return &page_of(filling)->hidden[filling->hidden];
}

static void put_name(struct text *out, void *ctx)
{
    html_put(out, span_of(hidden_of(ctx)->name));
}

static void put_value(struct text *out, void *ctx)
{
    html_put(out, hidden_of(ctx)->value);
}

static bool can_transfer(void *ctx, unsigned turn)
{
    return turn == 0 && page_of(ctx)->can_transfer;
}

static bool can_cancel(void *ctx, unsigned turn)
{
    return turn == 0 && page_of(ctx)->can_cancel;
}

static const struct page_gap gaps[] = {
    {"what", put_what, NULL},
    {"amount", put_amount, has_amount},
    {"notice", put_notice, NULL},
    {"done", NULL, is_done},
    {"refused", NULL, is_refused},
    {"question", NULL, is_question},
    {"form", NULL, has_form},
    {"action", put_action, NULL},
    {"hidden", NULL, more_hidden},
    {"name", put_name, NULL},
    {"value", put_value, NULL},
    {"card", NULL, is_card},
    {"transfer", NULL, can_transfer},
    {"cancel", NULL, can_cancel},
    {NULL, NULL, NULL},
};

int page_site_create(struct err_slot *err, struct site **out)
{
    const struct site_conf conf = {
        .root = "/pay/-",
        .files = files,
        .files_len = sizeof(files) / sizeof(files[0]),
        .words =
            {
#include "infra/demo/psp-sandbox/web/text.words.inc"
            },
        .service = "psp-sandbox",
    };
    return site_create(&conf, err, out);
}

int page_create(const struct site *site, struct err_slot *err, struct filled_page **out)
{
    return filled_page_create(site, span_of(pay_html), gaps, err, out);
}

void page_put(struct text *out, const struct filled_page *template, const struct site *site,
              const struct page *page)
{
    assert(page->form != PAGE_NO_FORM || page->notice != PAGE_NOTHING);
    assert((page->form == PAGE_NO_FORM) == (page->action.len == 0));
    struct filling filling = {.page = page, .words = site_phrases(site, page->lang)};
    filled_page_put(out, template, page->lang, &filling);
}
