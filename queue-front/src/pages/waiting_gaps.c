/* waiting_gaps.c: one table says what fills each gap of waiting.html and which of its blocks are
 * included, so that the page is correct on arrival even without a script. The rows stand in the
 * order of the page: the event, what the operator tells, the place, the wait, the turn, the end.
 * All markup is the template's; from here come words, numbers and times, escaped. */
#include "pages/waiting_gaps.h"

#include "base/rfc3339.h"
#include "core/event/draw_seal.h"
#include "core/event/event_state.h"
#include "core/token/appeal.h"
#include "core/wait/shown.h"
#include "pages/waiting_look.h"
#include "pages/wording.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

enum { NOTICE_CODE_MAX = 40 };

static const struct waiting_look *look_of(const void *ctx)
{
    return ctx;
}

static const struct event_doc *doc_of(const void *ctx)
{
    return &look_of(ctx)->event->doc;
}

/* The visitor's language, else English, else whatever there is. */
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

/* ---- the event ---- */

static void put_event(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    text_put(out, front_line_id(look->event));
}

/* Where the page is made for each visitor, also where caches keep the shared one. */
static void put_home(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    TEXT_LIT(out, "/e/");
    text_put(out, front_line_id(look->event));
    if (look->front->config->web_page_kept_ms > 0)
        TEXT_LIT(out, "/mine");
}

static void put_name(struct text *out, void *ctx)
{
    html_put(out, span_of(doc_of(ctx)->name));
}

static void put_show_line(struct text *out, const struct waiting_look *look)
{
    const struct show_words words = {.lang = span_of(lang_tag(look->lang)),
                                     .form = waiting_look_phrase(look, "show.form"),
                                     .days = waiting_look_phrase(look, "show.days"),
                                     .doors = waiting_look_phrase(look, "show.doors")};
    char memory[SHOW_LINE_MAX];
    struct text line = text_on(memory, sizeof(memory));
    show_put_line(&line, &look->event->doc.show, &words);
    html_put(out, text_span(&line));
}

static void put_show(struct text *out, void *ctx)
{
    put_show_line(out, ctx);
}

static bool has_show(void *ctx, unsigned turn)
{
    const struct show *show = &doc_of(ctx)->show;
    return turn == 0 && (show->starts_ms != 0 || show->venue.name.len > 0);
}

static void put_starts(struct text *out, void *ctx)
{
    rfc3339_put(out, doc_of(ctx)->show.starts_ms);
}

static bool has_starts(void *ctx, unsigned turn)
{
    return turn == 0 && doc_of(ctx)->show.starts_ms != 0;
}

static void put_zone(struct text *out, void *ctx)
{
    const struct show *show = &doc_of(ctx)->show;
    text_str(out, show->time_zone[0] != '\0' ? show->time_zone : "UTC");
}

/* Whatever else belongs below the name, in the operator's words. */
static struct span about_of(const struct waiting_look *look)
{
    return words_of(look, look->event->doc.about, look->event->doc.abouts_len);
}

static void put_about(struct text *out, void *ctx)
{
    html_put(out, about_of(look_of(ctx)));
}

static bool no_about(void *ctx, unsigned turn)
{
    return turn == 0 && about_of(look_of(ctx)).len == 0;
}

/* What a link to this page is shown with where it is shared. */
static void put_about_line(struct text *out, void *ctx)
{
    struct span about = about_of(look_of(ctx));
    if (about.len == 0 && has_show(ctx, 0))
        put_show_line(out, ctx);
    else
        html_put(out, about.len > 0 ? about : waiting_look_phrase(ctx, "join.text"));
}

/* Programs that fetch the picture of a link need its whole address. */
static void put_public_url(struct text *out, void *ctx)
{
    html_put(out, span_of(look_of(ctx)->front->config->web_public_url));
}

static bool is_public(void *ctx, unsigned turn)
{
    return turn == 0 && look_of(ctx)->front->config->web_public_url[0] != '\0';
}

static void put_view(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    text_str(out, look->view);
}

static void put_state(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    text_str(out, event_state_name(look->event->view->state));
}

static bool is_view(const struct waiting_look *look, const char *const views[])
{
    for (unsigned i = 0; views[i] != NULL; i++)
        if (strcmp(look->view, views[i]) == 0)
            return true;
    return false;
}

/* show.js has the same steps. */
static bool step_wait(void *ctx, unsigned turn)
{
    static const char *const views[] = {"soon", "join", "draw", "waiting", NULL};
    return turn == 0 && is_view(ctx, views);
}

static bool step_turn(void *ctx, unsigned turn)
{
    static const char *const views[] = {"called", NULL};
    return turn == 0 && is_view(ctx, views);
}

static bool step_seats(void *ctx, unsigned turn)
{
    static const char *const views[] = {"admitted", NULL};
    return turn == 0 && is_view(ctx, views);
}

static void put_now(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    if (!look->kept) /* the script asks */
        rfc3339_put(out, look->now_ms);
}

static void put_poll(struct text *out, void *ctx)
{
    enum { AT_ONCE_MS = 300 };
    const struct waiting_look *look = ctx;
    text_u64(out, look->kept ? AT_ONCE_MS : look->poll_ms);
}

/* Without a script: from a page that was kept to one's own, at once. */
static void put_refresh(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    uint32_t own_s = look->poll_ms < 5000 ? 5 : look->poll_ms / 1000;
    text_u64(out, look->kept ? 0 : own_s);
}

static void put_time(struct text *out, uint64_t ms)
{
    if (ms > 0)
        rfc3339_put(out, ms);
}

static void put_opens(struct text *out, void *ctx)
{
    put_time(out, doc_of(ctx)->opens_at_ms);
}

static void put_gathers(struct text *out, void *ctx)
{
    put_time(out, doc_of(ctx)->prequeue_at_ms);
}

static void put_beacon(struct text *out, void *ctx)
{
    if (doc_of(ctx)->beacon.kind != BEACON_NONE)
        text_str(out, beacon_kind_name(doc_of(ctx)->beacon.kind));
}

static void put_commitment(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    uint8_t commitment[DRAW_COMMITMENT_BYTES];
    char hex[2 * DRAW_COMMITMENT_BYTES + 1];
    if (!draw_seal_commitment(look->event->view, commitment))
        return;
    sodium_bin2hex(hex, sizeof(hex), commitment, sizeof(commitment));
    text_str(out, hex);
}

/* Before the opening people may gather for the draw; both times are shown. */
static void put_begins(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    const struct event_doc *doc = &look->event->doc;
    const struct line_view *view = look->event->view;
    if (view->state == LINE_PRE_QUEUE && view->draw.closed)
        html_put(out, waiting_look_phrase(look, doc->beacon.kind != BEACON_NONE ? "more.awaits"
                                                                                : "more.closed"));
    else if (doc->opens_at_ms == 0)
        html_put(out, waiting_look_phrase(look, "soon.unknown"));
    else {
        if (doc->prequeue_at_ms > look->now_ms && view->state != LINE_PRE_QUEUE) {
            wording_put_time(out, waiting_look_phrase(look, "soon.gathers"), doc->prequeue_at_ms);
            text_char(out, ' ');
        }
        wording_put_time(out, waiting_look_phrase(look, "soon.opens"), doc->opens_at_ms);
    }
}

static bool no_count(void *ctx, unsigned turn)
{
    return turn == 0 && (doc_of(ctx)->opens_at_ms == 0 || look_of(ctx)->event->view->draw.closed);
}

static void put_closes(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    if (doc_of(ctx)->closes_at_ms > 0)
        wording_put_time(out, waiting_look_phrase(look, "closes"), doc_of(ctx)->closes_at_ms);
}

static bool no_closes(void *ctx, unsigned turn)
{
    return turn == 0 && doc_of(ctx)->closes_at_ms == 0;
}

static void put_lanes(struct text *out, void *ctx)
{
    text_u64(out, doc_of(ctx)->lanes_len);
}

/* Each lane has an order of its own. */
static void put_join(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    bool laned = doc_of(ctx)->lanes_len > 0;
    html_put(out, waiting_look_phrase(look, laned ? "join.lanes" : "join.text"));
}

/* Can an invitation be of use? */
static bool invites(const struct event_doc *doc)
{
    bool found = false;
    for (uint32_t i = 0; i < doc->lanes_len; i++)
        found = found || doc->lane[i].invitations > 0;
    return found;
}

static bool invite(void *ctx, unsigned turn)
{
    return turn == 0 && invites(doc_of(ctx));
}

static bool presale(void *ctx, unsigned turn)
{
    return turn == 0 && event_doc_asks_code_anywhere(doc_of(ctx));
}

/* ---- what the operator tells ---- */

static struct span message_of(const struct waiting_look *look)
{
    return words_of(look, look->event->doc.message, look->event->doc.messages_len);
}

static void put_message(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    html_put(out, message_of(look));
}

static bool no_message(void *ctx, unsigned turn)
{
    const struct waiting_look *look = ctx;
    return turn == 0 && message_of(look).len == 0;
}

static void put_notice(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    char key[8 + NOTICE_CODE_MAX];
    struct text text = text_on(key, sizeof(key) - 1);
    TEXT_LIT(&text, "notice.");
    if (look->notice.len == 0 || look->notice.len > NOTICE_CODE_MAX)
        return;
    text_put(&text, look->notice);
    key[text.len] = '\0';
    html_put(out, waiting_look_phrase(
                      look, key)); /* an unknown code finds nothing, and nothing is shown */
}

/* Where to ask, and the reference to give, for a visitor who has just been slowed down. */
static bool has_appeal(const struct waiting_look *look)
{
    return look->event->doc.appeals_len > 0 && appeal_looks_right(look->reference);
}

static bool appeal(void *ctx, unsigned turn)
{
    const struct waiting_look *look = ctx;
    return turn == 0 && has_appeal(look);
}

static bool no_appeal(void *ctx, unsigned turn)
{
    const struct waiting_look *look = ctx;
    return turn == 0 && !has_appeal(look);
}

static void put_appeal_words(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    wording_put(out, waiting_look_phrase(look, "more.appeal"), look->reference,
                (struct span){NULL, 0});
}

static void put_appeal_address(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    html_put(out, words_of(look, doc_of(ctx)->appeal, doc_of(ctx)->appeals_len));
}

/* One round for each category; sold-out ones say so. */
static bool price(void *ctx, unsigned turn)
{
    struct waiting_look *look = ctx;
    const struct prices *prices = &look->event->doc.prices;
    look->price = turn < prices->len ? &prices->price[turn] : NULL;
    return look->price != NULL;
}

static void put_price_amount(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    text_u64(out, look->price->amount);
}

static void put_price_name(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    html_put(out, span_of(look->price->name));
}

static bool price_gone(void *ctx, unsigned turn)
{
    const struct waiting_look *look = ctx;
    return turn == 0 && look->price->gone;
}

static void put_price_words(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    const char *currency = doc_of(ctx)->prices.currency;
    if (look->price->gone) {
        html_put(out, waiting_look_phrase(look, "more.price-gone"));
    } else if (look->lang == LANG_KO && strcmp(currency, "KRW") == 0) {
        wording_put_grouped(out, look->price->amount);
        TEXT_LIT(out, "원");
    } else {
        text_str(out, currency);
        text_char(out, ' ');
        prices_put_amount(out, currency, look->price->amount);
    }
}

static bool no_prices(void *ctx, unsigned turn)
{
    return turn == 0 && doc_of(ctx)->prices.len == 0;
}

/* ---- the place ---- */

static void put_entry(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    if (look->entry > 0)
        text_u64(out, look->entry);
}

static void put_entry_words(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    if (look->entry > 0)
        wording_put_grouped(out, look->entry);
}

static void put_position(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    if (look->place.position > 0)
        wording_put_grouped(out, look->place.position);
}

static void put_ahead(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    uint64_t ahead = look->place.ahead;
    char memory[32];
    struct text number = text_on(memory, sizeof(memory));
    wording_put_grouped(&number, ahead);
    const char *key = ahead == 0 ? "more.ahead-0" : ahead == 1 ? "more.ahead-1" : "more.ahead";
    wording_put(out, waiting_look_phrase(look, key), text_span(&number), (struct span){NULL, 0});
}

/* Where an event has lanes: which one this is, and its share of the calls. */
static void put_lane(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
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
    wording_put(out, waiting_look_phrase(look, "more.lane"), name, text_span(&percent));
}

static bool no_lane(void *ctx, unsigned turn)
{
    const struct waiting_look *look = ctx;
    return turn == 0 && (doc_of(ctx)->lanes_len == 0 || look->entry == 0);
}

/* The words for poor odds; others need none. */
static struct span odds_words(const struct waiting_look *look)
{
    const struct odds *odds = front_odds(look->event);
    if (odds == NULL || look->place.state != PLACE_WAITING || look->place.position == 0)
        return (struct span){NULL, 0};
    char key[32];
    struct text text = text_on(key, sizeof(key) - 1);
    text_printf(&text, "more.odds.%s",
                odds_name(odds_at(odds, look->event->view->lane, look->place.position)));
    key[text.len] = '\0';
    return waiting_look_phrase(look, key);
}

static void put_odds(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    html_put(out, odds_words(look));
}

static bool no_odds(void *ctx, unsigned turn)
{
    const struct waiting_look *look = ctx;
    return turn == 0 && odds_words(look).len == 0;
}

static bool no_kept(void *ctx, unsigned turn)
{
    const struct waiting_look *look = ctx;
    return turn == 0 && look->place.position == 0;
}

/* What GET me would answer, so that the script can show it without asking first. */
static void put_me(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
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
    status_me_json(out,
                   &ask); /* numbers and fixed words: nothing in it can close the script element */
}

/* ---- the wait ---- */

/* show.js finds the same words. */
static struct shown shown_of(const struct waiting_look *look)
{
    return shown_wait(look->eta, look->now_ms);
}

static void put_turn(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    bool known = look->eta.basis != ETA_UNKNOWN && look->event->view->state == LINE_OPEN;
    html_put(out, waiting_look_phrase(look, known ? "more.turn" : "more.turn.unknown"));
}

static uint32_t number_of(const struct shown *shown)
{
    return shown->minutes + shown->hours + shown->days;
}

static void put_wait_number(struct text *out, void *ctx)
{
    struct shown shown = shown_of(ctx);
    if (number_of(&shown) > 0)
        text_u64(out, number_of(&shown));
}

static void put_wait_unit(struct text *out, void *ctx)
{
    struct shown shown = shown_of(ctx);
    const char *unit = shown.hours > 0      ? "more.eta.hours"
                       : shown.days > 1     ? "more.eta.days"
                       : shown.days == 1    ? "more.eta.day"
                       : shown.minutes == 1 ? "more.eta.minute"
                                            : "more.eta.minutes";
    if (number_of(&shown) > 0)
        html_put(out, waiting_look_phrase(ctx, unit));
}

static void put_wait(struct text *out, void *ctx)
{
    put_wait_number(out, ctx);
    if (look_of(ctx)->eta.basis != ETA_UNKNOWN)
        text_char(out, ' ');
    put_wait_unit(out, ctx);
}

/* A sentence around a time of day: what comes before it, or after it. */
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
    char key[32];
    struct text text = text_on(key, sizeof(key) - 1);
    text_printf(&text, "more.say.%s", shown_advice_name(shown_of(look).advice));
    key[text.len] = '\0';
    return waiting_look_phrase(look, key);
}

static void put_say_before(struct text *out, void *ctx)
{
    put_around(out, say_of(ctx), false);
}

static void put_say_after(struct text *out, void *ctx)
{
    put_around(out, say_of(ctx), true);
}

static void put_back(struct text *out, void *ctx)
{
    wording_put_clock(out, shown_of(ctx).back_ms);
}

static void put_likely(struct text *out, void *ctx)
{
    wording_put_clock(out, shown_of(ctx).likely_ms);
}

static void put_latest(struct text *out, void *ctx)
{
    wording_put_clock(out, shown_of(ctx).latest_ms);
}

static void put_reason(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    enum eta_reason reason = eta_reason_at(&look->event->eta, &look->eta);
    if (look->place.state == PLACE_WAITING && reason != ETA_REASON_NONE) {
        char key[64];
        struct text text = text_on(key, sizeof(key) - 1);
        text_printf(&text, "more.reason.%s", eta_reason_name(reason));
        key[text.len] = '\0';
        html_put(out, waiting_look_phrase(look, key));
    } else if (look->eta.basis == ETA_KNOBS) {
        html_put(out, waiting_look_phrase(look, "more.eta.knobs"));
    }
}

static void put_have(struct text *out, void *ctx)
{
    /* A phrase with a duration in it: minutes, or seconds where it is short. */
    uint64_t s = doc_of(ctx)->call_ttl_s;
    char memory[64];
    struct text lasting = text_on(memory, sizeof(memory));
    if (s < 120 && s != 60)
        wording_put_number(&lasting, waiting_look_phrase(ctx, "seconds"), s, 0);
    else if (s == 60)
        html_put(&lasting, waiting_look_phrase(ctx, "minute"));
    else
        wording_put_number(&lasting, waiting_look_phrase(ctx, "minutes"), s / 60, 0);
    wording_put(out, waiting_look_phrase(ctx, "waiting.enter"), text_span(&lasting),
                (struct span){NULL, 0});
}

/* ---- the line ---- */

static struct queue_line queue_of(const struct waiting_look *look)
{
    return queue_line(look->place.ahead, look->event->view->waiting);
}

static bool queue(void *ctx, unsigned turn)
{
    const struct waiting_look *look = ctx;
    return turn == 0 && look->place.state == PLACE_WAITING && look->place.position > 0;
}

static void put_waiting(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    text_u64(out, look->event->view->waiting);
}

static void put_queue_height(struct text *out, void *ctx)
{
    text_u64(out, queue_y(queue_of(ctx).rows) - 14);
}

static void put_rope(struct text *out, void *ctx)
{
    queue_put_rope(out, queue_of(ctx).rows);
}

static bool run(void *ctx, unsigned turn)
{
    struct waiting_look *look = ctx;
    struct queue_line line = queue_of(look);
    look->run = turn < line.runs_len ? line.run[turn] : (struct queue_run){0};
    return turn < line.runs_len;
}

static void put_run_class(struct text *out, void *ctx)
{
    text_str(out, look_of(ctx)->run.behind ? "behind" : "ahead");
}

static void put_run_path(struct text *out, void *ctx)
{
    queue_put_run(out, look_of(ctx)->run);
}

static bool row(void *ctx, unsigned turn)
{
    struct waiting_look *look = ctx;
    look->row = turn + 1;
    return look->row < queue_of(look).rows;
}

static void put_row_y(struct text *out, void *ctx)
{
    text_u64(out, queue_y(look_of(ctx)->row) + 5);
}

static void put_row_each(struct text *out, void *ctx)
{
    wording_put_grouped(out, queue_each(look_of(ctx)->row));
}

static void put_you_x(struct text *out, void *ctx)
{
    struct queue_line line = queue_of(ctx);
    text_u64(out, queue_x(line.row, line.dot));
}

static void put_you_y(struct text *out, void *ctx)
{
    text_u64(out, queue_y(queue_of(ctx).row));
}

/* ---- the turn, and the end ---- */

static void put_expires(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    if (look->place.state == PLACE_CALLED)
        wording_put_clock(out, look->place.call_expires_ms);
}

static struct span called_of(const struct waiting_look *look)
{
    bool late = look->place.state == PLACE_LATE;
    return waiting_look_phrase(look, late ? "more.late" : "more.called.text");
}

static void put_called_before(struct text *out, void *ctx)
{
    put_around(out, called_of(ctx), false);
}

static void put_called_after(struct text *out, void *ctx)
{
    put_around(out, called_of(ctx), true);
}

static bool no_extend(void *ctx, unsigned turn)
{
    const struct waiting_look *look = ctx;
    return turn == 0 &&
           !(look->place.call_expires_ms > 0 && look->place.extensions < TURN_EXTENSIONS_MAX);
}

static void put_visit_ends(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    if (look->place.session_expires_ms > 0)
        wording_put_time(out, waiting_look_phrase(look, "admitted.until"),
                         look->place.session_expires_ms);
}

static bool no_stay(void *ctx, unsigned turn)
{
    const struct waiting_look *look = ctx;
    return turn == 0 && look->place.session_expires_ms >= look->place.session_ends_ms;
}

static bool ended(void *ctx, unsigned turn)
{
    return turn == 0 && waiting_look_over(ctx) != NULL;
}

static bool moved(void *ctx, unsigned turn)
{
    return turn == 0 && look_of(ctx)->moved;
}

static void put_over(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    text_str(out, waiting_look_over(look) != NULL ? waiting_look_over(look) : "");
}

static void put_over_words(struct text *out, const struct waiting_look *look, bool title)
{
    static const char *const keys[][3] = {{"expired", "expired.title", "expired.text"},
                                          {"ended", "ended.title", "ended.text"},
                                          {"done", "done.title", "done.text"}};
    const char *name = waiting_look_over(look);
    for (size_t i = 0; name != NULL && i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(keys[i][0], name) == 0)
            html_put(out, waiting_look_phrase(look, keys[i][title ? 1 : 2]));
    }
}

static void put_over_title(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    put_over_words(out, look, true);
}

static void put_over_text(struct text *out, void *ctx)
{
    const struct waiting_look *look = ctx;
    put_over_words(out, look, false);
}

const struct page_gap waiting_gaps[] = {
    {"event", put_event, NULL},
    {"home", put_home, NULL},
    {"name", put_name, NULL},
    {"show", put_show, has_show},
    {"starts", put_starts, has_starts},
    {"zone", put_zone, NULL},
    {"about", put_about, NULL},
    {"no-about", NULL, no_about},
    {"about-line", put_about_line, NULL},
    {"public", NULL, is_public},
    {"public-url", put_public_url, NULL},
    {"view", put_view, NULL},
    {"step-wait", NULL, step_wait},
    {"step-turn", NULL, step_turn},
    {"step-seats", NULL, step_seats},
    {"ended", NULL, ended},
    {"moved", NULL, moved},
    {"state", put_state, NULL},
    {"now", put_now, NULL},
    {"poll", put_poll, NULL},
    {"refresh", put_refresh, NULL},
    {"opens", put_opens, NULL},
    {"gathers", put_gathers, NULL},
    {"beacon", put_beacon, NULL},
    {"commitment", put_commitment, NULL},
    {"begins-words", put_begins, NULL},
    {"no-count", NULL, no_count},
    {"closes-words", put_closes, NULL},
    {"no-closes", NULL, no_closes},
    {"lanes", put_lanes, NULL},
    {"join-words", put_join, NULL},
    {"invite", NULL, invite},
    {"presale", NULL, presale},
    {"message", put_message, NULL},
    {"no-message", NULL, no_message},
    {"notice", put_notice, NULL},
    {"appeal", NULL, appeal},
    {"no-appeal", NULL, no_appeal},
    {"appeal-words", put_appeal_words, NULL},
    {"appeal-address", put_appeal_address, NULL},
    {"price", NULL, price},
    {"price-amount", put_price_amount, NULL},
    {"price-name", put_price_name, NULL},
    {"price-gone", NULL, price_gone},
    {"price-words", put_price_words, NULL},
    {"no-prices", NULL, no_prices},
    {"entry", put_entry, NULL},
    {"entry-words", put_entry_words, NULL},
    {"position", put_position, NULL},
    {"ahead", put_ahead, NULL},
    {"lane", put_lane, NULL},
    {"no-lane", NULL, no_lane},
    {"odds", put_odds, NULL},
    {"no-odds", NULL, no_odds},
    {"no-kept", NULL, no_kept},
    {"me", put_me, NULL},
    {"eta", put_wait, NULL},
    {"eta-number", put_wait_number, NULL},
    {"eta-unit", put_wait_unit, NULL},
    {"turn", put_turn, NULL},
    {"say-before", put_say_before, NULL},
    {"back", put_back, NULL},
    {"say-after", put_say_after, NULL},
    {"likely", put_likely, NULL},
    {"latest", put_latest, NULL},
    {"reason", put_reason, NULL},
    {"have-words", put_have, NULL},
    {"waiting", put_waiting, NULL},
    {"queue", NULL, queue},
    {"queue-height", put_queue_height, NULL},
    {"rope", put_rope, NULL},
    {"run", NULL, run},
    {"run-class", put_run_class, NULL},
    {"run-path", put_run_path, NULL},
    {"row", NULL, row},
    {"row-y", put_row_y, NULL},
    {"row-each", put_row_each, NULL},
    {"you-x", put_you_x, NULL},
    {"you-y", put_you_y, NULL},
    {"called-before", put_called_before, NULL},
    {"called-until", put_expires, NULL},
    {"called-after", put_called_after, NULL},
    {"expires", put_expires, NULL},
    {"no-extend", NULL, no_extend},
    {"visit-ends", put_visit_ends, NULL},
    {"no-stay", NULL, no_stay},
    {"over", put_over, NULL},
    {"over-title", put_over_title, NULL},
    {"over-text", put_over_text, NULL},
    {NULL, NULL, NULL},
};
