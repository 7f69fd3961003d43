/* event_doc.c: the table of knobs and the four things it drives: read, write, explain, compare.
 *
 * Only this file validates values from outside. The first fault is reported as pointer and rule;
 * base/json_in.h stores it. A stored document was validated on input, and is validated again when
 * it is read: Redis is outside too.
 *
 * Knobs that depend on something else (the autopilot on health pages, seats on a feed) are ordinary
 * rows, so an operator can set them beforehand and nothing is lost. */
#include "core/event/event_doc.h"

#include "base/json_in.h"
#include "base/json_time.h"
#include "core/event/event_state.h"
#include "core/token/invitation.h"
#include "core/token/pow.h"

#include <assert.h>
#include <stdio.h>

enum knob_kind {
    KNOB_NUMBER,
    KNOB_MILLI,
    KNOB_BOOL,
    KNOB_TIME,
    KNOB_ZONE,
    KNOB_VENUE,
    KNOB_PATH,
    KNOB_TEXTS,
    KNOB_CONTACTS,
    KNOB_SCHEDULE,
    KNOB_AUTOPILOT,
    KNOB_LANES,
    KNOB_BEACON,
    KNOB_PRICES
};

static_assert((int)EVENT_LANGUAGE_TAG_MAX == (int)SHOW_TAG_MAX, "what show_is_tag() lets through");

static const char *const kind_names[] = {
    [KNOB_NUMBER] = "number",     [KNOB_MILLI] = "decimal",       [KNOB_BOOL] = "bool",
    [KNOB_TIME] = "time",         [KNOB_TEXTS] = "texts",         [KNOB_CONTACTS] = "contacts",
    [KNOB_SCHEDULE] = "schedule", [KNOB_AUTOPILOT] = "autopilot", [KNOB_LANES] = "lanes",
    [KNOB_BEACON] = "beacon",     [KNOB_PRICES] = "prices",       [KNOB_ZONE] = "zone",
    [KNOB_VENUE] = "venue",       [KNOB_PATH] = "path",
};

enum {
    DAY_S = 86400,
    RATE_MILLI_MAX = 100000 * 1000,
    BURST_MAX = 1000 * 1000,
    COUNT_MAX = 10 * 1000 * 1000
};

/* The format that a reader of a stored document must know. FORMAT_FIRST: readers may ignore unknown
 * knobs. */
enum { FORMAT_FIRST = 1, FORMAT_OF_CODES = 2, FORMAT_OF_SHARDS = 3 };

struct knob {
    const char *name;
    enum knob_kind kind;
    /* The format that a document with this knob needs. A default is not stored, so programs without
     * the knob can read the document. 0: every program knows the knob. */
    uint64_t format;
    size_t offset; /* of its value, if it is a single one */
    uint64_t min, max, fallback;
    const char *unit;
    const char *help;
};

#define AT(member) offsetof(struct event_doc, member)

static const struct knob knobs[] = {
    {"rate_per_s", KNOB_MILLI, 0, AT(rate_milli), 0, RATE_MILLI_MAX, 10000, "people/s",
     "How many people are called per second. 0 calls nobody; three decimals are allowed."},
    {"burst", KNOB_NUMBER, 0, AT(burst), 1, BURST_MAX, 20, "people",
     "How many calls may be made up for at once after a quiet spell."},
    {"max_active", KNOB_NUMBER, 0, AT(max_active), 0, COUNT_MAX, 1000, "people",
     "How many may be inside at the same time. 0 sets no cap."},
    {"session_ttl_s", KNOB_NUMBER, 0, AT(session_ttl_s), 1, DAY_S, 300, "s",
     "A visit ends this long after its last heartbeat."},
    {"session_max_s", KNOB_NUMBER, 0, AT(session_max_s), 1, DAY_S, 1800, "s",
     "No visit lasts longer than this. At least session_ttl_s."},
    {"call_ttl_s", KNOB_NUMBER, 0, AT(call_ttl_s), 1, DAY_S, 120, "s",
     "How long a called visitor may take to enter."},
    {"grace_s", KNOB_NUMBER, 0, AT(grace_s), 0, DAY_S, 600, "s",
     "A visitor who is late by no more than this still enters next."},
    {"line_max", KNOB_NUMBER, FORMAT_FIRST, AT(line_max), 0, COUNT_MAX, 0, "people",
     "How many people may wait at the same time, in each line. While a line is full, newcomers "
     "are asked to come back later; nobody who waits loses anything. 0 sets no cap."},
    {"joins_per_ip_per_min", KNOB_NUMBER, 0, AT(joins_per_ip_per_min), 0, COUNT_MAX, 0, "joins/min",
     "New places per minute and address (IPv6: per /64). 0 sets no limit: mobile networks put "
     "thousands of people behind one address."},
    {"starts_at", KNOB_TIME, FORMAT_FIRST, AT(show.starts_ms), 0, 0, 0, "",
     "When the show begins. People who wait read it in the time of its place."},
    {"doors_at", KNOB_TIME, FORMAT_FIRST, AT(show.doors_ms), 0, 0, 0, "",
     "When its doors open. Not later than starts_at."},
    {"time_zone", KNOB_ZONE, FORMAT_FIRST, AT(show.time_zone), 0, 0, 0, "",
     "Of the place, such as \"Asia/Seoul\". Needed with starts_at."},
    {"venue", KNOB_VENUE, FORMAT_FIRST, AT(show.venue), 0, 0, 0, "",
     "Where it is: {\"name\", \"address\"}, each one text, or one by language: {\"en\": \"..\", "
     "\"ko\": \"..\"}."},
    {"picture", KNOB_PATH, FORMAT_FIRST, AT(show.picture), 0, SHOW_PICTURE_MAX, 0, "",
     "Path of a picture above the name, on the origin of the pages, such as /pictures/tour.webp: "
     "40:22, at most 20 kB. null: none."},
    {"about", KNOB_TEXTS, FORMAT_FIRST, AT(about), 0, EVENT_ABOUT_BYTES_MAX, 0, "",
     "What else is said below the name while people wait, by language: {\"en\": \"..\", "
     "\"ko\": \"..\"}."},
    {"message", KNOB_TEXTS, 0, AT(message), 0, EVENT_MESSAGE_BYTES_MAX, 0, "",
     "A notice to everyone who is waiting, by language: {\"en\": \"..\", \"ko\": \"..\"}."},
    {"appeal", KNOB_CONTACTS, 0, AT(appeal), 0, EVENT_APPEAL_BYTES_MAX, 0, "",
     "Contact for visitors who were slowed down, by language: an address that begins with "
     "https://, mailto: "
     "or tel:."},
    {"prices", KNOB_PRICES, 0, 0, 0, 0, 0, "",
     "What seats cost, with all compulsory fees, shown to everyone who is waiting: "
     "{\"currency\", \"categories\": {NAME: {\"price\", \"gone\"}, ..}}. null: nothing is shown."},
    {"opens_at", KNOB_TIME, 0, AT(opens_at_ms), 0, 0, 0, "",
     "A scheduled event opens by itself at this time. null: by hand."},
    {"prequeue_at", KNOB_TIME, 0, AT(prequeue_at_ms), 0, 0, 0, "",
     "From this time until opens_at, people can enter the draw. null: no pre-queue."},
    {"closes_at", KNOB_TIME, 0, AT(closes_at_ms), 0, 0, 0, "",
     "The event closes by itself at this time, for good. null: by hand."},
    {"planned_end_at", KNOB_TIME, FORMAT_FIRST, AT(planned_end_at_ms), 0, 0, 0, "",
     "When the line should be empty by the operator's plan. Nothing happens then: the console "
     "compares its forecast with it. null: closes_at."},
    {"beacon", KNOB_BEACON, 0, 0, 0, 0, 0, "",
     "What the draw waits for besides the seed: {\"kind\": \"drand\" | \"text\" | \"none\", "
     "\"words\", \"late_s\"}. Which round it is follows from opens_at."},
    {"pow_bits", KNOB_NUMBER, 0, AT(pow_bits), 0, POW_BITS_MAX, 0, "bits",
     "Proof of work per join; each bit doubles it. 0: none."},
    {"pow_bits_max", KNOB_NUMBER, 0, AT(pow_bits_max), 0, POW_BITS_MAX, 20, "bits",
     "While joins come fast, the work rises by itself up to this."},
    {"member_required", KNOB_BOOL, 0, AT(member_required), 0, 1, 0, "",
     "Only people with the shop's member token can join, once each."},
    {"code_required", KNOB_BOOL, FORMAT_OF_CODES, AT(code_required), 0, 1, 0, "",
     "Only people with one of the event's presale codes can join; lanes have a knob of their own."},
    {"lanes", KNOB_LANES, 0, 0, 0, LANES_MAX, 0, "",
     "Lanes for invited people, each with its share of the calls in percent: [{\"id\", \"name\", "
     "\"share\", \"invitations\", \"code_required\"}, ..]. Which there are is fixed once people "
     "may join."},
    {"schedule", KNOB_SCHEDULE, 0, 0, 0, EVENT_SCHEDULE_MAX, 0, "",
     "Rates by time: [{\"at\": time, \"rate_per_s\": number}, ..], in order."},
    {"autopilot", KNOB_AUTOPILOT, 0, 0, 0, 0, 0, "",
     "{\"on\", \"ceiling\", \"floor\", \"target_p99_ms\", \"errors_max\", \"held_max\", "
     "\"backlog_max\"}: "
     "the rate follows the health of the services behind the line, never above the ceiling."},
    {"seats_left", KNOB_BOOL, 0, AT(seats_left), 0, 1, 0, "",
     "Whether the number of seats left is fed to the line."},
    {"auto_reopen", KNOB_BOOL, 0, AT(auto_reopen), 0, 1, 0, "",
     "A sold-out event reopens in the same order when the feed reports seats again."},
};

/* The autopilot's own knobs, next to "on"; a limit of 0 is ignored. */
static const struct knob pilot_knobs[] = {
    {"ceiling", KNOB_MILLI, 0, AT(autopilot_ceiling_milli), 1, RATE_MILLI_MAX, 10000, "people/s",
     "The rate is never above it."},
    {"floor", KNOB_MILLI, 0, AT(autopilot_floor_milli), 1, RATE_MILLI_MAX, 1000, "people/s",
     "Where the rate goes when nothing is heard."},
    {"target_p99_ms", KNOB_NUMBER, 0, AT(autopilot_target_p99_ms), 1, 60000, 300, "ms",
     "How long the slowest of a hundred answers may take."},
    {"errors_max", KNOB_MILLI, 0, AT(autopilot_errors_max_milli), 0, 1000, 20, "",
     "Share of the answers that may fail."},
    {"held_max", KNOB_NUMBER, 0, AT(autopilot_held_max), 0, COUNT_MAX, 0, "seats",
     "How many seats may be held."},
    {"backlog_max", KNOB_NUMBER, 0, AT(autopilot_backlog_max), 0, COUNT_MAX, 0, "orders",
     "How many orders may be under way."},
};

enum {
    KNOBS = sizeof(knobs) / sizeof(knobs[0]),
    PILOT_KNOBS = sizeof(pilot_knobs) / sizeof(pilot_knobs[0])
};

static uint64_t *number_of(struct event_doc *doc, const struct knob *knob)
{
    assert(knob->kind == KNOB_NUMBER || knob->kind == KNOB_MILLI || knob->kind == KNOB_TIME);
    return (uint64_t *)((char *)doc + knob->offset);
}

static bool *bool_of(struct event_doc *doc, const struct knob *knob)
{
    assert(knob->kind == KNOB_BOOL && knob->offset > 0);
    return (bool *)((char *)doc + knob->offset);
}

static struct event_text *texts_of(struct event_doc *doc, const struct knob *knob, uint32_t **len)
{
    assert(knob->kind == KNOB_TEXTS || knob->kind == KNOB_CONTACTS);
    *len = knob->offset == AT(about)    ? &doc->abouts_len
           : knob->offset == AT(appeal) ? &doc->appeals_len
                                        : &doc->messages_len;
    assert(**len <= EVENT_LANGUAGES_MAX);
    return (struct event_text *)((char *)doc + knob->offset);
}

static void assert_number(const struct event_doc *doc, const struct knob *knob)
{
    if (knob->kind != KNOB_NUMBER && knob->kind != KNOB_MILLI)
        return;
    uint64_t number = *(const uint64_t *)((const char *)doc + knob->offset);
    assert(number >= knob->min);
    assert(number <= knob->max);
}

/* Holds for every document: asserted after reading and validating one, and again before writing
 * one, after this program's changes to it. */
static void assert_whole(const struct event_doc *doc)
{
    assert(doc->id[0] != '\0' && doc->name[0] != '\0');
    assert(doc->shards >= 1 && doc->shards <= CUT_SHARDS_MAX);
    assert(doc->session_max_s >= doc->session_ttl_s);
    assert(doc->prequeue_at_ms == 0 || doc->prequeue_at_ms < doc->opens_at_ms);
    assert(doc->closes_at_ms == 0 || doc->closes_at_ms > doc->opens_at_ms);
    assert(doc->planned_end_at_ms == 0 || doc->planned_end_at_ms > doc->opens_at_ms);
    assert(doc->lanes_len <= LANES_MAX && doc->schedule_len <= EVENT_SCHEDULE_MAX);
    for (unsigned i = 0; i < KNOBS; i++)
        assert_number(doc, &knobs[i]);
    for (unsigned i = 0; i < PILOT_KNOBS; i++)
        assert_number(doc, &pilot_knobs[i]);
}

/* ---- reading ---- */

/* Line ends are fine in a message. Other control characters mean nothing to a reader, and each
 * would take six bytes of the status that everybody receives. */
static bool words_ok(struct span words)
{
    for (size_t i = 0; i < words.len; i++) {
        unsigned char c = (unsigned char)words.ptr[i];
        if ((c < 0x20 && c != '\n') || c == 0x7F)
            return false;
    }
    return true;
}

static bool contact_ok(struct span words)
{
    bool is_address = span_starts(words, SPAN("https://")) || span_starts(words, SPAN("mailto:")) ||
                      span_starts(words, SPAN("tel:"));
    return is_address && span_is_visible(words) && !span_has_any(words, "\"<>");
}

static void read_texts(struct json_in *in, const struct knob *knob, struct event_text *list,
                       uint32_t *len)
{
    struct json_in texts;
    if (!json_in_child(in, knob->name, &texts))
        return;
    const char *tag;
    json_t *value;
    json_object_foreach(texts.object, tag, value)
    {
        struct span words;
        if (*len == EVENT_LANGUAGES_MAX) {
            json_in_refuse(in, knob->name, "must have at most %d languages", EVENT_LANGUAGES_MAX);
            break;
        }
        if (!show_is_tag(tag)) {
            json_in_refuse(&texts, tag, "is not a language tag such as \"en\" or \"ko\"");
            break;
        }
        if (!json_in_has(&texts, tag) || !json_in_str(&texts, tag, 0, knob->max, &words))
            continue;
        if (!words_ok(words)) {
            json_in_refuse(&texts, tag, "must not hold control characters");
            break;
        }
        if (knob->kind == KNOB_CONTACTS && !contact_ok(words)) {
            json_in_refuse(&texts, tag, "must begin with https://, mailto: or tel:");
            break;
        }
        assert(*len < EVENT_LANGUAGES_MAX && words.len <= EVENT_MESSAGE_BYTES_MAX);
        struct event_text *text = &list[(*len)++];
        memcpy(text->tag, tag, strlen(tag) + 1);
        memcpy(text->text, words.ptr, words.len);
        text->len = (uint16_t)words.len;
    }
    json_in_end(&texts);
}

static void read_schedule(struct json_in *in, const struct knob *knob, struct event_doc *doc)
{
    json_t *list;
    if (!json_in_array(in, knob->name, 0, knob->max, &list))
        return;
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct json_in row;
        if (!json_in_item_child(in, knob->name, list, i, &row))
            return;
        struct line_rate_at rate = {0};
        json_in_require(&row, "at");
        json_in_require(&row, "rate_per_s");
        bool good = json_in_time(&row, "at", &rate.at_ms);
        good &= json_in_milli(&row, "rate_per_s", 0, RATE_MILLI_MAX, &rate.rate_milli);
        if (good && i > 0 && rate.at_ms <= doc->schedule[i - 1].at_ms)
            json_in_refuse(&row, "at", "must be later than the one before");
        if (json_in_end(&row) < 0)
            return;
        assert(doc->schedule_len < EVENT_SCHEDULE_MAX);
        doc->schedule[doc->schedule_len++] = rate;
    }
}

static bool lane_id_ok(struct span id)
{
    return span_is_of(id, SPAN_LOWER SPAN_DIGITS "-") && !span_eq(id, SPAN("general"));
}

static void read_lanes(struct json_in *in, const struct knob *knob, struct event_doc *doc)
{
    json_t *list;
    uint64_t shares = 0;
    if (!json_in_array(in, knob->name, 0, knob->max, &list))
        return;
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct json_in row;
        if (!json_in_item_child(in, knob->name, list, i, &row))
            return;
        struct event_lane lane = {.share = 0};
        struct span id = {NULL, 0}, name;
        json_in_require(&row, "id");
        json_in_require(&row, "share");
        if (json_in_str(&row, "id", 1, EVENT_LANE_ID_MAX, &id) && !lane_id_ok(id))
            json_in_refuse(&row, "id", "must be of a-z, 0-9 and '-', and not \"general\"");
        name = id;
        if (json_in_has(&row, "name"))
            json_in_str(&row, "name", 1, EVENT_LANE_NAME_MAX, &name);
        if (!words_ok(name))
            json_in_refuse(&row, "name", "must not hold control characters");
        json_in_u64(&row, "share", 1, 99, &lane.share);
        json_in_u64(&row, "invitations", 0, INVITATIONS_MAX, &lane.invitations);
        if (json_in_has(&row, "code_required"))
            json_in_bool(&row, "code_required", &lane.code_required);
        shares += lane.share;
        if (shares > 99)
            json_in_refuse(&row, "share", "must leave the general lane at least 1 of 100");
        bool fits = span_to_cstr(id, lane.id, sizeof(lane.id));
        fits &= span_to_cstr(name, lane.name, sizeof(lane.name));
        assert(fits); /* as in read_doc() */
        if (event_doc_lane(doc, id) <= doc->lanes_len && event_doc_lane(doc, id) > 0)
            json_in_refuse(&row, "id", "must not be another lane's");
        if (json_in_end(&row) < 0)
            return;
        assert(doc->lanes_len < LANES_MAX && lane.share >= 1 && lane.share <= 99);
        doc->lane[doc->lanes_len++] = lane;
    }
}

static void read_number(struct json_in *in, const struct knob *knob, struct event_doc *doc)
{
    if (knob->kind == KNOB_MILLI)
        json_in_milli(in, knob->name, knob->min, knob->max, number_of(doc, knob));
    else
        json_in_u64(in, knob->name, knob->min, knob->max, number_of(doc, knob));
    assert_number(doc, knob); /* read, or still the default */
}

/* Absent and null both mean the default. */
static void read_knob(struct json_in *in, const struct knob *knob, struct event_doc *doc)
{
    assert(knob->kind <= KNOB_PRICES);
    if (!json_in_has(in, knob->name))
        return;
    switch (knob->kind) {
    case KNOB_NUMBER:
    case KNOB_MILLI:
        read_number(in, knob, doc);
        break;
    case KNOB_BOOL:
        json_in_bool(in, knob->name, bool_of(doc, knob));
        break;
    case KNOB_TIME:
        json_in_time(in, knob->name, number_of(doc, knob));
        break;
    case KNOB_ZONE:
        show_read_zone(in, knob->name, doc->show.time_zone);
        break;
    case KNOB_VENUE:
        show_read_venue(in, knob->name, &doc->show.venue);
        break;
    case KNOB_PATH:
        show_read_picture(in, knob->name, doc->show.picture);
        break;
    case KNOB_TEXTS:
    case KNOB_CONTACTS: {
        uint32_t *len;
        struct event_text *list = texts_of(doc, knob, &len);
        read_texts(in, knob, list, len);
        break;
    }
    case KNOB_SCHEDULE:
        read_schedule(in, knob, doc);
        break;
    case KNOB_AUTOPILOT: {
        struct json_in pilot;
        if (!json_in_child(in, knob->name, &pilot))
            break;
        json_in_bool(&pilot, "on", &doc->autopilot_on);
        for (unsigned i = 0; i < PILOT_KNOBS; i++)
            read_number(&pilot, &pilot_knobs[i], doc);
        json_in_end(&pilot);
        assert(pilot.rc == 0 || in->rc < 0); /* a fault inside is a fault of the document */
        break;
    }
    case KNOB_LANES:
        read_lanes(in, knob, doc);
        break;
    case KNOB_BEACON:
        beacon_read(in, knob->name, &doc->beacon);
        break;
    case KNOB_PRICES:
        prices_read(in, knob->name, &doc->prices);
        break;
    }
}

static void set_defaults(struct event_doc *doc)
{
    memset(doc, 0, sizeof(*doc));
    doc->shards = 1;
    for (unsigned i = 0; i < KNOBS; i++) {
        if (knobs[i].kind == KNOB_NUMBER || knobs[i].kind == KNOB_MILLI)
            *number_of(doc, &knobs[i]) = knobs[i].fallback;
        assert(knobs[i].fallback <= knobs[i].max || knobs[i].max == 0); /* a default is valid */
    }
    doc->beacon.late_s = BEACON_LATE_S;
    for (unsigned i = 0; i < PILOT_KNOBS; i++) {
        *number_of(doc, &pilot_knobs[i]) = pilot_knobs[i].fallback;
        assert_number(doc, &pilot_knobs[i]);
    }
}

/* Rules between members; each knob alone is already valid. */
static void read_together(struct json_in *in, const struct event_doc *doc)
{
    assert(in->rc == 0);
    if (doc->session_max_s < doc->session_ttl_s)
        json_in_refuse(in, "session_max_s", "must be at least session_ttl_s, %llu",
                       (unsigned long long)doc->session_ttl_s);
    if (doc->prequeue_at_ms != 0 && doc->opens_at_ms == 0)
        json_in_refuse(in, "prequeue_at", "needs opens_at");
    else if (doc->prequeue_at_ms != 0 && doc->prequeue_at_ms >= doc->opens_at_ms)
        json_in_refuse(in, "prequeue_at", "must be earlier than opens_at");
    if (doc->closes_at_ms != 0 && doc->closes_at_ms <= doc->opens_at_ms)
        json_in_refuse(in, "closes_at", "must be later than opens_at");
    if (doc->planned_end_at_ms != 0 && doc->planned_end_at_ms <= doc->opens_at_ms)
        json_in_refuse(in, "planned_end_at", "must be later than opens_at");
    show_judge_doors(in, &doc->show);
}

static int read_doc(json_t *json, struct span id, struct err_slot *err, struct event_doc *out)
{
    set_defaults(out);
    struct json_in in;
    struct span given, name = id;
    json_in_object(&in, json, err);
    if (json_in_has(&in, "id") && json_in_str(&in, "id", 1, LINE_EVENT_ID_MAX, &given) &&
        !span_eq(given, id))
        json_in_refuse(&in, "id", "must be \"%.*s\", as in the path", (int)id.len, id.ptr);
    if (json_in_has(&in, "name"))
        json_in_str(&in, "name", 1, EVENT_NAME_BYTES_MAX, &name);
    bool fits = span_to_cstr(id, out->id, sizeof(out->id)) &&
                span_to_cstr(name, out->name, sizeof(out->name));
    assert(fits); /* the length was limited, and JSON strings here have no NUL */
    if (!words_ok(name))
        json_in_refuse(&in, "name", "must not hold control characters");
    assert(in.rc < 0 || out->name[0] != '\0');
    if (json_in_has(&in, "shards"))
        json_in_u64(&in, "shards", 1, CUT_SHARDS_MAX, &out->shards);
    for (unsigned i = 0; i < KNOBS; i++)
        read_knob(&in, &knobs[i], out);
    if (in.rc == 0)
        read_together(&in, out);
    int rc = json_in_end(&in);
    if (rc == 0)
        assert_whole(out);
    return rc;
}

void event_doc_init(struct span id, struct event_doc *out)
{
    set_defaults(out);
    bool fits = span_to_cstr(id, out->id, sizeof(out->id)) &&
                span_to_cstr(id, out->name, sizeof(out->name));
    assert(fits);
    assert_whole(out);
}

/* Splits "/rate_per_s: must be .." into its two parts. */
static void fault_of(const struct err_slot *err, struct event_doc_fault *fault)
{
    struct span pointer = {NULL, 0}, text = span_of(err->text);
    for (size_t i = 0; err->code == ERR_RANGE && i + 1 < text.len; i++) {
        if (text.ptr[i] == ':' && text.ptr[i + 1] == ' ') {
            pointer = text.ptr[0] == '/' ? (struct span){text.ptr, i} : pointer;
            text = span_skip(text, i + 2);
            break;
        }
    }
    snprintf(fault->pointer, sizeof(fault->pointer), "%.*s", (int)pointer.len,
             pointer.len > 0 ? pointer.ptr : "");
    snprintf(fault->rule, sizeof(fault->rule), "%.*s", (int)text.len, text.ptr);
    assert(fault->rule[0] != '\0'); /* the operator sees why */
}

static bool is_member(const char *name)
{
    assert(name != NULL);
    bool known =
        strcmp(name, "id") == 0 || strcmp(name, "name") == 0 || strcmp(name, "shards") == 0;
    for (unsigned i = 0; i < KNOBS && !known; i++)
        known = strcmp(name, knobs[i].name) == 0;
    return known;
}

/* Removes `needs`, and if it allows that, the members that this program does not know. */
static int drop_newer(json_t *doc, struct err_slot *err, bool *newer)
{
    struct json_in in;
    uint64_t needs = 0;
    json_in_object(&in, doc, err);
    if (in.rc < 0 || !json_in_has(&in, "needs"))
        return in.rc;
    json_in_u64(&in, "needs", 1, INT64_MAX, &needs);
    if (needs > EVENT_DOC_FORMAT)
        json_in_refuse(&in, "needs", "format %llu, and this program knows up to %d",
                       (unsigned long long)needs, EVENT_DOC_FORMAT);
    if (in.rc < 0)
        return in.rc; /* not json_in_end(): others are validated with the document */
    json_object_del(doc, "needs");
    const char *name;
    json_t *value;
    void *next;
    json_object_foreach_safe(doc, next, name, value)
    {
        if (!is_member(name)) {
            *newer = true;
            json_object_del(doc, name);
        }
    }
    assert(json_object_get(doc, "needs") == NULL);
    return 0;
}

int event_doc_load(struct span stored, struct span id, struct event_doc_fault *fault,
                   struct event_doc *out)
{
    struct err_slot err;
    json_t *doc;
    bool newer = false;
    int rc = json_in_parse(stored, &err, &doc);
    if (rc == 0) {
        rc = drop_newer(doc, &err, &newer);
        if (rc == 0)
            rc = read_doc(doc, id, &err, out);
        json_decref(doc);
    }
    if (rc < 0)
        fault_of(&err, fault);
    else
        out->newer = newer;
    assert(rc < 0 || span_eq(span_of(out->id), id));
    return rc;
}

/* A patch may repeat read-only members unchanged; they are dropped. */
static int drop_read_only(json_t *patch, const struct event_doc_now *now, struct err_slot *err)
{
    struct json_in in;
    struct span state;
    uint64_t version = now->version;
    json_in_object(&in, patch, err);
    if (in.rc < 0)
        return in.rc;
    if (json_in_str(&in, "state", 0, 32, &state) &&
        !span_eq(state, span_of(event_state_name(now->state))))
        json_in_refuse(&in, "state", "is changed by actions, not here");
    json_in_u64(&in, "version", 0, INT64_MAX, &version);
    if (version != now->version)
        json_in_refuse(&in, "version", "is %llu by now", (unsigned long long)now->version);
    json_object_del(patch, "state");
    json_object_del(patch, "version");
    json_object_del(patch, "autopilot_state");
    json_object_del(patch, "incarnation");
    assert(json_object_get(patch, "state") == NULL && json_object_get(patch, "version") == NULL);
    return in.rc; /* not json_in_end(): others are validated with the document */
}

int event_doc_patch(struct span stored, struct span patch, struct span id,
                    const struct event_doc_now *now, struct event_doc_fault *fault,
                    struct event_doc *out)
{
    struct err_slot err;
    json_t *base, *change, *merged;
    int rc = json_in_parse(stored, &err, &base);
    if (rc < 0)
        goto tell;
    json_object_del(base, "needs"); /* written again, as the new document requires */
    rc = json_in_parse(patch, &err, &change);
    if (rc < 0)
        goto free_base;
    rc = drop_read_only(change, now, &err);
    if (rc < 0)
        goto free_change;
    rc = json_in_merge(base, change, &err, &merged);
    if (rc < 0)
        goto free_change;
    rc = read_doc(merged, id, &err, out);
    assert(rc < 0 || span_eq(span_of(out->id), id)); /* a patch cannot rename an event */
    if (rc == 0)
        rc = show_require_zone(&out->show, &err);
    json_decref(merged);
free_change:
    json_decref(change);
free_base:
    json_decref(base);
tell:
    if (rc < 0)
        fault_of(&err, fault);
    return rc;
}

/* ---- writing ---- */

static void put_texts(struct text *out, const struct event_text *list, uint32_t len)
{
    assert(len <= EVENT_LANGUAGES_MAX);
    json_open(out, '{');
    for (uint32_t i = 0; i < len; i++) {
        assert(show_is_tag(list[i].tag)); /* written as a key, without escaping */
        json_member_str(out, list[i].tag, (struct span){list[i].text, list[i].len});
    }
    json_close(out, '}');
}

void event_doc_messages(struct text *out, const struct event_doc *doc)
{
    put_texts(out, doc->message, doc->messages_len);
}

void event_doc_appeals(struct text *out, const struct event_doc *doc)
{
    put_texts(out, doc->appeal, doc->appeals_len);
}

static void put_schedule(struct text *out, const struct event_doc *doc)
{
    assert(doc->schedule_len <= EVENT_SCHEDULE_MAX);
    json_open(out, '[');
    for (uint32_t i = 0; i < doc->schedule_len; i++) {
        assert(i == 0 || doc->schedule[i].at_ms > doc->schedule[i - 1].at_ms);
        json_open(out, '{');
        json_member_time(out, "at", doc->schedule[i].at_ms);
        json_member_milli(out, "rate_per_s", (int64_t)doc->schedule[i].rate_milli);
        json_close(out, '}');
    }
    json_close(out, ']');
}

static void put_lanes(struct text *out, const struct event_doc *doc)
{
    assert(doc->lanes_len <= LANES_MAX);
    json_open(out, '[');
    for (uint32_t i = 0; i < doc->lanes_len; i++) {
        assert(lane_id_ok(span_of(doc->lane[i].id)));
        assert(doc->lane[i].share >= 1 && doc->lane[i].share <= 99);
        json_open(out, '{');
        json_member_cstr(out, "id", doc->lane[i].id);
        json_member_cstr(out, "name", doc->lane[i].name);
        json_member_u64(out, "share", doc->lane[i].share);
        json_member_u64(out, "invitations", doc->lane[i].invitations);
        if (doc->lane[i].code_required) /* otherwise as before codes existed */
            json_member_bool(out, "code_required", true);
        json_close(out, '}');
    }
    json_close(out, ']');
}

static void put_number(struct text *out, const struct knob *knob, const struct event_doc *doc)
{
    uint64_t number = *(const uint64_t *)((const char *)doc + knob->offset);
    assert(knob->kind == KNOB_NUMBER || knob->kind == KNOB_MILLI);
    if (knob->kind == KNOB_MILLI)
        json_member_milli(out, knob->name, (int64_t)number);
    else
        json_member_u64(out, knob->name, number);
}

/* Its last move, the reason, and the reading. */
static void put_pilot(struct text *out, const struct line_pilot *pilot)
{
    if (pilot == NULL || !pilot->on) {
        json_member_null(out, "autopilot_state");
        return;
    }
    json_member_open(out, "autopilot_state", '{');
    json_member_milli(out, "rate_per_s", (int64_t)pilot->rate_milli);
    json_member_cstr(out, "reason", pilot->reason);
    json_member_time(out, "decided_at", pilot->at_ms);
    json_member_time(out, "heard_at", pilot->heard_ms);
    json_member_raw(out, "reading",
                    pilot->reading[0] != '\0' ? span_of(pilot->reading) : SPAN("null"));
    json_member_open(out, "last_move", '{');
    json_member_time(out, "at", pilot->moved_ms);
    json_member_milli(out, "from_per_s", (int64_t)pilot->from_milli);
    json_member_milli(out, "to_per_s", (int64_t)pilot->rate_milli);
    json_member_cstr(out, "why", pilot->why);
    json_member_raw(out, "because",
                    pilot->because[0] != '\0' ? span_of(pilot->because) : SPAN("null"));
    json_close(out, '}');
    json_close(out, '}');
}

static bool is_null(const struct event_doc *doc, const struct knob *knob)
{
    return (knob->kind == KNOB_ZONE && doc->show.time_zone[0] == '\0') ||
           (knob->kind == KNOB_PATH && doc->show.picture[0] == '\0') ||
           (knob->kind == KNOB_VENUE && doc->show.venue.name.len == 0) ||
           (knob->kind == KNOB_BEACON && doc->beacon.kind == BEACON_NONE &&
            doc->beacon.changes == 0) ||
           (knob->kind == KNOB_PRICES && doc->prices.len == 0);
}

static void put_knob(struct text *out, const struct event_doc *doc, const struct knob *knob)
{
    struct event_doc *unlocked = (struct event_doc *)doc; /* number_of() needs a mutable document */
    if (knob->kind == KNOB_TIME) {
        json_member_time(out, knob->name, *number_of(unlocked, knob));
        return;
    }
    if (knob->kind == KNOB_NUMBER || knob->kind == KNOB_MILLI) {
        put_number(out, knob, doc);
        return;
    }
    json_key(out, knob->name);
    if (is_null(doc, knob)) {
        json_nil(out);
        return;
    }
    switch (knob->kind) {
    case KNOB_NUMBER: /* handled above */
    case KNOB_MILLI:
    case KNOB_TIME:
        break;
    case KNOB_BOOL:
        json_bool(out, *bool_of(unlocked, knob));
        break;
    case KNOB_ZONE:
        json_str(out, span_of(doc->show.time_zone));
        break;
    case KNOB_PATH:
        json_str(out, span_of(doc->show.picture));
        break;
    case KNOB_VENUE:
        show_put_venue(out, &doc->show.venue);
        break;
    case KNOB_TEXTS:
    case KNOB_CONTACTS: {
        uint32_t *len;
        const struct event_text *list = texts_of(unlocked, knob, &len);
        put_texts(out, list, *len);
        break;
    }
    case KNOB_SCHEDULE:
        put_schedule(out, doc);
        break;
    case KNOB_AUTOPILOT:
        assert(doc->autopilot_ceiling_milli > 0 && doc->autopilot_floor_milli > 0);
        json_open(out, '{');
        json_member_bool(out, "on", doc->autopilot_on);
        for (unsigned i = 0; i < PILOT_KNOBS; i++)
            put_number(out, &pilot_knobs[i], doc);
        json_close(out, '}');
        break;
    case KNOB_LANES:
        put_lanes(out, doc);
        break;
    case KNOB_BEACON:
        beacon_put(out, &doc->beacon);
        break;
    case KNOB_PRICES:
        prices_put(out, &doc->prices);
        break;
    }
}

bool event_doc_asks_code_anywhere(const struct event_doc *doc)
{
    assert(doc->lanes_len <= LANES_MAX);
    bool asks = false;
    for (unsigned lane = 0; lane <= doc->lanes_len; lane++)
        asks |= event_doc_asks_code(doc, lane);
    return asks;
}

/* Any other kind belongs to a single knob, which every program knows. */
static bool is_default(const struct event_doc *doc, const struct knob *knob)
{
    struct event_doc *unlocked = (struct event_doc *)doc; /* as in put_knob() */
    uint32_t *len;
    switch (knob->kind) {
    case KNOB_NUMBER:
    case KNOB_MILLI:
    case KNOB_TIME:
        return *number_of(unlocked, knob) == knob->fallback;
    case KNOB_BOOL:
        return !*bool_of(unlocked, knob);
    case KNOB_TEXTS:
    case KNOB_CONTACTS:
        (void)texts_of(unlocked, knob, &len);
        return *len == 0;
    default:
        return is_null(doc, knob);
    }
}

/* A program without shards would number joins itself; one without codes would let everybody in. */
static uint64_t format_of(const struct event_doc *doc)
{
    uint64_t format = doc->shards > 1                     ? FORMAT_OF_SHARDS
                      : event_doc_asks_code_anywhere(doc) ? FORMAT_OF_CODES
                                                          : 0;
    for (unsigned i = 0; i < KNOBS; i++)
        if (knobs[i].format > format && !is_default(doc, &knobs[i]))
            format = knobs[i].format;
    assert(format <= EVENT_DOC_FORMAT);
    return format;
}

void event_doc_show(struct text *out, const struct event_doc *doc, const struct event_doc_now *now)
{
    const uint64_t format = format_of(doc);
    assert_whole(doc);
    json_open(out, '{');
    json_member_cstr(out, "id", doc->id);
    json_member_cstr(out, "name", doc->name);
    if (now != NULL) {
        json_member_cstr(out, "state", event_state_name(now->state));
        json_member_u64(out, "version", now->version);
        if (now->incarnation != NULL && now->incarnation[0] != '\0')
            json_member_cstr(out, "incarnation", now->incarnation);
        else
            json_member_null(out, "incarnation");
    } else if (format > 0) {
        json_member_u64(out, "needs", format);
    }
    if (now != NULL || doc->shards > 1)
        json_member_u64(out, "shards", doc->shards);
    for (unsigned i = 0; i < KNOBS; i++) {
        if (now != NULL || knobs[i].format == 0 || !is_default(doc, &knobs[i]))
            put_knob(out, doc, &knobs[i]);
    }
    if (now != NULL)
        put_pilot(out, now->pilot);
    json_close(out, '}');
}

void event_doc_json(struct text *out, const struct event_doc *doc)
{
    event_doc_show(out, doc, NULL);
}

unsigned event_doc_lane(const struct event_doc *doc, struct span id)
{
    assert(doc->lanes_len <= LANES_MAX);
    for (uint32_t i = 0; i < doc->lanes_len; i++) {
        if (span_eq(id, span_of(doc->lane[i].id)))
            return i + 1;
    }
    return span_eq(id, SPAN("general")) ? 0 : LANES_MAX + 1;
}

bool event_doc_asks_code(const struct event_doc *doc, unsigned lane)
{
    assert(lane <= LANES_MAX);
    if (lane == 0)
        return doc->code_required;
    return lane <= doc->lanes_len && doc->lane[lane - 1].code_required;
}

bool event_doc_same_lanes(const struct event_doc *a, const struct event_doc *b)
{
    bool same = a->lanes_len == b->lanes_len;
    for (uint32_t i = 0; same && i < a->lanes_len; i++)
        same = strcmp(a->lane[i].id, b->lane[i].id) == 0;
    assert(a != b || same);
    return same;
}

struct line_knobs event_doc_knobs(const struct event_doc *doc)
{
    assert(doc->session_max_s >= doc->session_ttl_s);
    assert(doc->burst >= 1 && doc->call_ttl_s >= 1);
    uint64_t shares[LANES_MAX] = {0};
    for (uint32_t i = 0; i < doc->lanes_len; i++)
        shares[i] = doc->lane[i].share;
    uint64_t packed = line_lanes_pack(shares, doc->lanes_len);
    assert(line_lanes(packed) == doc->lanes_len && line_lane_share(packed, 0) >= 1);
    return (struct line_knobs){
        .rate_milli = doc->rate_milli,
        .burst = doc->burst,
        .max_active = doc->max_active,
        .session_ttl_ms = doc->session_ttl_s * 1000,
        .session_max_ms = doc->session_max_s * 1000,
        .call_ttl_ms = doc->call_ttl_s * 1000,
        .grace_ms = doc->grace_s * 1000,
        .line_max = doc->line_max,
        .joins_per_ip_per_min = doc->joins_per_ip_per_min,
        .opens_at_ms = doc->opens_at_ms,
        .prequeue_at_ms = doc->prequeue_at_ms,
        .shards = doc->shards > 1 ? doc->shards : 0,
        .shares = packed,
        .pilot_ceiling_milli = doc->autopilot_on ? doc->autopilot_ceiling_milli : 0,
        .pilot_floor_milli = doc->autopilot_floor_milli,
    };
}

/* ---- comparing and explaining ---- */

static void diff_member(const char *key, const json_t *a, const json_t *b, struct text *from,
                        struct text *to)
{
    assert(a != NULL || b != NULL);
    const json_t *sides[] = {a, b};
    struct text *outs[] = {from, to};
    for (unsigned i = 0; i < 2; i++) {
        json_key(outs[i], key);
        if (sides[i] == NULL) {
            json_nil(outs[i]);
            continue;
        }
        json_in_put(outs[i], sides[i]);
        outs[i]->comma = true; /* the value was written without the writer's own calls */
    }
}

int event_doc_diff(struct span before, struct span after, struct text *from, struct text *to,
                   bool *differ)
{
    json_t *a = NULL, *b = NULL;
    bool differs = false;
    json_open(from, '{');
    json_open(to, '{');
    int rc = json_in_parse(before, NULL, &a);
    if (rc == 0)
        rc = json_in_parse(after, NULL, &b);
    if (rc == 0) {
        const char *key;
        json_t *value;
        json_object_foreach(b, key, value)
        {
            const json_t *old = json_object_get(a, key);
            if (old != NULL && json_equal(old, value))
                continue;
            differs = true;
            diff_member(key, old, value, from, to);
        }
        json_object_foreach(a, key, value)
        {
            if (json_object_get(b, key) != NULL)
                continue;
            differs = true; /* an omitted member differs from a set one */
            diff_member(key, value, NULL, from, to);
        }
    }
    json_close(from, '}');
    json_close(to, '}');
    json_decref(a);
    json_decref(b);
    if (rc == 0)
        *differ = differs;
    return rc;
}

static void put_table(struct text *out, const struct knob *table, unsigned len)
{
    json_open(out, '[');
    for (unsigned i = 0; i < len; i++) {
        const struct knob *knob = &table[i];
        assert(knob->kind <= KNOB_PRICES && kind_names[knob->kind] != NULL);
        json_open(out, '{');
        json_member_cstr(out, "name", knob->name);
        json_member_cstr(out, "kind", kind_names[knob->kind]);
        if (knob->kind == KNOB_MILLI || knob->kind == KNOB_NUMBER) {
            int64_t scale = knob->kind == KNOB_MILLI ? 1 : 1000; /* in thousandths */
            assert(knob->min <= knob->fallback && knob->fallback <= knob->max);
            json_member_milli(out, "min", (int64_t)knob->min * scale);
            json_member_milli(out, "max", (int64_t)knob->max * scale);
            json_member_milli(out, "default", (int64_t)knob->fallback * scale);
        }
        json_member_cstr(out, "unit", knob->unit);
        json_member_cstr(out, "help", knob->help);
        if (knob->kind == KNOB_AUTOPILOT) {
            json_key(out, "members");
            put_table(out, pilot_knobs, PILOT_KNOBS);
        }
        json_close(out, '}');
    }
    json_close(out, ']');
}

void event_doc_table(struct text *out)
{
    put_table(out, knobs, KNOBS);
}
