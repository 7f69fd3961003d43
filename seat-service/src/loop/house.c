/* house.c: see house.h. Replay is single-threaded, on the reader's thread, on engines that nobody
 * else can see: `open` is set last. */
#include "loop/house.h"

#include "core/hall/plan_import.h"
#include "render/render.h"
#include "web/squeeze.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* The best takes time, once, behind everybody's back, and saves it for each visitor on a phone.
     * Of the long form it would take ten seconds. */
    BROTLI_PHONE = 11,
    BROTLI_LONG = 6,
    GZIP_LEVEL = 9,
};

/* A version is the owner's epoch and the number of its picture: 53 bits, which JavaScript has. Of
 * five pictures a second there are 2^28 in a year and a half; 2^25 epochs begin in a year if one
 * does each second. */
#define EPOCH_SHOWN_MAX ((UINT64_C(1) << 25) - 1)
enum { PICTURE_BITS = 28 };

struct house {
    struct house_conf conf;
    struct house_event events[EVENTS_MAX];
    uint64_t wall_base_ms; /* house time = base + monotonic */
    _Atomic uint64_t ahead_ms;
    pthread_mutex_t offer_lock;
    struct house_plan *offered;
};

/* ---- plans ---- */

static int make_geometry(struct house_plan *plan, enum render_form form, struct err_slot *err)
{
    char *geometry;
    size_t len;
    int rc = render_geometry(plan->plan, plan->hash, form, err, &geometry, &len);
    if (rc < 0)
        return rc;
    struct http_blob *plain = http_blob_create((struct span){geometry, len});
    free(geometry);
    /* release: partner of house_geometry(): its bytes are there */
    atomic_store_explicit(&plan->geometry[form][HOUSE_IDENTITY], plain, memory_order_release);
    return plain != NULL ? 0 : err_set(err, ERR_NOMEM, "the plan's geometry");
}

int house_plan_create(struct span body, struct err_slot *err, struct house_plan **out)
{
    struct house_plan *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return err_set(err, ERR_NOMEM, "a plan");
    int rc = plan_import(body, err, &made->plan);
    if (rc < 0) {
        free(made);
        return rc;
    }
    sodium_bin2hex(made->hash, sizeof(made->hash), plan_content(made->plan), PLAN_HASH_BYTES);
    for (enum render_form form = 0; rc == 0 && form < RENDER_FORMS; form++)
        rc = make_geometry(made, form, err);
    if (rc < 0) {
        house_plan_destroy(made);
        return rc;
    }
    *out = made;
    return 0;
}

static int pack(struct house_plan *plan, enum render_form form, enum house_coding coding,
                struct err_slot *err)
{
    const struct http_blob *plain = house_geometry(plan, form, HOUSE_IDENTITY);
    struct span text = {plain->bytes, plain->len};
    if (house_geometry(plan, form, coding) != NULL)
        return 0;
    struct http_blob *packed =
        coding == HOUSE_GZIP
            ? squeeze_gzip(text, GZIP_LEVEL)
            : squeeze_brotli(text, form == RENDER_SEATS ? BROTLI_LONG : BROTLI_PHONE);
    if (packed == NULL)
        return err_set(err, ERR_NOMEM, "the plan's geometry");
    /* release: partner of house_geometry(): its bytes are there */
    atomic_store_explicit(&plan->geometry[form][coding], packed, memory_order_release);
    return 0;
}

int house_plan_pack(struct house_plan *plan, struct err_slot *err)
{
    int rc = 0;
    for (enum render_form form = 0; rc == 0 && form < RENDER_FORMS; form++) {
        for (enum house_coding coding = HOUSE_GZIP; rc == 0 && coding < HOUSE_CODINGS; coding++)
            rc = pack(plan, form, coding, err);
    }
    return rc;
}

void house_plan_destroy(struct house_plan *plan)
{
    if (plan == NULL)
        return;
    for (enum render_form form = 0; form < RENDER_FORMS; form++) {
        for (enum house_coding coding = 0; coding < HOUSE_CODINGS; coding++)
            http_blob_unref(house_geometry(plan, form, coding));
    }
    plan_destroy(plan->plan);
    free(plan);
}

void house_offer(struct house *house, struct house_plan *plan)
{
    pthread_mutex_lock(&house->offer_lock);
    struct house_plan *was = house->offered;
    house->offered = plan;
    pthread_mutex_unlock(&house->offer_lock);
    house_plan_destroy(was);
}

/* The offered plan, if it is the one of this document. */
static struct house_plan *take_offer(struct house *house, struct span document)
{
    uint8_t hash[PLAN_HASH_BYTES];
    crypto_hash_sha256(hash, (const uint8_t *)document.ptr, document.len);
    pthread_mutex_lock(&house->offer_lock);
    struct house_plan *plan = house->offered;
    if (plan != NULL && memcmp(plan_hash(plan->plan), hash, sizeof(hash)) == 0)
        house->offered = NULL;
    else
        plan = NULL;
    pthread_mutex_unlock(&house->offer_lock);
    return plan;
}

/* ---- what the journal tells; reader's thread ---- */

static int on_found(void *ctx, uint32_t nth, struct span id, struct span document,
                    struct err_slot *err)
{
    struct house *house = ctx;
    assert(nth < EVENTS_MAX);
    struct house_event *event = &house->events[nth];
    if (event->plan == NULL) {
        struct house_plan *plan = take_offer(house, document);
        int rc = plan != NULL ? 0 : house_plan_create(document, err, &plan);
        if (rc < 0)
            return rc;
        if (!span_to_cstr(id, event->id, sizeof(event->id))) {
            house_plan_destroy(plan);
            return err_set(err, ERR_RANGE, "an event id of %zu bytes", id.len);
        }
        event->nth = nth;
        event->plan = plan;
        /* release: partner of house_nth(): id and plan are there */
        atomic_store_explicit(&event->found, true, memory_order_release);
    }
    return 0;
}

static int on_load(void *ctx, uint32_t nth, struct span snapshot, struct err_slot *err)
{
    struct house *house = ctx;
    struct house_event *event = &house->events[nth];
    assert(!house_is_open(event));
    engine_destroy(event->engine);
    event->engine = NULL;
    uint64_t seed;
    randombytes_buf(&seed, sizeof(seed));
    struct engine_conf conf = {
        .plan = event->plan->plan,
        .seed = seed,
        .now_ms = house_now_ms(house),
        .avail_base = 0, /* see on_own() */
    };
    int rc = engine_create(&conf, err, &event->engine);
    if (rc == 0)
        engine_replay_begin(event->engine);
    if (rc == 0 && snapshot.ptr != NULL)
        rc = engine_snapshot_read(event->engine, (const uint8_t *)snapshot.ptr, snapshot.len, err);
    return rc;
}

static int on_apply(void *ctx, uint32_t nth, const struct change *change, struct span idem,
                    struct err_slot *err)
{
    struct house *house = ctx;
    struct engine_hold_view view;
    uint64_t session = change->session;
    if (idem.ptr != NULL && change->kind != CHANGE_TAKEN &&
        engine_hold_read(house->events[nth].engine, change->hold, &view) == ENGINE_OK)
        session = view.session; /* only what takes says whose it is */
    int rc = engine_apply(house->events[nth].engine, change, err);
    if (rc < 0)
        return rc;
    uint64_t now_ms = house_now_ms(house);
    if (change->at_ms > now_ms) /* an owner whose clock was ahead of ours */
        atomic_fetch_add_explicit(&house->ahead_ms, change->at_ms - now_ms, memory_order_relaxed);
    if (idem.ptr != NULL)
        idem_restore(house->conf.idem, session, idem, change, now_ms);
    return 0;
}

static void on_first(void *ctx, uint32_t nth, struct change *change)
{
    struct house *house = ctx;
    change_init(change, CHANGE_IMPORTED, house_now_ms(house));
    memcpy(change->plan_hash, plan_hash(house->events[nth].plan->plan), CHANGE_HASH_BYTES);
}

/* Pictures are counted within the epoch of their owner: so no version ever means two things, and
 * who has one of an earlier owner is told to take the picture anew. */
static void on_own(void *ctx, uint32_t nth, uint64_t epoch)
{
    struct house *house = ctx;
    struct house_event *event = &house->events[nth];
    event->epoch = epoch;
    engine_replay_end(event->engine);
    engine_avail_begin(event->engine, (epoch & EPOCH_SHOWN_MAX) << PICTURE_BITS);
    engine_publish(event->engine);
    if (engine_stats(event->engine).holds_used > 0) /* of an earlier life */
        engine_spare_orders(event->engine, house_now_ms(house) + CONFIRM_SPARED_MS);
    /* release: partner of house_is_open() */
    atomic_store_explicit(&event->open, true, memory_order_release);
}

static void on_ended(void *ctx, const struct ended_row *row)
{
    const struct house *house = ctx;
    pass_revoke(house->conf.revoked, row->session, row->until_s);
}

static void on_fenced(void *ctx, const char *reason)
{
    struct house *house = ctx;
    for (uint32_t i = 0; i < EVENTS_MAX; i++)
        atomic_store_explicit(&house->events[i].open, false, memory_order_release);
    house->conf.fenced(house->conf.ctx, reason);
}

struct journal_host house_host(struct house *house)
{
    return (struct journal_host){
        .ctx = house,
        .found = on_found,
        .load = on_load,
        .apply = on_apply,
        .first = on_first,
        .ended = on_ended,
        .own = on_own,
        .fenced = on_fenced,
    };
}

/* ---- for everybody ---- */

struct house_event *house_nth(struct house *house, uint32_t nth)
{
    /* acquire: partner of on_found() */
    return nth < EVENTS_MAX && atomic_load_explicit(&house->events[nth].found, memory_order_acquire)
               ? &house->events[nth]
               : NULL;
}

struct house_event *house_next(struct house *house, const struct house_event *event)
{
    for (uint32_t nth = event == NULL ? 0 : event->nth + 1; nth < EVENTS_MAX; nth++) {
        struct house_event *next = house_nth(house, nth);
        if (next != NULL)
            return next;
    }
    return NULL;
}

struct house_event *house_find(struct house *house, struct span id)
{
    struct house_event *event = NULL;
    while ((event = house_next(house, event)) != NULL && !span_eq(span_of(event->id), id))
        ;
    return event;
}

void house_pack(struct house *house)
{
    struct house_event *event = NULL;
    while ((event = house_next(house, event)) != NULL)
        (void)house_plan_pack(event->plan, NULL); /* without memory it is tried again */
}

uint64_t house_now_ms(const struct house *house)
{
    return house->wall_base_ms + clock_mono_us(house->conf.clock) / 1000 +
           atomic_load_explicit(&house->ahead_ms, memory_order_relaxed);
}

int house_create(const struct house_conf *conf, struct err_slot *err, struct house **out)
{
    struct house *house = calloc(1, sizeof(*house));
    if (house == NULL)
        return err_set(err, ERR_NOMEM, "the house");
    house->conf = *conf;
    house->wall_base_ms = clock_wall_us(conf->clock) / 1000 - clock_mono_us(conf->clock) / 1000;
    pthread_mutex_init(&house->offer_lock, NULL);
    *out = house;
    return 0;
}

void house_destroy(struct house *house)
{
    if (house == NULL)
        return;
    for (uint32_t i = 0; i < EVENTS_MAX; i++) {
        engine_destroy(house->events[i].engine);
        house_plan_destroy(house->events[i].plan);
    }
    house_plan_destroy(house->offered);
    pthread_mutex_destroy(&house->offer_lock);
    free(house);
}
