/* page.c: one template (web/pay.html) is all three pages: the card's form, the bank's question, a
 * notice alone. Gaps and blocks are known by their place in `gaps`. */
#include "hosted/page.h"

#include <assert.h>

static const char pay_html[] =
#include "infra/demo/psp-sandbox/web/pay.html.inc"
    ;
static const char pay_css[] =
#include "infra/demo/psp-sandbox/web/pay.css.inc"
    ;

static const struct site_file files[] = {{"pay.css", SITE_CSS, SITE_BYTES(pay_css)}};

enum gap {
    WHAT,
    AMOUNT,
    NOTICE,
    DONE,
    REFUSED,
    QUESTION,
    FORM,
    ACTION,
    HIDDEN,
    NAME,
    VALUE,
    CARD,
    TRANSFER,
    CANCEL,
    GAPS,
};

static const char *const gaps[GAPS + 1] = {
    "what",   "amount", "notice", "done",  "refused", "question", "form",
    "action", "hidden", "name",   "value", "card",    "transfer", "cancel",
};

struct filling {
    const struct page *page;
    const struct phrases *words;
    const struct page_hidden *hidden; /* the one being written */
};

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

static void put_gap(struct text *out, unsigned gap, void *ctx)
{
    const struct filling *filling = ctx;
    const struct page *page = filling->page;
    struct span text = {0};
    if (gap == AMOUNT)
        put_money(out, page);
    else if (gap == WHAT)
        text =
            page->what != NULL ? span_of(page->what) : phrases_find(filling->words, SPAN("title"));
    else if (gap == NOTICE)
        text = page->refusal != NULL ? span_of(page->refusal)
                                     : phrases_find(filling->words, span_of(page->notice));
    else if (gap == ACTION)
        text = span_of(page->action);
    else
        text = span_of(gap == NAME ? filling->hidden->name : filling->hidden->value);
    html_put(out, text);
}

static bool has_block(unsigned block, unsigned turn, void *ctx)
{
    struct filling *filling = ctx;
    const struct page *page = filling->page;
    bool paid = page->notice != NULL && strcmp(page->notice, "notice.paid") == 0;
    if (block == HIDDEN) {
        filling->hidden = &page->hidden[turn];
        return turn < page->hidden_len;
    }
    const bool shown[GAPS] = {
        [AMOUNT] = page->amount > 0,
        [DONE] = paid,
        [REFUSED] = page->notice != NULL && !paid,
        [QUESTION] = page->form == PAGE_QUESTION,
        [FORM] = page->form != PAGE_NO_FORM,
        [CARD] = page->form == PAGE_CARD,
        [TRANSFER] = page->can_transfer,
        [CANCEL] = page->can_cancel,
    };
    return turn == 0 && shown[block];
}

int page_open(struct err_slot *err, struct page_set *set)
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
    int rc = site_create(&conf, err, &set->site);
    for (enum lang lang = 0; rc == 0 && lang < lang_count(); lang++)
        rc = site_template(set->site, lang, span_of(pay_html), gaps, err, &set->of[lang]);
    return rc;
}

void page_close(struct page_set *set)
{
    for (enum lang lang = 0; lang < LANG_MAX; lang++)
        template_destroy(set->of[lang]);
    site_destroy(set->site);
}

void page_put(struct text *out, const struct page_set *set, const struct page *page)
{
    assert(page->form != PAGE_NO_FORM || page->notice != NULL);
    assert((page->form == PAGE_NO_FORM) == (page->action == NULL));
    struct filling filling = {.page = page, .words = site_phrases(set->site, page->lang)};
    template_put_blocks(out, set->of[page->lang], put_gap, has_block, &filling);
}
