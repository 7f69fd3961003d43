/* snapshot_fuzz.c: a snapshot and changes after it, into an engine of a small hall. Bad ones are
 * refused; none breaks an assert or is read past its end. */
#include "../../unit/seat-service/one_change.h"
#include "../fuzz.h"
#include "core/engine/engine.h"
#include "small_hall.h"

/* The first two bytes are the snapshot's length; after it come changes, each after its length. */
static void fuzz(struct span in)
{
    const uint8_t *data = (const uint8_t *)in.ptr;
    static struct plan *plan;
    struct err_slot err;
    struct engine *engine;
    if (plan == NULL)
        plan = small_hall();
    struct engine_conf conf = {.plan = plan, .now_ms = 1};
    if (in.len < 2 || engine_create(&conf, &err, &engine) < 0)
        return;
    engine_replay_begin(engine);
    size_t len = (size_t)data[0] | (size_t)data[1] << 8, at = 2;
    if (len > 0 && len <= in.len - at) {
        engine_snapshot_read(engine, data + at, len, &err);
        at += len;
    }
    while (at < in.len) {
        struct change change;
        size_t one = data[at++];
        if (one > in.len - at)
            break;
        if (change_decode(data + at, one, &err, &change) == 0)
            engine_apply(engine, &change, &err);
        at += one;
    }
    engine_state_hash(engine);
    engine_replay_end(engine);
    engine_destroy(engine);
}
