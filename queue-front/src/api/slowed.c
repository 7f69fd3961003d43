/* slowed.c: references are random, and what they stand for is a line of the log: nothing is kept
 * here, and nobody can be guessed. A flood of refusals must not become a flood of lines: of each
 * second the first SLOWED_LINES_MAX are written, the others have no number to name. Work is asked
 * of every newcomer, so it may not take all of them. */
#include "api/slowed.h"

#include "api/answer.h"
#include "core/token/code32.h"

static bool may_log(struct front *front, uint32_t most)
{
    uint64_t now_s = front_wall_s(front);
    if (front->slowed_s != now_s) {
        front->slowed_s = now_s;
        front->slowed_n = 0;
    }
    if (front->slowed_n >= most)
        return false;
    front->slowed_n++;
    return true;
}

static struct slowed note(struct front *front, const struct front_event *event, const char *why,
                          uint32_t most)
{
    struct slowed slowed = {.reference = ""};
    if (event->doc.appeals_len == 0 || !may_log(front, most))
        return slowed;
    uint8_t values[SLOWED_REFERENCE_LEN - 1];
    rng_fill(rng_system(), values, sizeof(values));
    for (size_t i = 0; i < sizeof(values); i++)
        values[i] &= 31;
    code32_make(values, SLOWED_REFERENCE_LEN, slowed.reference);
    struct log_line line;
    log_begin(&line, front->loop->log, LOG_LEVEL_INFO, "a visitor was slowed down");
    log_cstr(&line, "event", event->id);
    log_cstr(&line, "why", why);
    log_cstr(&line, "reference", slowed.reference);
    log_end(&line);
    return slowed;
}

struct slowed slowed_note(struct front *front, const struct front_event *event, const char *why)
{
    return note(front, event, why, SLOWED_LINES_MAX);
}

struct slowed slowed_note_work(struct front *front, const struct front_event *event,
                               const char *why)
{
    return note(front, event, why, SLOWED_WORK_LINES_MAX);
}

void slowed_put(struct text *members, const struct front_event *event, const struct slowed *slowed)
{
    if (slowed->reference[0] == '\0')
        return;
    json_member_cstr(members, "reference", slowed->reference);
    json_key(members, "appeal");
    event_doc_appeals(members, &event->doc);
}

void slowed_answer_page(struct http_req *req, const struct front_event *event, const char *why,
                        const struct slowed *slowed)
{
    char memory[64];
    struct text notice = text_on(memory, sizeof(memory) - 1);
    text_str(&notice, why);
    if (slowed->reference[0] != '\0')
        text_printf(&notice, "&reference=%s", slowed->reference);
    memory[notice.len] = '\0';
    answer_waiting_page(req, front_event_id(event), memory, NULL);
}

bool slowed_reference_ok(struct span text)
{
    char code[SLOWED_REFERENCE_LEN];
    return text.len == SLOWED_REFERENCE_LEN && code32_parse(text, SLOWED_REFERENCE_LEN, code, NULL);
}
