/* reply_fuzz.c: Redis's replies to the line's scripts. A tree of replies is written as JSON, so
 * that the mutator changes it as a tree: numbers, strings and lists are themselves, null is nil, {}
 * an error, a boolean a status. Each line is a reply; one event gets them in order.
 *
 * Holds: a refused reply changes nothing; marks only rise; the line that is shown is possible; and
 * each reader of wire.list accepts or refuses any tree. */
#include "../fuzz.h"
#include "../json_mutator.h"
#include "line/event/line_event.h"
#include "queue-front/lua/line_wire.h"

enum { WIRE_BYTES = 1 << 20 };

static void put_integer(struct text *out, json_int_t number)
{
    text_char(out, ':');
    text_i64(out, number);
    TEXT_LIT(out, "\r\n");
}

static void put_tree(struct text *out, const json_t *tree)
{
    size_t at;
    const json_t *one;
    switch (json_typeof(tree)) {
    case JSON_ARRAY:
        resp_begin(out, json_array_size(tree));
        json_array_foreach(tree, at, one) put_tree(out, one);
        return;
    case JSON_STRING:
        resp_word(out, (struct span){json_string_value(tree), json_string_length(tree)});
        return;
    case JSON_INTEGER:
        put_integer(out, json_integer_value(tree));
        return;
    case JSON_NULL:
        TEXT_LIT(out, "$-1\r\n");
        return;
    case JSON_OBJECT:
        TEXT_LIT(out, "-ERR no\r\n");
        return;
    default:
        TEXT_LIT(out, "+OK\r\n");
    }
}

/* Parsed by hiredis from the bytes that Redis would send. NULL: Redis would not send that. */
static redisReply *reply_of(struct span line)
{
    static char memory[WIRE_BYTES];
    struct text wire = text_on(memory, sizeof(memory));
    json_t *tree = json_loadb(line.ptr, line.len, JSON_DECODE_ANY, NULL);
    if (tree == NULL)
        return NULL;
    put_tree(&wire, tree);
    json_decref(tree);
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    if (wire.overflown || redisReaderFeed(reader, wire.ptr, wire.len) != REDIS_OK ||
        redisReaderGetReply(reader, &reply) != REDIS_OK)
        reply = NULL;
    redisReaderFree(reader);
    return reply;
}

#define READ(NAME)                                                                                 \
    do {                                                                                           \
        struct reply_##NAME got;                                                                   \
        (void)reply_##NAME##_read(reply, 0, &got);                                                 \
    } while (0)

static void read_as_all(const redisReply *reply)
{
    READ(heal);
    READ(join);
    READ(visit);
    READ(move);
    READ(change);
    READ(group);
    READ(registry);
    READ(registry_look);
    READ(registry_names);
    READ(registry_page);
    READ(sweep);
}

static bool rose(const struct line_marks *was, const struct line_marks *is)
{
    return is->issued >= was->issued && is->serving >= was->serving;
}

static void judge_view(const struct line_event *event)
{
    const struct line_view *view = &event->view;
    assert(view->state < LINE_STATE_COUNT);
    assert(view->serving <= view->issued);
    assert(view->issued <= LINE_PLACE_MAX);
    assert(view->nobodys <= view->issued);
    assert(view->show_up_milli <= 1000);
    assert(event->gaps_len <= LINE_GAPS_MAX);
    for (uint32_t i = 1; i < view->calls_len; i++)
        assert(view->calls[i].upto > view->calls[i - 1].upto);
    for (uint32_t i = 0; i < event->gaps_len; i++)
        assert(event->gaps[i].from <= event->gaps[i].upto);
}

static void take(struct line_event *event, const redisReply *reply, uint64_t now_us)
{
    static char command[WIRE_BYTES];
    const struct line_view view = event->view;
    const struct line_marks marks = event->marks;
    enum line_tick tick = line_event_take_tick(event, reply, now_us, now_us);
    assert(rose(&marks, &event->marks));
    if (tick == LINE_TICK_BAD) {
        assert(memcmp(&marks, &event->marks, sizeof(marks)) == 0);
        assert(view.state == event->view.state && view.serving == event->view.serving);
        assert(view.issued == event->view.issued && view.doc.ptr == event->view.doc.ptr);
    }
    judge_view(event);
    struct text text = text_on(command, sizeof(command));
    line_event_put_tick(event, &text, 100, now_us);
    assert(!text.overflown);
    text = text_on(command, sizeof(command));
    line_event_put_heal(event, &text, SPAN("front"), now_us);
    assert(!text.overflown);
}

static void fuzz(struct span rest)
{
    static struct line_event event;
    struct span line;
    uint64_t now_us = 5000000;
    line_event_init(&event, SPAN("e"));
    while (rest.ptr != NULL) {
        rest = span_cut(rest, '\n', &line);
        redisReply *reply = reply_of(line);
        if (reply == NULL)
            continue;
        read_as_all(reply);
        take(&event, reply, now_us += 100000);
        (void)line_event_take_seen(&event, reply);
        freeReplyObject(reply);
    }
    line_event_deinit(&event);
}
