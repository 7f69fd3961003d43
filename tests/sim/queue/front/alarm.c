/* alarm.c: see alarm.h. */
#include "queue/front/alarm.h"

#include "stage/invariant.h"
#include "stage/sim.h"

#include "observe/log.h"

#include <assert.h>
#include <string.h>

/* Both runs of a seed log the same times. */
static uint64_t wall_us(void *ctx)
{
    (void)ctx;
    return (uint64_t)SIM_EPOCH_S * SIM_S + sim_us();
}

static uint64_t mono_us(void *ctx)
{
    (void)ctx;
    return sim_us();
}

static void on_line(void *ctx, struct span line)
{
    /* Errors expected in this world: Redis is out of memory, or has lost cuts that only a then
     * paused front knew. */
    static const char *const known[] = {"\"OOM ", "Redis has other cuts"};
    (void)ctx;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (memmem(line.ptr, line.len, known[i], strlen(known[i])) != NULL)
            return;
    invariant_broken(INVARIANT_4, "a front's error: %.*s", (int)line.len, line.ptr);
}

struct logger *alarm_logger(void)
{
    static struct logger *logger;
    static const struct clock clock = {mono_us, wall_us, NULL};
    const struct logger_conf conf = {
        .service = "queue-front", .level = LOG_LEVEL_ERROR, .clock = &clock, .sink = on_line};
    struct err_slot err;
    int rc = logger == NULL ? logger_create(&conf, &err, &logger) : 0;
    assert(rc == 0);
    return logger;
}
