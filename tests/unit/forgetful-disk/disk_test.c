#include "disk.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct disk *disk;

static int set_up(void **state)
{
    (void)state;
    disk = disk_create(0, 0);
    return disk == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    disk_destroy(disk);
    return 0;
}

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

static void assert_reads(const char *path, const char *words)
{
    char bytes[64] = "";
    struct node *node = NULL;
    assert_int_equal(disk_find(disk, path, &node), 0);
    int len = disk_read(disk, node, bytes, sizeof(bytes) - 1, 0);
    assert_in_range(len, 0, sizeof(bytes) - 1);
    bytes[len] = '\0';
    assert_string_equal(bytes, words);
}

static void assert_gone(const char *path)
{
    struct node *node = NULL;
    assert_int_equal(disk_find(disk, path, &node), -ENOENT);
}

static void cut(unsigned keep_percent)
{
    disk_cut(disk);
    disk_power_on(disk, 1, keep_percent);
}

static void what_was_synced_survives_and_nothing_else(void **state)
{
    (void)state;
    struct node *kept = file("/kept", "old");
    assert_int_equal(disk_sync(disk, kept), 0);
    assert_int_equal(disk_write(disk, kept, "new and longer", 14, 0), 14);
    file("/never", "x");
    cut(0);
    assert_reads("/kept", "old");
    assert_gone("/never");
}

static void a_sync_of_one_file_keeps_all_names_and_no_other_files_bytes(void **state)
{
    (void)state;
    make("/d", S_IFDIR | 0700);
    file("/d/other", "bytes");
    assert_int_equal(disk_sync(disk, file("/synced", "s")), 0);
    cut(0);
    assert_reads("/d/other", "");
    assert_reads("/synced", "s");
}

static void a_rename_that_was_not_synced_is_undone(void **state)
{
    (void)state;
    assert_int_equal(disk_sync(disk, file("/a", "first")), 0);
    struct node *b = file("/b", "second");
    assert_int_equal(disk_sync(disk, b), 0);
    assert_int_equal(disk_rename(disk, "/b", "/a", true), 0);
    assert_reads("/a", "second");
    cut(0);
    assert_reads("/a", "first");
    assert_reads("/b", "second");
    assert_int_equal(disk_rename(disk, "/b", "/a", true), 0);
    assert_int_equal(disk_sync(disk, b), 0);
    cut(0);
    assert_reads("/a", "second");
    assert_gone("/b");
}

static void a_removed_folder_comes_back_with_what_was_in_it(void **state)
{
    (void)state;
    make("/d", S_IFDIR | 0700);
    assert_int_equal(disk_sync(disk, file("/d/f", "here")), 0);
    assert_int_equal(disk_remove(disk, "/d"), -ENOTEMPTY);
    assert_int_equal(disk_remove(disk, "/d/f"), 0);
    assert_int_equal(disk_remove(disk, "/d"), 0);
    cut(0);
    assert_reads("/d/f", "here");
}

static void a_file_cut_short_is_long_again_unless_that_was_synced(void **state)
{
    (void)state;
    struct node *node = file("/f", "long enough");
    assert_int_equal(disk_sync(disk, node), 0);
    assert_int_equal(disk_truncate(disk, node, 4), 0);
    assert_reads("/f", "long");
    cut(0);
    assert_reads("/f", "long enough");
    assert_int_equal(disk_truncate(disk, node, 4), 0);
    assert_int_equal(disk_truncate(disk, node, 6), 0);
    assert_int_equal(disk_sync(disk, node), 0);
    cut(0);
    struct stat st;
    assert_int_equal(disk_stat(disk, node, &st), 0);
    assert_int_equal(st.st_size, 6);
    char bytes[6];
    assert_int_equal(disk_read(disk, node, bytes, 6, 0), 6);
    assert_memory_equal(bytes, "long\0\0", 6);
}

static void without_power_everything_fails(void **state)
{
    (void)state;
    struct node *node = file("/f", "x");
    disk_cut(disk);
    char byte;
    assert_int_equal(disk_sync(disk, node), -EIO);
    assert_int_equal(disk_write(disk, node, "y", 1, 0), -EIO);
    assert_int_equal(disk_read(disk, node, &byte, 1, 0), -EIO);
    assert_int_equal(disk_find(disk, "/f", &node), -EIO);
}

static void some_unsynced_blocks_survive_by_the_seed_and_tear_the_file(void **state)
{
    (void)state;
    enum { BLOCKS = 200 };
    static char block[DISK_BLOCK];
    struct node *node = make("/f", S_IFREG | 0600);
    for (int i = 0; i < BLOCKS; i++)
        assert_int_equal(disk_write(disk, node, block, DISK_BLOCK, (off_t)i * DISK_BLOCK),
                         DISK_BLOCK);
    assert_int_equal(disk_sync(disk, node), 0);
    memset(block, 'n', sizeof(block));
    for (int i = 0; i < BLOCKS; i++)
        assert_int_equal(disk_write(disk, node, block, DISK_BLOCK, (off_t)i * DISK_BLOCK),
                         DISK_BLOCK);
    assert_int_equal(disk_figures(disk).unsynced_blocks, BLOCKS);
    cut(30);
    int survived = 0;
    for (int i = 0; i < BLOCKS; i++) {
        char byte;
        assert_int_equal(disk_read(disk, node, &byte, 1, (off_t)i * DISK_BLOCK), 1);
        survived += byte == 'n';
    }
    assert_in_range(survived, 30, 90);
    assert_int_equal(disk_figures(disk).lost_blocks, BLOCKS - survived);
}

static void an_unsynced_end_survives_up_to_some_point_without_holes(void **state)
{
    (void)state;
    enum { BLOCKS = 50 };
    static char block[DISK_BLOCK];
    memset(block, 'n', sizeof(block));
    size_t longest = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        char path[16];
        snprintf(path, sizeof(path), "/f%u", (unsigned)seed);
        struct node *node = file(path, "head");
        assert_int_equal(disk_sync(disk, node), 0);
        for (int i = 0; i < BLOCKS; i++)
            disk_write(disk, node, block, DISK_BLOCK, 4 + (off_t)i * DISK_BLOCK);
        disk_cut(disk);
        disk_power_on(disk, seed, 90);
        struct stat st;
        assert_int_equal(disk_stat(disk, node, &st), 0);
        size_t len = (size_t)st.st_size;
        longest = len > longest ? len : longest;
        char byte;
        for (off_t at = 4; at < st.st_size; at += 100) {
            assert_int_equal(disk_read(disk, node, &byte, 1, at), 1);
            assert_int_equal(byte, 'n');
        }
    }
    assert_in_range(longest, 10 * DISK_BLOCK, BLOCKS * DISK_BLOCK);
}

static void an_open_file_without_a_name_can_still_be_read(void **state)
{
    (void)state;
    struct node *node = file("/f", "open");
    node_open(node);
    assert_int_equal(disk_remove(disk, "/f"), 0);
    char bytes[4];
    assert_int_equal(disk_read(disk, node, bytes, 4, 0), 4);
    assert_memory_equal(bytes, "open", 4);
    disk_close(disk, node);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_was_synced_survives_and_nothing_else),
        TEST(a_sync_of_one_file_keeps_all_names_and_no_other_files_bytes),
        TEST(a_rename_that_was_not_synced_is_undone),
        TEST(a_removed_folder_comes_back_with_what_was_in_it),
        TEST(a_file_cut_short_is_long_again_unless_that_was_synced),
        TEST(without_power_everything_fails),
        TEST(some_unsynced_blocks_survive_by_the_seed_and_tear_the_file),
        TEST(an_unsynced_end_survives_up_to_some_point_without_holes),
        TEST(an_open_file_without_a_name_can_still_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
