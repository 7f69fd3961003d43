/* line_admin.c: operators' requests to a line and to the registry of all lines.
 *
 * A change is one script call on the event's server; its result is shown here at once, without
 * waiting for a tick. Some requests take several steps, each on the server of its own key: a
 * created or restored event is listed in the registry afterwards; a deletion is first noted there
 * as a cleanup, so that if this front dies in between another one does the rest. */
#include "line/line_store_internal.h"

#include "base/rfc3339.h"
#include "line/line_trail.h"
#include "queue-front/lua/line_wire.h"

#include <assert.h>
#include <stdlib.h>

static void on_administered(struct redis_call *call, const redisReply *reply);

static struct text change_command(struct line_admin *admin)
{
    static const char *const names[] = {
        [LINE_CREATE] = "create", [LINE_CHANGE] = "change",   [LINE_TRANSITION] = "transition",
        [LINE_UNDO] = "undo",     [LINE_SEATS] = "seats",     [LINE_ARCHIVE] = "archive",
        [LINE_DELETE] = "delete", [LINE_RESTORE] = "restore",
    };
    assert(names[admin->call] != NULL); /* the other calls have their own commands */
    struct line_store *store = admin->store.store;
    char memory[24];
    struct text from = text_on(memory, sizeof(memory));
    if (admin->call == LINE_CREATE) /* the random part of the incarnation */
        text_u64(&from, 1 + rng_below(rng_system(), 0xFFFFFF));
    else if (admin->call == LINE_RESTORE)
        text_put(&from, admin->incarnation);
    else if (admin->call == LINE_UNDO)
        rfc3339_put(&from, admin->now_ms);
    else if (admin->call == LINE_DELETE)
        text_u64(&from, admin->unarchived);
    else
        text_u64(&from, admin->call == LINE_SEATS ? admin->seats_left : admin->from);
    assert(!from.overflown);
    const struct ask_admin ask = {
        .call = span_of(names[admin->call]),
        .if_version = admin->if_version,
        .from = text_span(&from),
        .to = admin->to,
        .audit = admin->audit,
        .doc = admin->doc,
        .seal = admin->seal,
        .draw = admin->draw,
        .hall_until_ms = admin->hall_until_ms,
        .knobs = admin->knobs,
    };
    struct text command = store_script(store, SCRIPT_ADMIN, admin->event, ASK_ADMIN_WORDS);
    ask_admin_put(&command, &ask);
    return command;
}

static struct text pilot_command(struct line_admin *admin)
{
    struct line_store *store = admin->store.store;
    const struct line_pilot_move *move = admin->pilot;
    assert(move != NULL);
    assert(move->reason != NULL);
    const struct ask_pilot ask = {
        .interval_ms = move->interval_ms,
        .silent_ms = move->silent_ms,
        .answered = move->answered,
        .from_milli = move->from_milli,
        .to_milli = move->to_milli,
        .reason = span_of(move->reason),
        .why = move->why,
        .because = move->because,
        .reading = move->reading,
        .audit = admin->audit,
    };
    struct text command = store_script(store, SCRIPT_PILOT, admin->event, ASK_PILOT_WORDS);
    ask_pilot_put(&command, &ask);
    return command;
}

static struct text codes_command(struct line_admin *admin)
{
    static const char *const names[] = {"put", "count", "drop"};
    struct line_store *store = admin->store.store;
    const struct line_codes *codes = admin->codes;
    assert(codes != NULL);
    assert(codes->call <= LINE_CODES_DROP);
    assert(codes->call != LINE_CODES_PUT || codes->lane <= LANES_MAX);
    uint32_t len = codes->call == LINE_CODES_PUT ? codes->len : 0;
    const struct ask_codes ask = {
        .call = span_of(names[codes->call]),
        .audit = admin->audit,
        .lane = codes->lane,
        .channel = span_of(codes->channel),
        .uses = codes->uses,
    };
    assert(len <= CODES_PUT_MAX);
    assert(len == 0 || codes->digest != NULL);
    struct text command =
        store_script(store, SCRIPT_CODES, admin->event, ASK_CODES_WORDS + (uint64_t)len);
    ask_codes_put(&command, &ask);
    for (uint32_t i = 0; i < len; i++)
        resp_word(&command, (struct span){(const char *)codes->digest[i], LINE_CODE_BYTES});
    return command;
}

static bool read_codes(struct line_codes *codes, const redisReply *reply)
{
    struct reply_codes head;
    if (!reply_codes_read(reply, REPLY_CHANGE_WORDS, &head))
        return false;
    codes->added = head.added;
    codes->groups_len = 0;
    size_t at = REPLY_CHANGE_WORDS + REPLY_CODES_WORDS;
    for (; at < resp_len(reply); at += REPLY_GROUP_WORDS) {
        struct line_code_group *group = &codes->group[codes->groups_len];
        struct reply_group got;
        if (codes->groups_len == CODE_GROUPS_MAX || !reply_group_read(reply, at, &got) ||
            !span_to_cstr(got.channel, group->channel, sizeof(group->channel)))
            return false;
        group->lane = (unsigned)got.lane;
        group->codes = got.codes;
        group->uses = got.uses;
        group->used = got.used;
        codes->groups_len++;
    }
    return true;
}

static void send_asked(struct line_admin *admin)
{
    struct text command;
    if (admin->call == LINE_PILOT)
        command = pilot_command(admin);
    else if (admin->call == LINE_CODES)
        command = codes_command(admin);
    else
        command = change_command(admin);
    admin->store.call.on_reply = on_administered;
    store_send(admin->store.store, &admin->store.call, &command);
}

static void send_rows(struct line_admin *admin);

static void on_rows(struct redis_call *call, const redisReply *reply)
{
    struct line_link *link = CONTAINER_OF(call, struct line_link, call);
    struct line_admin *admin = CONTAINER_OF(link, struct line_admin, store);
    const struct store_event *event = link->event;
    bool registry = admin->call == LINE_REGISTRY_AUDIT,
         audit = registry || admin->call == LINE_AUDIT;
    assert(event != NULL || registry); /* only an existing event has rows */
    struct text rows;
    if (nodes_follow(link->store, call, reply)) {
        send_rows(admin);
        return;
    }
    bool whole = reply != NULL && reply->type == REDIS_REPLY_ARRAY &&
                 (audit ? line_trail_audit(reply, &rows) : line_trail_series(reply, &rows));
    if (!whole) {
        calls_finish_unknown(link);
        return;
    }
    assert(!rows.overflown);
    /* Where to continue: after the last entry, or at the next sample. */
    size_t len = resp_len(reply);
    const redisReply *last;
    struct span id;
    uint64_t from = 0;
    admin->more = (admin->oldest_first || audit) && len > 0 && len >= admin->limit;
    if (admin->more) {
        struct text row = text_on(admin->from_row, sizeof(admin->from_row) - 1);
        if (admin->call == LINE_SERIES && span_u64(span_of(admin->from_row), UINT32_MAX, &from))
            text_u64(&row, from + len);
        else if (resp_array(reply, len - 1, &last) && resp_get_str(last, 0, &id))
            text_put(&row, id);
        admin->from_row[row.len] = '\0';
    }
    admin->outcome = LINE_OK;
    admin->state = registry ? LINE_DRAFT : event->line.view.state;
    admin->version = registry ? 0 : event->line.view.version;
    admin->reply = text_span(&rows);
    calls_finish(link);
    free(rows.ptr);
}

static void send_rows(struct line_admin *admin)
{
    struct line_store *store = admin->store.store;
    bool registry = admin->call == LINE_REGISTRY_AUDIT,
         audit = registry || admin->call == LINE_AUDIT;
    assert(audit || admin->call == LINE_SERIES);
    assert(admin->limit <= LINE_ROWS_MAX);
    assert(!admin->oldest_first || admin->limit > 0); /* more rows are counted by the limit */
    uint64_t limit =
        admin->limit > 0 && admin->limit < LINE_ROWS_MAX ? admin->limit : LINE_ROWS_MAX;
    assert(limit > 0);
    uint64_t first = 0;
    char memory[64];
    struct text from = text_on(memory, sizeof(memory));
    uint16_t slot = registry ? store->set_slot : store_slot(store, span_of(admin->event));
    struct text command = store_command(store, slot, audit ? 6 : 4);
    if (audit) {
        if (admin->from_row[0] != '\0')
            text_char(&from, '(');
        text_str(&from, admin->from_row[0] != '\0' ? admin->from_row : "+");
        resp_cstr(&command, admin->oldest_first ? "XRANGE" : "XREVRANGE");
        if (registry)
            resp_cstr(&command, "{" LINE_REGISTRY "}:" LINE_KEY_AUDIT);
        else
            store_put_key(&command, admin->event, LINE_KEY_AUDIT);
        resp_word(&command, text_span(&from));
        resp_cstr(&command, admin->oldest_first ? "+" : "-");
        resp_cstr(&command, "COUNT");
        resp_u64(&command, limit);
    } else {
        bool goes_on =
            admin->oldest_first && span_u64(span_of(admin->from_row), UINT32_MAX, &first);
        text_i64(&from, goes_on ? (int64_t)first : -(int64_t)limit);
        resp_cstr(&command, "LRANGE");
        store_put_key(&command, admin->event, LINE_KEY_SERIES);
        resp_word(&command, text_span(&from));
        if (goes_on)
            resp_u64(&command, first + limit - 1);
        else
            resp_cstr(&command, "-1");
    }
    assert(!from.overflown);
    admin->store.call.on_reply = on_rows;
    store_send(store, &admin->store.call, &command);
}

/* ---- admin: the registry ---- */

static void send_registry(struct line_admin *admin);
static void ask_event(struct line_admin *admin);

static bool next_card(const redisReply *reply, size_t *at, struct span *id, struct span *card)
{
    bool there = resp_get_str(reply, *at, id) && resp_get_str(reply, *at + 1, card);
    *at += 2;
    return there;
}

/* Into a JSON array of [card with its id, ...] */
static bool ended_rows(const redisReply *reply, struct text *rows, uint64_t *next)
{
    struct reply_registry_page got;
    struct span id, card;
    size_t bytes = 2, at = REPLY_REGISTRY_PAGE_WORDS;
    while (next_card(reply, &at, &id, &card))
        bytes += id.len + card.len + 16;
    char *memory = malloc(bytes);
    if (memory == NULL || !reply_registry_page_read(reply, 0, &got)) {
        free(memory);
        return false;
    }
    *next = got.below;
    *rows = text_on(memory, bytes);
    json_open(rows, '[');
    at = REPLY_REGISTRY_PAGE_WORDS;
    while (next_card(reply, &at, &id, &card)) {
        json_open(rows, '{');
        json_member_str(rows, "id", id);
        if (card.len > 2) {
            text_char(rows, ',');
            text_put(rows, span_skip(card, 1));
            rows->comma = true;
        } else {
            json_close(rows, '}');
        }
    }
    json_close(rows, ']');
    return true;
}

static void take_rows(struct line_admin *admin, const redisReply *reply)
{
    struct text rows = {.ptr = NULL};
    if (!ended_rows(reply, &rows, &admin->version)) {
        calls_finish_unknown(&admin->store);
        return;
    }
    assert(!rows.overflown);
    admin->outcome = LINE_OK;
    admin->reply = text_span(&rows);
    calls_finish(&admin->store);
    free(rows.ptr);
}

/* The registry dropped the event: so do we, once nothing is under way for it. */
static void take_dropped(struct line_admin *admin)
{
    struct line_link *link = &admin->store;
    struct line_store *store = link->store;
    admin->outcome = LINE_OK;
    struct store_event *event = store_find(store, span_of(admin->event));
    if (event != NULL) {
        assert(link->event == NULL || link->event == event); /* it stays while a request holds it */
        if (link->event != NULL)
            event->requests--;
        link->event = NULL;
        event->leaving = true;
        store_let_go(store);
    }
    registry_look(store); /* the rest of the cleanup, too */
    calls_finish(link);
}

/* An operator requested it: it is loaded soon and stays for a while. */
static void take_found(struct line_admin *admin, bool found)
{
    struct line_store *store = admin->store.store;
    struct store_event *event = found ? store_event_of(store, span_of(admin->event)) : NULL;
    if (event != NULL) {
        event->hold_us = store_now_us(store) + (uint64_t)STORE_HOLD_MS * 1000;
        event->leaving = false;
        store_tick_now(event);
        admin->outcome = LINE_OK;
    } else {
        admin->outcome = found ? LINE_UNAVAILABLE : LINE_UNKNOWN;
    }
    if (event != NULL && admin->finding)
        ask_event(admin);
    else
        calls_finish(&admin->store);
}

static void on_registry(struct redis_call *call, const redisReply *reply)
{
    struct line_link *link = CONTAINER_OF(call, struct line_link, call);
    struct line_admin *admin = CONTAINER_OF(link, struct line_admin, store);
    enum store_answer answer = store_judge(link->store, call, reply, SCRIPT_REGISTRY);
    struct reply_registry got;
    if (answer == STORE_AGAIN) {
        send_registry(admin);
    } else if (answer != STORE_ANSWER || link->store->closed ||
               !reply_registry_read(reply, 0, &got)) {
        calls_finish_unknown(link);
    } else if (admin->call == LINE_FIND || admin->finding) {
        take_found(admin, got.outcome != LINE_UNKNOWN);
    } else if (admin->call != LINE_DELETE) {
        take_rows(admin, reply);
    } else if (admin->step++ == 0) {
        send_asked(admin); /* if this front dies from here on, the cleanup remains */
    } else {
        take_dropped(admin);
    }
}

static void send_registry(struct line_admin *admin)
{
    struct line_store *store = admin->store.store;
    if (!store_can_send(store, store->set_slot)) {
        calls_finish_unknown(&admin->store);
        return;
    }
    admin->store.call.on_reply = on_registry;
    struct text command;
    if (admin->call == LINE_FIND || admin->finding) {
        const struct ask_registry_name ask = {SPAN("find"), span_of(admin->event)};
        command = store_registry_script(store, ASK_REGISTRY_NAME_WORDS);
        ask_registry_name_put(&command, &ask);
    } else if (admin->call == LINE_DELETE && admin->step == 0) {
        enum { OWN_MS = 2000 }; /* how long this front may do the rest */
        char memory[CLEANUP_NAME_MAX];
        struct text cleanup = text_on(memory, sizeof(memory));
        TEXT_LIT(&cleanup, "erase:");
        text_str(&cleanup, admin->event);
        assert(!cleanup.overflown);
        const struct ask_registry_later ask = {SPAN("later"), text_span(&cleanup), OWN_MS};
        command = store_registry_script(store, ASK_REGISTRY_LATER_WORDS);
        ask_registry_later_put(&command, &ask);
    } else if (admin->call == LINE_DELETE) {
        assert(admin->step == 1);
        const struct ask_registry_drop ask = {SPAN("drop"), span_of(admin->event), admin->audit};
        command = store_registry_script(store, ASK_REGISTRY_DROP_WORDS);
        ask_registry_drop_put(&command, &ask);
    } else {
        assert(admin->call == LINE_ENDED);
        const struct ask_registry_page ask = {SPAN("page"), admin->below, admin->limit,
                                              admin->words};
        command = store_registry_script(store, ASK_REGISTRY_PAGE_WORDS);
        ask_registry_page_put(&command, &ask);
    }
    store_send(store, &admin->store.call, &command);
}

static bool makes(const struct line_admin *admin)
{
    return admin->call == LINE_CREATE || admin->call == LINE_RESTORE;
}

/* Created or restored; now listed in the registry for the other fronts. For a created event this is
 * a one-key command, which follows a moving slot, unlike a script. A restored one that is already
 * among the ended stays there. */
static void list_made(struct line_admin *admin);

static void on_listed(struct redis_call *call, const redisReply *reply)
{
    struct line_link *link = CONTAINER_OF(call, struct line_link, call);
    struct line_admin *admin = CONTAINER_OF(link, struct line_admin, store);
    struct reply_registry got = {.outcome = LINE_OK};
    bool again, listed;
    if (admin->call == LINE_CREATE) {
        again = nodes_follow(link->store, call, reply);
        listed = reply != NULL && reply->type == REDIS_REPLY_INTEGER;
    } else {
        enum store_answer answer = store_judge(link->store, call, reply, SCRIPT_REGISTRY);
        again = answer == STORE_AGAIN;
        listed = answer == STORE_ANSWER && reply_registry_read(reply, 0, &got);
    }
    if (again) {
        list_made(admin);
        return;
    }
    struct store_event *event = store_find(link->store, span_of(admin->event));
    if (!listed) {
        admin->outcome = LINE_UNAVAILABLE; /* making it once more repairs this */
    } else if (event != NULL) {            /* if it is missing there from now on, it was deleted */
        event->is_new = false;
        event->leaving = false;
        event->named = got.outcome == LINE_OK ? NAMED_LIVE : NAMED_RESTING;
        event->named_us = store_now_us(link->store);
    }
    calls_finish(link);
}

static void list_made(struct line_admin *admin)
{
    assert(makes(admin));
    struct line_store *store = admin->store.store;
    struct text command;
    if (!store_can_send(store, store->set_slot)) {
        if (admin->call == LINE_CREATE)
            calls_finish(&admin->store); /* the next registry read shows that it is missing */
        else
            calls_finish_unknown(&admin->store);
        return;
    }
    if (admin->call == LINE_CREATE) {
        command = store_command(store, store->set_slot, 3);
        resp_cstr(&command, "SADD");
        resp_cstr(&command, LINE_REGISTRY);
        resp_cstr(&command, admin->event);
    } else {
        const struct ask_registry_list ask = {SPAN("list"), span_of(admin->event), 1};
        command = store_registry_script(store, ASK_REGISTRY_LIST_WORDS);
        ask_registry_list_put(&command, &ask);
    }
    admin->store.call.on_reply = on_listed;
    store_send(store, &admin->store.call, &command);
}

static void on_administered(struct redis_call *call, const redisReply *reply)
{
    struct line_link *link = CONTAINER_OF(call, struct line_link, call);
    struct line_admin *admin = CONTAINER_OF(link, struct line_admin, store);
    struct line_store *store = link->store;
    enum line_script script = admin->call == LINE_PILOT   ? SCRIPT_PILOT
                              : admin->call == LINE_CODES ? SCRIPT_CODES
                                                          : SCRIPT_ADMIN;
    enum store_answer answer = store_judge(store, call, reply, script);
    if (answer == STORE_AGAIN) {
        send_asked(admin);
        return;
    }
    struct reply_change got;
    if (answer != STORE_ANSWER || !reply_change_read(reply, 0, &got) ||
        (admin->call == LINE_CODES && got.outcome == LINE_OK && !read_codes(admin->codes, reply))) {
        calls_finish_unknown(link);
        return;
    }
    admin->outcome = (enum line_outcome)got.outcome;
    admin->state = (enum line_state)got.state;
    admin->version = got.version;
    /* Deleted by us, or by a front that has not finished the cleanup. */
    bool deleted =
        admin->call == LINE_DELETE && (admin->outcome == LINE_OK || admin->outcome == LINE_GONE);
    if (deleted) {
        send_registry(admin);
        return;
    }
    if (admin->outcome != LINE_GONE && admin->call != LINE_CODES) {
        /* The change has to be visible here at once, also if the event's ticks had stopped. */
        struct store_event *event = store_event_of(admin->store.store, span_of(admin->event));
        if (event != NULL) {
            event->absent = false;
            if (makes(admin)) { /* or it existed: then it may still be missing in the set */
                event->is_new = event->named == NAMED_NOT;
                event->leaving = false;
            }
            event->touched |= admin->state == LINE_CLOSED && event->named != NAMED_LIVE;
            store_tick_now(event);
        }
    }
    bool made = admin->call == LINE_CREATE
                    ? admin->outcome != LINE_GONE
                    : admin->outcome == LINE_OK || admin->outcome == LINE_SAME;
    if (makes(admin) && made)
        list_made(admin);
    else
        calls_finish(link);
}

static bool of_the_registry(enum line_admin_call call)
{
    return call == LINE_FIND || call == LINE_ENDED || call == LINE_REGISTRY_AUDIT;
}

static void finish_admin(struct line_link *link)
{
    struct line_admin *admin = CONTAINER_OF(link, struct line_admin, store);
    admin->on_done(admin);
}

static void ask_event(struct line_admin *admin)
{
    struct line_store *store = admin->store.store;
    admin->finding = false;
    if (calls_admit(&admin->store, admin->event) == NULL)
        return;
    if (admin->call == LINE_DELETE && store_can_send(store, store->set_slot))
        send_registry(admin);
    else if (admin->call == LINE_DELETE)
        calls_refuse(&admin->store, LINE_UNAVAILABLE);
    else if (admin->call == LINE_AUDIT || admin->call == LINE_SERIES)
        send_rows(admin);
    else
        send_asked(admin);
}

void line_store_admin(struct line_store *store, struct line_admin *admin)
{
    assert(admin->on_done != NULL);
    assert(admin->doc.len <= LINE_DOC_BYTES_MAX);
    assert(admin->audit.len <= LINE_AUDIT_BYTES_MAX);
    admin->state = LINE_DRAFT;
    admin->version = 0;
    admin->step = 0;
    admin->reply = (struct span){NULL, 0};
    calls_begin(store, &admin->store, finish_admin, &admin->outcome, NULL);
    const struct store_event *event = store_find(store, span_of(admin->event));
    bool is_new = event == NULL || event->absent || event->leaving;
    uint32_t live = 0; /* lines that still tick */
    for (uint32_t i = 0; i < store->events_len; i++)
        live += !store->events[i]->line.view.resting;
    bool is_full = live >= STORE_EVENTS_MAX || store->events_len == STORE_LINES_MAX;
    /* A leaving event was deleted, or swept; operators can still load a swept one. */
    admin->finding = !makes(admin) && event != NULL && event->leaving;
    bool asks_registry = of_the_registry(admin->call) || admin->finding;
    uint16_t slot = asks_registry ? store->set_slot : store_slot(store, span_of(admin->event));
    if (asks_registry || (makes(admin) && is_new)) {
        if (!store_can_send(store, slot) || (makes(admin) && is_full)) {
            calls_refuse(&admin->store, LINE_UNAVAILABLE);
            return;
        }
    }
    if (admin->call == LINE_REGISTRY_AUDIT)
        send_rows(admin);
    else if (asks_registry)
        send_registry(admin);
    else if (makes(admin) && is_new)
        send_asked(admin);
    else
        ask_event(admin);
}
