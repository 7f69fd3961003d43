/* promise.c: adaptive conformal calibration. Let the spread be the model's distance from p50 to
 * p90, and s the correction. Each checked promise moves s a little: up by (1 - MISSES) steps if the
 * real wait was longer than p50 + s * spread, down by MISSES steps if not. The steps cancel when
 * exactly that share of the waits is longer, whatever the model gets wrong about the distribution.
 *
 * Two things are compared. The promise of each admitted visitor comes back with the ticket, so all
 * of them are checked (promise_met). The correction cannot wait for that: a visitor who joins an
 * hour before the call would teach it an hour later, and one who never comes nothing. So it learns
 * from a sample. The figures include the sampled promises along the line, since no ticket has them.
 *
 * The sample is the end of the line, and places half, a quarter, ... of the way to it. Short waits
 * are checked soon, so the correction learns within the first minutes, and from then on long waits
 * keep it right. A promise is made for a place, not for a person: nothing is stored about a
 * visitor.
 *
 * The step shrinks from coarse to fine over the first promises and stays fine, so that changes (a
 * hall that fills, an operator who intervenes) are still followed. */
#include "core/wait/promise.h"

#include "core/line/ghosts.h"

#include <assert.h>
#include <math.h>

/* p90 means one in ten; this is a little less, since the correction comes after the miss. */
static const double MISSES = 0.078;
static const double STEP_FINE = 0.04;
static const double STEP_COARSE = 0.50;
static const double JUDGED_COARSE = 100.0;
static const double SCALE_MAX = 8.0;
static const double SCALE_MIN = 0.10;
static const double MEMORY = 200.0; /* promises over which the figures are smoothed */
static const double SPREAD_MIN_S = 0.5;

void promise_init(struct promise_book *book)
{
    *book = (struct promise_book){.kept_lately = 1.0 - MISSES};
}

double promise_scale(const struct promise_book *book)
{
    double scale = exp(book->log_scale);
    assert(scale > 0.0 && isfinite(scale));
    return scale;
}

/* Thousandths of the real wait, at most ten times that wait. */
static uint64_t error_milli(double p50_s, double real_s)
{
    assert(p50_s >= 0.0 && real_s >= 0.0);
    double error = fabs(p50_s - real_s) / fmax(real_s, 1.0);
    return (uint64_t)(fmin(error, 10.0) * 1000.0 + 0.5);
}

static void judge(struct promise_book *book, const struct promise *promise, uint64_t now_ms)
{
    double real_s = (double)(now_ms - promise->at_ms) / 1000.0;
    bool kept = real_s <= promise->p90_s;
    bool long_now = real_s > promise->p50_s + promise_scale(book) * promise->spread_s;
    double judged = (double)book->judged;
    double step = fmax(STEP_FINE, STEP_COARSE * fmax(0.0, 1.0 - judged / JUDGED_COARSE));
    book->log_scale += step * ((long_now ? 1.0 : 0.0) - MISSES);
    book->log_scale = fmin(fmax(book->log_scale, log(SCALE_MIN)), log(SCALE_MAX));
    double weight = 1.0 / fmin(judged + 1.0, MEMORY);
    double error = (double)error_milli(promise->p50_s, real_s) / 1000.0;
    book->error += weight * (error - book->error);
    book->kept_lately += weight * ((kept ? 1.0 : 0.0) - book->kept_lately);
    book->judged++;
    book->kept += kept;
    assert(book->kept <= book->judged);
    assert(book->kept_lately >= 0.0 && book->kept_lately <= 1.0);
    if (!promise->later)
        return; /* each visitor at the end is checked by their ticket */
    book->sums.judged[1]++;
    book->sums.kept[1] += kept;
    book->sums.error_milli[1] += error_milli(promise->p50_s, real_s);
}

struct promise_kept promise_met(struct promise_book *book, uint32_t p50_s, uint32_t p90_s,
                                uint64_t real_ms)
{
    uint64_t real_s = real_ms / 1000; /* in whole seconds, like the promise */
    struct promise_kept met = {.kept = real_s <= p90_s,
                               .error_milli = error_milli((double)p50_s, (double)real_s)};
    book->sums.judged[0]++;
    book->sums.kept[0] += met.kept;
    book->sums.error_milli[0] += met.error_milli;
    assert(book->sums.kept[0] <= book->sums.judged[0]);
    return met;
}

static void judge_called(struct promise_book *book, const struct line_view *view)
{
    for (uint32_t i = 0; i < book->open_len;) {
        if (book->open[i].place > view->serving) {
            i++;
            continue;
        }
        assert(book->open[i].place > 0 && book->open[i].spread_s > 0.0);
        judge(book, &book->open[i], view->redis_ms);
        book->open[i] = book->open[--book->open_len];
    }
}

static void note(struct promise_book *book, const struct line_view *view,
                 const struct eta_model *model)
{
    enum { PARTS = 5 };
    assert(view->serving <= view->issued); /* checked by the reader of a tick */
    uint64_t line = view->issued - view->serving;
    uint32_t part = book->turn++ % PARTS;
    uint64_t place = view->serving + (line >> part);
    if (place <= view->serving || book->open_len == PROMISE_OPEN_MAX)
        return;
    uint64_t ahead = place - view->serving - 1 - ghosts_before(view->ghosts, view->serving, place);
    struct eta_range range = eta_range(model, ahead);
    if (!range.known || range.p50_s < 1.0)
        return;
    assert(model->scale > 0.0 && book->open_len < PROMISE_OPEN_MAX);
    double spread_s = (range.p90_s - range.p50_s) / model->scale;
    book->open[book->open_len++] = (struct promise){
        .place = place,
        .at_ms = view->redis_ms,
        .p50_s = range.p50_s,
        .p90_s = range.p90_s,
        .spread_s = fmax(spread_s, SPREAD_MIN_S),
        .later = part > 0,
    };
    /* A long wait is sampled four hundred times, a short one each second. If the wait at the end of
     * the line is unknown, the interval follows the wait of the sampled part. */
    struct eta_range whole = eta_range(model, line);
    double lasts_s = whole.known ? whole.p50_s : range.p50_s;
    book->next_at_ms = view->redis_ms + PROMISE_EVERY_MS + (uint64_t)(lasts_s * 2.5);
}

void promise_observe(struct promise_book *book, const struct line_view *view,
                     const struct eta_model *model)
{
    if (view->stale)
        return;
    if (view->state == LINE_DRAFT || view->state == LINE_SOLD_OUT || view->state == LINE_CLOSED) {
        book->open_len = 0; /* the line has stopped: no real wait is comparable */
        return;
    }
    judge_called(book, view);
    assert(book->open_len <= PROMISE_OPEN_MAX);
    if (view->state == LINE_OPEN && view->redis_ms >= book->next_at_ms)
        note(book, view, model);
}
