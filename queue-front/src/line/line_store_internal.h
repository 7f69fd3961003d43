/* line_store_internal.h: what the files of the store share: line_store.c and line_house.c (events),
 * line_calls.c (senders to the servers), line_joins.c and line_rim.c (batches), and those who ask:
 * line_visits.c, line_admin.c. Nobody else includes it. */
#ifndef FG_QUEUE_FRONT_LINE_STORE_INTERNAL_H
#define FG_QUEUE_FRONT_LINE_STORE_INTERNAL_H

#include "base/magic.h"
#include "core/line/batch.h"
#include "core/line/shards.h"
#include "line/event/line_event.h"
#include "line/line_limits.h"
#include "line/line_store.h"
#include "redis/redis_route.h"

#include <stdatomic.h>
#include <stddef.h>

enum { REDIS_SHA_LEN = 40, REDIS_RUN_ID_LEN = 40, FRONT_NAME_LEN = 16 };

struct request_list {
    struct line_link *head;
    struct line_link *tail;
    uint32_t len;
};

/* How the registry named an event when last read. */
enum house_named { NAMED_NOT, NAMED_LIVE, NAMED_RESTING };
enum house_errand { ERRAND_NONE, ERRAND_LIST, ERRAND_END, ERRAND_TOUCH };
enum house_step { CHORE_BITE, CHORE_DROP, CHORE_DONE };
enum { CHORE_NAME_MAX = 6 + LINE_EVENT_ID_MAX }; /* "erase:" and an id */

struct house_seen {
    uint64_t born, n, size;
    char run_id[REDIS_RUN_ID_LEN + 1];
};

struct house_chore {
    bool under_way;
    enum house_step step;
    uint64_t at;
    /* Of an event in shards these come behind its first bite: which is next, and where in it. */
    uint64_t shards, shard, shard_at;
    char *audit; /* NULL: none */
    char name[CHORE_NAME_MAX + 1];
    struct redis_call call;
};

/* Joins of a line, or of one of its shards. One script call is under way at most; joins that arrive
 * meanwhile gather, so that a slow Redis means larger batches and not more calls. */
struct join_lot {
    struct line_store *store;
    struct store_event *event; /* NULL: of a sharded line that has ended */
    struct line_rim *rim;      /* NULL: the line is not in shards */
    bool claims;               /* what joins claim there, before they get their numbers */
    uint8_t shard;             /* RIM_EVENT: the event's own slot */
    uint16_t slot;
    struct request_list gathered;
    struct request_list batch;
    struct batch_pace pace; /* of numbers */
    struct redis_call call;
};

enum {
    RIM_EVENT = CUT_SHARDS_MAX,
    RIM_LOTS_MAX = 2 * CUT_SHARDS_MAX + 1,
};

/* What one front does for a line that is kept in shards: line_rim.c. */
struct line_rim {
    uint32_t magic;
    struct line_store *store;
    struct store_event *event; /* NULL: it is over, and ends with the last call under way */
    struct shards *shards;
    uv_timer_t timer;
    bool closing;
    bool turning;                      /* a turn is under way */
    uint64_t rested_us;                /* when the last one ended */
    char run_id[REDIS_RUN_ID_LEN + 1]; /* of the Redis that was asked for cuts last */
    uint64_t version, era;             /* the document that shards were last sent, */
    unsigned telling;                  /* and in how many turns still */
    unsigned calls;                    /* under way, but for joins */
    bool claimed;
    struct redis_call claim_call, look_call, cut_call, shard_call[CUT_SHARDS_MAX];
    /* Of each shard the joins, of each the claims, and the claims of the event's slot. */
    struct join_lot lot[RIM_LOTS_MAX];
    uint8_t lots;
    struct shards_call asked;    /* of cut.lua */
    struct request_list waiting; /* joins that have their numbers, in `entry`, for the next cut */
};

MAGIC(line_rim, 0x11e50003);

struct store_event {
    uint32_t magic;
    struct line_event line;
    struct line_store *store;
    uint16_t slot;
    uv_timer_t timer;
    struct redis_call call; /* the tick, or while healing the heal */
    struct redis_call heard_call, goodbye_call;
    bool telling;        /* heard_call is under way */
    bool asking;         /* that call is under way */
    uint64_t asked_us;   /* since when */
    bool asking_to_heal; /* and it is a heal */
    bool healing;        /* no other call is sent until heal.lua says that the line is complete */
    bool absent;         /* Redis names it, but no front and no key knows anything about it */
    uint64_t healing_us; /* since when */
    bool shown_stale;    /* readers of the last picture know that it is stale */
    bool doubted;        /* another run of Redis: a tick has to report what it has */
    bool unsure;         /* healing waits for the registry to confirm that it is still there */

    /* What the house says of it: line_house.c. Of a lane, what it says of its event. */
    enum house_named named;
    uint64_t named_us;  /* when that was asked */
    uint64_t touched_n; /* the n of its last change since it rests */
    uint64_t hold_us;   /* until then it stays, named or not: an operator is looking at it */
    bool is_new;        /* created here and not yet seen in the set */
    bool touched; /* changed here while it rests: to be sent to the registry with its new picture */
    bool leaving; /* is let go as soon as nothing is under way; admits nobody */
    enum house_errand errand;
    struct redis_call errand_call;
    uint32_t requests; /* under way, which have a pointer to it */

    struct join_lot joins;
    struct line_rim *rim; /* NULL: it is not in shards, or nobody may join any more */
};

MAGIC(store_event, 0x11e50001);

/* What a store knows about one server. */
struct store_node {
    struct line_store *store;
    bool ready;     /* connected, scripts loaded, run id known */
    char told[128]; /* why it was lost, as it was logged; "": it is there */
    bool other_run; /* than when it was ready last */
    struct redis_call load_call[SCRIPT_COUNT];
    struct redis_call info_call;
    char sha[SCRIPT_COUNT][REDIS_SHA_LEN + 1];
    bool loaded[SCRIPT_COUNT]; /* as far as we know it has this script, by its SHA */
    char run_id[REDIS_RUN_ID_LEN + 1];
};

struct line_store {
    uint32_t magic;
    struct line_store_conf conf;
    struct redis_route *route;
    bool closed;
    unsigned handles; /* still known to the loop */

    struct store_node node[REDIS_NODES_MAX];
    struct redis_detour way; /* of the command that is being written */
    struct redis_detour detour;
    bool detoured; /* the next command for detour.slot goes there */
    uint64_t ups;
    char trouble[STORE_TROUBLE_BYTES]; /* why a server was lost that is not back; may be empty */

    /* The registry: its slot, whether it was asked, and what it said last. */
    uint16_t set_slot;
    bool discovered;
    bool looking;
    uint64_t look_sent_us;
    struct redis_call look_call, leave_call;
    uv_timer_t discover_timer;
    struct house_seen house;
    struct house_chore chore;
    struct store_front fronts[FRONTS_LISTED_MAX];
    unsigned fronts_len;
    char identity[LINE_IDENTITY_MAX + 1]; /* offered to events that have none */
    char name[FRONT_NAME_LEN + 1];        /* of this front, random */

    struct store_event *events[STORE_LINES_MAX];
    uint64_t hashes[STORE_LINES_MAX];
    uint32_t events_len;

    bool leaving;                /* the process is coming to its end */
    uv_timer_t held_timer;       /* joins are held back until then at most */
    struct request_list decided; /* their outcome is set; answered at the end of the turn */
    uint32_t requests;           /* under way in all */

    struct line_store_stats stats;
    char command[STORE_COMMAND_BYTES];
};

MAGIC(line_store, 0x11e50002);

/* ---- line_store.c ---- */

uint64_t store_now_us(const struct line_store *store);
static inline void store_count(_Atomic uint64_t *figure, uint64_t by)
{
    atomic_fetch_add_explicit(figure, by, memory_order_relaxed);
}
struct store_event *store_find(const struct line_store *store, struct span id);
/* As store_find(), or made; NULL if there is no room or memory. */
struct store_event *store_event_of(struct line_store *store, struct span id);

/* A server can be used from now on, or no longer. */
void store_node_ready(struct line_store *store, uint8_t node);
void store_node_lost(struct line_store *store, uint8_t node);

/* ---- line_calls.c: commands ---- */

uint16_t store_slot(const struct line_store *store, struct span tag);
/* Commands for this slot may be begun. */
bool store_can_send(const struct line_store *store, uint16_t slot);
/* Begins a command that runs `script` for an event with this many arguments after the run id, or
 * any other command. It must be sent before the next one is begun. */
struct text store_script(struct line_store *store, enum line_script script, const char *id,
                         uint64_t args);
/* The same for a shard of the event; and its slot. */
struct text store_shard_script(struct line_store *store, enum line_script script, const char *id,
                               unsigned shard, uint64_t args);
uint16_t store_shard_slot(const struct line_store *store, const char *id, unsigned shard);
/* The same of house.lua; the first argument is the verb. */
struct text store_house_script(struct line_store *store, uint64_t args);
struct text store_command(struct line_store *store, uint16_t slot, uint64_t words);
/* A key of the event as the next word. */
void store_put_key(struct text *command, const char *id, const char *name);
void store_send(struct line_store *store, struct redis_call *call, const struct text *command);
/* A call of the store itself, with a deadline from now. */
void store_send_own(struct line_store *store, struct redis_call *call, const struct text *command,
                    void (*on_reply)(struct redis_call *, const redisReply *));

void store_ignore(struct redis_call *call, const redisReply *reply); /* of a last word */

/* True: nothing was done, and the call must be made again now; it goes where the reply says. */
bool nodes_follow(struct line_store *store, struct redis_call *call, const redisReply *reply);

/* The judged reply: an array from a script, or why there is none. */
enum store_answer {
    STORE_ANSWER,
    STORE_AGAIN, /* nothing was done: send it once more, at once */
    STORE_LOST,  /* no answer, or an error: the outcome is not known */
};
enum store_answer store_judge(struct line_store *store, struct redis_call *call,
                              const redisReply *reply, enum line_script script);

void nodes_on_up(void *ctx, uint8_t node);
void nodes_on_down(void *ctx, uint8_t node, const char *why);
void nodes_on_lost(void *ctx, const char *why);

/* ---- line_store.c, once more: ticks ---- */

void store_begin_healing(struct store_event *event);
void store_tick_now(struct store_event *event);
/* With many loops on an event each one can ask less often, since the others ask meanwhile: this
 * period, made longer by how many there are. */
uint64_t store_paced(const struct store_event *event, uint64_t period);
void store_note_ready(struct line_store *store);
/* No more ticks if it is over: it will not change by itself. */
void store_rest(struct store_event *event);
void store_release(struct line_store *store); /* the loop has forgotten a handle */
/* Frees those that are leaving, lanes and all; on_event() hears of each. */
void store_let_go(struct line_store *store);

/* ---- line_house.c ---- */

void house_look(struct line_store *store);
void house_leave(struct line_store *store);
void house_errand(struct store_event *event, enum house_errand errand);
/* It was still there after this front had learned that Redis knows less of it. */
bool house_confirms(const struct store_event *event);
void house_close(struct line_store *store);

/* ---- line_calls.c: requests ---- */

void calls_push(struct request_list *list, struct line_link *link);
struct line_link *calls_pop(struct request_list *list); /* there is one */
/* All of `first` come before what is in the list. */
void calls_put_before(struct request_list *list, struct request_list *first);

void calls_answer_decided(struct line_store *store);
void calls_refuse_gathered(struct line_store *store); /* answers at once */

/* The life of a request: begun, admitted and sent (NULL: refused), finished. `retry_after_ms` may
 * be NULL. */
void calls_begin(struct line_store *store, struct line_link *link,
                 void (*finish)(struct line_link *), enum line_outcome *outcome,
                 uint64_t *retry_after_ms);
struct store_event *calls_admit(struct line_link *link, const char *id);
void calls_finish(struct line_link *link);
/* Decided without asking Redis; answered at the end of the turn. */
void calls_refuse(struct line_link *link, enum line_outcome outcome);
void calls_finish_unknown(struct line_link *link); /* Redis may have done it, or not */
/* By an answer that has only an outcome (heal first, or another event); NULL: unknown.
 * */
void calls_finish_refused(struct line_link *link, struct store_event *event,
                          const redisReply *reply);
/* Another event has this id by now. */
bool calls_is_renewed(const redisReply *reply);
/* Of an IPv4 address (::ffff:a.b.c.d) its four bytes, of an IPv6 address its /64. */
struct span calls_address(const uint8_t addr[16]);

/* ---- line_joins.c ---- */

void joins_send_gathered(struct line_store *store); /* at the end of a turn */
void joins_lot_init(struct join_lot *lot, struct store_event *event);
bool joins_is_busy(const struct join_lot *lot);
/* Answers those that have waited too long to be sent, or were judged by another document. */
void joins_weed(struct join_lot *lot, uint64_t now_us);
/* It has its place, or is refused one: answered, once what is left to be said of that is said. */
void joins_end(struct line_rim *rim, struct line_link *link);

/* ---- line_rim.c ---- */

/* After each tick: a sharded line has its calls as long as people may join it, now or later. */
void rim_look(struct store_event *event);
void rim_close(struct store_event *event); /* NULL is fine; its joins are answered */
bool rim_is_busy(const struct store_event *event);
bool rim_is_open(const struct join_lot *lot); /* the shard would not refuse the next join */
void rim_hurry(struct line_rim *rim);         /* somebody waits */
/* How many more may wait, by the published cuts; UINT64_MAX: any number. */
uint64_t rim_room(const struct line_rim *rim);
/* Joins were given numbers: they wait for their cut. */
void rim_wait(struct join_lot *lot, struct line_link *link);
/* The shard has refused some, which gather again; `looks`: the document may be another one. */
void rim_refused(struct join_lot *lot, struct request_list *refused, bool looks);
uint64_t rim_issued(const struct join_lot *lot);
void rim_batch_done(struct line_rim *rim); /* last: it may be freed by the loop now */

#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
