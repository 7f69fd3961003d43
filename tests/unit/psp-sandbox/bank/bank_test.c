/* bank_test.c: the bank as a pure function, and the journal that brings it back. */
#include "refuse_realloc.h"
#include "unit.h"

#include "bank/bank.h"
#include "desk/journal.h"
#include "desk/sign.h"
#include "ops/counter.h"
#include "ops/op.h"

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
    struct err_slot err;
    struct bank *bank;
    assert_int_equal(0, bank_create(&conf, &err, &bank));
    return bank;
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

struct want {
    uint64_t at_s;
    uint64_t seed;
    const char *id;
    const char *key;
};

static struct call call_of(const struct op *op, const char *body, const struct want *want)
{
    struct call call = {.op = op,
                        .at_us = (want->at_s != 0 ? want->at_s : 1000) * 1000000,
                        .seed = want->seed,
                        .id = span_of(want->id),
                        .body = span_of(body),
                        .key = span_of(want->key),
                        .fault_slot = -1};
    return call;
}

static struct answer post(struct bank *bank, const char *route, const char *body, struct want want)
{
    struct call call = call_of(op_of(OP_POST, route), body, &want);
    struct answer answer;
    counter_run(bank, &call, &answer);
    return answer;
}

static void assert_holds(const struct answer *answer, unsigned status, const char *part)
{
    if (answer->status != status ||
        memmem(answer->body.ptr, answer->body.len, part, strlen(part)) == NULL)
        fail_msg("%u, %.*s", answer->status, (int)answer->body.len, answer->body.ptr);
}

static const char *last_intent(const struct bank *bank)
{
    assert_true(bank->intents.count > 0);
    return bank_intent(bank, bank->intents.count - 1)->id;
}

#define INTENTS   "/v1/payment_intents"
#define WANT(...) ((struct want){__VA_ARGS__})

static void the_same_seed_and_time_give_the_same_bytes(void **state)
{
    (void)state;
    char first[8192];
    for (int round = 0; round < 2; round++) {
        struct bank *bank = make_bank();
        struct answer answer = post(bank, INTENTS, "amount=5&currency=krw", WANT(.seed = 42));
        assert_holds(&answer, 200, "\"requires_payment_method\"");
        if (round == 0)
            memcpy(first, answer.body.ptr, answer.body.len);
        else
            assert_memory_equal(first, answer.body.ptr, answer.body.len);
        bank_destroy(bank);
    }
}

static void a_key_gives_the_first_answer_even_after_the_state_moved_on(void **state)
{
    (void)state;
    struct bank *bank = make_bank();
    struct want once = {.key = "order-1", .seed = 1};
    post(bank, INTENTS, "amount=5&currency=krw&capture_method=manual", once);
    const char *id = last_intent(bank);
    post(bank, INTENTS "/{id}/confirm", "payment_method=pm_card_visa", WANT(.id = id, .seed = 2));
    once.seed = 3;
    struct answer again = post(bank, INTENTS, "currency=krw&capture_method=manual&amount=5", once);
    assert_true(again.replayed);
    assert_false(again.executed);
    assert_holds(&again, 200, "requires_payment_method");
    assert_int_equal(1, bank->intents.count);
    struct answer other = post(bank, INTENTS, "amount=6&currency=krw", once);
    assert_holds(&other, 400, "idempotency_error");
    struct answer elsewhere =
        post(bank, INTENTS "/{id}/cancel", "", WANT(.id = id, .key = "order-1"));
    assert_holds(&elsewhere, 400, "idempotency_error");
    bank_destroy(bank);
}

static void a_refused_validation_leaves_the_key_free(void **state)
{
    (void)state;
    struct bank *bank = make_bank();
    struct want want = {.key = "k"};
    struct answer bad = post(bank, INTENTS, "amount=x&currency=krw", want);
    assert_holds(&bad, 400, "parameter_invalid_integer");
    struct answer good = post(bank, INTENTS, "amount=5&currency=krw", want);
    assert_int_equal(200, good.status);
    bank_destroy(bank);
}

static void an_authorisation_runs_out_to_the_second(void **state)
{
    (void)state;
    for (uint64_t late = 0; late < 2; late++) {
        struct bank *bank = make_bank();
        post(bank, INTENTS,
             "amount=5&currency=krw&capture_method=manual&confirm=true&payment_method=pm_card_visa",
             WANT(.at_s = 1000));
        struct answer answer = post(bank, INTENTS "/{id}/capture", "",
                                    WANT(.at_s = 1099 + late, .id = last_intent(bank)));
        if (late == 0)
            assert_holds(&answer, 200, "\"succeeded\"");
        else
            assert_holds(&answer, 400, "charge_expired_for_capture");
        assert_int_equal(late == 0 ? INTENT_SUCCEEDED : INTENT_CANCELED,
                         bank_intent(bank, 0)->status);
        bank_destroy(bank);
    }
}

static void an_error_instead_of_work_is_kept_if_it_is_a_500(void **state)
{
    (void)state;
    struct bank *bank = make_bank();
    struct want want = {.key = "k"};
    struct call call = call_of(op_of(OP_POST, INTENTS), "amount=5&currency=krw", &want);
    struct answer answer;
    call.instead = 503;
    counter_run(bank, &call, &answer);
    assert_int_equal(503, answer.status);
    call.instead = 500;
    counter_run(bank, &call, &answer);
    assert_false(answer.replayed);
    call.instead = 0;
    counter_run(bank, &call, &answer);
    assert_true(answer.replayed);
    assert_int_equal(500, answer.status);
    assert_int_equal(0, bank->intents.count);
    bank_destroy(bank);
}

static void a_forged_id_finds_nothing(void **state)
{
    (void)state;
    struct bank *bank = make_bank();
    post(bank, INTENTS, "amount=5&currency=krw", WANT(.seed = 1));
    char id[IDENT_MAX];
    strcpy(id, last_intent(bank));
    assert_non_null(bank_find_intent(bank, span_of(id), NULL));
    id[5] = id[5] == 'x' ? 'y' : 'x'; /* the right place, another object */
    assert_null(bank_find_intent(bank, span_of(id), NULL));
    assert_null(bank_find_intent(bank, SPAN("pi_zzzzzzzzzzzzzzzzzzzzzzzz"), NULL));
    assert_null(bank_find_charge(bank, span_of(id), NULL));
    assert_null(bank_find_secret(bank, span_of(last_intent(bank)), NULL));
    assert_non_null(bank_find_secret(bank, span_of(bank_intent(bank, 0)->secret), NULL));
    bank_destroy(bank);
}

/* ---- the journal ---- */

static void replay_call(void *ctx, const struct call *call)
{
    struct answer answer;
    counter_run(ctx, call, &answer);
}

static void replay_delivery(void *ctx, const struct journal_delivery *delivery)
{
    struct bank *bank = ctx;
    bank_event(bank, delivery->event)->pending = 0;
}

static void on_broken(void *ctx, const struct err_slot *err)
{
    (void)ctx;
    fail_msg("%s", err->text);
}

static void count_written(void *ctx)
{
    ++*(unsigned *)ctx;
}

struct fixture {
    uv_loop_t loop;
    char *path;
    struct bank *bank;
    struct journal *journal;
    unsigned written;
};

static int open_journal(struct fixture *fixture, struct err_slot *err)
{
    fixture->bank = make_bank();
    struct journal_conf journal = {.loop = &fixture->loop,
                                   .path = fixture->path,
                                   .on_call = replay_call,
                                   .on_delivery = replay_delivery,
                                   .on_broken = on_broken,
                                   .ctx = fixture->bank};
    return journal_open(&journal, err, &fixture->journal);
}

static void close_journal(struct fixture *fixture)
{
    journal_close(fixture->journal);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    bank_destroy(fixture->bank);
}

static void begin(struct fixture *fixture)
{
    struct err_slot err;
    *fixture = (struct fixture){.path = unit_file(SPAN(""), 0600)};
    assert_int_equal(0, uv_loop_init(&fixture->loop));
    assert_int_equal(0, open_journal(fixture, &err));
}

static void end(struct fixture *fixture)
{
    close_journal(fixture);
    assert_int_equal(0, uv_loop_close(&fixture->loop));
    unit_file_remove(fixture->path);
}

/* Runs the call and hands it to the journal. */
static void perform(struct fixture *fixture, const char *route, const char *body, struct want want)
{
    struct call call = call_of(op_of(OP_POST, route), body, &want);
    struct answer answer;
    counter_run(fixture->bank, &call, &answer);
    if (answer.executed)
        journal_call(fixture->journal, &call, count_written, &fixture->written);
}

static size_t list_all(struct bank *bank, char *out, size_t cap)
{
    struct call call = {.op = op_of(OP_GET, INTENTS), .query = SPAN("limit=100"), .fault_slot = -1};
    struct answer answer;
    counter_run(bank, &call, &answer);
    assert_true(answer.body.len <= cap);
    memcpy(out, answer.body.ptr, answer.body.len);
    return answer.body.len;
}

static void a_bank_read_back_is_the_same_to_the_byte(void **state)
{
    (void)state;
    struct fixture fixture;
    struct rng_seeded rng;
    rng_seeded_init(&rng, unit_seed());
    begin(&fixture);
    for (unsigned i = 0; i < 40; i++) {
        char key[16];
        snprintf(key, sizeof(key), "key-%u", i);
        perform(&fixture, INTENTS,
                i % 3 == 0
                    ? "amount=9&currency=krw&confirm=true&payment_method=pm_card_chargeDeclined"
                    : "amount=7&currency=krw&capture_method=manual&metadata[a]=%EA%B0%92",
                WANT(.key = key, .seed = rng_u64(&rng.rng), .at_s = 1000 + i));
        const char *id = last_intent(fixture.bank);
        perform(&fixture, INTENTS "/{id}/confirm", "payment_method=pm_card_visa",
                WANT(.id = id, .seed = rng_u64(&rng.rng), .at_s = 1000 + i));
        perform(&fixture, INTENTS "/{id}/capture", "amount_to_capture=3",
                WANT(.id = id, .seed = rng_u64(&rng.rng), .at_s = 1000 + i));
    }
    uv_run(&fixture.loop, UV_RUN_DEFAULT);
    assert_int_equal(120, fixture.written); /* captures in a wrong state are kept answers too */
    char *before = malloc(1 << 20);
    char *after = malloc(1 << 20);
    size_t before_len = list_all(fixture.bank, before, 1 << 20);
    uint32_t events = fixture.bank->events.count;
    close_journal(&fixture);

    struct err_slot err;
    assert_int_equal(0, open_journal(&fixture, &err));
    size_t after_len = list_all(fixture.bank, after, 1 << 20);
    assert_int_equal(before_len, after_len);
    assert_memory_equal(before, after, before_len);
    assert_int_equal(events, fixture.bank->events.count);
    struct answer again = post(fixture.bank, INTENTS, /* and the keys are known */
                               "amount=7&currency=krw&capture_method=manual&metadata[a]=%EA%B0%92",
                               WANT(.key = "key-1", .at_s = 2000));
    assert_true(again.replayed);
    free(before);
    free(after);
    end(&fixture);
}

static off_t size_of(const char *path)
{
    struct stat status;
    assert_int_equal(0, stat(path, &status));
    return status.st_size;
}

static void a_record_cut_off_by_a_crash_is_dropped_whatever_is_left_of_it(void **state)
{
    (void)state;
    struct fixture fixture;
    struct err_slot err;
    begin(&fixture);
    perform(&fixture, INTENTS, "amount=1&currency=krw", WANT(.seed = 1));
    uv_run(&fixture.loop, UV_RUN_DEFAULT);
    off_t one = size_of(fixture.path);
    perform(&fixture, INTENTS, "amount=2&currency=krw", WANT(.seed = 2));
    close_journal(&fixture);
    off_t two = size_of(fixture.path);
    assert_true(two > one);

    char whole[4096];
    int file = open(fixture.path, O_RDONLY);
    assert_int_equal(two, read(file, whole, sizeof(whole)));
    close(file);
    for (off_t cut = one; cut < two; cut++) {
        file = open(fixture.path, O_WRONLY | O_TRUNC);
        assert_int_equal(cut, write(file, whole, (size_t)cut));
        close(file);
        assert_int_equal(0, open_journal(&fixture, &err));
        assert_int_equal(1, fixture.bank->intents.count);
        close_journal(&fixture);
        assert_int_equal(one, size_of(fixture.path));
    }
    assert_int_equal(0, open_journal(&fixture, &err));
    end(&fixture);
}

static void damage_before_the_end_is_an_error_that_names_the_byte(void **state)
{
    (void)state;
    struct fixture fixture;
    struct err_slot err;
    begin(&fixture);
    perform(&fixture, INTENTS, "amount=1&currency=krw", WANT(.seed = 1));
    uv_run(&fixture.loop, UV_RUN_DEFAULT);
    off_t one = size_of(fixture.path);
    perform(&fixture, INTENTS, "amount=2&currency=krw", WANT(.seed = 2));
    close_journal(&fixture);
    int file = open(fixture.path, O_WRONLY);
    assert_int_equal(1, pwrite(file, "#", 1, one - 3));
    close(file);
    assert_int_equal(ERR_SYNTAX, open_journal(&fixture, &err));
    assert_says(&err, "damaged at byte 22");
    bank_destroy(fixture.bank);

    file = open(fixture.path, O_WRONLY | O_TRUNC);
    assert_int_equal(4, write(file, "else", 4));
    close(file);
    assert_int_equal(ERR_SYNTAX, open_journal(&fixture, &err));
    assert_says(&err, "not a journal");
    bank_destroy(fixture.bank);
    assert_int_equal(0, uv_loop_close(&fixture.loop));
    unit_file_remove(fixture.path);
}

static void note_broken(void *ctx, const struct err_slot *err)
{
    assert_says(err, "writing");
    ++*(unsigned *)ctx;
}

/* The limit of a file's size stands for a full disk: the first write is cut short, the next one
 * refused. */
static void full_disk_is_reported_and_nothing_called_written(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct err_slot err;
    struct journal *journal;
    struct answer answer;
    struct rlimit before;
    unsigned broken = 0;
    unsigned written = 0;
    char *path = unit_file(SPAN(""), 0600);
    struct bank *bank = make_bank();
    struct journal_conf journal_conf = {
        .loop = &loop, .path = path, .on_broken = note_broken, .ctx = &broken};
    assert_int_equal(0, uv_loop_init(&loop));
    assert_int_equal(0, journal_open(&journal_conf, &err, &journal));

    assert_int_equal(0, getrlimit(RLIMIT_FSIZE, &before));
    struct rlimit small = {.rlim_cur = 60, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &small));
    struct want want = {.seed = 1};
    struct call call = call_of(op_of(OP_POST, INTENTS), "amount=1&currency=krw", &want);
    counter_run(bank, &call, &answer);
    journal_call(journal, &call, count_written, &written);
    uv_run(&loop, UV_RUN_DEFAULT);
    journal_call(journal, &call, count_written, &written);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &before));
    assert_int_equal(1, broken);
    assert_int_equal(0, written);

    journal_close(journal);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(0, uv_loop_close(&loop));
    bank_destroy(bank);
    unit_file_remove(path);
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

static int seek_in(void *cookie, off64_t *offset, int whence)
{
    *offset = lseek((int)(intptr_t)cookie, *offset, whence);
    return *offset < 0 ? -1 : 0;
}

static int close_it(void *cookie)
{
    return close((int)(intptr_t)cookie);
}

FILE *fdopen(int fd, const char *mode)
{
    const cookie_io_functions_t io = {.read = read_unless, .seek = seek_in, .close = close_it};
    return fopencookie((void *)(intptr_t)fd, mode, io);
}

/* It was taken for the end of the journal, and what stands behind it was cut off. */
static void unreadable_journal_is_reported_and_left_whole(void **state)
{
    (void)state;
    enum { CALLS = 300 }; /* more than a stream reads at once */
    struct fixture fixture;
    struct err_slot err;
    begin(&fixture);
    for (unsigned i = 1; i <= CALLS; i++)
        perform(&fixture, INTENTS, "amount=1&currency=krw", WANT(.seed = i));
    close_journal(&fixture);
    off_t whole = size_of(fixture.path);
    unsigned refused = 0;
    for (failing_read = 1;; failing_read++) {
        reads = 0;
        int rc = open_journal(&fixture, &err);
        if (reads < failing_read)
            break;
        assert_int_equal(ERR_IO, rc);
        assert_says(&err, "reading");
        assert_int_equal(whole, size_of(fixture.path));
        bank_destroy(fixture.bank);
        refused++;
    }
    failing_read = 0;
    assert_true(refused > 1);
    assert_int_equal(CALLS, fixture.bank->intents.count);
    end(&fixture);
}

static void call_without_memory_is_reported_and_not_written(void **state)
{
    (void)state;
    /* Its bytes, or who waits for it; a call before it is on its way to the disk, or none is. */
    for (unsigned way = 0; way < 4; way++) {
        struct fixture fixture;
        struct err_slot err;
        unsigned broken = 0, written = 0, before = way / 2;
        begin(&fixture);
        close_journal(&fixture);
        fixture.bank = make_bank();
        const struct journal_conf journal_conf = {
            .loop = &fixture.loop, .path = fixture.path, .on_broken = note_broken, .ctx = &broken};
        assert_int_equal(0, journal_open(&journal_conf, &err, &fixture.journal));
        if (before)
            perform(&fixture, INTENTS, "amount=1&currency=krw", WANT(.seed = 1));
        struct want want = {.seed = 2};
        struct call call = call_of(op_of(OP_POST, INTENTS), "amount=2&currency=krw", &want);
        grown = 0;
        refused_at = 1 + way % 2;
        journal_call(fixture.journal, &call, count_written, &written);
        refused_at = 0;
        assert_int_equal(1, broken);
        journal_call(fixture.journal, &call, count_written, &written);
        if (way % 2)
            close_journal(&fixture); /* while the one before is under way */
        uv_run(&fixture.loop, UV_RUN_DEFAULT);
        assert_int_equal(0, written + fixture.written);
        if (way % 2 == 0)
            close_journal(&fixture);
        assert_int_equal(1, broken);
        assert_int_equal(0, open_journal(&fixture, &err));
        assert_int_equal(before, fixture.bank->intents.count);
        end(&fixture);
    }
}

static void a_signature_is_the_one_that_openssl_computes(void **state)
{
    (void)state;
    char memory[128];
    struct text header = text_on(memory, sizeof(memory));
    /* printf %s '1700000000.{"id":1}' | openssl dgst -sha256 -hmac whsec_test */
    sign_put(&header, SPAN("whsec_test"), 1700000000, SPAN("{\"id\":1}"));
    assert_span(text_span(&header),
                "t=1700000000,v1="
                "2f441ba4b3b2d50d28a9ab9d9fd8880376ecd1eb5d0435401553f5d8d0a5dcf8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_and_time_give_the_same_bytes),
        cmocka_unit_test(a_key_gives_the_first_answer_even_after_the_state_moved_on),
        cmocka_unit_test(a_refused_validation_leaves_the_key_free),
        cmocka_unit_test(an_authorisation_runs_out_to_the_second),
        cmocka_unit_test(an_error_instead_of_work_is_kept_if_it_is_a_500),
        cmocka_unit_test(a_forged_id_finds_nothing),
        cmocka_unit_test(a_bank_read_back_is_the_same_to_the_byte),
        cmocka_unit_test(a_record_cut_off_by_a_crash_is_dropped_whatever_is_left_of_it),
        cmocka_unit_test(damage_before_the_end_is_an_error_that_names_the_byte),
        cmocka_unit_test(full_disk_is_reported_and_nothing_called_written),
        cmocka_unit_test(unreadable_journal_is_reported_and_left_whole),
        cmocka_unit_test(call_without_memory_is_reported_and_not_written),
        cmocka_unit_test(a_signature_is_the_one_that_openssl_computes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
