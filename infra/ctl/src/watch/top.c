/* top.c: on a terminal, a picture that is redrawn in place; otherwise one line per look.
 *
 * The terminal is switched to no echo, single keys and its alternate screen, and restored on every
 * way out: by q, by a signal, by a failure. A signal handler only sets a flag. Signals are
 * unblocked only while waiting for the next look, so none is missed, and the loop does the rest.
 * The size is read before each picture, so a resized window is right with the next one, which
 * SIGWINCH triggers at once.
 *
 * Piped, each look is one line of name=value pairs, easy to cut, store and compare. */
#include "acts/runs.h"

#include "base/json_in.h"
#include "base/rfc3339.h"
#include "show/plain.h"
#include "show/value.h"
#include "system/system.h"
#include "watch/look.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

enum { KEY_ESCAPE = 27, ROWS_DEFAULT = 24 };

static volatile sig_atomic_t ended;

static void on_signal(int number)
{
    if (number != SIGWINCH)
        ended = 1;
}

struct screen {
    struct termios before;
    sigset_t signals; /* the mask from before, which wait_for() uses to let signals in */
    bool open;
    size_t columns, rows;
};

static void screen_open(struct screen *screen)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH};
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t held;
    sigemptyset(&held);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaddset(&held, signals[i]);
    sigprocmask(SIG_BLOCK, &held, &screen->signals);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaction(signals[i], &action, NULL);
    if (tcgetattr(STDIN_FILENO, &screen->before) == 0) {
        struct termios raw = screen->before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
        screen->open = true;
    }
    fputs("\x1b[?1049h\x1b[?25l", stdout); /* the other screen, without a cursor */
}

static void screen_close(struct screen *screen)
{
    fputs("\x1b[?25h\x1b[?1049l", stdout);
    fflush(stdout);
    if (screen->open)
        tcsetattr(STDIN_FILENO, TCSANOW, &screen->before);
}

static void screen_measure(struct screen *screen)
{
    struct winsize size;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    screen->columns = known ? size.ws_col : 80;
    screen->rows = known && size.ws_row > 0 ? size.ws_row : ROWS_DEFAULT;
}

/* ---- what is seen ---- */

/* "queue-front ready", or why not, in a word. */
static const char *health_of(const struct look *look, size_t service)
{
    enum look_at at = LOOK_READY_LINE + service;
    if (!look_asked(look, at))
        return "not in the profile";
    if (look_good(look, at))
        return "ready";
    return look->call[at].end == CALL_ANSWERED ? "not ready" : "away";
}

static void put_event(const struct look *look, const char *event, struct grow *out)
{
    const json_t *one = look_event(look, event);
    plain_put(out, span_of(event));
    value_fill(out, one != NULL ? "  {name}\n\nline    {state}" : "  \n\nline    not known\n", one);
    if (one != NULL) {
        value_fill(out,
                   json_is_true(value_at(one, "live.stale")) ? " (stale: Redis is away)   waiting "
                                                             : "   waiting ",
                   one);
        value_fill(out,
                   "{live.waiting:0}   called {live.outstanding:0}   inside {live.active:0}   "
                   "admitted {live.admitted:0}\n"
                   "        {live.rate_per_s} a second   no-shows {live.no_shows:0}   show up ",
                   one);
        plain_format(out, "%.0f %%\n", value_number(one, "live.show_up") * 100);
    }
    const json_t *seats = value_at(look->call[LOOK_HALL].json, "categories");
    if (look_good(look, LOOK_HALL))
        plain_format(out, "seats   free %.0f   held %.0f   sold %.0f   blocked %.0f\n",
                     value_sum(seats, "free"), value_sum(seats, "held"), value_sum(seats, "sold"),
                     value_sum(seats, "blocked"));
    else
        grow_add(out, SPAN("seats   not known\n"));
    const json_t *now = value_at(look->call[LOOK_ORDERS].json, "now");
    if (look_good(look, LOOK_ORDERS))
        value_fill(out,
                   "orders  completed {completed:0}   under way {open:0}   parked {parked:0}   "
                   "failed {failed:0}   refunded {refunded:0}\n",
                   now);
    else
        grow_add(out, SPAN("orders  not known\n"));
}

/* Cuts the picture to the terminal and clears only the end of each line, to avoid flicker. */
static void draw(const struct screen *screen, struct span picture)
{
    struct grow out = {.ptr = NULL};
    size_t row = 0;
    grow_add(&out, SPAN("\x1b[H"));
    while (picture.ptr != NULL && row + 1 < screen->rows) {
        struct span line;
        picture = span_cut(picture, '\n', &line);
        grow_add(&out, plain_cut(line, screen->columns));
        grow_add(&out, SPAN("\x1b[K\r\n"));
        row++;
    }
    grow_add(&out, SPAN("\x1b[J"));
    grow_add(&out, plain_cut(SPAN("q quits"), screen->columns));
    if (!out.failed)
        fwrite(out.ptr, 1, out.len, stdout);
    fflush(stdout);
    grow_free(&out);
}

static void put_picture(const struct look *look, const char *event, size_t columns,
                        struct grow *out)
{
    grow_add(out, SPAN("fairgate top   "));
    value_put_time(out, look->at_ms);
    grow_add(out, SPAN(" UTC\n"));
    grow_add(out, SPAN("health"));
    for (size_t i = 0; i < COMMAND_SERVICES; i++)
        plain_format(out, "  %s %s", job_service_name((enum command_service)i), health_of(look, i));
    grow_add(out, SPAN("\n\n"));
    if (event != NULL) {
        put_event(look, event, out);
    } else if (!look_good(look, LOOK_EVENTS)) {
        grow_add(out, SPAN("the line's events are not known\n"));
    } else {
        value_rows(out, value_at(look->call[LOOK_EVENTS].json, "events"),
                   "id:EVENT state:STATE live.waiting:WAITING live.active:INSIDE "
                   "live.admitted:ADMITTED live.rate_per_s:RATE/S name:NAME",
                   columns);
    }
}

/* One line per event, for programs. */
static void put_line(const struct look *look, const char *event, bool whole, struct grow *out)
{
    static const char *const services[COMMAND_SERVICES] = {"line", "seats", "pay"};
    value_put_time(out, look->at_ms);
    grow_add(out, SPAN(" event="));
    plain_put(out, span_of(event));
    value_fill(out,
               " state={state} waiting={live.waiting} outstanding={live.outstanding} "
               "active={live.active} admitted={live.admitted} no_shows={live.no_shows} "
               "rate_per_s={live.rate_per_s}",
               look_event(look, event));
    if (whole) {
        const json_t *seats = value_at(look->call[LOOK_HALL].json, "categories");
        if (look_good(look, LOOK_HALL))
            plain_format(out, " free=%.10g held=%.10g sold=%.10g", value_sum(seats, "free"),
                         value_sum(seats, "held"), value_sum(seats, "sold"));
        else
            grow_add(out, SPAN(" free=- held=- sold=-"));
        value_fill(out, " completed={now.completed} parked={now.parked}",
                   look->call[LOOK_ORDERS].json);
    }
    for (size_t i = 0; i < COMMAND_SERVICES; i++)
        plain_format(out, " %s=%s", services[i],
                     look_good(look, LOOK_READY_LINE + i) ? "ready" : "away");
    grow_add(out, SPAN("\n"));
}

static void put_lines(const struct look *look, const char *event, struct grow *out)
{
    if (event != NULL) {
        put_line(look, event, true, out);
        return;
    }
    if (!look_good(look, LOOK_EVENTS))
        put_line(look, "-", false, out);
    const json_t *events = value_at(look->call[LOOK_EVENTS].json, "events");
    for (size_t i = 0; i < json_array_size(events); i++) {
        char id[80];
        span_to_cstr_cut(value_text(json_array_get(events, i), "id"), id, sizeof(id));
        put_line(look, id, false, out);
    }
}

/* One document per look, on its own line: each service's answer, null where there is none. */
static int put_document(const struct job *job, const struct look *look)
{
    char at[RFC3339_LEN];
    struct text time = text_on(at, sizeof(at));
    rfc3339_put(&time, look->at_ms);
    return job_put_json(job, json_pack("{s:s%, s:O?, s:O?, s:O?, s:{s:b, s:b, s:b}}", "at", at,
                                       time.len, "line", look->call[LOOK_EVENTS].json, "hall",
                                       look->call[LOOK_HALL].json, "orders",
                                       look->call[LOOK_ORDERS].json, "ready", "line",
                                       (int)look_good(look, LOOK_READY_LINE), "seats",
                                       (int)look_good(look, LOOK_READY_SEATS), "pay",
                                       (int)look_good(look, LOOK_READY_PAY)));
}

/* ---- the loop ---- */

/* Waits until the next look is due. False: the user or a signal ended it. */
static bool wait_for(uint64_t ms, const struct screen *screen)
{
    struct pollfd input = {.fd = screen->open ? STDIN_FILENO : -1, .events = POLLIN};
    struct timespec time = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    int ready = ppoll(&input, 1, &time, screen->open ? &screen->signals : NULL);
    if (ended)
        return false;
    if (ready <= 0) /* the time is up, or the window was resized */
        return true;
    char key = '\0';
    ssize_t len = read(STDIN_FILENO, &key, 1);
    return len == 1 && key != 'q' && key != 'Q' && key != KEY_ESCAPE;
}

/* Checks the first look: if there is nothing to show, it ends like other commands. */
static int judge(struct job *job, const struct look *look, const char *event)
{
    const struct call *events = &look->call[LOOK_EVENTS];
    if (!call_good(events))
        return job_failed(job, COMMAND_LINE, events);
    if (event != NULL && look_event(look, event) == NULL)
        return job_say(job, EXIT_REFUSED, "%s: no such event runs", event);
    return EXIT_DONE;
}

static int show(struct job *job, struct screen *screen, bool live, const struct look *look)
{
    const char *event = job_event(job);
    struct grow out = {.ptr = NULL};
    if (!live) {
        bool json = job_option(job, OPTION_JSON);
        if (!json)
            put_lines(look, event, &out);
        int status = json ? put_document(job, look) : job_put(job, &out);
        fflush(job->out);
        return status;
    }
    screen_measure(screen);
    put_picture(look, event, screen->columns, &out);
    if (!out.failed)
        draw(screen, (struct span){out.ptr, out.len});
    grow_free(&out);
    return EXIT_DONE;
}

static int watch(struct job *job, struct screen *screen, bool live, uint64_t interval_ms)
{
    const char *event = job_event(job);
    unsigned which =
        1U << LOOK_READY_LINE | 1U << LOOK_READY_SEATS | 1U << LOOK_READY_PAY | 1U << LOOK_EVENTS;
    if (event != NULL)
        which |= 1U << LOOK_HALL | 1U << LOOK_ORDERS;
    bool first = true;
    int status = EXIT_DONE;
    do {
        struct look look;
        bool whole = look_take(job, which, live ? CTL_LOOK_MS : job->timeout_ms,
                               screen->open ? STDIN_FILENO : -1, &look);
        if (!whole) { /* a key came meanwhile: wait_for() reads it */
            look_free(&look);
            continue;
        }
        if (first)
            status = judge(job, &look, event);
        if (first && live && status == EXIT_DONE)
            screen_open(screen);
        first = false;
        /* If the line does not answer, this ends, but first shows the others' answers. */
        bool away = look.call[LOOK_EVENTS].end != CALL_ANSWERED && !live;
        int shown = status == EXIT_DONE || away ? show(job, screen, live, &look) : EXIT_DONE;
        status = status == EXIT_DONE ? shown : status;
        look_free(&look);
    } while (status == EXIT_DONE && !job_option(job, OPTION_ONCE) && wait_for(interval_ms, screen));
    return status;
}

int top_run(struct job *job)
{
    uint64_t seconds = CTL_TOP_INTERVAL_S;
    struct screen screen = {.open = false};
    int status = job_number(job, OPTION_INTERVAL, 1, CTL_TIMEOUT_MAX_S, &seconds);
    if (status != EXIT_DONE)
        return status;
    bool live = job->width > 0 && job->asks && !job_option(job, OPTION_ONCE) &&
                !job_option(job, OPTION_JSON);
    status = watch(job, &screen, live, seconds * 1000);
    if (screen.open)
        screen_close(&screen);
    return status;
}
