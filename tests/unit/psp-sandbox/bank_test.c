/* bank_test.c: how long the bank keeps answers, and a full disk. Everything else is tested in
 * tests/integration/psp-sandbox with the official client. */
#include "unit.h"

#include "bank.h"
#include "journal.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

TEST_CASE(answer_is_stored_for_a_day_and_the_oldest_key_makes_room)
{
    static const struct settings settings = {.public_url = "http://psp"};
    struct bank *bank = bank_create(&settings);
    struct call call = {.bank = bank, .now_s = 1000, .status = 402, .body = SPAN("{}")};
    char key[16];
    bank_keep(&call, STRIPE, SPAN("k"), "digest");
    assert_null(bank_kept(bank, STRIPE, SPAN("K"), 1000));
    assert_null(bank_kept(bank, TOSS, SPAN("k"), 1000));
    assert_non_null(bank_kept(bank, STRIPE, SPAN("k"), 1000 + IDEM_TTL_S - 1));
    assert_null(bank_kept(bank, STRIPE, SPAN("k"), 1000 + IDEM_TTL_S));
    for (unsigned i = 0; i < IDEM_KEYS_MAX; i++) {
        snprintf(key, sizeof(key), "key-%u", i);
        bank_keep(&call, STRIPE, span_of(key), "digest");
    }
    assert_non_null(bank_kept(bank, STRIPE, SPAN("key-1"), 1000));
    assert_null(bank_kept(bank, STRIPE, SPAN("key-0"), 1000));
    bank_destroy(bank);
}

static bool count_record(void *ctx, json_t *record)
{
    (void)record;
    ++*(unsigned *)ctx;
    return true;
}

/* A file size limit replaces a full disk. */
TEST_CASE(a_full_disk_is_reported)
{
    char *path = unit_file(SPAN(""), 0600);
    unsigned records = 0;
    int journal;
    struct err_slot err;
    struct rlimit before;
    assert_int_equal(0, journal_open(path, count_record, &records, &err, &journal));
    assert_int_equal(0, journal_append(journal, json_pack("{s:i}", "a", 1), &err));
    assert_int_equal(0, getrlimit(RLIMIT_FSIZE, &before));
    struct rlimit small = {.rlim_cur = (rlim_t)lseek(journal, 0, SEEK_END) + 4,
                           .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &small));
    assert_int_equal(ERR_IO, journal_append(journal, json_pack("{s:i}", "a", 2), &err));
    assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &before));
    close(journal);
    assert_int_equal(0, journal_open(path, count_record, &records, &err, &journal));
    assert_int_equal(1, records); /* without the truncated one */
    close(journal);
    unit_file_remove(path);
}
