/* waiting_page.c: the waiting page is one template a language. Each request copies it once and
 * fills in who asks: without script the page is true when it arrives and reloads itself; with
 * script it is kept true by wait.js, which begins with the very answer that `me` would give. All
 * sections are in the page; `data-view` and `data-state` say which of them is seen.
 *
 * It is sent compressed. Those who have no place yet, which is everybody in the worst minute, get
 * the same page: it is made once a second for each language. Another one is compressed for whoever
 * has a place; that costs a fraction of a millisecond, and a page with script is loaded once.
 *
 * The page is also where a visitor gets the cookie by which a join is recognised when its answer is
 * lost on the way. */
#include "pages/waiting_page.h"

#include "api/answer.h"
#include "api/caller.h"
#include "api/slowed.h"
#include "api/standing.h"
#include "base/rfc3339.h"
#include "core/event/draw_seal.h"
#include "core/event/event_state.h"
#include "core/line/event_id.h"
#include "core/wait/poll.h"
#include "core/wait/status.h"
#include "pages/wording.h"
#include "web/site.h"
#include "web/visit.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum {
    PAGE_MAX = 52 * 1024,
    VISITOR_COOKIE_S = 30 * 86400,
    NOTICE_CODE_MAX = 40,
    /* Escaped, a name or message may be six times as long; the rest is numbers, times, sentences.
     */
    FILLED_MAX = 6 * (2 * EVENT_NAME_BYTES_MAX + EVENT_MESSAGE_BYTES_MAX) +
                 PRICES_MAX * (6 * PRICE_NAME_MAX + 256) + 8 * 1024,
};

static const char waiting_html[] =
#include "queue-front/web/waiting.html.inc"
    ;
static const char notfound_html[] =
#include "queue-front/web/notfound.html.inc"
    ;
static const char base_css[] =
#include "web/base.css.inc"
    ;
static const char wait_css[] =
#include "queue-front/web/wait.css.inc"
    ;
static const char kit_js[] =
#include "web/kit.min.js.inc"
    ;
static const char show_js[] =
#include "queue-front/web/show.min.js.inc"
    ;
static const char wait_js[] =
#include "queue-front/web/wait.min.js.inc"
    ;
static const char turn_js[] =
#include "queue-front/web/turn.js.inc"
    ;
static const char appeal_js[] =
#include "queue-front/web/appeal.js.inc"
    ;
static const char prices_js[] =
#include "queue-front/web/prices.js.inc"
    ;
static const char alert_js[] =
#include "queue-front/web/alert.js.inc"
    ;
static const char move_js[] =
#include "queue-front/web/move.js.inc"
    ;
static const char why_js[] =
#include "queue-front/web/why.js.inc"
    ;
static const char draw_check_js[] =
#include "queue-front/web/draw-check.js.inc"
    ;
static const char beacon_check_js[] =
#include "queue-front/web/beacon-check.js.inc"
    ;
static const char fair_css[] =
#include "queue-front/web/fair.css.inc"
    ;
static const char fair_js[] =
#include "queue-front/web/fair.js.inc"
    ;
static const char fair_html[] =
#include "queue-front/web/fair.html.inc"
    ;
static const char pow_js[] =
#include "queue-front/web/pow.js.inc"
    ;

/* The curve's library, packed when the program was built: that takes longer than all the rest of a
 * start. Only the fairness page loads it, where there is a round to check. */
static const char js[] = SITE_JS;
#define FILE_OF(name, type, plain, gzip, brotli) {(name), (type), SITE_BYTES(plain)},
static const struct site_file files[] = {
    {"wait.css", SITE_CSS, SITE_BYTES(wait_css)},
    {"kit.js", SITE_JS, SITE_BYTES(kit_js)},
    {"show.js", SITE_JS, SITE_BYTES(show_js)},
    {"wait.js", SITE_JS, SITE_BYTES(wait_js)},
    {"turn.js", SITE_JS, SITE_BYTES(turn_js)},
    {"appeal.js", SITE_JS, SITE_BYTES(appeal_js)},
    {"prices.js", SITE_JS, SITE_BYTES(prices_js)},
    {"alert.js", SITE_JS, SITE_BYTES(alert_js)},
    {"move.js", SITE_JS, SITE_BYTES(move_js)},
    {"why.js", SITE_JS, SITE_BYTES(why_js)},
    {"draw-check.js", SITE_JS, SITE_BYTES(draw_check_js)},
    {"pow.js", SITE_JS, SITE_BYTES(pow_js)},
    {"beacon-check.js", SITE_JS, SITE_BYTES(beacon_check_js)},
    {"fair.css", SITE_CSS, SITE_BYTES(fair_css)},
    {"fair.js", SITE_JS, SITE_BYTES(fair_js)},
#include "queue-front/web/bls.table.inc"
};
enum { FILES = sizeof(files) / sizeof(files[0]) };
#undef FILE_OF
#define FILE_OF(name, type, plain, gzip, brotli) {SITE_BYTES(gzip), SITE_BYTES(brotli)},
static const struct site_packed packed_files[FILES] = {[FILES - 1] =
#include "queue-front/web/bls.table.inc"
};

static const struct site_page fixed_pages[] = {
    {"/e/{event}/fairness", SITE_BYTES(fair_html), {NULL}}};

enum gap {
    GAP_EVENT,
    GAP_NAME,
    GAP_VIEW,
    GAP_STATE,
    GAP_NOW,
    GAP_POLL,
    GAP_REFRESH,
    GAP_ENTRY,
    GAP_OPENS,
    GAP_GATHERS,
    GAP_BEACON,
    GAP_COMMITMENT,
    GAP_MESSAGE,
    GAP_MESSAGE_HIDDEN,
    GAP_NOTICE,
    GAP_APPEAL,
    GAP_APPEAL_HIDDEN,
    GAP_PRICES,
    GAP_PRICES_HIDDEN,
    GAP_BEGINS_WORDS,
    GAP_CLOSES_WORDS,
    GAP_CLOSES_HIDDEN,
    GAP_ENTRY_WORDS,
    GAP_POSITION,
    GAP_AHEAD,
    GAP_ETA,
    GAP_ETA_NOTE,
    GAP_EXPIRES,
    GAP_LANE,
    GAP_LANE_HIDDEN,
    GAP_LANES,
    GAP_INVITE_HIDDEN,
    GAP_PRESALE_HIDDEN,
    GAP_ODDS,
    GAP_ODDS_HIDDEN,
    GAP_KEPT_HIDDEN,
    GAP_OVER,
    GAP_OVER_TITLE,
    GAP_OVER_TEXT,
    GAP_VISIT_ENDS,
    GAP_EXTEND_HIDDEN,
    GAP_STAY_HIDDEN,
    GAP_ME,
};

static const char *const gap_names[] = {
    "event",
    "name",
    "view",
    "state",
    "now",
    "poll",
    "refresh",
    "entry",
    "opens",
    "gathers",
    "beacon",
    "commitment",
    "message",
    "message-hidden",
    "notice",
    "appeal",
    "appeal-hidden",
    "prices",
    "prices-hidden",
    "begins-words",
    "closes-words",
    "closes-hidden",
    "entry-words",
    "position",
    "ahead",
    "eta",
    "eta-note",
    "expires",
    "lane",
    "lane-hidden",
    "lanes",
    "invite-hidden",
    "presale-hidden",
    "odds",
    "odds-hidden",
    "kept-hidden",
    "over",
    "over-title",
    "over-text",
    "visit-ends",
    "extend-hidden",
    "stay-hidden",
    "me",
    NULL,
};

static_assert(sizeof(gap_names) / sizeof(gap_names[0]) == GAP_ME + 2, "a name for each gap");

struct waiting_page {
    struct site *site;
    struct template *waiting[LANG_MAX];
    struct template *notfound[LANG_MAX];
};

/* ---- what a page is filled with ---- */

struct look { /* one request's view of things */
    const struct waiting_page *pages;
    const struct front *front;
    const struct front_event *event; /* NULL: the page for what is not there */
    enum lang lang;
    const char *view;
    struct span notice;    /* a code, or not there */
    struct span reference; /* of somebody slowed down; or anything */
    uint64_t now_ms;
    uint32_t poll_ms;
    bool moved;     /* the ticket's place is on another device now */
    uint64_t entry; /* of the ticket; 0: none */
    struct place place;
    struct eta eta;
};

static struct span phrase(const struct look *look, const char *key)
{
    return phrases_find(site_phrases(look->pages->site, look->lang), span_of(key));
}

static void put_time(struct text *out, uint64_t ms)
{
    if (ms > 0)
        rfc3339_put(out, ms);
}

/* The same words as show.js finds. */
static bool eta_minutes(struct eta eta, uint64_t *low, uint64_t *high)
{
    *low = ((uint64_t)eta.p50_s + 30) / 60;
    *high = ((uint64_t)eta.p90_s + 59) / 60;
    *low = *low > 0 ? *low : 1;
    *high = *high > *low ? *high : *low;
    return eta.basis != ETA_UNKNOWN;
}

static void put_wait(struct text *out, const struct look *look)
{
    uint64_t low, high;
    if (!eta_minutes(look->eta, &low, &high))
        html_put(out, phrase(look, "live.eta.unknown"));
    else if (look->eta.p50_s >= 86400)
        html_put(out, phrase(look, "live.eta.days"));
    else if (low >= 120)
        wording_put_number(out, phrase(look, "live.eta.hours"), low / 60, (high + 59) / 60);
    else if (look->eta.p90_s < 60)
        html_put(out, phrase(look, "live.eta.under"));
    else if (high == 1)
        html_put(out, phrase(look, "live.eta.minute"));
    else if (low == high)
        wording_put_number(out, phrase(look, "live.eta.about"), low, 0);
    else
        wording_put_number(out, phrase(look, "live.eta.range"), low, high);
}

static void put_wait_note(struct text *out, const struct look *look)
{
    uint64_t low, high;
    if (!eta_minutes(look->eta, &low, &high))
        return;
    enum eta_reason reason = eta_reason_at(&look->event->eta, &look->eta);
    if (look->place.state == PLACE_WAITING && reason != ETA_REASON_NONE) {
        char key[64];
        struct text text = text_on(key, sizeof(key) - 1);
        text_printf(&text, "live.reason.%s", eta_reason_name(reason));
        key[text.len] = '\0';
        html_put(out, phrase(look, key));
        text_char(out, ' ');
    }
    bool single = low == high || look->eta.p50_s >= 86400;
    html_put(out, phrase(look, single ? "live.eta.single" : "live.eta.note"));
    if (look->eta.basis == ETA_KNOBS) {
        text_char(out, ' ');
        html_put(out, phrase(look, "live.eta.knobs"));
    }
}

/* The visitor's language, else English, else whatever there is. */
static struct span words_of(const struct look *look, const struct event_text *list, uint32_t len)
{
    const struct event_text *best = NULL;
    for (uint32_t i = 0; i < len; i++) {
        enum lang lang;
        bool known = lang_parse(span_of(list[i].tag), &lang);
        if (known && lang == look->lang)
            return (struct span){list[i].text, list[i].len};
        if (best == NULL || (known && lang == LANG_EN))
            best = &list[i];
    }
    return best != NULL ? (struct span){best->text, best->len} : (struct span){NULL, 0};
}

static struct span message_of(const struct look *look)
{
    return words_of(look, look->event->doc.message, look->event->doc.messages_len);
}

/* Whom to ask, and the number to name, for whoever has just been slowed down. */
static bool has_appeal(const struct look *look)
{
    return look->event->doc.appeals_len > 0 && appeal_looks_right(look->reference);
}

static void put_appeal(struct text *out, const struct look *look)
{
    if (!has_appeal(look))
        return;
    const struct event_doc *doc = &look->event->doc;
    struct span address = words_of(look, doc->appeal, doc->appeals_len);
    wording_put(out, phrase(look, "more.appeal"), look->reference, (struct span){NULL, 0});
    TEXT_LIT(out, " <a href=\"");
    html_put(out, address);
    TEXT_LIT(out, "\">");
    html_put(out, address);
    TEXT_LIT(out, "</a>");
}

static void put_notice(struct text *out, const struct look *look)
{
    char key[8 + NOTICE_CODE_MAX];
    struct text text = text_on(key, sizeof(key) - 1);
    TEXT_LIT(&text, "notice.");
    if (look->notice.len == 0 || look->notice.len > NOTICE_CODE_MAX)
        return;
    text_put(&text, look->notice);
    key[text.len] = '\0';
    html_put(out, phrase(look, key)); /* an unknown code finds nothing, and nothing is shown */
}

/* A list of one row for each category; what is gone says so. */
static void put_prices(struct text *out, const struct look *look)
{
    const struct prices *prices = &look->event->doc.prices;
    for (uint32_t i = 0; i < prices->len; i++) {
        const struct price *price = &prices->price[i];
        text_printf(out, "<li data-price=\"%u\"%s><span>", price->amount,
                    price->gone ? " data-gone=\"\"" : "");
        html_put(out, span_of(price->name));
        TEXT_LIT(out, "</span> ");
        if (price->gone) {
            html_put(out, phrase(look, "more.price-gone"));
        } else {
            text_str(out, prices->currency);
            text_char(out, ' ');
            prices_put_amount(out, prices->currency, price->amount);
        }
        TEXT_LIT(out, "</li>");
    }
}

/* Before the opening people may gather for the draw; what comes first is told. */
static void put_begins(struct text *out, const struct look *look)
{
    const struct event_doc *doc = &look->event->doc;
    const struct line_view *view = look->event->view;
    if (view->state == LINE_PRE_QUEUE && view->draw.closed)
        html_put(out,
                 phrase(look, doc->beacon.kind != BEACON_NONE ? "live.awaits" : "live.closed"));
    else if (doc->prequeue_at_ms > look->now_ms && view->state != LINE_PRE_QUEUE)
        wording_put_time(out, phrase(look, "soon.gathers"), doc->prequeue_at_ms);
    else if (doc->opens_at_ms > 0)
        wording_put_time(out, phrase(look, "soon.opens"), doc->opens_at_ms);
    else
        html_put(out, phrase(look, "soon.unknown"));
}

static void put_commitment(struct text *out, const struct look *look)
{
    uint8_t commitment[DRAW_COMMITMENT_BYTES];
    char hex[2 * DRAW_COMMITMENT_BYTES + 1];
    if (!draw_seal_commitment(look->event->view, commitment))
        return;
    sodium_bin2hex(hex, sizeof(hex), commitment, sizeof(commitment));
    text_str(out, hex);
}

/* What GET me would answer, so that the script need not ask before it shows anything. */
static void put_me(struct text *out, const struct look *look)
{
    if (look->entry == 0) {
        TEXT_LIT(out, "null");
        return;
    }
    struct me_ask ask = {
        .view = look->event->view,
        .eta = &look->event->eta,
        .entry = look->entry,
        .place = look->place,
        .load_milli = look->front->load_milli,
        .random = (uint32_t)rng_u64(look->front->loop->rng),
        .odds = front_odds(look->event),
        .lane = front_lane_id(look->event),
    };
    out->comma = false;
    status_me_json(out, &ask); /* numbers and fixed words: nothing in it can end the script */
}

/* Where an event has lanes: which one this is, and its share of the calls. */
static void put_lane(struct text *out, const struct look *look)
{
    const struct event_doc *doc = &look->event->doc;
    unsigned lane = look->event->view->lane;
    struct span name = phrase(look, "live.lane.general");
    uint64_t share = 100;
    if (doc->lanes_len == 0 || look->entry == 0)
        return;
    if (lane > 0 && lane <= doc->lanes_len) {
        name = span_of(doc->lane[lane - 1].name);
        share = doc->lane[lane - 1].share;
    } else {
        for (uint32_t i = 0; i < doc->lanes_len; i++)
            share -= doc->lane[i].share;
    }
    char memory[24];
    struct text percent = text_on(memory, sizeof(memory));
    text_u64(&percent, share);
    wording_put(out, phrase(look, "live.lane"), name, text_span(&percent));
}

/* Can an invitation be of use? */
static bool invites(const struct event_doc *doc)
{
    bool found = false;
    for (uint32_t i = 0; i < doc->lanes_len; i++)
        found = found || doc->lane[i].invitations > 0;
    return found;
}

/* The words for poor odds; others need none. */
static struct span odds_words(const struct look *look)
{
    const struct odds *odds = front_odds(look->event);
    if (odds == NULL || look->place.state != PLACE_WAITING || look->place.position == 0)
        return (struct span){NULL, 0};
    char key[32];
    struct text text = text_on(key, sizeof(key) - 1);
    text_printf(&text, "live.odds.%s",
                odds_name(odds_at(odds, look->event->view->lane, look->place.position)));
    key[text.len] = '\0';
    return phrase(look, key);
}

/* How it came that nobody enters with this place any more; NULL: somebody may. The visitor may have
 * tried and been told before this front hears of it. */
static const char *over_name(const struct look *look)
{
    static const struct {
        const char *notice, *name;
    } told[] = {
        {"call-expired", "expired"}, {"place-gone", "ended"},    {"session-expired", "ended"},
        {"session-ended", "ended"},  {"order-complete", "done"},
    };
    if (place_is_over(look->place))
        return place_state_name(look->place.state);
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        if (look->entry > 0 && look->place.state != PLACE_WAITING &&
            span_eq(look->notice, span_of(told[i].notice)))
            return told[i].name;
    }
    return NULL;
}

static void put_over(struct text *out, const struct look *look, bool title)
{
    static const char *const keys[][3] = {{"expired", "expired.title", "expired.text"},
                                          {"ended", "ended.title", "ended.text"},
                                          {"done", "done.title", "done.text"}};
    const char *name = over_name(look);
    for (size_t i = 0; name != NULL && i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(keys[i][0], name) == 0)
            html_put(out, phrase(look, keys[i][title ? 1 : 2]));
    }
}

static void fill_place(struct text *out, enum gap gap, const struct look *look)
{
    switch (gap) {
    case GAP_ENTRY:
        if (look->entry > 0)
            text_u64(out, look->entry);
        break;
    case GAP_ENTRY_WORDS:
        if (look->entry > 0)
            wording_put_grouped(out, look->entry);
        break;
    case GAP_POSITION:
        if (look->place.position > 0)
            wording_put_grouped(out, look->place.position);
        break;
    case GAP_AHEAD:
        wording_put_grouped(out, look->place.ahead);
        break;
    case GAP_ETA:
        put_wait(out, look);
        break;
    case GAP_ETA_NOTE:
        put_wait_note(out, look);
        break;
    case GAP_EXPIRES:
        if (look->place.state == PLACE_CALLED && look->place.call_expires_ms > 0)
            wording_put_time(out, phrase(look, "called.until"), look->place.call_expires_ms);
        break;
    case GAP_LANE:
        put_lane(out, look);
        break;
    case GAP_LANE_HIDDEN:
        text_str(out, look->event->doc.lanes_len == 0 || look->entry == 0 ? " hidden" : "");
        break;
    case GAP_ODDS:
        html_put(out, odds_words(look));
        break;
    case GAP_ODDS_HIDDEN:
        text_str(out, odds_words(look).len == 0 ? " hidden" : "");
        break;
    case GAP_VISIT_ENDS:
        if (look->place.session_expires_ms > 0)
            wording_put_time(out, phrase(look, "admitted.until"), look->place.session_expires_ms);
        break;
    case GAP_EXTEND_HIDDEN: {
        bool more = look->place.extensions < TURN_EXTENSIONS_MAX;
        text_str(out, look->place.call_expires_ms > 0 && more ? "" : " hidden");
        break;
    }
    case GAP_STAY_HIDDEN: {
        bool more = look->place.session_expires_ms < look->place.session_ends_ms;
        text_str(out, more ? "" : " hidden");
        break;
    }
    case GAP_OVER:
        text_str(out, over_name(look) != NULL ? over_name(look) : "");
        break;
    case GAP_OVER_TITLE:
        put_over(out, look, true);
        break;
    case GAP_OVER_TEXT:
        put_over(out, look, false);
        break;
    case GAP_KEPT_HIDDEN:
        text_str(out, look->place.position == 0 ? " hidden" : "");
        break;
    case GAP_ME:
        put_me(out, look);
        break;
    default:
        assert(false); /* fill() knows which gaps are the place's */
    }
}

static void fill(struct text *out, unsigned gap, void *ctx)
{
    const struct look *look = ctx;
    const struct event_doc *doc = &look->event->doc;
    switch ((enum gap)gap) {
    case GAP_EVENT:
        text_put(out, front_event_id(look->event));
        break;
    case GAP_NAME:
        html_put(out, span_of(doc->name));
        break;
    case GAP_VIEW:
        text_str(out, look->view);
        break;
    case GAP_STATE:
        text_str(out, event_state_name(look->event->view->state));
        break;
    case GAP_NOW:
        rfc3339_put(out, look->now_ms);
        break;
    case GAP_POLL:
        text_u64(out, look->poll_ms);
        break;
    case GAP_REFRESH:
        text_u64(out, look->poll_ms < 5000 ? 5 : look->poll_ms / 1000);
        break;
    case GAP_OPENS:
        put_time(out, doc->opens_at_ms);
        break;
    case GAP_GATHERS:
        put_time(out, doc->prequeue_at_ms);
        break;
    case GAP_BEACON:
        if (doc->beacon.kind != BEACON_NONE)
            text_str(out, beacon_kind_name(doc->beacon.kind));
        break;
    case GAP_COMMITMENT:
        put_commitment(out, look);
        break;
    case GAP_MESSAGE:
        html_put(out, message_of(look));
        break;
    case GAP_MESSAGE_HIDDEN:
        text_str(out, message_of(look).len == 0 ? " hidden" : "");
        break;
    case GAP_NOTICE:
        put_notice(out, look);
        break;
    case GAP_APPEAL:
        put_appeal(out, look);
        break;
    case GAP_APPEAL_HIDDEN:
        text_str(out, has_appeal(look) ? "" : " hidden");
        break;
    case GAP_PRICES:
        put_prices(out, look);
        break;
    case GAP_PRICES_HIDDEN:
        text_str(out, doc->prices.len == 0 ? " hidden" : "");
        break;
    case GAP_BEGINS_WORDS:
        put_begins(out, look);
        break;
    case GAP_CLOSES_WORDS:
        if (doc->closes_at_ms > 0)
            wording_put_time(out, phrase(look, "closes"), doc->closes_at_ms);
        break;
    case GAP_CLOSES_HIDDEN:
        text_str(out, doc->closes_at_ms == 0 ? " hidden" : "");
        break;
    case GAP_LANES:
        text_u64(out, doc->lanes_len);
        break;
    case GAP_INVITE_HIDDEN:
        text_str(out, invites(doc) ? "" : " hidden");
        break;
    case GAP_PRESALE_HIDDEN:
        text_str(out, event_doc_asks_code_anywhere(doc) ? "" : " hidden");
        break;
    default:
        fill_place(out, (enum gap)gap, look);
    }
}

/* ---- answering ---- */

static const char *view_of(const struct look *look)
{
    enum line_state state = look->event->view->state;
    if (state == LINE_CLOSED)
        return "closed";
    if (over_name(look) != NULL)
        return "expired";
    if (state == LINE_SOLD_OUT && look->place.state != PLACE_ADMITTED)
        return "sold-out";
    if (look->moved && event_state_takes_joins(state))
        return "moved";
    if (look->entry == 0)
        return event_state_takes_joins(state) ? "join" : "soon";
    switch (look->place.state) {
    case PLACE_CALLED:
    case PLACE_LATE:
        return "called";
    case PLACE_ADMITTED:
        return "admitted";
    default:
        return look->place.position > 0 ? "waiting" : "draw";
    }
}

static void look_at_visitor(const struct http_req *req, struct look *look)
{
    const struct front *front = look->front;
    const struct front_event *event = look->event;
    struct ticket ticket;
    look->now_ms = front_event_now_ms(front, event);
    int rc = caller_ticket(req, front, event, &ticket);
    look->moved = rc == ERR_STATE;
    if (rc == 0) {
        event = look->event = front_line(front, event, ticket.lane);
        look->entry = ticket.entry;
        look->place = standing_of(req, front, event, ticket.entry);
    }
    look->view = view_of(look);
    look->eta = status_eta(&event->eta, look->place);
    struct poll_ask ask = {
        .line = event->view->state,
        .place = look->entry > 0 ? look->place.state : PLACE_WAITING,
        .ahead = look->place.ahead,
        .eta = look->eta,
        .load_milli = front->load_milli,
        .random = (uint32_t)rng_u64(front->loop->rng),
    };
    look->poll_ms = poll_after_ms(&ask);
}

static void add_cookie(const struct http_req *req, struct text *headers)
{
    if (visitor_cookie_ok(http_req_cookie(req, SPAN(VISITOR_COOKIE))))
        return;
    char memory[VISITOR_COOKIE_LEN];
    struct text cookie = text_on(memory, sizeof(memory));
    visitor_cookie_put(&cookie, rng_system());
    caller_set_cookie(req, headers, SPAN(VISITOR_COOKIE), text_span(&cookie), VISITOR_COOKIE_S);
}

static void answer_page(struct http_req *req, const struct look *look, unsigned status,
                        struct span body, struct http_blob *blob, bool packed)
{
    char memory[SITE_HEADERS_MAX];
    struct text headers = text_on(memory, sizeof(memory));
    site_headers(req, look->lang, &headers);
    if (packed)
        http_header_add(&headers, "Content-Encoding", SPAN("gzip"));
    if (look->event != NULL)
        add_cookie(req, &headers);
    assert(!headers.overflown);
    struct http_reply reply = {
        .status = status,
        .type = "text/html; charset=utf-8",
        .headers = text_span(&headers),
        .body = body,
        .blob = blob,
    };
    http_reply(req, &reply);
}

static bool is_shared(const struct look *look)
{
    return look->entry == 0 && look->notice.len == 0 && look->reference.len == 0 && !look->moved;
}

static struct http_blob *shared_page(const struct look *look)
{
    const struct front_page *page = &look->event->page[look->lang];
    uint64_t now_us = http_server_now_us(look->front->loop->server);
    bool fresh = page->blob != NULL && page->state == look->event->view->state &&
                 page->version == look->event->doc_version &&
                 now_us - page->made_us < FRONT_PAGE_US;
    return fresh && is_shared(look) ? page->blob : NULL;
}

static void share_page(const struct look *look, struct front_event *event, struct span packed)
{
    struct front_page *page = &event->page[look->lang];
    struct http_blob *blob = http_blob_create(packed);
    if (blob == NULL)
        return; /* then the next one makes it again */
    http_blob_unref(page->blob);
    *page = (struct front_page){
        .blob = blob,
        .state = event->view->state,
        .version = event->doc_version,
        .made_us = http_server_now_us(look->front->loop->server),
    };
}

/* True: the event is not there, or not known to be, and that was said. */
static bool refuse_unknown(struct http_req *req, void *ctx)
{
    const struct waiting_page *pages = ctx;
    struct front *front = front_of(req);
    if (front_event_find(front, http_req_param(req, 0)) != NULL)
        return false;
    if (!front->complete) {
        answer_starting(req);
        return true;
    }
    const struct look look = {.pages = pages, .front = front, .lang = visit_lang(req)};
    answer_page(req, &look, 404, template_text(pages->notfound[look.lang]), NULL, false);
    return true;
}

static void on_waiting_page(struct http_req *req, void *ctx)
{
    if (refuse_unknown(req, ctx))
        return;
    struct front *front = front_of(req);
    struct front_event *event = front_event_find(front, http_req_param(req, 0));
    struct look look = {
        .pages = ctx,
        .front = front,
        .event = event,
        .lang = visit_lang(req),
        .notice = http_req_query_arg(req, SPAN("notice")),
        .reference = http_req_query_arg(req, SPAN("reference")),
    };
    look_at_visitor(req, &look);
    bool packs = visit_accepts(req, SPAN("gzip"));
    struct http_blob *blob = packs ? shared_page(&look) : NULL;
    if (blob != NULL) {
        answer_page(req, &look, 200, (struct span){NULL, 0}, blob, true);
        return;
    }
    char memory[PAGE_MAX], packed_memory[PAGE_MAX];
    struct text html = text_on(memory, sizeof(memory));
    struct text packed = text_on(packed_memory, sizeof(packed_memory));
    template_put(&html, look.pages->waiting[look.lang], fill, &look);
    assert(!html.overflown); /* the fixed part is judged at start, what fills it is bounded */
    packs = packs && squeezer_gzip(front->squeezer, text_span(&html), &packed);
    if (packs && is_shared(&look))
        share_page(&look, event, text_span(&packed));
    answer_page(req, &look, 200, packs ? text_span(&packed) : text_span(&html), NULL, packs);
}

/* ---- a life ---- */

static int make_language(struct waiting_page *pages, enum lang lang, struct err_slot *err)
{
    static const char *const no_gaps[] = {NULL};
    const struct span waiting = SITE_BYTES(waiting_html), notfound = SITE_BYTES(notfound_html);
    int rc = site_template(pages->site, lang, waiting, gap_names, err, &pages->waiting[lang]);
    if (rc == 0)
        rc = site_template(pages->site, lang, notfound, no_gaps, err, &pages->notfound[lang]);
    if (rc == 0 && template_text(pages->waiting[lang]).len > PAGE_MAX - FILLED_MAX)
        rc = err_set(err, ERR_RANGE, "its texts are too long for a page");
    return rc < 0 ? err_wrap(err, "pages in language \"%s\"", lang_tag(lang)) : 0;
}

int waiting_page_create(const struct brand_settings *brand, struct err_slot *err,
                        struct waiting_page **out)
{
    struct waiting_page *pages = calloc(1, sizeof(*pages));
    if (pages == NULL)
        return err_set(err, ERR_NOMEM, "pages of %zu bytes", sizeof(*pages));
    const struct site_conf conf = {
        .root = "/assets",
        .files = files,
        .files_len = FILES,
        .packed = packed_files,
        .pages = fixed_pages,
        .pages_len = sizeof(fixed_pages) / sizeof(fixed_pages[0]),
        .words =
            {
#include "queue-front/web/text.words.inc"
            },
        .base = SITE_BYTES(base_css), /* one file: one head less */
        .said = "live.",
        .said_later = "more.",
        .service = "queue-front",
        .brand = brand,
        .refuse = refuse_unknown,
        .ctx = pages,
    };
    int rc = site_create(&conf, err, &pages->site);
    for (enum lang lang = 0; rc == 0 && lang < lang_count(); lang++)
        rc = make_language(pages, lang, err);
    if (rc < 0) {
        waiting_page_destroy(pages);
        return rc;
    }
    *out = pages;
    return 0;
}

void waiting_page_destroy(struct waiting_page *pages)
{
    if (pages == NULL)
        return;
    for (unsigned i = 0; i < LANG_MAX; i++) {
        template_destroy(pages->waiting[i]);
        template_destroy(pages->notfound[i]);
    }
    site_destroy(pages->site);
    free(pages);
}

int waiting_page_routes(struct waiting_page *pages, struct http_router *routes,
                        struct err_slot *err)
{
    const struct http_route page = {HTTP_METHOD_GET, "/e/{event}", on_waiting_page, pages, 0};
    int rc = http_router_add(routes, &page, err);
    return rc == 0 ? site_routes(pages->site, routes, err) : rc;
}
