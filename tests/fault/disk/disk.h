/* disk.h: an in-memory disk that forgets unsynced data when its power is cut.
 *
 * Each file and folder has two states: `now`, what programs see, and `kept`, what is on the
 * platter. A write changes `now`; disk_sync() makes one file's `now` its `kept`. Names follow the
 * journal of an ordinary file system: any sync keeps every create, rename and unlink before it, and
 * none later. disk_cut() fails everything with EIO from then on; disk_power_on() makes `kept`
 * visible.
 *
 * A disk may also have written some data without a sync. So a seed and a share decide which of the
 * unsynced blocks survive. The others are lost, in the middle of a file too; but an appended part
 * survives from its beginning on, as file systems note a size after the bytes.
 *
 * Use it from one thread. Calls return 0, a length, or a negative errno. */
#ifndef FG_FAULT_DISK_H
#define FG_FAULT_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

struct disk;
struct node; /* a file, folder or link; lives as long as the disk */

enum { DISK_BLOCK = 4096 };

struct disk *disk_create(uid_t uid, gid_t gid); /* NULL: out of memory */
void disk_destroy(struct disk *disk);

/* Names. A `path` begins with a slash. */
int disk_find(struct disk *disk, const char *path, struct node **out);
/* `mode` includes the type (S_IFREG, S_IFDIR or S_IFLNK); `target` is a link's. */
int disk_make(struct disk *disk, const char *path, const struct stat *as, const char *target,
              struct node **out);
int disk_remove(struct disk *disk, const char *path);
int disk_rename(struct disk *disk, const char *from, const char *to, bool replace);
int disk_link(struct disk *disk, struct node *node, const char *path);
int disk_list(struct disk *disk, struct node *folder,
              int (*on_name)(void *ctx, const char *name, const struct stat *st), void *ctx);

/* Files. */
int disk_read(struct disk *disk, const struct node *node, char *bytes, size_t len, off_t at);
int disk_write(struct disk *disk, struct node *node, const char *bytes, size_t len, off_t at);
int disk_truncate(struct disk *disk, struct node *node, off_t size);
int disk_sync(struct disk *disk, struct node *node);
int disk_stat(const struct disk *disk, const struct node *node, struct stat *out);
/* Owner, mode and times are durable at once: no test depends on their loss. */
struct stat *node_attributes(struct node *node);
const char *node_target(const struct node *node);

/* An open file stays readable after its last name is gone. */
void node_open(struct node *node);
void disk_close(struct disk *disk, struct node *node);

/* Power. */
void disk_cut(struct disk *disk);
/* Up to `keep_percent` of the unsynced blocks survive, chosen by the seed. */
void disk_power_on(struct disk *disk, uint64_t seed, unsigned keep_percent);

struct disk_figures {
    uint64_t syncs, writes;
    uint64_t unsynced_blocks; /* now */
    uint64_t lost_blocks;     /* at the last power_on */
    bool on;
};
struct disk_figures disk_figures(const struct disk *disk);

#endif
