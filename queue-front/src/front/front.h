/* front.h: the state of one loop of queue-front: its store, its keys, and for each event the newest
 * picture with everything rendered from it. Handlers only read it.
 *
 * A process with n loops is n fronts. They share only front_shared, which is constant while they
 * run except for the pointer to the keys. */
#ifndef FG_QUEUE_FRONT_FRONT_H
#define FG_QUEUE_FRONT_FRONT_H

#include "base/magic.h"
#include "base/secret_file.h"
#include "base/table.h"
#include "base/tag.h"
#include "behind/page_list.h"
#include "core/event/event_doc.h"
#include "core/line/place.h"
#include "core/load/shed.h"
#include "core/token/ticket.h"
#include "core/token/visitor.h"
#include "core/wait/eta.h"
#include "core/wait/odds.h"
#include "core/wait/promise.h"
#include "front/secrets.h"
#include "http/http.h"
#include "line/line_store.h"
#include "pace/tally.h"
#include "service/service.h"
#include "web/brand.h"
#include "web/squeeze.h"

struct pages;
struct jwks_feed;
struct pilot;
struct drawing;
struct waiting_page;

/* Filled from the settings; main.c has the table. */
struct front_config {
    char redis_path[CONFIG_STRING_MAX];
    char redis_host[CONFIG_STRING_MAX];
    uint64_t redis_port;
    char redis_sentinels[CONFIG_STRING_MAX];
    char redis_master[CONFIG_STRING_MAX];
    char redis_cluster[CONFIG_STRING_MAX];
    char redis_user[CONFIG_STRING_MAX];
    char redis_password_file[CONFIG_STRING_MAX];
    char redis_sentinel_user[CONFIG_STRING_MAX];
    char redis_sentinel_password_file[CONFIG_STRING_MAX];
    bool redis_tls;
    char redis_tls_ca[CONFIG_STRING_MAX];
    char redis_tls_name[CONFIG_STRING_MAX];
    char redis_tls_cert[CONFIG_STRING_MAX];
    char redis_tls_key[CONFIG_STRING_MAX];
    uint64_t redis_tick_ms;
    uint64_t line_gone_after_ms;
    uint64_t line_joins_waiting;
    char keys_tickets[CONFIG_STRING_MAX];
    char keys_identities[CONFIG_STRING_MAX];
    char keys_passes[CONFIG_STRING_MAX];
    char keys_draws[CONFIG_STRING_MAX];
    uint64_t ticket_lifetime_ms;
    char pass_issuer[CONFIG_STRING_MAX];
    char pass_next_url[CONFIG_STRING_MAX];
    char members_keys[CONFIG_STRING_MAX];
    char members_keys_url[CONFIG_STRING_MAX];
    char members_tls_ca[CONFIG_STRING_MAX];
    uint64_t members_refresh_ms;
    char members_issuer[CONFIG_STRING_MAX];
    char members_audience[CONFIG_STRING_MAX];
    char web_origins[CONFIG_STRING_MAX];
    char web_public_url[CONFIG_STRING_MAX];
    char web_shop_url[CONFIG_STRING_MAX];
    uint64_t web_page_kept_ms;
    char autopilot_health[CONFIG_STRING_MAX];
    char autopilot_tls_ca[CONFIG_STRING_MAX];
    uint64_t autopilot_interval_ms;
    char visits_served_by[CONFIG_STRING_MAX];
    char visits_ended_at[CONFIG_STRING_MAX];
    char visits_paid_at[CONFIG_STRING_MAX];
    char visits_token_file[CONFIG_STRING_MAX];
    char visits_tls_ca[CONFIG_STRING_MAX];
    char console_parts[CONFIG_STRING_MAX];
    char beacon_drand[CONFIG_STRING_MAX];
    uint64_t beacon_agree;
    char beacon_chain[CONFIG_STRING_MAX];
    char beacon_key[CONFIG_STRING_MAX];
    uint64_t beacon_period_ms;
    uint64_t beacon_genesis_s;
    uint64_t beacon_gap_ms;
    char beacon_tls_ca[CONFIG_STRING_MAX];
    struct brand_settings brand;
};

/* One per process, made before any loop runs. */
struct front_shared {
    const struct front_config *config;
    struct pages *pages;
    struct console *console;
    struct waiting_page *waiting_page;
    struct beacon_sources beacons;
    struct secret_file *redis_password, *sentinel_password; /* NULL: no password */
    struct tls_client *redis_tls;                           /* NULL: no TLS */
    struct cut_snapshot *snapshot;                          /* NULL: a single loop needs none */
    uv_mutex_t keys_lock;                                   /* held while a pointer is copied */
    struct secrets *keys; /* the newest; each loop has its own reference */
    struct front *first;  /* the first loop's; NULL: not there (yet) */
    unsigned loops;
    char place[SERVICE_PLACE_MAX]; /* HOST:PORT of this process in the list of fronts */
    _Atomic uint64_t keys_serial[SERVICE_LOOPS_MAX]; /* of each loop's ring */
};

/* Counted by the loop that owns the front, read by the scrape. */
struct front_stats {
    _Atomic uint64_t joins_new, joins_again, joins_refused, joins_unavailable, joins_unworked;
    _Atomic uint64_t joins_shed, joins_full, joins_judged_again;
    _Atomic uint64_t codes_taken, codes_required, codes_unknown, codes_used_up, codes_guesses,
        codes_missing; /* outcomes of presale codes in joins */
    _Atomic uint64_t waits_judged, waits_kept, waits_error_milli; /* of each admitted visitor */
    _Atomic uint64_t passes_new, passes_again, passes_not_yet, passes_expired, passes_unavailable;
    _Atomic uint64_t tickets_invalid, refused_unchecked, endings_unreported;
    _Atomic uint64_t health_answered, health_silent, beacon_late;
    _Atomic uint64_t events, events_shut, pending; /* gauges */
};

enum { FRONT_GAUGES = 25 }; /* of each line */

/* The waiting page for visitors without a place: the same for all readers of a language, with a
 * member's token or without. */
struct front_page {
    struct http_blob *blob;    /* by encoding (gzip); NULL: not rendered */
    char tag[TAG_LEN + 2 + 1]; /* with quotes */
    enum line_state state;
    uint64_t version; /* of the document */
    uint64_t made_us;
};

/* Why this front admits no newcomers to an event, whatever its state. People in line are still
 * answered from memory, and visits continue. */
enum front_shut {
    FRONT_OPEN,
    FRONT_SHUT_DOCUMENT, /* unreadable, and defaults were not requested */
    FRONT_SHUT_IDENTITY, /* the key that the event began with is not in the ring */
};
static inline const char *front_shut_name(enum front_shut why)
{
    return why == FRONT_SHUT_DOCUMENT ? "document-unreadable" : "identity-key-missing";
}

struct front_line;
/* Whether to report it: a closed event no longer needs its key. */
bool front_is_shut(const struct front_line *event);

struct front_line {
    /* Of the line: a lane has its own front_line, with the same document and cookies; the first
     * id_len letters are the event. So handlers that found a visitor's line need nothing else. */
    char id[LINE_ID_MAX + 1];
    uint32_t id_len;
    uint32_t whole_id_len;
    char ticket_cookie[COOKIE_NAME_MAX];
    char pass_cookie[COOKIE_NAME_MAX];
    uint32_t ticket_cookie_len, pass_cookie_len;
    char scope[LINE_EVENT_ID_MAX + 1 + LINE_INCARNATION_LEN];
    uint32_t scope_len; /* set with the first picture */

    const struct line_view *view;     /* owned by the store; NULL until the first picture */
    struct event_doc doc;             /* the newest readable document */
    uint64_t doc_version;             /* of the newest document that fitted into memory */
    uint64_t doc_serial;              /* its view->doc_serial */
    struct event_doc_fault doc_fault; /* why the newest is unreadable; rule "": it is readable */
    const struct identity *identity;  /* in front->keys; NULL: the ring does not have it */
    enum front_shut shut;             /* never open without a document and an identity */
    bool was_stale;
    bool figured;            /* has gauges; resting events have none, there may be many */
    bool stepping;           /* a step of the schedule is being written */
    struct pilot *pilot;     /* NULL: not started, or another loop's job */
    struct drawing *drawing; /* NULL: no draw is pending, or it is another loop's job */
    struct eta_meter meter;
    struct eta_model eta;
    struct eta_watch watch;
    struct promise_book promises;
    bool seen_served;         /* by a page in the current round */
    enum served_state served; /* by the first loop; SERVED_UNSEEN: another loop, or not watched */
    bool hall_missing;        /* the seat service has no hall for it; set by the first loop */
    bool hall_found;          /* ... or it has one */
    uint64_t hall_next_us;    /* time of the next check */
    uint64_t errors_before;   /* this loop's 5xx answers when the event appeared */
    struct odds odds;         /* as of the last seat feed; `known`: may be shown */
    bool has_odds;            /* there was a feed */
    uint64_t fed_us;          /* wall clock of the last feed here, or of the event's start */

    struct http_blob *status; /* complete answers with head */
    struct http_blob *not_modified;
    uint32_t status_head_len;
    struct http_blob *frame; /* the newest, as a server-sent event */
    char tag[20];            /* of the body, with quotes */
    uint64_t rendered_us;
    uint64_t published_us;
    struct front_page page[2][LANG_MAX];
    bool urgent; /* state or document changed: send without the one-second delay */
    bool unsent; /* frame differs from the last one sent to streams */
    struct http_channel *channel;
    _Atomic uint64_t gauge[FRONT_GAUGES]; /* for the scrape; only on the first loop */
};

/* A request that continues once this front has seen a change. */
struct front_wait {
    struct front_wait *next;
    char event[LINE_EVENT_ID_MAX + 1];
    uint64_t version;
    bool any_other; /* wait for any other document, whatever its version and incarnation */
    uint64_t not_serial;
    uint32_t not_tag;
    uint64_t deadline_us;
    /* `seen`: the event's picture has at least `version`; otherwise the wait timed out. */
    void (*on_done)(struct front_wait *wait, bool seen);
};

/* The last ticket that was verified: see caller.c. */
struct front_seen {
    const struct front_line *event; /* NULL: no ticket */
    uint64_t now_s;
    struct ticket ticket;
    char text[TICKET_LEN];
    uint32_t text_len;
};

struct front {
    uint32_t magic;
    struct service_loop *loop;
    struct front_shared *shared;
    const struct front_config *config;
    struct secrets *keys;
    struct line_store *store;
    struct squeezer *squeezer;
    struct front_line *event[FRONT_EVENTS_MAX]; /* unordered */
    uint32_t events_len;
    struct table by_id;
    uint32_t shut_seen; /* while the timer counts */
    bool complete;      /* every event of the store was seen once since the start */
    uv_timer_t timer;
    uint32_t load_milli; /* this thread's load in the last second */
    uint64_t load_at_us, load_cpu_us;
    struct shed shed;
    struct front_seen seen;
    struct tally passes_wrong; /* invalid passes, by session and site */
    struct tally tokens_wrong; /* invalid member tokens, by site */
    struct tally codes_wrong;  /* wrong codes, by site; full: the store has counted too many */
    uint64_t slowed_s;         /* lines that slowed.c logged in this second */
    uint32_t slowed_n;
    struct front_wait *waits;
    struct jwks_feed *member_keys; /* from the shop's URL; NULL: no URL is set */
    /* Pages that the first loop reads: health of the services behind (pilot.h), whether visits are
     * served (served.h), a beacon's relays (drawing.h). Empty on other loops. */
    struct page_list health, served, relays;
    uint64_t served_next_us;
    unsigned served_asking;
    struct sale *sale;       /* the first loop's; NULL: no service to check before a sale */
    struct endings *endings; /* NULL: ended visits are not reported */
    bool closing;            /* answers from other services are ignored from now on */
    struct front_stats stats;
};

MAGIC(front, 0x3f407001);

/* on_done is called once, later; front_close() calls it at once. The caller owns the memory. */
void front_await(struct front *front, struct front_wait *wait);

/* A number of seats left was applied. */
void front_seats_fed(const struct front *front, struct front_line *event);

/* NULL: unknown, or no picture yet. */
struct front_line *front_line_find(const struct front *front, struct span id);
/* The line of a lane; lane 0 is the event's own line. NULL: no picture yet. */
const struct front_line *front_line_in(const struct front *front, const struct front_line *event,
                                       unsigned lane);
/* All of the event's lines have a picture. After the event's own, the lanes' take a moment. */
bool front_has_lanes(const struct front *front, const struct front_line *event);

/* The numbers of all lines of an event. */
struct front_sum {
    uint64_t issued, joined, serving, waiting, outstanding, admitted, no_shows;
};
struct front_sum front_sum_add(struct front_sum sum, const struct line_view *line);
struct front_sum front_sum(const struct front *front, const struct front_line *event);

/* NULL: the general line. */
static inline const char *front_lane_id(const struct front_line *line)
{
    unsigned lane = line->view->lane;
    return lane > 0 && lane <= line->doc.lanes_len ? line->doc.lane[lane - 1].id : NULL;
}
/* By the line's name, "show" or "show@1". */
struct front_line *front_line_named(const struct front *front, const char *line_id);
/* Calls `each` for every line that has a picture, lanes included, in no order. */
void front_each_event(const struct front *front, void (*each)(struct front_line *, void *ctx),
                      void *ctx);

/* Renders the shared status if it is older than a second, or if an urgent change happened. */
void front_render(struct front *front, struct front_line *event);

/* The odds of a sell-out if they may be shown; otherwise NULL. */
static inline const struct odds *front_odds(const struct front_line *event)
{
    return event->doc.seats_left && event->has_odds && event->odds.known &&
                   event->view->lane < event->odds.lanes
               ? &event->odds
               : NULL;
}

/* The URL that a pass of this event leads to: the setting with the event filled in. Fits
 * NEXT_URL_BYTES_MAX. */
void front_next_url(const struct front *front, struct span event, struct text *out);

static inline struct front *front_of(const struct http_req *req)
{
    return service_loop_of(req)->ctx;
}

static inline struct span front_line_id(const struct front_line *event)
{
    return (struct span){event->id, event->id_len};
}

/* The scope of visitors' names: the event's id, with its incarnation if it has one. An event that
 * reuses an id does not recognise the previous event's visitors. */
static inline struct span front_line_scope(const struct front_line *event)
{
    return (struct span){event->scope, event->scope_len};
}

static inline uint64_t front_wall_s(const struct front *front)
{
    return http_server_wall_s(front->loop->server);
}

/* Redis's wall clock: this event's last tick plus the time since. */
static inline uint64_t front_line_now_ms(const struct front *front, const struct front_line *event)
{
    uint64_t now_us = http_server_now_us(front->loop->server);
    line_store_look(front->store, event->view, now_us);
    return place_now_ms(event->view, now_us);
}

/* Work is issued, checked and stored by this clock: by a front's own clock, work that Redis has
 * forgotten could give a second place. */
static inline uint64_t front_work_s(const struct front *front, const struct front_line *event)
{
    return place_time_ms(event->view, http_server_now_us(front->loop->server)) / 1000;
}

static inline void front_count_by(_Atomic uint64_t *counter, uint64_t by)
{
    /* relaxed: one writer; the scrape needs a number, not an order. */
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

static inline void front_count(_Atomic uint64_t *counter)
{
    front_count_by(counter, 1);
}

#endif
