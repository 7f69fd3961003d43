/* main.c: forgetful-disk FOLDER: mounts a disk (disk.h) over FOLDER with FUSE, in the foreground.
 *
 * A file that no listing shows, FOLDER/.power, controls it:
 *
 *   echo off >.power          cuts the power: from now on everything fails with EIO
 *   echo on SEED KEEP >.power restores it; the seed chooses KEEP percent of the unsynced blocks
 *   echo slow MS >.power      from now on each sync takes MS, and all other requests wait for it
 *   cat .power                {"on":true,"syncs":12,"writes":70,"unsynced":3,"lost":0}
 *
 * The kernel caches nothing (direct_io, names and attributes expire at once), since a cached page
 * would survive a power cut. For the same reason memory maps are refused; neither PostgreSQL nor
 * Redis maps its data files. One thread serves all requests. */
#define FUSE_USE_VERSION 35
#include "disk.h"

#include <errno.h>
#include <fuse.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char POWER[] = "/.power";

static useconds_t sync_us; /* delay of each sync; used by the one thread only */

static struct disk *the_disk(void)
{
    return fuse_get_context()->private_data;
}

static bool is_power(const char *path)
{
    return path != NULL && strcmp(path, POWER) == 0;
}

/* An open file's handle is its node. NULL for .power. */
static struct node *node_of(const struct fuse_file_info *file)
{
    return (struct node *)(uintptr_t)file->fh; // NOLINT(performance-no-int-to-ptr): FUSE's handle
}

static int find(const char *path, const struct fuse_file_info *file, struct node **out)
{
    if (file != NULL && node_of(file) != NULL) {
        *out = node_of(file);
        return 0;
    }
    return path == NULL ? -ENOENT : disk_find(the_disk(), path, out);
}

/* ---- the file .power ---- */

static int power_read(char *bytes, size_t len, off_t at)
{
    char text[192];
    struct disk_figures f = disk_figures(the_disk());
    int size =
        snprintf(text, sizeof(text),
                 "{\"on\":%s,\"syncs\":%" PRIu64 ",\"writes\":%" PRIu64 ",\"unsynced\":%" PRIu64
                 ",\"lost\":%" PRIu64 "}\n",
                 f.on ? "true" : "false", f.syncs, f.writes, f.unsynced_blocks, f.lost_blocks);
    if (at >= size)
        return 0;
    size_t rest = (size_t)(size - at);
    len = len < rest ? len : rest;
    memcpy(bytes, text + at, len);
    return (int)len;
}

static int power_write(const char *bytes, size_t len)
{
    char text[64] = "";
    uint64_t seed;
    unsigned keep, slow_ms;
    memcpy(text, bytes, len < sizeof(text) - 1 ? len : sizeof(text) - 1);
    if (strncmp(text, "off", 3) == 0)
        disk_cut(the_disk());
    else if (sscanf(text, "on %" SCNu64 " %u", &seed, &keep) == 2 && keep <= 100)
        disk_power_on(the_disk(), seed, keep);
    else if (sscanf(text, "slow %u", &slow_ms) == 1 && slow_ms <= 10000)
        sync_us = slow_ms * 1000;
    else
        return -EINVAL;
    return (int)len;
}

static int power_stat(struct stat *st)
{
    *st = (struct stat){.st_mode = S_IFREG | 0600, .st_nlink = 1, .st_uid = getuid()};
    return 0;
}

/* ---- FUSE's calls ---- */

static void *on_init(struct fuse_conn_info *conn, struct fuse_config *conf)
{
    (void)conn;
    conf->use_ino = 1;
    conf->nullpath_ok = 1;
    conf->hard_remove = 1;
    conf->entry_timeout = conf->attr_timeout = conf->negative_timeout = 0;
    return the_disk();
}

static int on_getattr(const char *path, struct stat *st, struct fuse_file_info *file)
{
    if (is_power(path))
        return power_stat(st);
    struct node *node;
    int rc = find(path, file, &node);
    return rc < 0 ? rc : disk_stat(the_disk(), node, st);
}

static int make(const char *path, mode_t mode, const char *target, struct node **out)
{
    const struct fuse_context *who = fuse_get_context();
    struct stat as = {.st_mode = mode, .st_uid = who->uid, .st_gid = who->gid};
    return disk_make(the_disk(), path, &as, target, out);
}

static int on_mkdir(const char *path, mode_t mode)
{
    struct node *node;
    return make(path, S_IFDIR | mode, NULL, &node);
}

static int on_symlink(const char *target, const char *path)
{
    struct node *node;
    return make(path, S_IFLNK | 0777, target, &node);
}

static int on_readlink(const char *path, char *out, size_t size)
{
    struct node *node;
    int rc = find(path, NULL, &node);
    if (rc == 0)
        snprintf(out, size, "%s", node_target(node));
    return rc;
}

static int on_remove(const char *path)
{
    return disk_remove(the_disk(), path);
}

static int on_rename(const char *from, const char *to, unsigned flags)
{
    if ((flags & ~(unsigned)RENAME_NOREPLACE) != 0)
        return -EINVAL;
    return disk_rename(the_disk(), from, to, (flags & RENAME_NOREPLACE) == 0);
}

static int on_link(const char *from, const char *to)
{
    struct node *node;
    int rc = find(from, NULL, &node);
    return rc < 0 ? rc : disk_link(the_disk(), node, to);
}

static int on_chmod(const char *path, mode_t mode, struct fuse_file_info *file)
{
    struct node *node;
    int rc = find(path, file, &node);
    if (rc == 0)
        node_attributes(node)->st_mode = (node_attributes(node)->st_mode & S_IFMT) | (mode & 07777);
    return rc;
}

static int on_chown(const char *path, uid_t uid, gid_t gid, struct fuse_file_info *file)
{
    struct node *node;
    int rc = find(path, file, &node);
    if (rc == 0 && uid != (uid_t)-1)
        node_attributes(node)->st_uid = uid;
    if (rc == 0 && gid != (gid_t)-1)
        node_attributes(node)->st_gid = gid;
    return rc;
}

static int on_utimens(const char *path, const struct timespec times[2], struct fuse_file_info *file)
{
    struct node *node;
    int rc = find(path, file, &node);
    if (rc == 0) {
        node_attributes(node)->st_atim = times[0];
        node_attributes(node)->st_mtim = times[1];
    }
    return rc;
}

static int on_truncate(const char *path, off_t size, struct fuse_file_info *file)
{
    struct node *node;
    if (is_power(path))
        return 0;
    int rc = find(path, file, &node);
    return rc < 0 ? rc : disk_truncate(the_disk(), node, size);
}

static void hand_out(struct fuse_file_info *file, struct node *node)
{
    if (node != NULL)
        node_open(node);
    file->fh = (uint64_t)(uintptr_t)node;
    file->direct_io = 1;
}

static int on_open(const char *path, struct fuse_file_info *file)
{
    struct node *node = NULL;
    int rc = is_power(path) ? 0 : disk_find(the_disk(), path, &node);
    if (rc == 0 && node != NULL && (file->flags & O_TRUNC) != 0)
        rc = disk_truncate(the_disk(), node, 0);
    if (rc == 0)
        hand_out(file, node);
    return rc;
}

static int on_create(const char *path, mode_t mode, struct fuse_file_info *file)
{
    struct node *node;
    int rc = make(path, S_IFREG | (mode & 07777), NULL, &node);
    if (rc == 0)
        hand_out(file, node);
    return rc;
}

static int on_release(const char *path, struct fuse_file_info *file)
{
    (void)path;
    if (node_of(file) != NULL)
        disk_close(the_disk(), node_of(file));
    return 0;
}

static int on_read(const char *path, char *bytes, size_t len, off_t at, struct fuse_file_info *file)
{
    (void)path;
    if (node_of(file) == NULL)
        return power_read(bytes, len, at);
    return disk_read(the_disk(), node_of(file), bytes, len, at);
}

static int on_write(const char *path, const char *bytes, size_t len, off_t at,
                    struct fuse_file_info *file)
{
    (void)path;
    if (node_of(file) == NULL)
        return power_write(bytes, len);
    return disk_write(the_disk(), node_of(file), bytes, len, at);
}

static int on_fsync(const char *path, int data_only, struct fuse_file_info *file)
{
    (void)path, (void)data_only;
    usleep(sync_us);
    return node_of(file) == NULL ? 0 : disk_sync(the_disk(), node_of(file));
}

static int on_fallocate(const char *path, int mode, off_t at, off_t len,
                        struct fuse_file_info *file)
{
    struct stat st;
    struct node *node;
    int rc = mode != 0 ? -EOPNOTSUPP : find(path, file, &node);
    if (rc == 0)
        rc = disk_stat(the_disk(), node, &st);
    if (rc == 0 && at + len > st.st_size)
        rc = disk_truncate(the_disk(), node, at + len);
    return rc;
}

static int on_opendir(const char *path, struct fuse_file_info *file)
{
    struct node *node;
    int rc = disk_find(the_disk(), path, &node);
    if (rc == 0)
        hand_out(file, node);
    return rc;
}

struct listing {
    void *buf;
    fuse_fill_dir_t fill;
};

static int list_one(void *ctx, const char *name, const struct stat *st)
{
    const struct listing *listing = ctx;
    return listing->fill(listing->buf, name, st, 0, 0) == 0 ? 0 : -ENOMEM;
}

static int on_readdir(const char *path, void *buf, fuse_fill_dir_t fill, off_t at,
                      struct fuse_file_info *file, enum fuse_readdir_flags flags)
{
    (void)path, (void)at, (void)flags;
    struct listing listing = {buf, fill};
    struct stat folder = {.st_mode = S_IFDIR};
    list_one(&listing, ".", &folder);
    list_one(&listing, "..", &folder);
    return disk_list(the_disk(), node_of(file), list_one, &listing);
}

static const struct fuse_operations calls = {
    .init = on_init,
    .getattr = on_getattr,
    .mkdir = on_mkdir,
    .symlink = on_symlink,
    .readlink = on_readlink,
    .unlink = on_remove,
    .rmdir = on_remove,
    .rename = on_rename,
    .link = on_link,
    .chmod = on_chmod,
    .chown = on_chown,
    .utimens = on_utimens,
    .truncate = on_truncate,
    .open = on_open,
    .create = on_create,
    .release = on_release,
    .read = on_read,
    .write = on_write,
    .fsync = on_fsync,
    .fallocate = on_fallocate,
    .opendir = on_opendir,
    .releasedir = on_release,
    .fsyncdir = on_fsync,
    .readdir = on_readdir,
};

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: forgetful-disk FOLDER\n");
        return 2;
    }
    struct disk *disk = disk_create(getuid(), getgid());
    if (disk == NULL) {
        fprintf(stderr, "forgetful-disk: no memory\n");
        return 1;
    }
    /* Other users may access it by the modes of its files: PostgreSQL refuses to run as root. */
    char own[] = "-f", alone[] = "-s", option[] = "-o",
         options[] = "allow_other,default_permissions,fsname=forgetful-disk";
    char *args[] = {argv[0], own, alone, option, options, argv[1], NULL};
    int status = fuse_main(6, args, &calls, disk);
    disk_destroy(disk);
    return status;
}
