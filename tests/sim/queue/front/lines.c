/* lines.c: names and numbers of lines. */
#include "queue/front/lines.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TEXTS = 8, EVENT_SHIFT = 40, MADE_SHIFT = 48 };

static const char *const events[EVENTS] = {"show", "play"};
static const char *const lanes[EVENT_LANES] = {"club", "fans"};

static struct {
    char incarnation[LINE_INCARNATION_LEN + 1]; /* the newest; "": none yet */
    uint64_t again;                             /* how often it was made again */
} made[EVENTS];

const char *lines_event(unsigned event)
{
    assert(event < EVENTS);
    return events[event];
}

const char *lines_lane(unsigned lane)
{
    assert(lane > 0 && lane <= EVENT_LANES);
    return lanes[lane - 1];
}

void lines_id(struct line_ref line, char out[LINE_ID_MAX + 1])
{
    line_name(span_of(lines_event(line.event)), line.lane, out);
}

const char *lines_key(struct line_ref line, const char *name)
{
    static char keys[TEXTS][LINES_KEY_MAX];
    static unsigned next;
    char *key = keys[next++ % TEXTS];
    if (line.lane == 0)
        snprintf(key, LINES_KEY_MAX, "fg:{%s}:%s", lines_event(line.event), name);
    else
        snprintf(key, LINES_KEY_MAX, "fg:{%s}:@%u:%s", lines_event(line.event), line.lane, name);
    return key;
}

bool lines_read_key(struct span key, struct line_ref *line, struct span *name)
{
    for (unsigned event = 0; event < EVENTS; event++) {
        size_t id = strlen(events[event]);
        struct span rest = span_starts(key, SPAN("fg:{")) ? span_skip(key, 4) : key;
        if (rest.len < id + 2 || memcmp(rest.ptr, events[event], id) != 0 || rest.ptr[id] != '}')
            continue;
        rest = span_skip(rest, id + 2);
        *line = (struct line_ref){event, 0};
        if (rest.len > 3 && rest.ptr[0] == '@') {
            line->lane = (unsigned)(rest.ptr[1] - '0');
            rest = span_skip(rest, 3);
        }
        *name = rest;
        return line->lane <= EVENT_LANES;
    }
    return false;
}

/* Incarnations are in the order of their creation. */
bool lines_made(unsigned event, struct span incarnation)
{
    char *newest = made[event].incarnation;
    char read[sizeof(made[event].incarnation)];
    if (!span_to_cstr(incarnation, read, sizeof(read)) || strcmp(read, newest) <= 0)
        return false;
    bool again = newest[0] != '\0';
    made[event].again += again;
    memcpy(newest, read, sizeof(read));
    return again;
}

bool lines_was_made_again(unsigned event)
{
    return made[event].again > 0;
}

bool lines_is_newest(unsigned event, struct span incarnation)
{
    return span_eq(incarnation, span_of(made[event].incarnation));
}

uint64_t lines_number(struct line_ref line, uint64_t place)
{
    return made[line.event].again << MADE_SHIFT | (uint64_t)line.event << EVENT_SHIFT |
           line_place_of(line.lane, place);
}

bool lines_is_of(uint64_t number, unsigned event)
{
    return number >> EVENT_SHIFT == lines_number((struct line_ref){event, 0}, 0) >> EVENT_SHIFT;
}

struct line_ref lines_of(uint64_t number)
{
    unsigned event = (unsigned)(number >> EVENT_SHIFT) & ((1u << (MADE_SHIFT - EVENT_SHIFT)) - 1);
    return (struct line_ref){event, line_lane_of(number) & ((1u << (EVENT_SHIFT - 32)) - 1)};
}

bool lines_are_same(uint64_t number, uint64_t other)
{
    return number >> 32 == other >> 32;
}

uint64_t lines_place(uint64_t number)
{
    return line_place_in_lane(number);
}

const char *lines_says(uint64_t number)
{
    static char texts[TEXTS][LINES_SAYS_MAX];
    static unsigned next;
    char *text = texts[next++ % TEXTS];
    struct line_ref line = lines_of(number);
    char id[LINE_ID_MAX + 1];
    lines_id(line, id);
    if (line.event == 0 && line.lane == 0)
        snprintf(text, LINES_SAYS_MAX, "%" PRIu64, lines_place(number));
    else
        snprintf(text, LINES_SAYS_MAX, "%" PRIu64 " of %s", lines_place(number), id);
    return text;
}

uint64_t lines_u64(struct span text)
{
    uint64_t number = 0;
    (void)span_u64(text, UINT64_MAX, &number);
    return number;
}
