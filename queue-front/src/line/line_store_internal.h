/* line_store_internal.h: shared by the files of the store: line_store.c and line_registry.c
 * (events), line_calls.c (commands to the servers), line_joins.c and line_sharded.c (batches),
 * line_visits.c and line_admin.c (requests). Private to them. */
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
enum registry_named { NAMED_NOT, NAMED_LIVE, NAMED_RESTING };
enum registry_report { REPORT_NONE, REPORT_LIST, REPORT_END, REPORT_TOUCH };
enum registry_step { CLEANUP_BITE, CLEANUP_DROP, CLEANUP_DONE };
enum { CLEANUP_NAME_MAX = 6 + LINE_EVENT_ID_MAX }; /* "erase:" and an id */

struct registry_seen {
    uint64_t born, n, size;
    char run_id[REDIS_RUN_ID_LEN + 1];
};

struct registry_cleanup {
    bool under_way;
    enum registry_step step;
    uint64_t at;
    /* Its shards are cleared after the first step: the next shard, and the position in it. */
    uint64_t shards, shard, shard_at;
    char *audit; /* NULL: none */
    char name[CLEANUP_NAME_MAX + 1];
    struct redis_call call;
};

/* Joins of a line or of one of its shards. At most one script call is under way; joins that arrive
 * meanwhile gather, so a slow Redis means larger batches and not more calls. */
struct join_queue {
    struct line_store *store;
    struct store_event *event;    /* NULL: of a sharded line that has ended */
    struct line_sharded *sharded; /* NULL: the line is not sharded */
    bool claims;                  /* claims of joins, made before they get their numbers */
    uint8_t shard;                /* SHARD_EVENT: the event's own slot */
    uint16_t slot;
    struct request_list gathered;
    struct request_list batch;
    struct batch_pace pace; /* of a queue that gives numbers */
    struct redis_call call;
};

enum {
    SHARD_EVENT = CUT_SHARDS_MAX,
    JOIN_QUEUES_MAX = 2 * CUT_SHARDS_MAX + 1,
};

/* One front's state of a sharded line: line_sharded.c. */
struct line_sharded {
    uint32_t magic;
    struct line_store *store;
    struct store_event *event; /* NULL: ended; freed after the last call under way */
    struct shards *shards;
    uv_timer_t timer;
    bool closing;
    bool turning;                      /* a turn is under way */
    uint64_t rested_us;                /* when the last one ended */
    char run_id[REDIS_RUN_ID_LEN + 1]; /* of the Redis last asked for cuts */
    uint64_t version, era;             /* the document last sent to shards, */
    unsigned claiming;                 /* and how many more turns send it */
    unsigned calls;                    /* under way, except joins */
    bool claimed;
    struct redis_call claim_call, look_call, cut_call, shard_call[CUT_SHARDS_MAX];
    /* A queue of joins and a queue of claims per shard, and the claims of the event's slot. */
    struct join_queue queue[JOIN_QUEUES_MAX];
    uint8_t queues;
    struct shards_call asked;    /* the arguments of cut.lua */
    struct request_list waiting; /* joins with their numbers in `entry`, waiting for the next cut */
};

MAGIC(line_sharded, 0x11e50003);

struct store_event {
    uint32_t magic;
    struct line_event line;
    struct line_store *store;
    uint16_t slot;
    uv_timer_t timer;
    struct redis_call call; /* the tick, or the heal while healing */
    struct redis_call seen_call, goodbye_call;
    bool sending_seen;   /* seen_call is under way */
    bool asking;         /* that call is under way */
    uint64_t asked_us;   /* since when */
    bool asking_to_heal; /* and it is a heal */
    bool healing;        /* no other call is sent until heal.lua reports the line complete */
    bool absent;         /* Redis names it, but no front and no key knows it */
    uint64_t healing_us; /* since when */
    bool shown_stale;    /* readers of the last picture know that it is stale */
    bool doubted;        /* Redis restarted: a tick has to report what it has */
    bool unsure;         /* healing waits until the registry confirms the event */

    /* The registry's answer about the event, or about the event of this lane: line_registry.c. */
    enum registry_named named;
    uint64_t named_us;  /* when that was requested */
    uint64_t touched_n; /* the n of its last change while it rests */
    uint64_t hold_us;   /* stays in memory until then, named or not: an operator uses it */
    bool is_new;        /* created here and not yet seen in the registry */
    bool touched;       /* changed here while it rests: send the registry its new picture */
    bool leaving;       /* freed as soon as nothing is under way; admits no requests */
    enum registry_report report;
    struct redis_call report_call;
    uint32_t requests; /* under way, with a pointer to it */

    struct join_queue joins;
    struct line_sharded *sharded; /* NULL: not sharded, or closed to joins */
};

MAGIC(store_event, 0x11e50001);

/* What a store knows about one server. */
struct store_node {
    struct line_store *store;
    bool ready;       /* connected, scripts loaded, run id known */
    char logged[128]; /* why it was lost, as logged; "" while it is there */
    bool other_run;   /* than the last time it was ready */
    struct redis_call load_call[SCRIPT_COUNT];
    struct redis_call info_call;
    char sha[SCRIPT_COUNT][REDIS_SHA_LEN + 1];
    bool loaded[SCRIPT_COUNT]; /* this script is loaded there, as far as we know */
    char run_id[REDIS_RUN_ID_LEN + 1];
};

struct line_store {
    uint32_t magic;
    struct line_store_conf conf;
    struct redis_route *route;
    bool closed;
    unsigned handles; /* the loop still has these */

    struct store_node node[REDIS_NODES_MAX];
    struct redis_detour way; /* of the command being written */
    struct redis_detour detour;
    bool detoured; /* the next command for detour.slot goes there */
    uint64_t ups;
    char trouble[STORE_TROUBLE_BYTES]; /* why a lost server has not come back; may be empty */

    /* The registry: its slot, whether it was read, and its last answer. */
    uint16_t set_slot;
    bool discovered;
    bool looking;
    uint64_t look_sent_us;
    struct redis_call look_call, leave_call;
    uv_timer_t discover_timer;
    struct registry_seen registry;
    struct registry_cleanup cleanup;
    struct store_front fronts[FRONTS_LISTED_MAX];
    unsigned fronts_len;
    char identity[LINE_IDENTITY_MAX + 1]; /* offered to events without one */
    char name[FRONT_NAME_LEN + 1];        /* of this front; random */

    struct store_event *events[STORE_LINES_MAX];
    uint64_t hashes[STORE_LINES_MAX];
    uint32_t events_len;

    uv_timer_t held_timer;       /* ends the delay of held-back joins */
    struct request_list decided; /* have their outcome; answered at the end of a turn */
    uint32_t requests;           /* under way in total */

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
/* Like store_find(), but creates it; NULL if there is no room or memory. */
struct store_event *store_event_of(struct line_store *store, struct span id);

/* A server has become usable, or no longer is. */
void store_node_ready(struct line_store *store, uint8_t node);
void store_node_lost(struct line_store *store, uint8_t node);

/* ---- line_calls.c: commands ---- */

uint16_t store_slot(const struct line_store *store, struct span tag);
/* Whether commands for this slot can be sent. */
bool store_can_send(const struct line_store *store, uint16_t slot);
/* Begins a command that runs `script` for an event with this many arguments after the run id, or
 * any other command. Send it before beginning the next one. */
struct text store_script(struct line_store *store, enum line_script script, const char *id,
                         uint64_t args);
/* The same for a shard of the event; and the shard's slot. */
struct text store_shard_script(struct line_store *store, enum line_script script, const char *id,
                               unsigned shard, uint64_t args);
uint16_t store_shard_slot(const struct line_store *store, const char *id, unsigned shard);
/* The same for registry.lua; the first argument is the verb. */
struct text store_registry_script(struct line_store *store, uint64_t args);
struct text store_command(struct line_store *store, uint16_t slot, uint64_t words);
/* Appends a key of the event as the next word. */
void store_put_key(struct text *command, const char *id, const char *name);
void store_send(struct line_store *store, struct redis_call *call, const struct text *command);
/* Sends a call of the store itself, with a deadline counted from now. */
void store_send_own(struct line_store *store, struct redis_call *call, const struct text *command,
                    void (*on_reply)(struct redis_call *, const redisReply *));

void store_ignore(struct redis_call *call, const redisReply *reply); /* for calls that need no
                                                                      * reply */

/* True: nothing was done; repeat the call now. It goes where the reply says. */
bool nodes_follow(struct line_store *store, struct redis_call *call, const redisReply *reply);

/* The classified reply: an array from a script, or why there is none. */
enum store_answer {
    STORE_ANSWER,
    STORE_AGAIN, /* nothing was done: send it again at once */
    STORE_LOST,  /* no reply, or an error: the outcome is unknown */
};
enum store_answer store_judge(struct line_store *store, struct redis_call *call,
                              const redisReply *reply, enum line_script script);

void nodes_on_up(void *ctx, uint8_t node);
void nodes_on_down(void *ctx, uint8_t node, const char *why);
void nodes_on_lost(void *ctx, const char *why);

/* ---- line_store.c, once more: ticks ---- */

void store_begin_healing(struct store_event *event);
void store_tick_now(struct store_event *event);
/* With many loops on an event each can ask less often, since the others ask too: the period,
 * lengthened by their number. */
uint64_t store_paced(const struct store_event *event, uint64_t period);
void store_note_ready(struct line_store *store);
/* Stops the ticks of an ended event, which cannot change by itself. */
void store_rest(struct store_event *event);
void store_release(struct line_store *store); /* the loop has released a handle */
/* Frees the leaving events with their lanes; calls on_event() for each. */
void store_let_go(struct line_store *store);

/* ---- line_registry.c ---- */

void registry_look(struct line_store *store);
void registry_leave(struct line_store *store);
void registry_report(struct store_event *event, enum registry_report report);
/* The registry still had the event after this front learned that Redis knows less of it. */
bool registry_confirms(const struct store_event *event);
void registry_close(struct line_store *store);

/* ---- line_calls.c: requests ---- */

void calls_push(struct request_list *list, struct line_link *link);
struct line_link *calls_pop(struct request_list *list); /* must not be empty */
/* Puts all of `first` before the list's other requests. */
void calls_put_before(struct request_list *list, struct request_list *first);

/* Answers the first `most` of them; the next turn answers the rest. */
void calls_answer_decided(struct line_store *store, uint32_t most);
void calls_refuse_gathered(struct line_store *store); /* answers them at once */

/* The life of a request: begin, admit (NULL: refused) and send, finish. `retry_after_ms` may be
 * NULL. */
void calls_begin(struct line_store *store, struct line_link *link,
                 void (*finish)(struct line_link *), enum line_outcome *outcome,
                 uint64_t *retry_after_ms);
struct store_event *calls_admit(struct line_link *link, const char *id);
void calls_finish(struct line_link *link);
/* Sets the outcome without asking Redis; answered at the end of the turn. */
void calls_refuse(struct line_link *link, enum line_outcome outcome);
void calls_finish_unknown(struct line_link *link); /* Redis may or may not have done it */
/* For a reply that has only an outcome (heal first, or another event); NULL: unknown. */
void calls_finish_refused(struct line_link *link, struct store_event *event,
                          const redisReply *reply);
/* The id now belongs to another event. */
bool calls_is_renewed(const redisReply *reply);
/* The four bytes of an IPv4 address (::ffff:a.b.c.d), or the /64 of an IPv6 address. */
struct span calls_address(const uint8_t addr[16]);

/* ---- line_joins.c ---- */

void joins_send_gathered(struct line_store *store); /* at the end of a turn */
void joins_queue_init(struct join_queue *queue, struct store_event *event);
bool joins_is_busy(const struct join_queue *queue);
/* Answers joins that have waited too long, or were checked against another document. */
void joins_weed(struct join_queue *queue, uint64_t now_us);
/* The join has its place or its refusal: makes the remaining claims, then answers it. */
void joins_end(struct line_sharded *sharded, struct line_link *link);

/* ---- line_sharded.c ---- */

/* After each tick: opens the sharded line's calls as long as people may join, now or later. */
void sharded_look(struct store_event *event);
void sharded_close(struct store_event *event); /* NULL is fine; answers its joins */
bool sharded_is_busy(const struct store_event *event);
bool sharded_is_open(const struct join_queue *queue); /* the shard would accept the next join */
void sharded_hurry(struct line_sharded *sharded);     /* requests are waiting */
/* How many more joins may wait, by the published cuts; UINT64_MAX: no limit. */
uint64_t sharded_room(const struct line_sharded *sharded);
/* The join has its number and waits for its cut. */
void sharded_wait(struct join_queue *queue, struct line_link *link);
/* The shard refused these; they gather again. `looks`: the document may have changed. */
void sharded_refused(struct join_queue *queue, struct request_list *refused, bool looks);
uint64_t sharded_issued(const struct join_queue *queue);
void sharded_batch_done(struct line_sharded *sharded); /* last: the loop may free it now */

#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
