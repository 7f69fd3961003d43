/* metrics.c: families (a name), rows (a name with labels: one line of text, or one histogram) and
 * shards (where a row's numbers are kept, one for each loop). Rendering walks the three levels and
 * adds up the shards; nothing is kept between two scrapes.
 *
 * A histogram is written with fixed bounds, so that Prometheus can add up instances and see old and
 * new data alike: durations with four to each power of two, from 128 us to 33 s, which bounds the
 * error of a quantile read from the text to a tenth. All of them are borders of our finer buckets,
 * so each count is exact.
 *   Microseconds are cut off, not rounded: "below 128 us" and "at most 0.000128 s" are the same.
 *   Counts are whole: "below 8" is "at most 7", and that is what le says.
 *
 * Threading: one mutex around the lists, held during a scrape. A scrape is rendered on the thread
 * pool, and only a loop that registers or forgets at that moment waits for it. */
#include "observe/metrics.h"

#include "http/http_server.h"
#include "system/plain_file.h"
#include "system/system.h"

#include <assert.h>
#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum kind { KIND_COUNTER, KIND_GAUGE, KIND_HISTOGRAM };

enum {
    RENDER_BYTES_MIN = 64 * 1024,
    RENDER_BYTES_MAX = 16 * 1024 * 1024, /* METRICS_SERIES_MAX rows, all of them histograms */
    DURATION_LOG2_MIN = 7,
    DURATION_LOG2_MAX = 25,
    STEPS_PER_OCTAVE = 4,
    COUNT_LOG2_MAX = 20,
};

struct shard {
    struct shard *next;
    const void *source;   /* the number, or the histogram; NULL: it is called */
    double (*read)(void); /* on the thread pool, for a scrape */
    pthread_t thread;     /* that registered it */
};

struct row {
    struct row *next;
    struct shard *shards;
    char labels[METRICS_LABELS_MAX];
};

struct family {
    struct family *next;
    struct row *rows;
    const char *name;
    const char *help;
    enum kind kind;
    enum metrics_unit unit;
};

struct metrics {
    pthread_mutex_t mutex;
    struct family *families;
    uint32_t shards_len;
    _Atomic uint64_t started_s;
};

/* ---- the lists ---- */

int metrics_create(struct err_slot *err, struct metrics **out)
{
    struct metrics *metrics = calloc(1, sizeof(*metrics));
    if (metrics == NULL)
        return err_set(err, ERR_NOMEM, "metrics registry");
    pthread_mutex_init(&metrics->mutex, NULL);
    *out = metrics;
    return 0;
}

static void free_row(struct row *row)
{
    while (row->shards != NULL) {
        struct shard *shard = row->shards;
        row->shards = shard->next;
        free(shard);
    }
    free(row);
}

void metrics_destroy(struct metrics *metrics)
{
    if (metrics == NULL)
        return;
    while (metrics->families != NULL) {
        struct family *family = metrics->families;
        metrics->families = family->next;
        while (family->rows != NULL) {
            struct row *row = family->rows;
            family->rows = row->next;
            free_row(row);
        }
        free(family);
    }
    pthread_mutex_destroy(&metrics->mutex);
    free(metrics);
}

void metrics_label(struct text *labels, const char *name, struct span value)
{
    if (labels->len > 0)
        text_char(labels, ',');
    text_str(labels, name);
    TEXT_LIT(labels, "=\"");
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c == '\\' || c == '"')
            text_char(labels, '\\');
        if (c == '\n')
            TEXT_LIT(labels, "\\n");
        else
            text_char(labels, c);
    }
    text_char(labels, '"');
}

struct metrics_labels metrics_one_label(const char *name, struct span value)
{
    struct metrics_labels labels;
    struct text text = text_on(labels.text, sizeof(labels.text) - 1);
    metrics_label(&text, name, value);
    assert(!text.overflown);
    labels.text[text.len] = '\0';
    return labels;
}

/* Lists are kept in the order of registration, so that a scrape reads as the program is written. */
static struct family *find_family(struct metrics *metrics, const struct metrics_desc *desc,
                                  enum kind kind, enum metrics_unit unit)
{
    struct family **at = &metrics->families;
    while (*at != NULL && strcmp((*at)->name, desc->name) != 0)
        at = &(*at)->next;
    if (*at != NULL)
        return *at;
    struct family *family = calloc(1, sizeof(*family));
    if (family == NULL)
        return NULL;
    *family = (struct family){.name = desc->name, .help = desc->help, .kind = kind, .unit = unit};
    *at = family;
    return family;
}

static struct row *find_row(struct family *family, const char *labels)
{
    struct row **at = &family->rows;
    while (*at != NULL && strcmp((*at)->labels, labels) != 0)
        at = &(*at)->next;
    if (*at != NULL)
        return *at;
    assert(strlen(labels) < METRICS_LABELS_MAX); /* enlist_source() has checked */
    struct row *row = calloc(1, sizeof(*row));
    if (row == NULL)
        return NULL;
    memcpy(row->labels, labels, strlen(labels) + 1);
    *at = row;
    return row;
}

static int enlist(struct metrics *metrics, const struct metrics_desc *desc, enum kind kind,
                  enum metrics_unit unit, struct shard *shard, struct err_slot *err)
{
    assert(metrics->shards_len <= METRICS_SERIES_MAX);
    if (metrics->shards_len == METRICS_SERIES_MAX)
        return err_set(err, ERR_FULL, "metric %s: there are %d series", desc->name,
                       METRICS_SERIES_MAX);
    struct family *family = find_family(metrics, desc, kind, unit);
    if (family == NULL)
        return err_set(err, ERR_NOMEM, "metric %s", desc->name);
    if (family->kind != kind || family->unit != unit)
        return err_set(err, ERR_EXISTS, "metric %s is there as another kind", desc->name);
    struct row *row = find_row(family, desc->labels != NULL ? desc->labels : "");
    if (row == NULL)
        return err_set(err, ERR_NOMEM, "metric %s", desc->name);
    shard->next = row->shards;
    row->shards = shard;
    metrics->shards_len++;
    return 0;
}

static int enlist_source(struct metrics *metrics, const struct metrics_desc *desc, enum kind kind,
                         enum metrics_unit unit, struct shard source, struct err_slot *err)
{
    assert(desc->name != NULL && desc->help != NULL);
    assert((source.read != NULL) != (source.source != NULL));
    if (desc->labels != NULL && strlen(desc->labels) >= METRICS_LABELS_MAX)
        return err_set(err, ERR_RANGE, "metric %s: labels longer than %d bytes", desc->name,
                       METRICS_LABELS_MAX - 1);
    struct shard *shard = malloc(sizeof(*shard));
    if (shard == NULL)
        return err_set(err, ERR_NOMEM, "metric %s", desc->name);
    *shard = source;
    shard->thread = pthread_self();
    pthread_mutex_lock(&metrics->mutex);
    int rc = enlist(metrics, desc, kind, unit, shard, err);
    pthread_mutex_unlock(&metrics->mutex);
    if (rc < 0)
        free(shard);
    return rc;
}

int metrics_counter(struct metrics *metrics, const struct metrics_desc *desc,
                    const _Atomic uint64_t *value, struct err_slot *err)
{
    return enlist_source(metrics, desc, KIND_COUNTER, METRICS_UNIT_ONE,
                         (struct shard){.source = (const void *)value}, err);
}

int metrics_gauge(struct metrics *metrics, const struct metrics_desc *desc,
                  const _Atomic uint64_t *value, struct err_slot *err)
{
    return enlist_source(metrics, desc, KIND_GAUGE, METRICS_UNIT_ONE,
                         (struct shard){.source = (const void *)value}, err);
}

int metrics_add_all(struct metrics *metrics, const struct metrics_row *rows, size_t len,
                    struct err_slot *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < len; i++) {
        struct metrics_desc desc = {rows[i].name, rows[i].help, rows[i].labels};
        rc = rows[i].gauge ? metrics_gauge(metrics, &desc, rows[i].value, err)
                           : metrics_counter(metrics, &desc, rows[i].value, err);
    }
    return rc;
}

int metrics_histogram(struct metrics *metrics, const struct metrics_desc *desc,
                      enum metrics_unit unit, const struct histogram *histogram,
                      struct err_slot *err)
{
    return enlist_source(metrics, desc, KIND_HISTOGRAM, unit, (struct shard){.source = histogram},
                         err);
}

/* Sources in this memory; without memory, those of this thread. */
static bool is_meant(const struct shard *shard, const void *memory, size_t len)
{
    uintptr_t from = (uintptr_t)memory, source = (uintptr_t)shard->source;
    return memory == NULL ? pthread_equal(shard->thread, pthread_self()) != 0
                          : source >= from && source - from < len;
}

static uint32_t drop_shards(struct row *row, const void *memory, size_t len)
{
    uint32_t dropped = 0;
    for (struct shard **at = &row->shards; *at != NULL;) {
        struct shard *shard = *at;
        if (!is_meant(shard, memory, len)) {
            at = &shard->next;
            continue;
        }
        *at = shard->next;
        free(shard);
        dropped++;
    }
    return dropped;
}

static void forget(struct metrics *metrics, const void *memory, size_t len)
{
    pthread_mutex_lock(&metrics->mutex);
    for (struct family *family = metrics->families; family != NULL; family = family->next) {
        for (struct row **at = &family->rows; *at != NULL;) {
            struct row *row = *at;
            uint32_t dropped = drop_shards(row, memory, len);
            assert(dropped <= metrics->shards_len);
            metrics->shards_len -= dropped;
            if (row->shards != NULL) {
                at = &row->next;
                continue;
            }
            *at = row->next;
            free_row(row);
        }
    }
    pthread_mutex_unlock(&metrics->mutex);
}

void metrics_forget_within(struct metrics *metrics, const void *memory, size_t len)
{
    assert(memory != NULL);
    forget(metrics, memory, len);
}

void metrics_forget(struct metrics *metrics, const void *source)
{
    metrics_forget_within(metrics, source, 1);
}

void metrics_forget_mine(struct metrics *metrics)
{
    forget(metrics, NULL, 0);
}

/* ---- the text ---- */

static void put_number(struct text *text, double value)
{
    assert(!isinf(value));
    if (isnan(value))
        TEXT_LIT(text, "NaN");
    else
        text_printf(text, "%.15g", value);
}

/* name_suffix{labels,extra} with a space behind. */
static void put_name(struct text *text, const char *name, const char *suffix, const char *labels,
                     struct span extra)
{
    text_str(text, name);
    text_str(text, suffix);
    if (labels[0] != '\0' || extra.len > 0) {
        text_char(text, '{');
        text_str(text, labels);
        if (labels[0] != '\0' && extra.len > 0)
            text_char(text, ',');
        text_put(text, extra);
        text_char(text, '}');
    }
    text_char(text, ' ');
}

static void put_bucket(struct text *text, const struct family *family, const struct row *row,
                       struct span bound, uint64_t count)
{
    char memory[48];
    struct text le = text_on(memory, sizeof(memory));
    metrics_label(&le, "le", bound);
    put_name(text, family->name, "_bucket", row->labels, text_span(&le));
    text_u64(text, count);
    text_char(text, '\n');
}

static void put_row(struct text *text, const struct family *family, const struct row *row)
{
    assert(row->shards != NULL); /* a row is removed with its last shard */
    if (family->kind == KIND_HISTOGRAM) {
        struct histogram_view view = {.count = 0};
        for (const struct shard *shard = row->shards; shard != NULL; shard = shard->next)
            histogram_add_to(shard->source, &view);
        char memory[32];
        if (family->unit == METRICS_UNIT_ONE) {
            for (unsigned log2 = 0; log2 <= COUNT_LOG2_MAX; log2++) {
                struct text bound = text_on(memory, sizeof(memory));
                text_u64(&bound, (UINT64_C(1) << log2) - 1);
                put_bucket(text, family, row, text_span(&bound),
                           histogram_below(&view, UINT64_C(1) << log2));
            }
        } else {
            unsigned steps = (DURATION_LOG2_MAX - DURATION_LOG2_MIN) * STEPS_PER_OCTAVE;
            for (unsigned step = 0; step <= steps; step++) {
                uint64_t octave_us = UINT64_C(1) << (DURATION_LOG2_MIN + step / STEPS_PER_OCTAVE);
                uint64_t bound_us =
                    octave_us + octave_us / STEPS_PER_OCTAVE * (step % STEPS_PER_OCTAVE);
                struct text bound = text_on(memory, sizeof(memory));
                put_number(&bound, (double)bound_us / 1e6);
                put_bucket(text, family, row, text_span(&bound), histogram_below(&view, bound_us));
            }
        }
        assert(histogram_below(&view, UINT64_MAX) == view.count); /* +Inf includes all values */
        put_bucket(text, family, row, SPAN("+Inf"), view.count);
        put_name(text, family->name, "_sum", row->labels, SPAN(""));
        if (family->unit == METRICS_UNIT_SECONDS)
            put_number(text, (double)view.sum / 1e6);
        else
            text_u64(text, view.sum);
        text_char(text, '\n');
        put_name(text, family->name, "_count", row->labels, SPAN(""));
        text_u64(text, view.count);
        text_char(text, '\n');
        return;
    }
    put_name(text, family->name, "", row->labels, SPAN(""));
    uint64_t sum = 0;
    double called = 0;
    for (const struct shard *shard = row->shards; shard != NULL; shard = shard->next) {
        if (shard->read != NULL)
            called += shard->read();
        else
            sum +=
                atomic_load_explicit((const _Atomic uint64_t *)shard->source, memory_order_relaxed);
    }
    if (row->shards->read != NULL)
        put_number(text, called);
    else
        text_u64(text, sum);
    text_char(text, '\n');
}

int metrics_render(struct metrics *metrics, struct err_slot *err, char **out, size_t *len)
{
    for (size_t cap = RENDER_BYTES_MIN; cap <= RENDER_BYTES_MAX; cap *= 4) {
        char *memory = malloc(cap);
        if (memory == NULL)
            return err_set(err, ERR_NOMEM, "metrics text of %zu bytes", cap);
        struct text text = text_on(memory, cap);
        pthread_mutex_lock(&metrics->mutex);
        static const char *const types[] = {
            [KIND_COUNTER] = "counter", [KIND_GAUGE] = "gauge", [KIND_HISTOGRAM] = "histogram"};
        for (const struct family *family = metrics->families; family != NULL;
             family = family->next) {
            if (family->rows == NULL)
                continue;
            text_printf(&text, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help,
                        family->name, types[family->kind]);
            for (const struct row *row = family->rows; row != NULL && !text.overflown;
                 row = row->next)
                put_row(&text, family, row);
        }
        pthread_mutex_unlock(&metrics->mutex);
        if (!text.overflown) {
            *out = memory;
            *len = text.len;
            return 0;
        }
        free(memory);
    }
    return err_set(err, ERR_FULL, "metrics text of more than %d bytes", RENDER_BYTES_MAX);
}

/* ---- what every service has ---- */

int metrics_http(struct metrics *metrics, const char *listener, const struct http_stats *stats,
                 struct err_slot *err)
{
    const struct metrics_labels of = metrics_one_label("listener", span_of(listener));
    const char *labels = of.text;
    const struct metrics_row rows[] = {
        {"fairgate_http_accepted_total", "Connections accepted.", labels, &stats->accepted, false},
        {"fairgate_http_refused_total", "Connections over a bound.", labels, &stats->refused,
         false},
        {"fairgate_http_requests_total", "Requests read whole.", labels, &stats->requests, false},
        {"fairgate_http_malformed_total", "Requests that the parser refused.", labels,
         &stats->malformed, false},
        {"fairgate_http_timeouts_total", "Heads, bodies and readers that were too slow.", labels,
         &stats->timeouts, false},
        {"fairgate_http_received_bytes_total", "Bytes read.", labels, &stats->bytes_in, false},
        {"fairgate_http_sent_bytes_total", "Bytes written.", labels, &stats->bytes_out, false},
        {"fairgate_http_writes_total", "Send calls.", labels, &stats->writes, false},
        {"fairgate_http_stream_skips_total", "Versions that slow readers of streams missed.",
         labels, &stats->stream_skips, false},
        {"fairgate_http_connections", "Connections open now.", labels, &stats->connections, true},
        {"fairgate_http_streams", "Event streams open now.", labels, &stats->streams, true},
    };
    int rc = metrics_add_all(metrics, rows, sizeof(rows) / sizeof(rows[0]), err);
    for (unsigned class = 1; class <= 5 && rc == 0; class ++) {
        char both[METRICS_LABELS_MAX];
        int len = snprintf(both, sizeof(both), "%s,class=\"%uxx\"", labels, class);
        assert(len > 0 && len < METRICS_LABELS_MAX);
        struct metrics_desc desc = {"fairgate_http_responses_total", "Answers by class.", both};
        rc = metrics_counter(metrics, &desc, &stats->status[class], err);
    }
    return rc;
}

/* A line of /proc about this process; empty if it cannot be read. */
static void read_proc(const char *path, char *line, size_t cap)
{
    size_t len = 0;
    (void)plain_file_read(path, line, cap - 1, &len);
    line[len] = '\0';
}

static double resident_bytes(void)
{
    char line[256];
    read_proc("/proc/self/statm", line, sizeof(line));
    const char *resident = strchr(line, ' '); /* the second of its fields, in pages */
    return resident != NULL ? strtod(resident, NULL) * (double)sysconf(_SC_PAGESIZE) : NAN;
}

/* jemalloc's; not there under a sanitizer. */
extern int mallctl(const char *name, void *old, size_t *old_len, void *new, size_t new_len)
    __attribute__((weak));

/* Memory that the program has allocated and not freed. Resident memory is a worse sign of a leak:
 * tables of a fixed size become resident as they fill, and freed memory is returned late. */
static double allocated_bytes(void)
{
    uint64_t epoch = 1; /* jemalloc updates its figures only on this */
    size_t epoch_len = sizeof(epoch), allocated = 0, allocated_len = sizeof(allocated);
    if (mallctl == NULL || mallctl("epoch", &epoch, &epoch_len, &epoch, epoch_len) != 0 ||
        mallctl("stats.allocated", &allocated, &allocated_len, NULL, 0) != 0)
        return NAN;
    return (double)allocated;
}

static double open_fds(void)
{
    struct stat stat_of;
    if (stat("/proc/self/fd", &stat_of) == 0 && stat_of.st_size > 0)
        return (double)stat_of.st_size; /* since Linux 6.2 the size is the number of files */
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL)
        return NAN;
    double entries = 0;
    while (readdir(dir) != NULL)
        entries++;
    closedir(dir);
    return entries - 3; /* ".", ".." and the directory we have open */
}

static double max_fds(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (double)limit.rlim_cur : NAN;
}

static double cpu_seconds(void)
{
    return (double)system_process_cpu_us() / 1e6;
}

/* The kernel gives the start in ticks since boot; the clock since boot says when that was. */
static uint64_t started_s(void)
{
    char line[1024];
    read_proc("/proc/self/stat", line, sizeof(line));
    const char *field = strrchr(line, ')'); /* the name before it may contain anything */
    for (unsigned i = 0; i < 20 && field != NULL; i++)
        field = strchr(field + 1, ' ');
    if (field == NULL)
        return 0;
    uint64_t booted_us = system_wall_us() - system_boot_us();
    return booted_us / 1000000 + strtoull(field + 1, NULL, 10) / (uint64_t)sysconf(_SC_CLK_TCK);
}

int metrics_process(struct metrics *metrics, struct err_slot *err)
{
    static const struct {
        const char *name, *help;
        double (*read)(void);
        enum kind kind;
    } rows[] = {
        {"process_resident_memory_bytes", "Memory held in RAM.", resident_bytes, KIND_GAUGE},
        {"fairgate_memory_allocated_bytes", "Memory asked for and not given back.", allocated_bytes,
         KIND_GAUGE},
        {"process_open_fds", "Open file descriptors.", open_fds, KIND_GAUGE},
        {"process_max_fds", "Limit of open file descriptors.", max_fds, KIND_GAUGE},
        {"process_cpu_seconds_total", "User and system time spent.", cpu_seconds, KIND_COUNTER},
    };
    int rc = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && rc == 0; i++) {
        struct metrics_desc desc = {rows[i].name, rows[i].help, NULL};
        rc = enlist_source(metrics, &desc, rows[i].kind, METRICS_UNIT_ONE,
                           (struct shard){.read = rows[i].read}, err);
    }
    /* Read once: NTP moves the wall clock, and a start that moves looks like a restart. */
    metrics->started_s = started_s();
    struct metrics_desc start = {"process_start_time_seconds", "Start of the process since 1970.",
                                 NULL};
    return rc < 0 ? rc : metrics_gauge(metrics, &start, &metrics->started_s, err);
}

int metrics_clock_apart(struct metrics *metrics, const char *store,
                        const _Atomic uint64_t *apart_ms, struct err_slot *err)
{
    const struct metrics_labels labels = metrics_one_label("store", span_of(store));
    struct metrics_desc desc = {
        "fairgate_clock_apart_ms",
        "How far the clocks of this machine and of a store it works with are apart.", labels.text};
    return metrics_gauge(metrics, &desc, apart_ms, err);
}
