/* disk_test.c: what a power cut leaves on the forgetful disk.
 *
 * Statements of a row (script.h):
 *
 *   mkdir PATH | file PATH TEXT | write PATH TEXT | truncate PATH LEN | sync PATH
 *   rename FROM TO | remove PATH [not-empty] | cut
 *   reads PATH TEXT|- | gone PATH        what is expected; a dot in TEXT is a zero byte */
#include "disk.h"

#include "script.h"

#include <errno.h>

static struct disk *disk;

static struct node *make(const char *path, mode_t mode)
{
    struct stat as = {.st_mode = mode};
    struct node *node = NULL;
    assert_int_equal(disk_make(disk, path, &as, NULL, &node), 0);
    return node;
}

static struct node *file(const char *path, const char *words)
{
    struct node *node = make(path, S_IFREG | 0600);
    assert_int_equal(disk_write(disk, node, words, strlen(words), 0), strlen(words));
    return node;
}

static void cut(unsigned keep_percent)
{
    disk_cut(disk);
    disk_power_on(disk, 1, keep_percent);
}

static void begin(void)
{
    disk = disk_create(0, 0);
    assert_non_null(disk);
}

SCRIPT_VERB(run_statement, "cut|gone|mkdir|file|rename|remove|write|truncate|sync")
{
    const char *verb = line->words[0], *path = line->len > 1 ? line->words[1] : "",
               *text = line->len > 2 ? line->words[2] : "";
    struct node *node = NULL;
    int found = disk_find(disk, path, &node), done = 0;
    if (strcmp(verb, "cut") == 0)
        cut(0);
    else if (strcmp(verb, "gone") == 0)
        assert_int_equal(found, -ENOENT);
    else if (strcmp(verb, "mkdir") == 0)
        make(path, S_IFDIR | 0700);
    else if (strcmp(verb, "file") == 0)
        file(path, text);
    else if (strcmp(verb, "rename") == 0)
        done = disk_rename(disk, path, text, true);
    else if (strcmp(verb, "remove") == 0)
        done = disk_remove(disk, path) - (script_has(line, "not-empty") ? -ENOTEMPTY : 0);
    else if (found < 0)
        fail_msg("%s: \"%s\": there is no such file", line->row, line->text);
    else if (strcmp(verb, "write") == 0)
        assert_int_equal(disk_write(disk, node, text, strlen(text), 0), strlen(text));
    else if (strcmp(verb, "truncate") == 0)
        done = disk_truncate(disk, node, (off_t)script_number(text));
    else
        done = disk_sync(disk, node);
    if (done != 0)
        fail_msg("%s: \"%s\": %d", line->row, line->text, done);
}

SCRIPT_VERB(reads, "reads")
{
    char bytes[64] = "";
    struct node *node = NULL;
    assert_int_equal(disk_find(disk, script_word(line, 1), &node), 0);
    int len = disk_read(disk, node, bytes, sizeof(bytes) - 1, 0);
    assert_in_range(len, 0, sizeof(bytes) - 1);
    for (int i = 0; i < len; i++)
        bytes[i] = bytes[i] == '\0' ? '.' : bytes[i];
    script_expect_text(line, script_word(line, 2), bytes);
}

static const struct script_row rows[] = {
    {"synced_bytes_survive_and_no_others",
     "file /kept old; sync /kept; write /kept new-and-longer; file /never x; cut; reads /kept old; "
     "gone /never"},
    {"sync_of_a_file_keeps_all_names_but_no_other_bytes",
     "mkdir /d; file /d/other bytes; file /synced s; sync /synced; cut; reads /d/other -; reads "
     "/synced s"},
    {"rename_that_was_not_synced_is_undone",
     "file /a first; sync /a; file /b second; sync /b; rename /b /a; reads /a second; cut; reads "
     "/a first; reads /b second; rename /b /a; sync /a; cut; reads /a second; gone /b"},
    {"removed_folder_comes_back_with_its_file",
     "mkdir /d; file /d/f here; sync /d/f; remove /d not-empty; remove /d/f; remove /d; cut; reads "
     "/d/f here"},
    {"truncation_that_was_not_synced_is_undone",
     "file /f long-enough; sync /f; truncate /f 4; reads /f long; cut; reads /f long-enough; "
     "truncate /f 4; truncate /f 6; sync /f; cut; reads /f long.."},
};

static void end(void)
{
    disk_destroy(disk);
}

UNIT_BETWEEN(begin, end)

TEST_CASE(every_call_fails_without_power)
{
    char byte;
    struct node *node = file("/f", "x");
    disk_cut(disk);
    assert_int_equal(disk_sync(disk, node), -EIO);
    assert_int_equal(disk_write(disk, node, "y", 1, 0), -EIO);
    assert_int_equal(disk_read(disk, node, &byte, 1, 0), -EIO);
    assert_int_equal(disk_find(disk, "/f", &node), -EIO);
}

static void write_blocks(struct node *node, char byte, int blocks, off_t at)
{
    static char block[DISK_BLOCK];
    memset(block, byte, sizeof(block));
    for (int i = 0; i < blocks; i++)
        assert_int_equal(disk_write(disk, node, block, DISK_BLOCK, at + (off_t)i * DISK_BLOCK),
                         DISK_BLOCK);
}

static char byte_at(struct node *node, off_t at)
{
    char byte;
    assert_int_equal(disk_read(disk, node, &byte, 1, at), 1);
    return byte;
}

TEST_CASE(some_unsynced_blocks_survive_and_tear_the_file)
{
    enum { BLOCKS = 200 };
    int survived = 0;
    struct node *node = make("/f", S_IFREG | 0600);
    write_blocks(node, '\0', BLOCKS, 0);
    assert_int_equal(disk_sync(disk, node), 0);
    write_blocks(node, 'n', BLOCKS, 0);
    assert_int_equal(disk_figures(disk).unsynced_blocks, BLOCKS);
    cut(30);
    for (int i = 0; i < BLOCKS; i++)
        survived += byte_at(node, (off_t)i * DISK_BLOCK) == 'n';
    assert_in_range(survived, 30, 90);
    assert_int_equal(disk_figures(disk).lost_blocks, BLOCKS - survived);
}

TEST_CASE(unsynced_end_survives_in_part_without_holes)
{
    enum { BLOCKS = 50 };
    off_t longest = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        char path[16];
        struct stat st;
        snprintf(path, sizeof(path), "/f%u", (unsigned)seed);
        struct node *node = file(path, "head");
        assert_int_equal(disk_sync(disk, node), 0);
        write_blocks(node, 'n', BLOCKS, 4);
        disk_cut(disk);
        disk_power_on(disk, seed, 90);
        assert_int_equal(disk_stat(disk, node, &st), 0);
        longest = st.st_size > longest ? st.st_size : longest;
        for (off_t at = 4; at < st.st_size; at += 100)
            assert_int_equal(byte_at(node, at), 'n');
    }
    assert_in_range(longest, 10 * DISK_BLOCK, BLOCKS * DISK_BLOCK);
}

TEST_CASE(open_file_without_a_name_can_be_read)
{
    char bytes[4];
    struct node *node = file("/f", "open");
    node_open(node);
    assert_int_equal(disk_remove(disk, "/f"), 0);
    assert_int_equal(disk_read(disk, node, bytes, 4, 0), 4);
    assert_memory_equal(bytes, "open", 4);
    disk_close(disk, node);
}

SCRIPT_TESTS(rows, script_verbs)
