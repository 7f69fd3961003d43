/* waiting_gaps.c: fills the gaps of waiting.html and decides about its blocks (both listed by
 * infra/embed.js), so that the page is correct on arrival even without a script. They follow the
 * order of the page: the event, the operator's message, the place, the wait, the turn, the end. All
 * markup is the template's; this file adds words, numbers and times, escaped. */
#include "pages/waiting_gaps.h"

#include "base/rfc3339.h"
#include "core/event/draw_seal.h"
#include "core/event/event_state.h"
#include "core/token/appeal.h"
#include "core/wait/shown.h"
#include "page/wording.h"
#include "pages/waiting_look.h"
#include "sale/currency.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

enum { NOTICE_CODE_MAX = 40, AT_ONCE_MS = 300 };

enum gap {
#define GAP_OF(NAME, name) GAP_##NAME,
#include "queue-front/web/waiting.gaps.inc"
#undef GAP_OF
};

const char *const waiting_gaps[] = {
#define GAP_OF(NAME, name) name,
#include "queue-front/web/waiting.gaps.inc"
#undef GAP_OF
    NULL};

/* The visitor's language, else English, else any. */
static struct span words_of(const struct waiting_look *look, const struct event_text *list,
                            uint32_t len)
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

/* The phrase for a dynamic name: "more.odds." and "likely", "done" and ".text". */
static struct span phrase_of(const struct waiting_look *look, const char *group, struct span name)
{
    char key[64];
    struct text text = text_on(key, sizeof(key) - 1);
    text_str(&text, group);
    text_put(&text, name);
    key[text.len] = '\0';
    return waiting_look_phrase(look, key);
}

/* A phrase with {0} and {1} filled in, escaped as a whole. */
static void put_words(struct text *out, const struct waiting_look *look, const char *key,
                      struct span first, struct span second)
{
    const struct span values[3] = {first, second, {NULL, 0}};
    phrases_fill(out, waiting_look_phrase(look, key), values, html_put);
}

/* 12,345. Both built-in languages group numbers in the same way; the script, if it runs, uses the
 * rules of any other language. */
static void put_grouped(struct text *out, uint64_t value)
{
    if (value >= 1000) {
        put_grouped(out, value / 1000);
        text_printf(out, ",%03u", (unsigned)(value % 1000));
    } else {
        text_u64(out, value);
    }
}

/* ---- the event ---- */

static void put_show_line(struct text *out, const struct waiting_look *look)
{
    char memory[SHOW_LINE_MAX];
    struct text line = text_on(memory, sizeof(memory));
    wording_put_show(&line, site_phrases(look->site, look->lang), look->lang,
                     &look->event->doc.show);
    html_put(out, text_span(&line));
}

static bool has_show(const struct show *show)
{
    return show->starts_ms != 0 || show->venue.name.len > 0;
}

/* Other text below the name, in the operator's words. */
static struct span about_of(const struct waiting_look *look)
{
    return words_of(look, look->event->doc.about, look->event->doc.abouts_len);
}

static bool is_view(const struct waiting_look *look, const char *view)
{
    return strcmp(look->view, view) == 0;
}

static void put_time(struct text *out, uint64_t ms)
{
    if (ms > 0)
        rfc3339_put(out, ms);
}

/* A phrase with a time of the line in it, in the hall's zone. */
static void put_moment(struct text *out, const struct waiting_look *look, const char *key,
                       uint64_t ms)
{
    char memory[SHOW_LINE_MAX];
    struct text time = text_on(memory, sizeof(memory));
    wording_put_moment(&time, site_phrases(look->site, look->lang), &look->event->doc.show, ms);
    put_words(out, look, key, text_span(&time), (struct span){NULL, 0});
}

static void put_clock(struct text *out, const struct waiting_look *look, uint64_t ms)
{
    const struct show *show = &look->event->doc.show;
    if (ms > 0)
        wording_put_clock(out, show, ms);
    if (ms > 0 && show->time_zone[0] == '\0')
        TEXT_LIT(out, " UTC");
}

/* Before the opening people may gather for the draw; both times are shown. */
static void put_begins(struct text *out, const struct waiting_look *look)
{
    const struct event_doc *doc = &look->event->doc;
    const struct line_view *view = look->event->view;
    if (view->state == LINE_PRE_QUEUE && view->draw.closed)
        html_put(out, waiting_look_phrase(look, doc->beacon.kind != BEACON_NONE ? "more.awaits"
                                                                                : "more.closed"));
    else if (doc->opens_at_ms == 0)
        html_put(out, waiting_look_phrase(look, "soon.unknown"));
    else {
        if (doc->prequeue_at_ms > look->now_ms && view->state != LINE_PRE_QUEUE) {
            put_moment(out, look, "live.gathers", doc->prequeue_at_ms);
            text_char(out, ' ');
        }
        put_moment(out, look, "live.opens", doc->opens_at_ms);
    }
}

/* ---- the operator's message ---- */

static struct span message_of(const struct waiting_look *look)
{
    return words_of(look, look->event->doc.message, look->event->doc.messages_len);
}

/* The contact and the reference for a visitor who has just been slowed down. */
static bool has_appeal(const struct waiting_look *look)
{
    return look->event->doc.appeals_len > 0 && appeal_looks_right(look->reference);
}

static void put_price_words(struct text *out, const struct waiting_look *look)
{
    const char *currency = look->event->doc.prices.currency;
    if (look->price->gone) {
        html_put(out, waiting_look_phrase(look, "more.price-gone"));
    } else if (look->lang == LANG_KO && strcmp(currency, "KRW") == 0) {
        put_grouped(out, look->price->amount);
        TEXT_LIT(out, "원");
    } else {
        text_str(out, currency);
        text_char(out, ' ');
        currency_put(out, span_of(currency), look->price->amount);
    }
}

/* ---- the place ---- */

/* If the event has lanes: this lane's name and its share of the calls. */
static void put_lane(struct text *out, const struct waiting_look *look)
{
    const struct event_doc *doc = &look->event->doc;
    unsigned lane = look->event->view->lane;
    struct span name = waiting_look_phrase(look, "more.lane.general");
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
    put_words(out, look, "more.lane", name, text_span(&percent));
}

/* The words for poor odds; good odds need none. */
static struct span odds_words(const struct waiting_look *look)
{
    const struct odds *odds = front_odds(look->event);
    if (odds == NULL || look->place.state != PLACE_WAITING || look->place.position == 0)
        return (struct span){NULL, 0};
    enum odds_sold_out odds_here = odds_at(odds, look->event->view->lane, look->place.position);
    return phrase_of(look, "more.odds.", span_of(odds_name(odds_here)));
}

/* The body of GET me, so that the script can show it without a request. */
static void put_me(struct text *out, const struct waiting_look *look)
{
    if (look->entry == 0) {
        TEXT_LIT(out, "null");
        return;
    }
    struct me_ask ask = {
        .view = look->event->view,
        .doc = &look->event->doc,
        .shows_token = look->shows_token,
        .eta = &look->event->eta,
        .entry = look->entry,
        .place = look->place,
        .load_milli = look->front->load_milli,
        .random = (uint32_t)rng_u64(look->front->loop->rng),
        .odds = front_odds(look->event),
        .lane = front_lane_id(look->event),
    };
    out->comma = false;
    status_me_json(out, &ask); /* numbers and fixed words: cannot close the script element */
}

/* ---- the wait ---- */

/* show.js finds the same words. */
static struct shown shown_of(const struct waiting_look *look)
{
    return shown_wait(look->eta, look->now_ms);
}

static uint32_t number_of(const struct shown *shown)
{
    return shown->minutes + shown->hours + shown->days;
}

static void put_wait_number(struct text *out, const struct waiting_look *look)
{
    struct shown shown = shown_of(look);
    if (number_of(&shown) > 0)
        text_u64(out, number_of(&shown));
}

static void put_wait_unit(struct text *out, const struct waiting_look *look)
{
    struct shown shown = shown_of(look);
    const char *unit = shown.hours > 0      ? "more.eta.hours"
                       : shown.days > 1     ? "more.eta.days"
                       : shown.days == 1    ? "more.eta.day"
                       : shown.minutes == 1 ? "more.eta.minute"
                                            : "more.eta.minutes";
    if (number_of(&shown) > 0)
        html_put(out, waiting_look_phrase(look, unit));
}

/* The part of a sentence before or after its time of day. */
static void put_around(struct text *out, struct span say, bool after)
{
    const char *mark = memmem(say.ptr, say.len, "{0}", 3);
    size_t before_len = mark != NULL ? (size_t)(mark - say.ptr) : say.len;
    if (!after)
        html_put(out, (struct span){say.ptr, before_len});
    else if (mark != NULL)
        html_put(out, span_skip(say, before_len + 3));
}

static struct span say_of(const struct waiting_look *look)
{
    return phrase_of(look, "more.say.", span_of(shown_advice_name(shown_of(look).advice)));
}

/* ---- the line ---- */

static struct queue_line queue_of(const struct waiting_look *look)
{
    return queue_line(look->place.ahead, look->event->view->waiting);
}

/* ---- the turn, and the end ---- */

static struct span called_of(const struct waiting_look *look)
{
    bool late = look->place.state == PLACE_LATE;
    return waiting_look_phrase(look, late ? "more.late" : "more.called.text");
}

void waiting_gaps_put(struct text *out, unsigned gap, void *ctx)
{
    const struct waiting_look *look = ctx;
    const struct event_doc *doc = look->event != NULL ? &look->event->doc : NULL;
    const char *refused =
        doc != NULL ? status_join_refused(look->event->view, doc, look->shows_token) : NULL;
    switch ((enum gap)gap) {
    case GAP_EVENT:
        text_put(out, front_line_id(look->event));
        break;
    case GAP_HOME:
        /* The page made for each visitor, even if caches store the shared one. */
        TEXT_LIT(out, "/e/");
        text_put(out, front_line_id(look->event));
        if (look->front->config->web_page_kept_ms > 0)
            TEXT_LIT(out, "/mine");
        break;
    case GAP_NAME:
        html_put(out, span_of(doc->name));
        break;
    case GAP_SHOW:
        put_show_line(out, look);
        break;
    case GAP_STARTS:
        rfc3339_put(out, doc->show.starts_ms);
        break;
    case GAP_ZONE:
        text_str(out, doc->show.time_zone[0] == '\0' && has_show(&doc->show) ? "UTC"
                                                                             : doc->show.time_zone);
        break;
    case GAP_PICTURE:
        html_put(out, span_of(doc->show.picture));
        break;
    case GAP_ABOUT:
        html_put(out, about_of(look));
        break;
    case GAP_ABOUT_LINE: {
        /* The description of a shared link to this page. */
        struct span about = about_of(look);
        if (about.len == 0 && has_show(&doc->show))
            put_show_line(out, look);
        else
            html_put(out, about.len > 0 ? about : waiting_look_phrase(look, "join.text"));
        break;
    }
    case GAP_PUBLIC_URL:
        /* Programs that fetch a link's picture need its full URL. */
        html_put(out, span_of(look->front->config->web_public_url));
        break;
    case GAP_VIEW:
        text_str(out, look->view);
        break;
    case GAP_STATE:
        text_str(out, event_state_name(look->event->view->state));
        break;
    case GAP_NOW:
        if (!look->kept) /* the script requests it */
            rfc3339_put(out, look->now_ms);
        break;
    case GAP_POLL:
        text_u64(out, look->kept ? AT_ONCE_MS : look->poll_ms);
        break;
    case GAP_REFRESH: {
        /* Without a script: from a cached page to the visitor's own, at once. */
        uint32_t own_s = look->poll_ms < 5000 ? 5 : look->poll_ms / 1000;
        text_u64(out, look->kept ? 0 : own_s);
        break;
    }
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
    case GAP_INCARNATION:
        text_str(out, look->event->view->incarnation);
        break;
    case GAP_COMMITMENT: {
        uint8_t commitment[DRAW_COMMITMENT_BYTES];
        char hex[2 * DRAW_COMMITMENT_BYTES + 1];
        if (draw_seal_commitment(look->event->view, commitment))
            text_str(out, sodium_bin2hex(hex, sizeof(hex), commitment, sizeof(commitment)));
        break;
    }
    case GAP_BEGINS_WORDS:
        put_begins(out, look);
        break;
    case GAP_CLOSES_WORDS:
        if (doc->closes_at_ms > 0)
            put_moment(out, look, "live.closes", doc->closes_at_ms);
        break;
    case GAP_LANES:
        text_u64(out, doc->lanes_len);
        break;
    case GAP_JOIN_WORDS: /* each lane has its own order */
        html_put(out, waiting_look_phrase(look, doc->lanes_len > 0 ? "join.lanes" : "join.text"));
        break;
    case GAP_REFUSED:
        text_str(out, refused != NULL ? refused : "");
        break;
    case GAP_REFUSED_WORDS: /* a full line is shown and hidden by the script */
        html_put(out, phrase_of(look, "notice.", span_of(refused != NULL ? refused : "line-full")));
        break;
    case GAP_MESSAGE:
        html_put(out, message_of(look));
        break;
    case GAP_NOTICE: /* an unknown code has no words, so nothing is shown */
        if (look->notice.len > 0 && look->notice.len <= NOTICE_CODE_MAX)
            html_put(out, phrase_of(look, "notice.", look->notice));
        break;
    case GAP_APPEAL_WORDS:
        put_words(out, look, "more.appeal", look->reference, (struct span){NULL, 0});
        break;
    case GAP_APPEAL_ADDRESS:
        html_put(out, words_of(look, doc->appeal, doc->appeals_len));
        break;
    case GAP_PRICE_AMOUNT:
        text_u64(out, look->price->amount);
        break;
    case GAP_PRICE_NAME:
        html_put(out, span_of(look->price->name));
        break;
    case GAP_PRICE_WORDS:
        put_price_words(out, look);
        break;
    case GAP_ENTRY:
        if (look->entry > 0)
            text_u64(out, look->entry);
        break;
    case GAP_ENTRY_WORDS:
        if (look->entry > 0)
            put_grouped(out, look->entry);
        break;
    case GAP_POSITION:
        if (look->place.position > 0)
            put_grouped(out, look->place.position);
        break;
    case GAP_AHEAD: {
        uint64_t ahead = look->place.ahead;
        char memory[32];
        struct text number = text_on(memory, sizeof(memory));
        put_grouped(&number, ahead);
        const char *key = ahead == 0 ? "more.ahead-0" : ahead == 1 ? "more.ahead-1" : "more.ahead";
        put_words(out, look, key, text_span(&number), (struct span){NULL, 0});
        break;
    }
    case GAP_LANE:
        put_lane(out, look);
        break;
    case GAP_ODDS:
        html_put(out, odds_words(look));
        break;
    case GAP_ME:
        put_me(out, look);
        break;
    case GAP_ETA:
        put_wait_number(out, look);
        if (look->eta.basis != ETA_UNKNOWN)
            text_char(out, ' ');
        put_wait_unit(out, look);
        break;
    case GAP_ETA_NUMBER:
        put_wait_number(out, look);
        break;
    case GAP_ETA_UNIT:
        put_wait_unit(out, look);
        break;
    case GAP_TURN: {
        bool known = look->eta.basis != ETA_UNKNOWN && look->event->view->state == LINE_OPEN;
        html_put(out, waiting_look_phrase(look, known ? "more.turn" : "more.turn.unknown"));
        break;
    }
    case GAP_SAY_BEFORE:
        put_around(out, say_of(look), false);
        break;
    case GAP_BACK:
        put_clock(out, look, shown_of(look).back_ms);
        break;
    case GAP_SAY_AFTER:
        put_around(out, say_of(look), true);
        break;
    case GAP_LIKELY:
        put_clock(out, look, shown_of(look).likely_ms);
        break;
    case GAP_LATEST:
        put_clock(out, look, shown_of(look).latest_ms);
        break;
    case GAP_REASON: {
        enum eta_reason reason = eta_reason_at(&look->event->eta, &look->eta);
        if (look->place.state == PLACE_WAITING && reason != ETA_REASON_NONE)
            html_put(out, phrase_of(look, "more.reason.", span_of(eta_reason_name(reason))));
        else if (look->eta.basis == ETA_KNOBS)
            html_put(out, waiting_look_phrase(look, "more.eta.knobs"));
        break;
    }
    case GAP_HAVE_WORDS: {
        /* A phrase with a duration in it: minutes, or seconds if it is short. */
        uint64_t s = doc->call_ttl_s;
        char memory[24], lasting_memory[64];
        struct text number = text_on(memory, sizeof(memory));
        struct text lasting = text_on(lasting_memory, sizeof(lasting_memory));
        text_u64(&number, s < 120 ? s : s / 60);
        put_words(&lasting, look,
                  s == 60   ? "minute"
                  : s < 120 ? "seconds"
                            : "minutes",
                  text_span(&number), (struct span){NULL, 0});
        put_words(out, look, "waiting.enter", text_span(&lasting), (struct span){NULL, 0});
        break;
    }
    case GAP_WAITING:
        text_u64(out, look->event->view->waiting);
        break;
    case GAP_QUEUE_HEIGHT:
        text_u64(out, queue_y(queue_of(look).rows) - 14);
        break;
    case GAP_ROPE:
        queue_put_rope(out, queue_of(look).rows);
        break;
    case GAP_RUN_CLASS:
        text_str(out, look->run.behind ? "behind" : "ahead");
        break;
    case GAP_RUN_PATH:
        queue_put_run(out, look->run);
        break;
    case GAP_ROW_Y:
        text_u64(out, queue_y(look->row) + 5);
        break;
    case GAP_ROW_EACH:
        put_grouped(out, queue_each(look->row));
        break;
    case GAP_YOU_X:
        text_u64(out, queue_x(queue_of(look).row, queue_of(look).dot));
        break;
    case GAP_YOU_Y:
        text_u64(out, queue_y(queue_of(look).row));
        break;
    case GAP_CALLED_BEFORE:
        put_around(out, called_of(look), false);
        break;
    case GAP_CALLED_AFTER:
        put_around(out, called_of(look), true);
        break;
    case GAP_CALLED_UNTIL:
        if (look->place.state == PLACE_CALLED)
            put_clock(out, look, look->place.call_expires_ms);
        break;
    case GAP_EXPIRES: /* in large digits; the sentence below names the zone */
        if (look->place.state == PLACE_CALLED)
            wording_put_clock(out, &doc->show, look->place.call_expires_ms);
        break;
    case GAP_VISIT_ENDS:
        if (look->event->view->halted_ms > 0)
            html_put(out, waiting_look_phrase(look, "more.halted"));
        else if (look->place.session_expires_ms > 0)
            put_moment(out, look, "admitted.until", look->place.session_expires_ms);
        break;
    case GAP_OVER:
        text_str(out, waiting_look_over(look) != NULL ? waiting_look_over(look) : "");
        break;
    case GAP_OVER_TITLE:
        html_put(out, phrase_of(look, waiting_look_over(look), SPAN(".title")));
        break;
    case GAP_OVER_TEXT:
        html_put(out, phrase_of(look, waiting_look_over(look), SPAN(".text")));
        break;
    case GAP_SHOP_URL:
        html_put(out, span_of(look->front->config->web_shop_url));
        break;
    default:
        assert(false); /* a block, not a gap */
    }
}

static bool is_shown(const struct waiting_look *look, enum gap block)
{
    const struct event_doc *doc = &look->event->doc;
    switch (block) {
    case GAP_SHOW:
        return has_show(&doc->show);
    case GAP_PICTURE:
        return doc->show.picture[0] != '\0';
    case GAP_STARTS:
        return doc->show.starts_ms != 0;
    case GAP_NO_ABOUT:
        return about_of(look).len == 0;
    case GAP_PUBLIC:
        return look->front->config->web_public_url[0] != '\0';
    case GAP_STEP_WAIT: /* show.js has the same steps */
        return is_view(look, "soon") || is_view(look, "join") || is_view(look, "draw") ||
               is_view(look, "waiting");
    case GAP_STEP_TURN:
        return is_view(look, "called");
    case GAP_STEP_SEATS:
        return is_view(look, "admitted");
    case GAP_ENDED:
        return waiting_look_over(look) != NULL;
    case GAP_MOVED:
        return look->moved;
    case GAP_MAY_REFUSE:
        return (doc->line_max > 0 && !status_opens_lane(doc, look->shows_token)) ||
               status_join_refused(look->event->view, doc, look->shows_token) != NULL;
    case GAP_NO_COUNT:
        return doc->opens_at_ms == 0 || look->event->view->draw.closed;
    case GAP_NO_CLOSES:
        return doc->closes_at_ms == 0;
    case GAP_INVITE: {
        uint64_t invitations = 0;
        for (uint32_t i = 0; i < doc->lanes_len; i++)
            invitations += doc->lane[i].invitations;
        return invitations > 0;
    }
    case GAP_PRESALE:
        return event_doc_asks_code_anywhere(doc);
    case GAP_NO_MESSAGE:
        return message_of(look).len == 0;
    case GAP_APPEAL:
        return has_appeal(look);
    case GAP_NO_APPEAL:
        return !has_appeal(look);
    case GAP_PRICE_GONE:
        return look->price->gone;
    case GAP_NO_PRICES:
        return doc->prices.len == 0;
    case GAP_LANE_OPENS:
        return look->may_change;
    case GAP_NO_LANE:
        return doc->lanes_len == 0 || look->entry == 0;
    case GAP_NO_ODDS:
        return odds_words(look).len == 0;
    case GAP_NO_KEPT:
        return look->place.position == 0;
    case GAP_QUEUE:
        return look->place.state == PLACE_WAITING && look->place.position > 0;
    case GAP_NO_EXTEND:
        return !(look->place.call_expires_ms > 0 && look->place.extensions < TURN_EXTENSIONS_MAX);
    case GAP_NO_STAY:
        return look->place.session_expires_ms >= look->place.session_ends_ms;
    default:
        assert(false); /* a gap, not a block */
        return false;
    }
}

bool waiting_gaps_more(unsigned block, unsigned turn, void *ctx)
{
    struct waiting_look *look = ctx;
    switch ((enum gap)block) {
    case GAP_PRICE: /* once per category; sold-out ones say so */
        look->price =
            turn < look->event->doc.prices.len ? &look->event->doc.prices.price[turn] : NULL;
        return look->price != NULL;
    case GAP_RUN: {
        struct queue_line line = queue_of(look);
        look->run = turn < line.runs_len ? line.run[turn] : (struct queue_run){0};
        return turn < line.runs_len;
    }
    case GAP_ROW:
        look->row = turn + 1;
        return look->row < queue_of(look).rows;
    case GAP_SHOP:
        return turn == 0 && look->front->config->web_shop_url[0] != '\0';
    case GAP_ORDERS: /* our own hall's checkout has them */
        return turn == 0 && strncmp(look->front->config->pass_next_url, "/seats/", 7) == 0;
    default:
        return turn == 0 && is_shown(look, (enum gap)block);
    }
}
