/* secret_file_test.c: what may be a secret's file, and what may not. */
#include "unit.h"

#include "base/secret_file.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_one(struct span content, unsigned mode, struct err_slot *err,
                    struct secret_file **out)
{
    char *path = unit_file(content, mode);
    int rc = secret_file_read(path, err, out);
    unit_file_remove(path);
    return rc;
}

static void a_secret_is_read_less_one_newline(void **state)
{
    (void)state;
    struct secret_file *secret;
    struct err_slot err;
    assert_int_equal(0, read_one(SPAN("abc\n"), 0600, &err, &secret));
    assert_span(secret_file_span(secret), "abc");
    secret_file_destroy(secret);
    assert_int_equal(0, read_one(SPAN("abc\n\n"), 0400, &err, &secret));
    assert_span(secret_file_span(secret), "abc\n");
    secret_file_destroy(secret);
    secret_file_destroy(NULL);
}

static void a_file_that_others_may_touch_is_refused(void **state)
{
    (void)state;
    static const unsigned modes[] = {0640, 0604, 0620, 0602, 0610, 0644, 0777};
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        struct secret_file *secret;
        struct err_slot err;
        assert_int_equal(ERR_AUTH, read_one(SPAN("for nobody"), modes[i], &err, &secret));
        assert_says(&err, "must be 0600");
        assert_null(strstr(err.text, "for nobody"));
    }
}

static void empty_and_oversized_files_are_refused(void **state)
{
    (void)state;
    static char large[SECRET_FILE_BYTES_MAX + 1];
    memset(large, 'x', sizeof(large));
    struct secret_file *secret;
    struct err_slot err;
    assert_int_equal(ERR_SYNTAX, read_one(SPAN(""), 0600, &err, &secret));
    assert_int_equal(ERR_SYNTAX, read_one(SPAN("\n"), 0600, &err, &secret));
    assert_int_equal(ERR_RANGE, read_one((struct span){large, sizeof(large)}, 0600, &err, &secret));
    assert_int_equal(0, read_one((struct span){large, sizeof(large) - 1}, 0600, &err, &secret));
    assert_int_equal(SECRET_FILE_BYTES_MAX, secret_file_span(secret).len);
    secret_file_destroy(secret);
}

static void what_is_no_plain_file_is_refused_without_waiting(void **state)
{
    (void)state;
    struct secret_file *secret;
    struct err_slot err;
    assert_int_equal(ERR_NOT_FOUND, secret_file_read("/nowhere/at/all", &err, &secret));
    assert_says(&err, "/nowhere/at/all");
    assert_int_equal(ERR_AUTH, secret_file_read("/tmp", &err, &secret));
    char *path = unit_file(SPAN("x"), 0600);
    unlink(path);
    assert_int_equal(0, mkfifo(path, 0600));
    assert_int_equal(ERR_AUTH, secret_file_read(path, &err, &secret));
    unit_file_remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_read_less_one_newline),
        cmocka_unit_test(a_file_that_others_may_touch_is_refused),
        cmocka_unit_test(empty_and_oversized_files_are_refused),
        cmocka_unit_test(what_is_no_plain_file_is_refused_without_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
