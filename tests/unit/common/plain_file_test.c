/* plain_file_test.c: files of the length that just fits and one more, and other kinds of files.
 */
#include "unit.h"

#include "system/plain_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CAP = 8 };

static char path[64];

static int make_folder(void **state)
{
    (void)state;
    char folder[] = "/tmp/fg-plain-XXXXXX";
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/file", folder);
    return 0;
}

static int drop_folder(void **state)
{
    (void)state;
    unlink(path);
    path[strlen(path) - strlen("/file")] = '\0';
    return rmdir(path);
}

static void fill_with(const char *bytes)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(bytes, file);
    fclose(file);
}

static void a_file_is_read_up_to_the_length_that_fits(void **state)
{
    (void)state;
    char bytes[CAP];
    size_t len = 99;
    fill_with("");
    assert_null(plain_file_read(path, bytes, CAP, &len));
    assert_int_equal(0, len);
    fill_with("12345678");
    assert_null(plain_file_read(path, bytes, CAP, &len));
    assert_int_equal(CAP, len);
    assert_memory_equal("12345678", bytes, CAP);
    fill_with("123456789");
    assert_string_equal("it is too long", plain_file_read(path, bytes, CAP, &len));
    assert_int_equal(CAP, len); /* as it was */
}

static void other_kinds_of_files_are_refused_at_once(void **state)
{
    (void)state;
    char bytes[CAP];
    size_t len;
    assert_string_equal("No such file or directory", plain_file_read(path, bytes, CAP, &len));
    assert_string_equal("it is not a plain file", plain_file_read("/dev/zero", bytes, CAP, &len));
    assert_string_equal("it is not a plain file", plain_file_read("/tmp", bytes, CAP, &len));
    assert_int_equal(0, mkfifo(path, 0600));
    alarm(10); /* without a writer open() would wait for ever */
    assert_string_equal("it is not a plain file", plain_file_read(path, bytes, CAP, &len));
    alarm(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_is_read_up_to_the_length_that_fits, make_folder,
                                        drop_folder),
        cmocka_unit_test_setup_teardown(other_kinds_of_files_are_refused_at_once, make_folder,
                                        drop_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
