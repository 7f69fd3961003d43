/* front.h: one front, as its parts see it that answer what is asked (front_join.h and others). */
#ifndef FG_SIM_QUEUE_FRONT_FRONT_H
#define FG_SIM_QUEUE_FRONT_FRONT_H

#include "crypto/jwks.h"
#include "crypto/mac.h"
#include "queue/front/ask.h"

/* What all fronts have in common. */
struct front_house {
    struct ask_ears ears;
    struct mac_ring keys;
    struct jwks *passes; /* NULL: nobody looks at them */
    void (*on_left)(const char *session);
};

struct front {
    struct sim_proc proc;
    char name[16];
    unsigned number;
    const struct front_house *house;
    /* of this life: */
    uv_loop_t loop;
    struct clock clock;
    uint64_t mono_base_us;
    int64_t wall_ahead_us;
    struct line_store *store;
    bool leaving, serves;
};

const struct line_view *front_view(const struct front *front, struct line_ref line);
/* Of the event, whose document, version and state are those of all its lanes. */
const struct line_view *front_general(const struct front *front, const struct ask *ask);
struct span front_event(const struct ask *ask);
/* Whether it speaks of the newest event of this id; of an older one nothing is judged. */
bool front_is_judged(const struct front *front, const struct ask *ask);

void front_answer(struct front *front, struct ask *ask, int outcome);
void front_put_ticket(struct front *front, struct ask *ask, const uint8_t visitor[], bool member);
bool front_parse_ticket(const struct front *front, const struct ask *ask, struct ticket *out);
/* ... and of a line that this front knows, and not moved on. False: answered. */
bool front_read_ticket(struct front *front, struct ask *ask, struct ticket *out);
/* The place as it stands now; as standing_of(). */
void front_stand(struct front *front, struct ask *ask);

#endif
