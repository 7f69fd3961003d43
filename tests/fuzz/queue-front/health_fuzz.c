/* health_fuzz.c: any bytes as two looks at a service's page of figures, the second after a form
 * feed. Nothing that a page says makes more than all answers errors. */
#include "../fuzz.h"
#include "core/load/health.h"

static void fuzz(struct span in)
{
    struct span first, event, second = span_cut(in, '\f', &first);
    struct health_look before, now;
    struct health_reading reading = {.has_p99 = false};
    bool served;
    if (health_parse(first, SPAN("show"), &before) && health_parse(second, SPAN("show"), &now)) {
        health_ripe(&before, &now);
        health_add(&reading, &before, &now);
        assert(reading.errors_milli <= 1000);
    }
    while (health_next_served(&in, &event, &served))
        assert(event.ptr != NULL);
}
