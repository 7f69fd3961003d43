/* http_wheel.c: a lazy timer wheel with coarse slots, for the deadlines of connections. An active
 * connection only stores its new deadline and is moved when the wheel reaches its slot. So the hot
 * path touches no list, and a tick visits the connections of one slot. A deadline may fire a tick
 * late but never early; one beyond the wheel's horizon is moved on when its slot is reached. */
#include "base/bug.h"
#include "http/http_internal.h"

static uint64_t tick_of(uint64_t ms)
{
    return ms / HTTP_TICK_MS;
}

void http_wheel_init(struct http_wheel *wheel, uint64_t now_ms)
{
    *wheel = (struct http_wheel){.at = tick_of(now_ms)};
}

void http_wheel_link(struct http_wheel *wheel, struct http_conn *conn)
{
    assert(!conn->in_wheel);
    uint64_t at = tick_of(conn->deadline_ms) + 1;
    if (at <= wheel->at)
        at = wheel->at + 1;
    if (at - wheel->at >= HTTP_WHEEL_SLOTS)
        at = wheel->at + HTTP_WHEEL_SLOTS - 1;
    conn->slot = (uint16_t)(at % HTTP_WHEEL_SLOTS);
    struct http_conn **head = &wheel->slot[conn->slot];
    conn->wheel_prev = NULL;
    conn->wheel_next = *head;
    if (*head != NULL)
        (*head)->wheel_prev = conn;
    *head = conn;
    conn->in_wheel = true;
    assert(conn->slot < HTTP_WHEEL_SLOTS && conn->wheel_next != conn);
}

void http_wheel_unlink(struct http_wheel *wheel, struct http_conn *conn)
{
    if (!conn->in_wheel)
        return;
    assert(conn->wheel_prev != NULL || wheel->slot[conn->slot] == conn); /* head of its slot */
    if (conn->wheel_prev != NULL)
        conn->wheel_prev->wheel_next = conn->wheel_next;
    else
        wheel->slot[conn->slot] = conn->wheel_next;
    if (conn->wheel_next != NULL)
        conn->wheel_next->wheel_prev = conn->wheel_prev;
    conn->in_wheel = false;
}

/* If on_due() neither closes a connection nor gives it a new deadline, it gets a short one here, so
 * that every connection has a slot. */
static void sweep_slot(struct http_wheel *wheel, uint32_t slot, uint64_t now_ms,
                       void (*on_due)(struct http_conn *conn))
{
    struct http_conn *conn = wheel->slot[slot];
    while (conn != NULL) {
        assert(conn->in_wheel && conn->slot == slot && conn->wheel_prev == NULL);
        http_wheel_unlink(wheel, conn);
        if (conn->deadline_ms > now_ms)
            http_wheel_link(wheel, conn);
        else
            on_due(conn);
        if (!conn->in_wheel && !conn->closing) {
            BUG_WARN("connection-without-deadline");
            conn->deadline_ms = now_ms + HTTP_LINGER_MS;
            http_wheel_link(wheel, conn);
        }
        conn = wheel->slot[slot];
    }
}

void http_wheel_sweep(struct http_wheel *wheel, uint64_t now_ms,
                      void (*on_due)(struct http_conn *conn))
{
    uint64_t now_tick = tick_of(now_ms);
    /* After a long stall one round visits every slot. */
    if (now_tick - wheel->at > HTTP_WHEEL_SLOTS) {
        BUG_COUNT("loop-stood-still");
        wheel->at = now_tick - HTTP_WHEEL_SLOTS;
    }
    while (wheel->at != now_tick) {
        wheel->at++;
        sweep_slot(wheel, wheel->at % HTTP_WHEEL_SLOTS, now_ms, on_due);
    }
}
