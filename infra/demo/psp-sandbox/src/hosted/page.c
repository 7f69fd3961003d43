/* page.c: see page.h. */
#include "hosted/page.h"

#include "web/template.h"

#include <assert.h>

const char page_style[] =
    ":root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}"
    "body{margin:0;display:grid;place-items:center;min-height:100vh}"
    "main{width:min(24rem,calc(100vw - 2rem));padding:1rem 0}"
    "h1{font-size:1.1rem;margin:0}"
    ".amount{font-size:2rem;font-weight:700;margin:.25rem 0 1rem}"
    ".notice{border-left:.3rem solid #b3261e;padding:.4rem .8rem;margin:0 0 1rem}"
    ".good{border-color:#1b7f3b}"
    "label{display:block;margin:.6rem 0}"
    "input{display:block;box-sizing:border-box;width:100%;padding:.6rem;font:inherit;"
    "border:1px solid #767676;border-radius:.4rem}"
    ".pair{display:grid;grid-template-columns:1fr 1fr;gap:.8rem}"
    "button{width:100%;padding:.8rem;margin:.4rem 0 0;font:inherit;font-weight:600;border:0;"
    "border-radius:.4rem;background:#1a56db;color:#fff}"
    "button.other{background:transparent;color:inherit;border:1px solid #767676}"
    ":focus-visible{outline:3px solid #f59e0b;outline-offset:2px}"
    "small{opacity:.75}";

enum phrase {
    SAY_TITLE,
    SAY_NUMBER,
    SAY_EXPIRY,
    SAY_CVC,
    SAY_PAY,
    SAY_CANCEL,
    SAY_TRANSFER,
    SAY_ASK,
    SAY_APPROVE,
    SAY_REFUSE,
    SAY_SANDBOX,
    PHRASES,
};

static const char *const phrases[PAGE_LANGS][PHRASES] = {
    [PAGE_EN] = {"Payment", "Card number", "Expiry (MM/YY)", "Security code", "Pay", "Back",
                 "Pay by bank transfer", "Your bank asks: is this payment yours?", "Yes, I approve",
                 "No, refuse it", "Sandbox: test cards only, no money moves."},
    [PAGE_KO] = {"결제", "카드 번호", "유효기간 (MM/YY)", "보안 코드", "결제하기", "돌아가기",
                 "무통장입금으로 결제하기", "카드사 확인: 본인이 요청한 결제입니까?",
                 "예, 승인합니다", "아니요, 거절합니다",
                 "테스트 환경: 테스트 카드만 쓸 수 있고 실제로 결제되지 않습니다."},
};

static const char *const notices[PAGE_LANGS][PAGE_NOTICES] = {
    [PAGE_EN] = {"", "That is not a card number.", "Check the expiry date and the security code.",
                 "The payment was not approved. Try again, or use another card.",
                 "This address may not be returned to.", "There is no such payment.",
                 "The payment is complete.", "This payment is closed.",
                 "The payment did not go through. Try again in a moment."},
    [PAGE_KO] = {"", "카드 번호가 올바르지 않습니다.", "유효기간과 보안 코드를 확인해 주세요.",
                 "결제가 승인되지 않았습니다. 다시 시도하거나 다른 카드를 사용해 주세요.",
                 "허용되지 않은 반환 주소입니다.", "결제를 찾을 수 없습니다.",
                 "결제가 완료되었습니다.", "종료된 결제입니다.",
                 "결제하지 못했습니다. 잠시 후 다시 시도해 주세요."},
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
static void put_amount(struct text *out, const struct page *page)
{
    struct span currency = span_of(page->currency);
    uint64_t amount = (uint64_t)page->amount;
    bool whole = span_eq(currency, SPAN("krw")) || span_eq(currency, SPAN("jpy"));
    bool won = span_eq(currency, SPAN("krw"));
    if (won && page->lang == PAGE_EN)
        TEXT_LIT(out, "₩");
    put_grouped(out, whole ? amount : amount / 100);
    if (!whole)
        text_printf(out, ".%02u", (unsigned)(amount % 100));
    if (won && page->lang == PAGE_KO)
        TEXT_LIT(out, "원");
    if (won)
        return;
    text_char(out, ' ');
    for (size_t i = 0; i < currency.len; i++)
        text_char(out, (char)(currency.ptr[i] - 'a' + 'A'));
}

static void put_head(struct text *out, const struct page *page)
{
    const char *title = phrases[page->lang][SAY_TITLE];
    text_printf(out,
                "<!doctype html><html lang=\"%s\"><meta charset=\"utf-8\">"
                "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
                "<title>%s</title><link rel=\"stylesheet\" href=\"/pay/style.css\"><main>",
                page->lang == PAGE_KO ? "ko" : "en", title);
    TEXT_LIT(out, "<h1>");
    html_put(out, page->what.len > 0 ? page->what : span_of(title));
    TEXT_LIT(out, "</h1>");
    if (page->amount > 0) {
        TEXT_LIT(out, "<p class=\"amount\">");
        put_amount(out, page);
        TEXT_LIT(out, "</p>");
    }
    if (page->notice == PAGE_NOTHING && page->refusal.len == 0)
        return;
    bool good = page->notice == PAGE_PAID;
    text_printf(out, "<p class=\"notice%s\" role=\"%s\">", good ? " good" : "",
                good ? "status" : "alert");
    html_put(out,
             page->refusal.len > 0 ? page->refusal : span_of(notices[page->lang][page->notice]));
    TEXT_LIT(out, "</p>");
}

static void put_foot(struct text *out, const struct page *page)
{
    text_printf(out, "<p><small>%s</small></p></main></html>", phrases[page->lang][SAY_SANDBOX]);
}

static void open_form(struct text *out, const struct page *page)
{
    TEXT_LIT(out, "<form method=\"post\" action=\"");
    html_put(out, page->action);
    TEXT_LIT(out, "\">");
    for (unsigned i = 0; i < page->hidden_len; i++) {
        text_printf(out, "<input type=\"hidden\" name=\"%s\" value=\"", page->hidden[i].name);
        html_put(out, page->hidden[i].value);
        TEXT_LIT(out, "\">");
    }
}

static void put_input(struct text *out, const char *label, const char *name, const char *hint,
                      const char *autocomplete)
{
    text_printf(out,
                "<label>%s<input name=\"%s\" inputmode=\"numeric\" autocomplete=\"%s\" "
                "placeholder=\"%s\"></label>",
                label, name, autocomplete, hint);
}

void page_put_card_form(struct text *out, const struct page *page)
{
    const char *const *say = phrases[page->lang];
    put_head(out, page);
    open_form(out, page);
    put_input(out, say[SAY_NUMBER], "number", "4242 4242 4242 4242", "cc-number");
    TEXT_LIT(out, "<div class=\"pair\">");
    put_input(out, say[SAY_EXPIRY], "exp", "12/34", "cc-exp");
    put_input(out, say[SAY_CVC], "cvc", "123", "cc-csc");
    text_printf(out, "</div><button>%s</button>", say[SAY_PAY]);
    if (page->can_transfer)
        text_printf(out, "<button class=\"other\" name=\"pay_by\" value=\"transfer\">%s</button>",
                    say[SAY_TRANSFER]);
    if (page->can_cancel)
        text_printf(out, "<button class=\"other\" name=\"decision\" value=\"cancel\">%s</button>",
                    say[SAY_CANCEL]);
    TEXT_LIT(out, "</form>");
    put_foot(out, page);
}

void page_put_authentication(struct text *out, const struct page *page)
{
    const char *const *say = phrases[page->lang];
    put_head(out, page);
    text_printf(out, "<p>%s</p>", say[SAY_ASK]);
    open_form(out, page);
    text_printf(out,
                "<button name=\"decision\" value=\"approve\">%s</button>"
                "<button class=\"other\" name=\"decision\" value=\"refuse\">%s</button></form>",
                say[SAY_APPROVE], say[SAY_REFUSE]);
    put_foot(out, page);
}

void page_put_notice(struct text *out, const struct page *page)
{
    assert(page->notice != PAGE_NOTHING);
    put_head(out, page);
    put_foot(out, page);
}
