/* slowed.c: the reference contains the case's data (core/token/appeal.h), so nothing is stored
 * here, and any front can decode it. The case is logged as well. A flood of refusals must not flood
 * the log, so only the first SLOWED_LINES_MAX of each second are written; proof of work, which any
 * newcomer may have to do, gets only a part of them. */
#include "api/slowed.h"

#include "api/answer.h"

struct slowed slowed_note(struct front *front, const struct front_line *event,
                          enum appeal_limit limit)
{
    struct slowed slowed = {.reference = ""};
    if (event->doc.appeals_len == 0 || event->identity == NULL)
        return slowed;
    struct appeal appeal = {limit, front_line_now_ms(front, event) / 60000};
    appeal_make(slowed.reference, &event->identity->codes, front_line_id(event), appeal);
    uint32_t most = limit == APPEAL_WORK ? SLOWED_WORK_LINES_MAX : SLOWED_LINES_MAX;
    uint64_t now_s = front_wall_s(front);
    if (front->slowed_s != now_s) {
        front->slowed_s = now_s;
        front->slowed_n = 0;
    }
    if (front->slowed_n >= most)
        return slowed;
    front->slowed_n++;
    struct log_line line;
    log_begin(&line, front->loop->log, LOG_LEVEL_INFO, "a visitor was slowed down");
    log_cstr(&line, "event", event->id);
    log_cstr(&line, "why", appeal_limit_code(limit));
    log_cstr(&line, "reference", slowed.reference);
    log_end(&line);
    return slowed;
}

void slowed_put(struct text *members, const struct front_line *event, const struct slowed *slowed)
{
    const struct text before = *members;
    if (slowed->reference[0] == '\0')
        return;
    json_member_cstr(members, "reference", slowed->reference);
    json_key(members, "appeal");
    event_doc_appeals(members, &event->doc);
    if (members->overflown)
        *members = before;
}

void slowed_answer_page(struct http_req *req, const struct front_line *event, const char *why,
                        const struct slowed *slowed)
{
    char memory[64];
    struct text notice = text_on(memory, sizeof(memory) - 1);
    text_str(&notice, why);
    if (slowed->reference[0] != '\0')
        text_printf(&notice, "&reference=%s", slowed->reference);
    memory[notice.len] = '\0';
    answer_waiting_page(req, front_line_id(event), memory, NULL);
}
