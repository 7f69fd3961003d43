/* courier.c: see courier.h.
 *
 * A delivery is one event on its way to one endpoint (a fault may make a hundred of one). It is in
 * exactly one place: in the queue of those that may go, in the list of those that wait for a timer
 * or are held back until others have overtaken them, or under way in one of COURIER_ACTIVE_MAX
 * transfers. libcurl asks for sockets and timers to be watched; uv_poll and one uv_timer do. */
#include "courier.h"

#include "object.h"
#include "observe/log.h"
#include "sign.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdlib.h>

enum { BODY_BYTES_MAX = 300 * 1024 };

enum delivery_state { DELIVERY_QUEUED, DELIVERY_WAITING, DELIVERY_ACTIVE };

struct delivery {
    uv_timer_t timer; /* inited for those that have ever waited */
    struct courier *courier;
    struct delivery *prev, *next; /* in the queue, or in the list of those that wait */
    enum delivery_state state;
    bool notice;
    bool copy; /* a duplicate: its end says nothing about the event */
    bool badsig;
    bool timer_inited;
    uint32_t event;
    uint32_t endpoint;
    unsigned attempt;
    uint32_t overtakers; /* held until so many others of its endpoint are out; 0: not held */
    int64_t skew_s;
    CURL *easy;
    struct curl_slist *headers;
};

struct deliveries {
    struct delivery *first, *last;
    uint32_t len;
};

struct socket {
    uv_poll_t poll;
    struct courier *courier;
    curl_socket_t fd;
};

struct courier {
    struct courier_conf conf;
    CURLM *multi;
    uv_timer_t timer; /* libcurl's */
    struct deliveries queue;
    struct deliveries waiting;
    CURL *active[COURIER_ACTIVE_MAX]; /* to be ended when the courier closes */
    CURL *idle[COURIER_ACTIVE_MAX];
    unsigned active_len;
    unsigned idle_len;
    struct courier_stats stats;
    bool closing;
    unsigned handles; /* open on the loop: the courier is freed with the last */
    struct text body;
};

static void count(_Atomic uint64_t *counter, uint64_t by)
{
    /* relaxed: one loop writes, others only look */
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

/* ---- lists ---- */

static void append(struct deliveries *list, struct delivery *delivery)
{
    delivery->prev = list->last;
    delivery->next = NULL;
    *(list->last != NULL ? &list->last->next : &list->first) = delivery;
    list->last = delivery;
    list->len++;
}

static void take_out(struct deliveries *list, struct delivery *delivery)
{
    *(delivery->prev != NULL ? &delivery->prev->next : &list->first) = delivery->next;
    *(delivery->next != NULL ? &delivery->next->prev : &list->last) = delivery->prev;
    assert(list->len > 0);
    list->len--;
}

static void tell_waiting(struct courier *courier)
{
    atomic_store_explicit(&courier->stats.waiting,
                          courier->queue.len + courier->waiting.len + courier->active_len,
                          memory_order_relaxed);
}

/* ---- the end of things ---- */

static void let_go(struct courier *courier)
{
    assert(courier->handles > 0);
    if (--courier->handles > 0 || !courier->closing)
        return;
    free(courier->body.ptr);
    free(courier);
}

static void on_delivery_closed(uv_handle_t *handle)
{
    struct delivery *delivery = handle->data;
    struct courier *courier = delivery->courier;
    free(delivery);
    let_go(courier);
}

static void delivery_free(struct delivery *delivery)
{
    curl_slist_free_all(delivery->headers);
    delivery->headers = NULL;
    if (delivery->timer_inited)
        uv_close((uv_handle_t *)&delivery->timer, on_delivery_closed);
    else
        free(delivery);
}

static uint16_t *pending_of(const struct courier *courier, const struct delivery *delivery,
                            struct event **event)
{
    const struct list *list =
        delivery->notice ? &courier->conf.bank->notices : &courier->conf.bank->events;
    assert(delivery->event < list->count);
    *event = list->items[delivery->event];
    return *event != NULL ? &(*event)->pending : NULL;
}

/* Confirmed or not, nobody will try again. */
static void settle(struct courier *courier, const struct delivery *delivery, bool confirmed)
{
    if (delivery->copy)
        return;
    struct journal_delivery record = {.notice = delivery->notice,
                                      .confirmed = confirmed,
                                      .event = delivery->event,
                                      .endpoint = delivery->endpoint};
    struct event *event;
    uint16_t *pending = pending_of(courier, delivery, &event);
    uint16_t bit = (uint16_t)(1u << delivery->endpoint);
    if (pending != NULL) {
        *pending = (uint16_t)(*pending & ~bit);
        event->undelivered = (uint16_t)(event->undelivered | (confirmed ? 0 : bit));
    }
    courier->conf.on_over(courier->conf.ctx, &record);
}

static void over(struct courier *courier, struct delivery *delivery, bool confirmed)
{
    settle(courier, delivery, confirmed);
    delivery_free(delivery);
}

/* ---- waiting ---- */

static void send_next(struct courier *courier);

static void enqueue(struct courier *courier, struct delivery *delivery)
{
    delivery->state = DELIVERY_QUEUED;
    append(&courier->queue, delivery);
    tell_waiting(courier);
}

static void release(struct delivery *delivery)
{
    struct courier *courier = delivery->courier;
    assert(delivery->state == DELIVERY_WAITING);
    uv_timer_stop(&delivery->timer);
    take_out(&courier->waiting, delivery);
    delivery->overtakers = 0;
    enqueue(courier, delivery);
}

static void on_waited(uv_timer_t *timer)
{
    struct delivery *delivery = timer->data;
    struct courier *courier = delivery->courier;
    release(delivery);
    send_next(courier);
}

static void wait_for(struct delivery *delivery, uint64_t ms)
{
    struct courier *courier = delivery->courier;
    if (!delivery->timer_inited) {
        uv_timer_init(courier->conf.loop, &delivery->timer); /* never fails */
        delivery->timer.data = delivery;
        delivery->timer_inited = true;
        courier->handles++;
    }
    delivery->state = DELIVERY_WAITING;
    append(&courier->waiting, delivery);
    uv_timer_start(&delivery->timer, on_waited, ms, 0);
    tell_waiting(courier);
}

/* One of this endpoint is out: whoever is held back counts it. */
static void let_overtaken_go(struct courier *courier, const struct delivery *out)
{
    struct delivery *next;
    for (struct delivery *held = courier->waiting.first; held != NULL; held = next) {
        next = held->next;
        if (held->overtakers == 0 || held->notice != out->notice ||
            held->endpoint != out->endpoint || held->event == out->event)
            continue;
        if (--held->overtakers == 0)
            release(held);
    }
}

/* Stripe doubles its pauses, Toss takes them times four. */
static uint64_t pause_ms(const struct courier *courier, const struct delivery *delivery)
{
    uint64_t pause = delivery->notice ? courier->conf.toss_retry_ms : courier->conf.retry_ms;
    for (unsigned i = 1; i < delivery->attempt && pause < COURIER_RETRY_MS_MAX; i++)
        pause *= delivery->notice ? 4 : 2;
    return pause < COURIER_RETRY_MS_MAX ? pause : COURIER_RETRY_MS_MAX;
}

static void tried(struct courier *courier, struct delivery *delivery, bool confirmed)
{
    unsigned most = delivery->notice ? TOSS_RETRIES_MAX : courier->conf.attempts_max;
    if (confirmed) {
        count(&courier->stats.confirmed, 1);
        let_overtaken_go(courier, delivery);
        over(courier, delivery, true);
    } else if (delivery->attempt >= most) {
        count(&courier->stats.given_up, 1);
        over(courier, delivery, false);
    } else {
        count(&courier->stats.retries, 1);
        wait_for(delivery, pause_ms(courier, delivery));
    }
    tell_waiting(courier);
}

/* ---- one transfer ---- */

static size_t on_answer_body(char *bytes, size_t size, size_t len, void *ctx)
{
    (void)bytes;
    (void)ctx;
    return size * len; /* what a receiver says beyond its status is of no interest */
}

/* The body of this try; false if the event is no longer kept. */
static bool write_body(struct courier *courier, const struct delivery *delivery)
{
    struct event *event;
    if (pending_of(courier, delivery, &event) == NULL)
        return false;
    courier->body = text_on(courier->body.ptr, courier->body.cap);
    if (delivery->notice)
        text_add(&courier->body, event->object, event->object_len);
    else
        object_put_event(&courier->body, event);
    assert(!courier->body.overflown);
    return true;
}

static bool write_headers(struct courier *courier, struct delivery *delivery,
                          const struct endpoint *endpoint)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (headers != NULL && !delivery->notice) {
        char memory[256];
        struct text line = text_on(memory, sizeof(memory) - 1);
        TEXT_LIT(&line, "Stripe-Signature: ");
        uint64_t now_s = clock_wall_us(courier->conf.clock) / 1000000;
        struct span secret =
            delivery->badsig ? SPAN("whsec_of_somebody_else") : span_of(endpoint->secret);
        sign_put(&line, secret, (uint64_t)((int64_t)now_s + delivery->skew_s),
                 text_span(&courier->body));
        assert(!line.overflown);
        memory[line.len] = '\0';
        struct curl_slist *more = curl_slist_append(headers, memory);
        if (more == NULL)
            curl_slist_free_all(headers);
        headers = more;
    }
    curl_slist_free_all(delivery->headers);
    delivery->headers = headers;
    return headers != NULL;
}

/* False without memory. */
static bool start(struct courier *courier, struct delivery *delivery, const char *url)
{
    CURL *easy = courier->idle_len > 0 ? courier->idle[--courier->idle_len] : curl_easy_init();
    if (easy == NULL)
        return false;
    curl_easy_reset(easy);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)COURIER_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "psp-sandbox/1.0");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, delivery->headers);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)courier->body.len);
    curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, courier->body.ptr);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer_body);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, delivery);
    delivery->easy = easy;
    delivery->state = DELIVERY_ACTIVE;
    courier->active[courier->active_len++] = easy;
    CURLMcode code = curl_multi_add_handle(courier->multi, easy);
    assert(code == CURLM_OK);
    return true;
}

static void send_one(struct courier *courier, struct delivery *delivery)
{
    const struct endpoint *endpoint =
        delivery->notice ? NULL : bank_endpoint(courier->conf.bank, delivery->endpoint);
    const char *url = delivery->notice ? courier->conf.toss_url : endpoint->url;
    bool gone = url == NULL || (endpoint != NULL && endpoint->deleted);
    if (gone || !write_body(courier, delivery)) {
        count(&courier->stats.given_up, 1);
        over(courier, delivery, false);
        return;
    }
    delivery->attempt++;
    count(&courier->stats.attempts, 1);
    if (!write_headers(courier, delivery, endpoint) || !start(courier, delivery, url))
        tried(courier, delivery, false);
}

static void send_next(struct courier *courier)
{
    while (!courier->closing && courier->queue.first != NULL &&
           courier->active_len < COURIER_ACTIVE_MAX) {
        struct delivery *delivery = courier->queue.first;
        take_out(&courier->queue, delivery);
        send_one(courier, delivery);
    }
    tell_waiting(courier);
}

static void forget_active(struct courier *courier, CURL *easy)
{
    unsigned at = 0;
    while (at < courier->active_len && courier->active[at] != easy)
        at++;
    assert(at < courier->active_len);
    courier->active[at] = courier->active[--courier->active_len];
}

/* Transfers that have ended since the last look. */
static void collect(struct courier *courier)
{
    CURLMsg *message;
    int left;
    while (!courier->closing && (message = curl_multi_info_read(courier->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURL *easy = message->easy_handle;
        CURLcode result = message->data.result;
        struct delivery *delivery = NULL;
        long status = 0;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &delivery);
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        curl_multi_remove_handle(courier->multi, easy);
        forget_active(courier, easy);
        courier->idle[courier->idle_len++] = easy;
        delivery->easy = NULL;
        tried(courier, delivery, result == CURLE_OK && status >= 200 && status < 300);
    }
    send_next(courier);
}

/* ---- libcurl on the loop ---- */

static void act(struct courier *courier, curl_socket_t fd, int flags)
{
    int running;
    curl_multi_socket_action(courier->multi, fd, flags, &running);
    collect(courier);
}

static void on_curl_timer(uv_timer_t *timer)
{
    act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct socket *socket = poll->data;
    int flags = status < 0 ? CURL_CSELECT_ERR : 0;
    flags |= (events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0;
    flags |= (events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0;
    act(socket->courier, socket->fd, flags);
}

static void on_socket_closed(uv_handle_t *handle)
{
    struct socket *socket = handle->data;
    struct courier *courier = socket->courier;
    free(socket);
    let_go(courier);
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *known)
{
    (void)easy;
    struct courier *courier = ctx;
    struct socket *socket = known;
    if (what == CURL_POLL_REMOVE) {
        if (socket != NULL) {
            curl_multi_assign(courier->multi, fd, NULL);
            uv_poll_stop(&socket->poll);
            uv_close((uv_handle_t *)&socket->poll, on_socket_closed);
        }
        return 0;
    }
    if (socket == NULL) {
        socket = calloc(1, sizeof(*socket));
        if (socket == NULL || uv_poll_init_socket(courier->conf.loop, &socket->poll, fd) < 0) {
            free(socket);
            return -1; /* libcurl fails the transfer, which is tried again */
        }
        socket->poll.data = socket;
        socket->courier = courier;
        socket->fd = fd;
        courier->handles++;
        curl_multi_assign(courier->multi, fd, socket);
    }
    int events = 0;
    events |= (what & CURL_POLL_IN) != 0 ? UV_READABLE : 0;
    events |= (what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0;
    uv_poll_start(&socket->poll, events, on_socket);
    return 0;
}

static int on_curl_wants_timer(CURLM *multi, long ms, void *ctx)
{
    (void)multi;
    struct courier *courier = ctx;
    if (ms < 0)
        uv_timer_stop(&courier->timer);
    else if (!courier->closing)
        uv_timer_start(&courier->timer, on_curl_timer, (uint64_t)ms, 0);
    return 0;
}

/* ---- what is handed over ---- */

/* The fault for this event, if one strikes: of its payment's metadata first, then of the list. */
static bool find_fault(struct courier *courier, const struct event *event, struct fault *fault)
{
    char memory[FAULT_NAME_MAX * 2];
    struct text operation = text_on(memory, sizeof(memory));
    TEXT_LIT(&operation, "webhook/");
    text_str(&operation, event->type);
    int slot;
    if (event->intent != INTENT_NONE) {
        struct intent *intent = bank_intent(courier->conf.bank, event->intent);
        const char *text = meta_get(&intent->meta, FAULT_META_KEY);
        if (fault_in_text(text, intent->fault_used, text_span(&operation), fault, &slot)) {
            intent->fault_used[slot]++;
            return true;
        }
    }
    return fault_list_take(courier->conf.faults, text_span(&operation), fault);
}

static void send_off(struct courier *courier, const struct delivery *like,
                     const struct fault *fault)
{
    if (courier->queue.len + courier->waiting.len >= COURIER_QUEUE_MAX) {
        count(&courier->stats.overflow, 1);
        return;
    }
    struct delivery *delivery = calloc(1, sizeof(*delivery));
    if (delivery == NULL) {
        count(&courier->stats.overflow, 1);
        return;
    }
    *delivery = *like;
    delivery->courier = courier;
    switch (fault->kind) {
    case FAULT_HOOK_LATE:
        wait_for(delivery, fault->value);
        return;
    case FAULT_HOOK_REORDER:
        delivery->overtakers = fault->value;
        wait_for(delivery, COURIER_REORDER_MS);
        return;
    case FAULT_HOOK_FUTURE:
        delivery->skew_s = fault->value;
        break;
    case FAULT_HOOK_STALE:
        delivery->skew_s = -(int64_t)fault->value;
        break;
    case FAULT_HOOK_BADSIG:
        delivery->badsig = true;
        break;
    default:
        break;
    }
    enqueue(courier, delivery);
}

static void dispatch(struct courier *courier, bool notice, uint32_t place)
{
    const struct list *list = notice ? &courier->conf.bank->notices : &courier->conf.bank->events;
    const struct event *event = list->items[place];
    if (event == NULL || event->pending == 0)
        return;
    struct fault fault = {.kind = FAULT_NONE};
    bool struck = find_fault(courier, event, &fault);
    uint32_t copies = struck && fault.kind == FAULT_HOOK_DUPLICATE ? fault.value : 1;
    uint16_t pending = event->pending;
    for (uint32_t endpoint = 0; endpoint < ENDPOINTS_MAX; endpoint++) {
        if ((pending & 1u << endpoint) == 0)
            continue;
        struct delivery like = {
            .courier = courier, .notice = notice, .event = place, .endpoint = endpoint};
        if (struck && fault.kind == FAULT_HOOK_LOST) {
            count(&courier->stats.faulted, 1);
            settle(courier, &like, false);
            continue;
        }
        for (uint32_t i = 0; i < copies; i++) {
            like.copy = i > 0;
            send_off(courier, &like, &fault);
        }
    }
}

void courier_events(struct courier *courier, uint32_t from, uint32_t to)
{
    for (uint32_t place = from; place < to; place++)
        dispatch(courier, false, place);
    send_next(courier);
}

void courier_notices(struct courier *courier, uint32_t from, uint32_t to)
{
    for (uint32_t place = from; place < to; place++)
        dispatch(courier, true, place);
    send_next(courier);
}

void courier_flush(struct courier *courier)
{
    while (courier->waiting.first != NULL)
        release(courier->waiting.first);
    send_next(courier);
}

const struct courier_stats *courier_stats(const struct courier *courier)
{
    return &courier->stats;
}

/* ---- life ---- */

int courier_create(const struct courier_conf *conf, struct err_slot *err, struct courier **out)
{
    struct courier *courier = calloc(1, sizeof(*courier));
    char *body = malloc(BODY_BYTES_MAX);
    if (courier == NULL || body == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        err_set(err, ERR_NOMEM, "courier");
        goto free_courier;
    }
    courier->conf = *conf;
    courier->body = text_on(body, BODY_BYTES_MAX);
    courier->multi = curl_multi_init();
    if (courier->multi == NULL) {
        err_set(err, ERR_NOMEM, "libcurl");
        goto free_courier;
    }
    curl_multi_setopt(courier->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    curl_multi_setopt(courier->multi, CURLMOPT_SOCKETDATA, courier);
    curl_multi_setopt(courier->multi, CURLMOPT_TIMERFUNCTION, on_curl_wants_timer);
    curl_multi_setopt(courier->multi, CURLMOPT_TIMERDATA, courier);
    uv_timer_init(conf->loop, &courier->timer); /* never fails */
    courier->timer.data = courier;
    courier->handles = 1;
    *out = courier;
    return 0;

free_courier:
    free(body);
    free(courier);
    return ERR_NOMEM;
}

static void drop_all(struct deliveries *list)
{
    while (list->first != NULL) {
        struct delivery *delivery = list->first;
        assert(delivery->prev == NULL);
        take_out(list, delivery);
        delivery_free(delivery);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    let_go(handle->data);
}

void courier_close(struct courier *courier)
{
    if (courier == NULL)
        return;
    assert(!courier->closing);
    courier->closing = true;
    while (courier->active_len > 0) {
        CURL *easy = courier->active[--courier->active_len];
        struct delivery *delivery = NULL;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &delivery);
        curl_multi_remove_handle(courier->multi, easy);
        curl_easy_cleanup(easy);
        delivery_free(delivery);
    }
    while (courier->idle_len > 0)
        curl_easy_cleanup(courier->idle[--courier->idle_len]);
    curl_multi_cleanup(courier->multi); /* closes its sockets: on_curl_socket() */
    drop_all(&courier->queue);
    drop_all(&courier->waiting);
    uv_close((uv_handle_t *)&courier->timer, on_timer_closed);
}
