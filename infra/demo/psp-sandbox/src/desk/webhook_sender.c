/* webhook_sender.c: a delivery is one event on its way to one endpoint (a fault may turn one into a
 * hundred). It is in exactly one place: in the queue of those ready to go, in the list of those
 * that wait for a timer or are held back until others have overtaken them, or in one of
 * WEBHOOK_ACTIVE_MAX transfers. libcurl asks for sockets and timers to be watched; uv_poll and one
 * uv_timer do that. A callback that reports an error to libcurl would end all transfers for good,
 * so none does: a transfer whose socket cannot be watched ends here and is tried again.
 *
 * Without memory for a delivery, its event remembers the endpoints that still need it, and all of
 * them are looked through again after a pause. */
#include "desk/webhook_sender.h"

#include "desk/sign.h"
#include "observe/log.h"
#include "stripe/wire/object.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdlib.h>

enum { BODY_BYTES_MAX = 300 * 1024 };

enum delivery_state { DELIVERY_QUEUED, DELIVERY_WAITING, DELIVERY_ACTIVE };

struct delivery {
    uv_timer_t timer; /* initialised once the delivery has waited */
    struct webhook_sender *sender;
    struct delivery *prev, *next; /* in the queue, or in the list of those that wait */
    enum delivery_state state;
    bool notice;
    bool copy; /* a duplicate: its outcome says nothing about the event */
    bool badsig;
    bool timer_inited;
    bool unwatched; /* its socket is not watched, so it would go no further */
    uint32_t event;
    uint32_t endpoint;
    unsigned attempt;
    uint32_t overtakers; /* held until this many others to its endpoint have left; 0: not held */
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
    struct webhook_sender *sender;
    curl_socket_t fd;
};

struct webhook_sender {
    struct webhook_sender_conf conf;
    CURLM *multi;
    uv_timer_t timer;      /* libcurl's */
    uv_timer_t owed_timer; /* set while any is owed */
    uint32_t owed_len;
    struct deliveries queue;
    struct deliveries waiting;
    CURL *active[WEBHOOK_ACTIVE_MAX]; /* ended when the sender closes */
    CURL *idle[WEBHOOK_ACTIVE_MAX];
    unsigned active_len;
    unsigned idle_len;
    unsigned unwatched_len; /* of the active */
    struct webhook_sender_stats stats;
    bool closing;
    unsigned handles; /* open on the loop: the sender is freed with the last */
    struct text body;
};

static void count(_Atomic uint64_t *counter, uint64_t by)
{
    /* relaxed: one loop writes, others only read */
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

static void tell_waiting(struct webhook_sender *sender)
{
    atomic_store_explicit(&sender->stats.waiting,
                          sender->queue.len + sender->waiting.len + sender->active_len +
                              sender->owed_len,
                          memory_order_relaxed);
}

/* ---- the end of things ---- */

static void let_go(struct webhook_sender *sender)
{
    assert(sender->handles > 0);
    if (--sender->handles > 0 || !sender->closing)
        return;
    free(sender->body.ptr);
    free(sender);
}

static void on_delivery_closed(uv_handle_t *handle)
{
    struct delivery *delivery = handle->data;
    struct webhook_sender *sender = delivery->sender;
    free(delivery);
    let_go(sender);
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

static uint16_t *pending_of(const struct webhook_sender *sender, const struct delivery *delivery,
                            struct event **event)
{
    const struct list *list =
        delivery->notice ? &sender->conf.bank->notices : &sender->conf.bank->events;
    assert(delivery->event < list->count);
    *event = list->items[delivery->event];
    return *event != NULL ? &(*event)->pending : NULL;
}

/* Confirmed or not, nobody will try again. */
static void settle(struct webhook_sender *sender, const struct delivery *delivery, bool confirmed)
{
    if (delivery->copy)
        return;
    struct journal_delivery record = {.notice = delivery->notice,
                                      .confirmed = confirmed,
                                      .event = delivery->event,
                                      .endpoint = delivery->endpoint};
    struct event *event;
    uint16_t *pending = pending_of(sender, delivery, &event);
    uint16_t bit = (uint16_t)(1u << delivery->endpoint);
    if (pending != NULL) {
        *pending = (uint16_t)(*pending & ~bit);
        event->undelivered = (uint16_t)(event->undelivered | (confirmed ? 0 : bit));
    }
    sender->conf.on_over(sender->conf.ctx, &record);
}

static void over(struct webhook_sender *sender, struct delivery *delivery, bool confirmed)
{
    settle(sender, delivery, confirmed);
    delivery_free(delivery);
}

/* ---- waiting ---- */

static void send_next(struct webhook_sender *sender);

static void enqueue(struct webhook_sender *sender, struct delivery *delivery)
{
    delivery->state = DELIVERY_QUEUED;
    append(&sender->queue, delivery);
    tell_waiting(sender);
}

static void release(struct delivery *delivery)
{
    struct webhook_sender *sender = delivery->sender;
    assert(delivery->state == DELIVERY_WAITING);
    uv_timer_stop(&delivery->timer);
    take_out(&sender->waiting, delivery);
    delivery->overtakers = 0;
    enqueue(sender, delivery);
}

static void on_waited(uv_timer_t *timer)
{
    struct delivery *delivery = timer->data;
    struct webhook_sender *sender = delivery->sender;
    release(delivery);
    send_next(sender);
}

static void wait_for(struct delivery *delivery, uint64_t ms)
{
    struct webhook_sender *sender = delivery->sender;
    if (!delivery->timer_inited) {
        uv_timer_init(sender->conf.loop, &delivery->timer); /* never fails */
        delivery->timer.data = delivery;
        delivery->timer_inited = true;
        sender->handles++;
    }
    delivery->state = DELIVERY_WAITING;
    append(&sender->waiting, delivery);
    uv_timer_start(&delivery->timer, on_waited, ms, 0);
    tell_waiting(sender);
}

/* One to this endpoint has left: deliveries that are held back count it. */
static void let_overtaken_go(struct webhook_sender *sender, const struct delivery *out)
{
    struct delivery *next;
    for (struct delivery *held = sender->waiting.first; held != NULL; held = next) {
        next = held->next;
        if (held->overtakers == 0 || held->notice != out->notice ||
            held->endpoint != out->endpoint || held->event == out->event)
            continue;
        if (--held->overtakers == 0)
            release(held);
    }
}

/* Stripe doubles its pauses, Toss quadruples them. */
static uint64_t pause_ms(const struct webhook_sender *sender, const struct delivery *delivery)
{
    uint64_t pause = delivery->notice ? sender->conf.toss_retry_ms : sender->conf.retry_ms;
    for (unsigned i = 1; i < delivery->attempt && pause < WEBHOOK_RETRY_MS_MAX; i++)
        pause *= delivery->notice ? 4 : 2;
    return pause < WEBHOOK_RETRY_MS_MAX ? pause : WEBHOOK_RETRY_MS_MAX;
}

static void tried(struct webhook_sender *sender, struct delivery *delivery, bool confirmed)
{
    unsigned most = delivery->notice ? TOSS_RETRIES_MAX : sender->conf.attempts_max;
    if (confirmed) {
        count(&sender->stats.confirmed, 1);
        let_overtaken_go(sender, delivery);
        over(sender, delivery, true);
    } else if (delivery->attempt >= most) {
        count(&sender->stats.given_up, 1);
        over(sender, delivery, false);
    } else {
        count(&sender->stats.retries, 1);
        wait_for(delivery, pause_ms(sender, delivery));
    }
    tell_waiting(sender);
}

/* ---- one transfer ---- */

static size_t on_answer_body(char *bytes, size_t size, size_t len, void *ctx)
{
    (void)bytes;
    (void)ctx;
    return size * len; /* a receiver's body is of no interest, only its status */
}

/* The body of this try; false if the event is no longer kept. */
static bool write_body(struct webhook_sender *sender, const struct delivery *delivery)
{
    struct event *event;
    if (pending_of(sender, delivery, &event) == NULL)
        return false;
    sender->body = text_on(sender->body.ptr, sender->body.cap);
    if (delivery->notice)
        text_add(&sender->body, event->object, event->object_len);
    else
        object_put_event(&sender->body, event);
    assert(!sender->body.overflown);
    return true;
}

static bool write_headers(struct webhook_sender *sender, struct delivery *delivery,
                          const struct endpoint *endpoint)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (headers != NULL && !delivery->notice) {
        char memory[256];
        struct text line = text_on(memory, sizeof(memory) - 1);
        TEXT_LIT(&line, "Stripe-Signature: ");
        uint64_t now_s = clock_wall_us(sender->conf.clock) / 1000000;
        struct span secret =
            delivery->badsig ? SPAN("whsec_of_somebody_else") : span_of(endpoint->secret);
        sign_put(&line, secret, (uint64_t)((int64_t)now_s + delivery->skew_s),
                 text_span(&sender->body));
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

/* False: no memory. A delivery without its signature or its limits must not go out. */
static bool set_up(CURL *easy, const struct webhook_sender *sender, struct delivery *delivery,
                   const char *url)
{
    bool bad = false;
    bad |= curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)WEBHOOK_TIMEOUT_MS) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "psp-sandbox/1.0") != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, delivery->headers) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)sender->body.len) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, sender->body.ptr) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer_body) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_PRIVATE, delivery) != CURLE_OK;
    return !bad;
}

static bool start(struct webhook_sender *sender, struct delivery *delivery, const char *url)
{
    CURL *easy = sender->idle_len > 0 ? sender->idle[--sender->idle_len] : curl_easy_init();
    if (easy == NULL)
        return false;
    curl_easy_reset(easy);
    if (!set_up(easy, sender, delivery, url) ||
        curl_multi_add_handle(sender->multi, easy) != CURLM_OK) {
        curl_easy_cleanup(easy);
        return false;
    }
    delivery->easy = easy;
    delivery->state = DELIVERY_ACTIVE;
    sender->active[sender->active_len++] = easy;
    return true;
}

static void send_one(struct webhook_sender *sender, struct delivery *delivery)
{
    const struct endpoint *endpoint =
        delivery->notice ? NULL : bank_endpoint(sender->conf.bank, delivery->endpoint);
    const char *url = delivery->notice ? sender->conf.toss_url : endpoint->url;
    bool gone = url == NULL || (endpoint != NULL && endpoint->deleted);
    if (gone || !write_body(sender, delivery)) {
        count(&sender->stats.given_up, 1);
        over(sender, delivery, false);
        return;
    }
    delivery->attempt++;
    count(&sender->stats.attempts, 1);
    if (!write_headers(sender, delivery, endpoint) || !start(sender, delivery, url))
        tried(sender, delivery, false);
}

static void send_next(struct webhook_sender *sender)
{
    while (!sender->closing && sender->queue.first != NULL &&
           sender->active_len < WEBHOOK_ACTIVE_MAX) {
        struct delivery *delivery = sender->queue.first;
        take_out(&sender->queue, delivery);
        send_one(sender, delivery);
    }
    tell_waiting(sender);
}

static void forget_active(struct webhook_sender *sender, CURL *easy)
{
    unsigned at = 0;
    while (at < sender->active_len && sender->active[at] != easy)
        at++;
    assert(at < sender->active_len);
    sender->active[at] = sender->active[--sender->active_len];
}

static struct delivery *delivery_of(CURL *easy)
{
    struct delivery *delivery = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &delivery);
    return delivery;
}

static void transferred(struct webhook_sender *sender, CURL *easy, bool confirmed)
{
    struct delivery *delivery = delivery_of(easy);
    curl_multi_remove_handle(sender->multi, easy);
    forget_active(sender, easy);
    sender->idle[sender->idle_len++] = easy;
    sender->unwatched_len -= delivery->unwatched;
    delivery->unwatched = false;
    delivery->easy = NULL;
    tried(sender, delivery, confirmed);
}

static void end_unwatched(struct webhook_sender *sender)
{
    while (!sender->closing && sender->unwatched_len > 0) {
        unsigned at = 0;
        while (!delivery_of(sender->active[at])->unwatched) {
            at++;
            assert(at < sender->active_len);
        }
        transferred(sender, sender->active[at], false);
    }
}

/* Transfers that have ended since the last look. */
static void collect(struct webhook_sender *sender)
{
    CURLMsg *message;
    int left;
    while (!sender->closing && (message = curl_multi_info_read(sender->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURL *easy = message->easy_handle;
        CURLcode result = message->data.result;
        long status = 0;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        transferred(sender, easy, result == CURLE_OK && status >= 200 && status < 300);
    }
    end_unwatched(sender);
    send_next(sender);
}

/* ---- libcurl on the loop ---- */

static void act(struct webhook_sender *sender, curl_socket_t fd, int flags)
{
    int running;
    curl_multi_socket_action(sender->multi, fd, flags, &running);
    collect(sender);
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
    act(socket->sender, socket->fd, flags);
}

static void on_socket_closed(uv_handle_t *handle)
{
    struct socket *socket = handle->data;
    struct webhook_sender *sender = socket->sender;
    free(socket);
    let_go(sender);
}

/* NULL: there is none. */
static struct socket *socket_create(struct webhook_sender *sender, curl_socket_t fd)
{
    struct socket *socket = calloc(1, sizeof(*socket));
    if (socket == NULL || uv_poll_init_socket(sender->conf.loop, &socket->poll, fd) < 0) {
        free(socket);
        return NULL;
    }
    socket->poll.data = socket;
    socket->sender = sender;
    socket->fd = fd;
    sender->handles++;
    curl_multi_assign(sender->multi, fd, socket);
    return socket;
}

/* Once libcurl has returned: from within its call no transfer can be taken from it. */
static void give_up(struct webhook_sender *sender, CURL *easy)
{
    struct delivery *delivery = delivery_of(easy);
    if (delivery == NULL) /* libcurl's own, as it closes a connection */
        return;
    sender->unwatched_len += !delivery->unwatched;
    delivery->unwatched = true;
    uv_timer_start(&sender->timer, on_curl_timer, 0, 0);
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *known)
{
    struct webhook_sender *sender = ctx;
    struct socket *socket = known;
    if (what == CURL_POLL_REMOVE) {
        if (socket != NULL) {
            curl_multi_assign(sender->multi, fd, NULL);
            uv_poll_stop(&socket->poll);
            uv_close((uv_handle_t *)&socket->poll, on_socket_closed);
        }
        return 0;
    }
    int events = 0;
    events |= (what & CURL_POLL_IN) != 0 ? UV_READABLE : 0;
    events |= (what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0;
    if (socket == NULL)
        socket = socket_create(sender, fd);
    if (socket == NULL || uv_poll_start(&socket->poll, events, on_socket) < 0)
        give_up(sender, easy);
    return 0;
}

static int on_curl_wants_timer(CURLM *multi, long ms, void *ctx)
{
    (void)multi;
    struct webhook_sender *sender = ctx;
    if (sender->closing)
        return 0;
    if (sender->unwatched_len > 0)
        uv_timer_start(&sender->timer, on_curl_timer, 0, 0);
    else if (ms < 0)
        uv_timer_stop(&sender->timer);
    else
        uv_timer_start(&sender->timer, on_curl_timer, (uint64_t)ms, 0);
    return 0;
}

/* ---- what is handed over ---- */

/* The fault that strikes this event, if any: first from its payment's metadata, then from the list.
 */
static bool find_fault(struct webhook_sender *sender, const struct event *event,
                       struct fault *fault)
{
    char memory[FAULT_NAME_MAX * 2];
    struct text operation = text_on(memory, sizeof(memory));
    TEXT_LIT(&operation, "webhook/");
    text_str(&operation, event->type);
    int slot;
    if (event->intent != INTENT_NONE) {
        struct intent *intent = bank_intent(sender->conf.bank, event->intent);
        const char *text = meta_get(&intent->meta, FAULT_META_KEY);
        if (fault_in_text(text, intent->fault_used, text_span(&operation), fault, &slot)) {
            intent->fault_used[slot]++;
            return true;
        }
    }
    return fault_list_take(sender->conf.faults, text_span(&operation), fault);
}

static void on_owed(uv_timer_t *timer);

/* One of a hundred copies is not missed. */
static void owe(struct webhook_sender *sender, const struct delivery *like)
{
    struct event *event;
    uint16_t bit = (uint16_t)(1u << like->endpoint);
    if (like->copy || pending_of(sender, like, &event) == NULL || (event->owed & bit) != 0)
        return;
    event->owed |= bit;
    sender->owed_len++;
    count(&sender->stats.retries, 1);
    uv_timer_start(&sender->owed_timer, on_owed, sender->conf.retry_ms, 0);
    tell_waiting(sender);
}

static void send_off(struct webhook_sender *sender, const struct delivery *like,
                     const struct fault *fault)
{
    if (sender->queue.len + sender->waiting.len >= WEBHOOK_QUEUE_MAX) {
        count(&sender->stats.overflow, 1);
        return;
    }
    struct delivery *delivery = calloc(1, sizeof(*delivery));
    if (delivery == NULL) {
        owe(sender, like);
        return;
    }
    *delivery = *like;
    delivery->sender = sender;
    switch (fault->kind) {
    case FAULT_HOOK_LATE:
        wait_for(delivery, fault->value);
        return;
    case FAULT_HOOK_REORDER:
        delivery->overtakers = fault->value;
        wait_for(delivery, WEBHOOK_REORDER_MS);
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
    enqueue(sender, delivery);
}

static void dispatch(struct webhook_sender *sender, bool notice, uint32_t place)
{
    const struct list *list = notice ? &sender->conf.bank->notices : &sender->conf.bank->events;
    const struct event *event = list->items[place];
    if (event == NULL || event->pending == 0)
        return;
    struct fault fault = {.kind = FAULT_NONE};
    bool struck = find_fault(sender, event, &fault);
    uint32_t copies = struck && fault.kind == FAULT_HOOK_DUPLICATE ? fault.value : 1;
    uint16_t pending = event->pending;
    for (uint32_t endpoint = 0; endpoint < ENDPOINTS_MAX; endpoint++) {
        if ((pending & 1u << endpoint) == 0)
            continue;
        struct delivery like = {
            .sender = sender, .notice = notice, .event = place, .endpoint = endpoint};
        if (struck && fault.kind == FAULT_HOOK_LOST) {
            count(&sender->stats.faulted, 1);
            settle(sender, &like, false);
            continue;
        }
        for (uint32_t i = 0; i < copies; i++) {
            like.copy = i > 0;
            send_off(sender, &like, &fault);
        }
    }
}

/* What fault would have struck it is forgotten by now. */
static void pay(struct webhook_sender *sender, bool notice)
{
    const struct list *list = notice ? &sender->conf.bank->notices : &sender->conf.bank->events;
    const struct fault none = {.kind = FAULT_NONE};
    for (uint32_t place = 0; place < list->count; place++) {
        struct event *event = list->items[place];
        uint16_t owed = event != NULL ? event->owed : 0;
        if (owed == 0)
            continue;
        event->owed = 0;
        for (uint32_t endpoint = 0; endpoint < ENDPOINTS_MAX; endpoint++) {
            const struct delivery like = {
                .sender = sender, .notice = notice, .event = place, .endpoint = endpoint};
            if ((owed & 1u << endpoint) != 0)
                send_off(sender, &like, &none);
        }
    }
}

static void pay_all(struct webhook_sender *sender)
{
    if (sender->owed_len == 0)
        return;
    sender->owed_len = 0;
    pay(sender, false);
    pay(sender, true);
}

static void on_owed(uv_timer_t *timer)
{
    struct webhook_sender *sender = timer->data;
    pay_all(sender);
    send_next(sender);
}

void webhook_sender_events(struct webhook_sender *sender, uint32_t from, uint32_t to)
{
    for (uint32_t place = from; place < to; place++)
        dispatch(sender, false, place);
    send_next(sender);
}

void webhook_sender_notices(struct webhook_sender *sender, uint32_t from, uint32_t to)
{
    for (uint32_t place = from; place < to; place++)
        dispatch(sender, true, place);
    send_next(sender);
}

void webhook_sender_flush(struct webhook_sender *sender)
{
    while (sender->waiting.first != NULL)
        release(sender->waiting.first);
    pay_all(sender);
    send_next(sender);
}

const struct webhook_sender_stats *webhook_sender_stats(const struct webhook_sender *sender)
{
    return &sender->stats;
}

/* ---- life ---- */

int webhook_sender_create(const struct webhook_sender_conf *conf, struct err_slot *err,
                          struct webhook_sender **out)
{
    struct webhook_sender *sender = calloc(1, sizeof(*sender));
    char *body = malloc(BODY_BYTES_MAX);
    if (sender == NULL || body == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        err_set(err, ERR_NOMEM, "sender");
        goto free_sender;
    }
    sender->conf = *conf;
    sender->body = text_on(body, BODY_BYTES_MAX);
    sender->multi = curl_multi_init();
    if (sender->multi == NULL) {
        err_set(err, ERR_NOMEM, "libcurl");
        goto free_sender;
    }
    curl_multi_setopt(sender->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    curl_multi_setopt(sender->multi, CURLMOPT_SOCKETDATA, sender);
    curl_multi_setopt(sender->multi, CURLMOPT_TIMERFUNCTION, on_curl_wants_timer);
    curl_multi_setopt(sender->multi, CURLMOPT_TIMERDATA, sender);
    uv_timer_init(conf->loop, &sender->timer);      /* never fails, */
    uv_timer_init(conf->loop, &sender->owed_timer); /* nor does this */
    sender->timer.data = sender->owed_timer.data = sender;
    sender->handles = 2;
    *out = sender;
    return 0;

free_sender:
    free(body);
    free(sender);
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

void webhook_sender_close(struct webhook_sender *sender)
{
    if (sender == NULL)
        return;
    assert(!sender->closing);
    sender->closing = true;
    while (sender->active_len > 0) {
        CURL *easy = sender->active[--sender->active_len];
        struct delivery *delivery = NULL;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &delivery);
        curl_multi_remove_handle(sender->multi, easy);
        curl_easy_cleanup(easy);
        delivery_free(delivery);
    }
    while (sender->idle_len > 0)
        curl_easy_cleanup(sender->idle[--sender->idle_len]);
    curl_multi_cleanup(sender->multi); /* closes its sockets: on_curl_socket() */
    drop_all(&sender->queue);
    drop_all(&sender->waiting);
    uv_close((uv_handle_t *)&sender->timer, on_timer_closed);
    uv_close((uv_handle_t *)&sender->owed_timer, on_timer_closed);
}
