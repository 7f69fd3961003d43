/* view.c: the panel that is shown during a run: who is where, how fast each kind of question is
 * answered, how people ended.
 *
 * It reads counters that the processes share and never stops them, so figures of one line may be
 * a moment apart. The last line says the same in short, for logs. */
#include "view.h"

static uint64_t inside(const struct view *view)
{
    uint64_t sum = 0;
    for (unsigned phase = PHASE_REPASS; phase < PHASE_LEAVE; phase++)
        sum += view->in[phase];
    return sum;
}

static uint64_t in_line(const struct view *view)
{
    return view->in[PHASE_WAIT] + view->in[PHASE_LISTEN] + view->in[PHASE_PASS];
}

static uint64_t joining(const struct view *view)
{
    return view->in[PHASE_PAGE] + view->in[PHASE_JOIN] + view->in[PHASE_SOLVE];
}

static uint64_t ended(const struct view *view)
{
    uint64_t sum = 0;
    for (unsigned how = 0; how < ENDS; how++)
        sum += view->ended[how];
    return sum;
}

void view_line(const struct view *view, struct text *out)
{
    text_printf(
        out,
        "%7.1f s  arrived %lu  joining %lu  waiting %lu  streams %lu  inside %lu  held %lu  "
        "sold %lu  done %lu  failed %lu\n",
        view->seconds, view->arrived, joining(view), in_line(view), view->streams, inside(view),
        view->seats_held, view->seats_sold, view->ended[END_DONE], view->ended[END_FAILED]);
}

static void put_bar(struct text *out, double share)
{
    enum { WIDTH = 40 };
    share = share > 1 ? 1 : share;
    for (unsigned i = 0; i < WIDTH; i++)
        text_char(out, (double)i + 0.5 < share * WIDTH ? '#' : '.');
}

static void put_latency(struct text *out, const char *name, const struct histogram_view *now,
                        const struct histogram_view *before, double seconds)
{
    static struct histogram_view since;
    since = *now;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        since.bucket[i] -= before->bucket[i];
    since.count -= before->count;
    if (since.count == 0) {
        text_printf(out, "  %-8s      -/s\n", name);
        return;
    }
    text_printf(out, "  %-8s %6.0f/s  p50 %8.2f ms   p99 %9.2f ms\n", name,
                seconds > 0 ? (double)since.count / seconds : 0,
                (double)histogram_quantile(&since, 0.5) / 1000.0,
                (double)histogram_quantile(&since, 0.99) / 1000.0);
}

unsigned view_panel(const struct view *view, const struct view *before, struct text *out)
{
    static const enum phase shown[] = {PHASE_JOIN, PHASE_WAIT, PHASE_PASS, PHASE_HOLD, PHASE_ORDER};
    unsigned lines = 6;
    text_printf(out, "%7.1f s  [", view->seconds);
    put_bar(out, (double)ended(view) / (double)view->visitors);
    text_printf(out, "] %lu of %lu came to an end; at most %.0f s\n", ended(view), view->visitors,
                view->of_seconds);
    text_printf(out,
                "  arrived %lu   joining %lu   waiting %lu   inside %lu   streams %lu (%lu lost)\n",
                view->arrived, joining(view), in_line(view), inside(view), view->streams,
                view->streams_lost);
    text_printf(out,
                "  seats held %lu   sold %lu   done %lu   sold out %lu   left %lu   no-show %lu\n",
                view->seats_held, view->seats_sold, view->ended[END_DONE],
                view->ended[END_SOLD_OUT], view->ended[END_LEFT], view->ended[END_NO_SHOW]);
    text_printf(out, "  answers 2xx %lu   4xx %lu   5xx %lu   none %lu\n", view->answers[2],
                view->answers[4], view->answers[5], view->answers[0]);
    text_printf(out, "  tricks met %lu   worked %lu\n", view->tricks_met, view->tricks_worked);
    text_printf(out, "  FAILED %lu   too late %lu   turned away %lu\n", view->ended[END_FAILED],
                view->ended[END_TOO_LATE], view->ended[END_TURNED]);
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++, lines++)
        put_latency(out, phase_names[shown[i]], &view->took[shown[i]], &before->took[shown[i]],
                    view->seconds - before->seconds);
    return lines;
}
