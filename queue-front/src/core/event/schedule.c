/* schedule.c: a step that was taken is removed from the list. So a front that starts late takes the
 * missed steps, two fronts cannot take the same step (the document's version has changed), and a
 * rate set by hand stays until the next step. */
#include "core/event/schedule.h"

#include <assert.h>
#include <string.h>

static const double YEAR_MS = 365.0 * 86400.0 * 1000.0;

bool schedule_take_due(struct event_doc *doc, uint64_t now_ms)
{
    uint32_t due = 0;
    while (due < doc->schedule_len && doc->schedule[due].at_ms <= now_ms)
        due++;
    if (due == 0)
        return false;
    doc->rate_milli = doc->schedule[due - 1].rate_milli;
    assert(due <= doc->schedule_len);
    doc->schedule_len -= due;
    memmove(doc->schedule, doc->schedule + due, doc->schedule_len * sizeof(doc->schedule[0]));
    assert(doc->schedule_len == 0 || doc->schedule[0].at_ms > now_ms); /* no step is due now */
    return true;
}

uint64_t schedule_reach_ms(const struct event_doc *doc, uint64_t rate_milli, uint64_t now_ms,
                           uint64_t people)
{
    double left = (double)people, at_ms = (double)now_ms, rate = (double)rate_milli / 1000000.0;
    assert(doc->schedule_len <= EVENT_SCHEDULE_MAX);
    for (uint32_t i = 0; i < doc->schedule_len; i++) {
        double step_ms = (double)doc->schedule[i].at_ms;
        if (step_ms > at_ms) {
            if (rate * (step_ms - at_ms) >= left)
                break;
            left -= rate * (step_ms - at_ms);
            at_ms = step_ms;
            assert(left > 0.0);
        }
        rate = (double)doc->schedule[i].rate_milli / 1000000.0;
    }
    if (left > 0.0 && (rate <= 0.0 || left / rate > YEAR_MS))
        return 0;
    return (uint64_t)(left > 0.0 ? at_ms + left / rate : at_ms);
}
