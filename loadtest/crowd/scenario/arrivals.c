/* arrivals.c: each kind is an inverse: a share of the crowd, drawn evenly from 0 to 1, becomes the
 * instant by which that share has come. Given how many come in all, the arrivals of a Poisson
 * process lie evenly at random, so that kind is the share itself. */
#include "scenario/arrivals.h"

#include "base/span.h"
#include "limits.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct step {
    double from_us;
    double rate;
    double before; /* visitors that came before it, in the curve's own measure */
};

struct arrivals {
    struct arrivals_conf conf;
    uint32_t steps;
    struct step step[CURVE_LINES_MAX];
};

static bool number_of(struct span text, double *out)
{
    char digits[32];
    char *end;
    if (!span_to_cstr(span_trim(text), digits, sizeof(digits)) || digits[0] == '\0')
        return false;
    *out = strtod(digits, &end);
    return *end == '\0' && isfinite(*out) && *out >= 0;
}

static int line_read(struct arrivals *arrivals, struct span line, const char *where,
                     struct err_slot *err)
{
    struct span second, rate;
    double from_s, per_s = 0;
    span_cut(line, '\n', &line);
    span_cut(line, '#', &line);
    line = span_trim(line);
    if (line.len == 0)
        return 0;
    rate = span_cut(line, ' ', &second);
    if (!number_of(second, &from_s) || (rate.ptr != NULL && !number_of(rate, &per_s)))
        return err_set(err, ERR_SYNTAX, "%s: write SECOND RATE, two numbers", where);
    if (arrivals->steps == CURVE_LINES_MAX)
        return err_set(err, ERR_RANGE, "%s: more than %d lines", where, CURVE_LINES_MAX);
    struct step step = {from_s * 1e6, per_s, 0};
    if (arrivals->steps > 0) {
        const struct step *last = &arrivals->step[arrivals->steps - 1];
        if (step.from_us <= last->from_us)
            return err_set(err, ERR_RANGE, "%s: second %g does not come after %g", where, from_s,
                           last->from_us / 1e6);
        step.before = last->before + last->rate * (step.from_us - last->from_us);
    }
    arrivals->step[arrivals->steps++] = step;
    return 0;
}

static int curve_read(struct arrivals *arrivals, FILE *file, struct err_slot *err)
{
    const char *path = arrivals->conf.curve_file;
    char line[256], where[1200];
    int rc = 0;
    for (unsigned number = 1; rc == 0 && fgets(line, sizeof(line), file) != NULL; number++) {
        snprintf(where, sizeof(where), "%s:%u", path, number);
        if (strchr(line, '\n') == NULL && !feof(file))
            rc = err_set(err, ERR_RANGE, "%s: the line is too long", where);
        else
            rc = line_read(arrivals, span_of(line), where, err);
    }
    if (rc == 0 && (arrivals->steps < 2 || arrivals->step[arrivals->steps - 1].before <= 0))
        rc = err_set(err, ERR_RANGE,
                     "%s: nobody ever comes; it takes a rate and a line that ends it", path);
    return rc;
}

int arrivals_create(const struct arrivals_conf *conf, struct err_slot *err, struct arrivals **out)
{
    struct arrivals *arrivals = calloc(1, sizeof(*arrivals));
    if (arrivals == NULL)
        return err_set(err, ERR_NOMEM, "the curve of arrivals");
    arrivals->conf = *conf;
    if (conf->kind == ARRIVALS_CURVE) {
        FILE *file = fopen(conf->curve_file, "r");
        int rc = file != NULL ? curve_read(arrivals, file, err)
                              : err_set(err, ERR_IO, "%s: %s", conf->curve_file, strerror(errno));
        if (file != NULL)
            fclose(file);
        if (rc < 0) {
            arrivals_destroy(arrivals);
            return rc;
        }
    }
    *out = arrivals;
    return 0;
}

void arrivals_destroy(struct arrivals *arrivals)
{
    free(arrivals);
}

/* The instant by which `share` of the whole has come: in the last step that began before that. */
static double on_curve(const struct arrivals *arrivals, double share)
{
    double wanted = share * arrivals->step[arrivals->steps - 1].before;
    uint32_t low = 0, high = arrivals->steps - 1;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (arrivals->step[middle].before <= wanted)
            low = middle;
        else
            high = middle;
    }
    const struct step *step = &arrivals->step[low];
    return step->rate > 0 ? step->from_us + (wanted - step->before) / step->rate : step->from_us;
}

uint64_t arrivals_at(const struct arrivals *arrivals, uint32_t number, const struct rng *rng)
{
    const struct arrivals_conf *conf = &arrivals->conf;
    double within_us = (double)conf->within_us;
    double share = (double)rng_below(rng, 1u << 30) / (double)(1u << 30);
    switch (conf->kind) {
    case ARRIVALS_SPIKE:
        return (uint64_t)(within_us * (share < 0.5 ? share * 0.2 : 0.1 + (share - 0.5) * 1.8));
    case ARRIVALS_EVEN:
        return (uint64_t)(within_us * (double)number / (double)conf->visitors);
    case ARRIVALS_POISSON:
        return (uint64_t)(within_us * share);
    case ARRIVALS_CURVE:
        return (uint64_t)on_curve(arrivals, share);
    }
    assert(false);
    return 0;
}
