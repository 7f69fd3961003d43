/* bank_test.c: any calls in any order keep the bank's books (pay.c asserts them), and the journal
 * says what is wrong with its file. The rules of single calls, and that a bank which was killed is
 * the same again, are in tests/integration/psp-sandbox, where the official client asks. */
#include "unit.h"

#include "bank/bank.h"
#include "desk/journal.h"
#include "ops/counter.h"
#include "ops/op.h"
#include "stripe/pay.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct bank_conf conf = {.capture_window_s = 100, .public_url = "http://psp"};

static struct bank *make_bank(void)
{
    return bank_create(&conf);
}

static const struct op *op_of(enum op_method method, const char *route)
{
    for (unsigned i = 0; i < ops_len; i++) {
        if (ops[i].route != NULL && ops[i].method == method && strcmp(ops[i].route, route) == 0)
            return &ops[i];
    }
    fail_msg("no op %s", route);
    return NULL;
}

static const char *newest(const struct bank *bank, enum kind kind)
{
    const struct list *list = &bank->lists[kind == NO_KIND ? INTENT : kind];
    return list->count > 0 ? list->items[list->count - 1] : "none";
}

static json_t *form_of(const char *raw)
{
    struct err_slot err;
    json_t *form = json_object();
    assert_int_equal(0, form_parse(span_of(strcmp(raw, "-") == 0 ? "" : raw), &err, form));
    return form;
}

#define INTENTS "/v1/payment_intents"

/* ---- the whole bank ---- */

static struct answer perform(struct bank *bank, const struct op *op, const char *id,
                             const char *raw, uint64_t seed)
{
    json_t *in = form_of(raw);
    struct answer answer;
    struct call call = {
        .op = op, .kind = op->kind, .at_us = 1000000000, .seed = seed, .id = span_of(id), .in = in};
    counter_run(bank, &call, &answer);
    json_decref(in);
    return answer;
}

TEST_CASE(any_calls_in_any_order_add_up)
{
    static const struct {
        const char *route, *form;
    } calls[] = {
        {INTENTS, "amount=1000&currency=krw&capture_method=manual"},
        {INTENTS, "amount=1000&currency=krw"},
        {INTENTS "/{id}/confirm", "payment_method=pm_card_visa"},
        {INTENTS "/{id}/confirm", "payment_method=pm_card_chargeDeclined"},
        {INTENTS "/{id}/confirm", "payment_method=pm_card_authenticationRequired"},
        {INTENTS "/{id}/capture", "amount_to_capture=300"},
        {INTENTS "/{id}/cancel", "-"},
    };
    struct rng_seeded rng;
    struct bank *bank = make_bank();
    int64_t taken = 0, left = 0;
    rng_seeded_init(&rng, unit_seed());
    for (unsigned i = 0; i < 4000; i++) {
        size_t at = rng_below(&rng.rng, sizeof(calls) / sizeof(calls[0]));
        const struct op *op = op_of(OP_POST, calls[at].route);
        if (rng_below(&rng.rng, 4) == 0) {
            char form[64];
            snprintf(form, sizeof(form), "amount=100&payment_intent=%s", newest(bank, INTENT));
            perform(bank, op_of(OP_POST, "/v1/refunds"), "", form, rng_u64(&rng.rng));
        }
        perform(bank, op, newest(bank, INTENT), calls[at].form, rng_u64(&rng.rng));
    }
    for (uint32_t i = 0; i < bank->lists[INTENT].count; i++) {
        const struct object *intent = bank->lists[INTENT].items[i];
        taken += object_number(intent, "amount_received");
        left += pay_refundable(bank, intent);
    }
    for (uint32_t i = 0; i < bank->lists[REFUND].count; i++)
        left += object_number(bank->lists[REFUND].items[i], "amount");
    assert_int_equal(taken, left);
    bank_destroy(bank);
}

TEST_CASE(forged_id_finds_nothing)
{
    struct bank *bank = make_bank();
    char id[IDENT_MAX];
    perform(bank, op_of(OP_POST, INTENTS), "", "amount=5&currency=krw", 1);
    struct object *intent = bank->lists[INTENT].items[0];
    strcpy(id, intent->id);
    assert_ptr_equal(intent, bank_find(bank, INTENT, span_of(id)));
    id[5] = id[5] == 'x' ? 'y' : 'x'; /* the right place, another object */
    assert_null(bank_find(bank, INTENT, span_of(id)));
    assert_null(bank_find(bank, INTENT, SPAN("pi_zzzzzzzzzzzzzzzzzzzzzzzz")));
    assert_null(bank_find(bank, CHARGE, span_of(intent->id)));
    assert_null(bank_find_secret(bank, span_of(intent->id)));
    assert_ptr_equal(intent, bank_find_secret(bank, span_of(object_text(intent, "client_secret"))));
    bank_destroy(bank);
}

/* ---- the journal ---- */

static void replay_call(void *ctx, const struct call *call)
{
    struct answer answer;
    counter_run(ctx, call, &answer);
}

struct fixture {
    char *path;
    struct bank *bank;
    struct journal *journal;
};

static int open_journal(struct fixture *fixture, struct err_slot *err)
{
    fixture->bank = make_bank();
    fixture->journal = NULL;
    struct journal_conf journal = {
        .path = fixture->path, .on_call = replay_call, .ctx = fixture->bank};
    return journal_open(&journal, err, &fixture->journal);
}

static void close_journal(struct fixture *fixture)
{
    journal_close(fixture->journal);
    bank_destroy(fixture->bank);
}

/* The journal can be read, and so many payments are in it. */
static void assert_intents(struct fixture *fixture, uint32_t want)
{
    struct err_slot err;
    assert_int_equal(0, open_journal(fixture, &err));
    assert_int_equal(want, fixture->bank->lists[INTENT].count);
}

static void begin(struct fixture *fixture)
{
    fixture->path = unit_file(SPAN(""), 0600);
    assert_intents(fixture, 0);
}

static void end(struct fixture *fixture)
{
    close_journal(fixture);
    unit_file_remove(fixture->path);
}

/* Creates a payment and hands the call to the journal. */
static int keep(struct fixture *fixture, uint64_t seed)
{
    struct err_slot err;
    struct answer answer;
    json_t *in = form_of("amount=1&currency=krw");
    struct call call = {
        .op = op_of(OP_POST, INTENTS), .kind = INTENT, .at_us = 1000000000, .seed = seed, .in = in};
    counter_run(fixture->bank, &call, &answer);
    int rc = journal_call(fixture->journal, &call, &err);
    json_decref(in);
    return rc;
}

static size_t read_whole(const char *path, char *out, size_t cap)
{
    int file = open(path, O_RDONLY);
    ssize_t len = read(file, out, cap);
    close(file);
    assert_true(len >= 0);
    return (size_t)len;
}

static void write_whole(const char *path, const char *bytes, size_t len)
{
    int file = open(path, O_WRONLY | O_TRUNC);
    assert_int_equal(len, write(file, bytes, len));
    close(file);
}

TEST_CASE(a_record_cut_off_by_a_crash_is_dropped_and_damage_is_not)
{
    struct fixture fixture;
    struct err_slot err;
    char whole[4096];
    begin(&fixture);
    assert_int_equal(0, keep(&fixture, 2));
    size_t one = journal_bytes(fixture.journal);
    assert_int_equal(0, keep(&fixture, 4));
    close_journal(&fixture);
    size_t two = read_whole(fixture.path, whole, sizeof(whole));
    assert_true(two > one);
    for (size_t cut = one; cut < two; cut++) {
        write_whole(fixture.path, whole, cut);
        assert_intents(&fixture, 1);
        assert_int_equal(one, journal_bytes(fixture.journal));
        close_journal(&fixture);
    }
    for (size_t at = 0; at < two; at++) { /* one bit of the head or of a record */
        whole[at] ^= 1;
        write_whole(fixture.path, whole, two);
        whole[at] ^= 1;
        if (at == two - 1) /* the last end of line: cut off */
            break;
        assert_int_equal(ERR_SYNTAX, open_journal(&fixture, &err));
        assert_says(&err, at < 22    ? "not a journal"
                          : at < one ? "damaged at byte 22"
                                     : "damaged at byte");
        close_journal(&fixture);
    }
    write_whole(fixture.path, "else", 4);
    assert_int_equal(ERR_SYNTAX, open_journal(&fixture, &err));
    assert_says(&err, "not a journal");
    end(&fixture);
}

/* The limit of a file's size stands for a full disk. */
TEST_CASE(a_full_disk_is_reported)
{
    struct fixture fixture;
    struct rlimit before;
    begin(&fixture);
    assert_int_equal(0, getrlimit(RLIMIT_FSIZE, &before));
    struct rlimit small = {.rlim_cur = 60, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &small));
    assert_int_equal(ERR_IO, keep(&fixture, 2));
    assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &before));
    close_journal(&fixture);
    assert_intents(&fixture, 0); /* without the call that was cut short */
    end(&fixture);
}

/* A disk whose nth read fails: in the place of libc's, with a stream of our own. */
static unsigned reads, failing_read;

static ssize_t read_unless(void *cookie, char *to, size_t len)
{
    if (++reads == failing_read) {
        errno = EIO;
        return -1;
    }
    return read((int)(intptr_t)cookie, to, len);
}

static int close_it(void *cookie)
{
    return close((int)(intptr_t)cookie);
}

FILE *fdopen(int fd, const char *mode)
{
    const cookie_io_functions_t io = {.read = read_unless, .close = close_it};
    return fopencookie((void *)(intptr_t)fd, mode, io);
}

TEST_CASE(an_unreadable_journal_is_reported_and_left_whole)
{
    enum { CALLS = 300 }; /* more than a stream reads at once */
    struct fixture fixture;
    struct err_slot err;
    struct stat status;
    begin(&fixture);
    for (unsigned i = 1; i <= CALLS; i++)
        keep(&fixture, 2 * i);
    off_t whole = (off_t)journal_bytes(fixture.journal);
    close_journal(&fixture);
    for (failing_read = 1;; failing_read++) {
        reads = 0;
        int rc = open_journal(&fixture, &err);
        if (reads < failing_read)
            break;
        assert_int_equal(ERR_IO, rc);
        assert_says(&err, "reading");
        assert_int_equal(0, stat(fixture.path, &status));
        assert_int_equal(whole, status.st_size);
        close_journal(&fixture);
    }
    assert_true(failing_read > 2);
    failing_read = 0;
    assert_int_equal(CALLS, fixture.bank->lists[INTENT].count);
    end(&fixture);
}

int main(void)
{
    return unit_run(NULL, NULL);
}
