/* lines_test.c: files of lines, on a real disk. */
#include "unit.h"

#include "archive/lines.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINES = 20000 };

static char dir[] = "/tmp/fairgate-lines-XXXXXX";
static char path[64], part[80];

static void write_file(int lines)
{
    struct err_slot err;
    struct lines *file;
    assert_int_equal(0, lines_create(path, &err, &file));
    for (int i = 0; i < lines; i++) {
        char line[64];
        int len = snprintf(line, sizeof(line), "{\"row\":%d}", i);
        assert_int_equal(0, lines_put(file, (struct span){line, (size_t)len}, &err));
    }
    assert_int_equal(0, access(part, F_OK)); /* not under its name yet */
    assert_int_equal(0, lines_finish(file, &err));
    assert_int_not_equal(0, access(part, F_OK));
}

static int on_line(void *ctx, struct span line)
{
    int *seen = ctx;
    char wanted[64];
    int len = snprintf(wanted, sizeof(wanted), "{\"row\":%d}", *seen);
    assert_int_equal(len, line.len);
    assert_memory_equal(wanted, line.ptr, line.len);
    *seen += 1;
    return 0;
}

static void lines_come_back_as_they_went(void **state)
{
    (void)state;
    const int counts[] = {LINES, 0, 1};
    for (unsigned i = 0; i < 3; i++) {
        struct lines_sum sum;
        struct err_slot err;
        int seen = 0;
        write_file(counts[i]);
        assert_int_equal(0, lines_read(path, on_line, &seen, &err, &sum));
        assert_int_equal(counts[i], seen);
        assert_int_equal(counts[i], sum.lines);
        assert_int_equal(64, strlen(sum.sha256));
    }
}

static size_t read_bytes(char *out, size_t cap)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(out, 1, cap, file);
    fclose(file);
    return len;
}

static void write_bytes(const char *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(len, fwrite(bytes, 1, len, file));
    fclose(file);
}

static int read_again(void)
{
    struct lines_sum sum;
    struct err_slot err;
    int rc = lines_read(path, NULL, NULL, &err, &sum);
    if (rc < 0)
        assert_says(&err, "/lines.gz");
    return rc;
}

static void a_file_that_is_cut_anywhere_is_no_file(void **state)
{
    (void)state;
    static char bytes[4096];
    write_file(20);
    size_t len = read_bytes(bytes, sizeof(bytes));
    for (size_t cut = 0; cut < len; cut++) {
        write_bytes(bytes, cut);
        assert_int_equal(ERR_SYNTAX, read_again());
    }
    write_bytes(bytes, len);
    assert_int_equal(0, read_again());
}

static void a_bit_that_turned_is_found_or_gives_another_hash(void **state)
{
    (void)state;
    static char bytes[4096];
    struct lines_sum was, now;
    struct err_slot err;
    write_file(20);
    assert_int_equal(0, lines_read(path, NULL, NULL, &err, &was));
    size_t len = read_bytes(bytes, sizeof(bytes));
    for (size_t at = 0; at < len; at++) {
        bytes[at] ^= 1;
        write_bytes(bytes, len);
        if (lines_read(path, NULL, NULL, &err, &now) == 0)
            assert_string_not_equal(was.sha256, now.sha256);
        bytes[at] ^= 1;
    }
}

static int stop_at_three(void *ctx, struct span line)
{
    int *seen = ctx;
    (void)line;
    return ++*seen == 3 ? ERR_STATE : 0;
}

static void a_reader_may_stop(void **state)
{
    (void)state;
    struct lines_sum sum;
    struct err_slot err;
    int seen = 0;
    write_file(20);
    assert_int_equal(ERR_STATE, lines_read(path, stop_at_three, &seen, &err, &sum));
    assert_int_equal(3, seen);
}

static void a_file_that_is_dropped_or_cannot_be_made_leaves_nothing(void **state)
{
    (void)state;
    struct err_slot err;
    struct lines *file;
    unlink(path);
    assert_int_equal(0, lines_create(path, &err, &file));
    assert_int_equal(0, lines_put(file, SPAN("a"), &err));
    assert_int_equal(ERR_STATE, lines_put(file, SPAN("two\nlines"), &err));
    lines_drop(file);
    assert_int_not_equal(0, access(part, F_OK));
    assert_int_not_equal(0, access(path, F_OK));
    assert_int_equal(ERR_IO, read_again());
    assert_int_equal(ERR_IO, lines_create("/nowhere/at/all", &err, &file));
    assert_int_equal(ERR_IO, lines_write_whole("/nowhere/at/all", SPAN("a"), &err));
}

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/lines.gz", dir);
    snprintf(part, sizeof(part), "%s.part", path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_back_as_they_went),
        cmocka_unit_test(a_file_that_is_cut_anywhere_is_no_file),
        cmocka_unit_test(a_bit_that_turned_is_found_or_gives_another_hash),
        cmocka_unit_test(a_reader_may_stop),
        cmocka_unit_test(a_file_that_is_dropped_or_cannot_be_made_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
