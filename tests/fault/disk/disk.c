/* disk.c: two states of every file, tracked per block.
 *
 * Both states share a block until it is written; then `now` gets its own copy, and the block's
 * number is added to the file's list of dirty blocks. A sync walks that list, so its cost depends
 * on what was written since the last one, not on the file's size: a test syncs a log of 16 MB in
 * steps of 8 KB thousands of times.
 *
 * A folder's entries are a plain array in each state; dirty folders are listed, and the next sync
 * of anything copies them. Nodes are freed with the disk only; their blocks are freed once no name
 * in either state and no open file refers to them. */
#include "disk.h"

#include <assert.h>
#include <errno.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct block {
    uint32_t refs;
    unsigned char bytes[DISK_BLOCK];
};

/* One state of a file: its length and blocks. A block that was never written is NULL. */
struct content {
    struct block **blocks;
    size_t cap;
    off_t size;
};

struct entry {
    char *name;
    struct node *node;
};

struct entries {
    struct entry *at;
    size_t len, cap;
};

struct node {
    struct stat st;
    char *target;
    struct content now, kept;
    size_t *dirty; /* numbers of the blocks that differ between the states */
    size_t dirty_len, dirty_cap;
    struct entries names_now, names_kept;
    unsigned links_now, links_kept, opens;
    bool is_listed; /* among the disk's dirty folders */
};

struct disk {
    struct node **nodes;
    size_t nodes_len, nodes_cap;
    struct node **folders; /* dirty ones */
    size_t folders_len, folders_cap;
    struct node *root;
    struct disk_figures figures;
};

/* ---- growing arrays ---- */

static int reserve(void **array, size_t *cap, size_t need, size_t each)
{
    if (need <= *cap)
        return 0;
    size_t wanted = *cap * 2 > need ? *cap * 2 : need + 8;
    char *grown = realloc(*array, wanted * each);
    if (grown == NULL)
        return -ENOMEM;
    memset(grown + *cap * each, 0, (wanted - *cap) * each);
    *array = grown;
    *cap = wanted;
    return 0;
}

#define RESERVE(array, cap, need, each) reserve((void **)&(array), &(cap), (need), (each))

/* ---- blocks ---- */

static void block_drop(struct block **slot)
{
    if (*slot != NULL && --(*slot)->refs == 0)
        free(*slot);
    *slot = NULL;
}

static void block_share(struct block **slot, struct block *block)
{
    if (*slot == block)
        return;
    block_drop(slot);
    *slot = block;
    if (block != NULL)
        block->refs++;
}

static struct block *block_at(const struct content *content, size_t nth)
{
    return nth < content->cap ? content->blocks[nth] : NULL;
}

static int mark_dirty(struct node *node, size_t nth)
{
    if (block_at(&node->now, nth) != block_at(&node->kept, nth))
        return 0; /* the states differ already: it is listed */
    int rc = RESERVE(node->dirty, node->dirty_cap, node->dirty_len + 1, sizeof(size_t));
    if (rc == 0)
        node->dirty[node->dirty_len++] = nth;
    return rc;
}

/* Returns the block of `now`, made writable and listed. Room for it in both states was reserved. */
static int block_own(struct node *node, size_t nth, struct block **out)
{
    int rc = RESERVE(node->now.blocks, node->now.cap, nth + 1, sizeof(void *));
    if (rc == 0)
        rc = mark_dirty(node, nth);
    if (rc < 0)
        return rc;
    struct block *old = node->now.blocks[nth];
    if (old == NULL || old->refs > 1) {
        struct block *fresh = calloc(1, sizeof(*fresh));
        if (fresh == NULL)
            return -ENOMEM;
        fresh->refs = 1;
        if (old != NULL)
            memcpy(fresh->bytes, old->bytes, sizeof(fresh->bytes));
        block_drop(&node->now.blocks[nth]);
        node->now.blocks[nth] = fresh;
    }
    *out = node->now.blocks[nth];
    return 0;
}

static void content_clear(struct content *content)
{
    for (size_t i = 0; i < content->cap; i++)
        block_drop(&content->blocks[i]);
    free(content->blocks);
    *content = (struct content){0};
}

/* ---- nodes ---- */

static struct node *node_create(struct disk *disk, const struct stat *as, const char *target)
{
    if (RESERVE(disk->nodes, disk->nodes_cap, disk->nodes_len + 1, sizeof(void *)) < 0)
        return NULL;
    struct node *node = calloc(1, sizeof(*node));
    char *copy = target != NULL ? strdup(target) : NULL;
    if (node == NULL || (target != NULL && copy == NULL)) {
        free(node);
        free(copy);
        return NULL;
    }
    node->target = copy;
    node->st.st_mode = as->st_mode;
    node->st.st_uid = as->st_uid;
    node->st.st_gid = as->st_gid;
    node->st.st_ino = disk->nodes_len + 1;
    clock_gettime(CLOCK_REALTIME, &node->st.st_mtim);
    node->st.st_ctim = node->st.st_atim = node->st.st_mtim;
    disk->nodes[disk->nodes_len++] = node;
    return node;
}

/* Frees the blocks of a node that nothing refers to. */
static void forget_if_lost(struct node *node)
{
    if (node->links_now > 0 || node->links_kept > 0 || node->opens > 0)
        return;
    content_clear(&node->now);
    content_clear(&node->kept);
    node->dirty_len = 0;
}

static void entries_clear(struct entries *entries)
{
    for (size_t i = 0; i < entries->len; i++)
        free(entries->at[i].name);
    free(entries->at);
    *entries = (struct entries){0};
}

static struct entry *entries_find(const struct entries *entries, const char *name)
{
    for (size_t i = 0; i < entries->len; i++)
        if (strcmp(entries->at[i].name, name) == 0)
            return &entries->at[i];
    return NULL;
}

static int entries_add(struct entries *entries, const char *name, struct node *node)
{
    int rc = RESERVE(entries->at, entries->cap, entries->len + 1, sizeof(struct entry));
    char *copy = rc == 0 ? strdup(name) : NULL;
    if (copy == NULL)
        return -ENOMEM;
    entries->at[entries->len++] = (struct entry){copy, node};
    return 0;
}

static void entries_take(struct entries *entries, struct entry *entry)
{
    free(entry->name);
    *entry = entries->at[--entries->len];
}

static int list_folder(struct disk *disk, struct node *folder)
{
    if (folder->is_listed)
        return 0;
    int rc = RESERVE(disk->folders, disk->folders_cap, disk->folders_len + 1, sizeof(void *));
    if (rc < 0)
        return rc;
    disk->folders[disk->folders_len++] = folder;
    folder->is_listed = true;
    return 0;
}

/* ---- names ---- */

static bool is_folder(const struct node *node)
{
    return S_ISDIR(node->st.st_mode);
}

/* Finds the node of the path's first `len` bytes. */
static int walk(struct disk *disk, const char *path, size_t len, struct node **out)
{
    struct node *node = disk->root;
    const char *end = path + len;
    while (path < end) {
        const char *slash = memchr(path, '/', (size_t)(end - path));
        size_t part = (size_t)((slash != NULL ? slash : end) - path);
        if (part > NAME_MAX)
            return -ENAMETOOLONG;
        if (part > 0) {
            char name[NAME_MAX + 1];
            memcpy(name, path, part);
            name[part] = '\0';
            if (!is_folder(node))
                return -ENOTDIR;
            const struct entry *entry = entries_find(&node->names_now, name);
            if (entry == NULL)
                return -ENOENT;
            node = entry->node;
        }
        path += part + 1;
    }
    *out = node;
    return 0;
}

static int ready(const struct disk *disk)
{
    return disk->figures.on ? 0 : -EIO;
}

/* The root folder exists without power too: the path of the switch leads through it. */
int disk_find(struct disk *disk, const char *path, struct node **out)
{
    int rc = strcmp(path, "/") == 0 ? 0 : ready(disk);
    return rc < 0 ? rc : walk(disk, path, strlen(path), out);
}

/* Finds the folder of a name, existing or new, makes it writable, and returns the name itself. */
static int find_place(struct disk *disk, const char *path, struct node **folder, const char **name)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash[1] == '\0')
        return -EINVAL;
    if (strlen(slash + 1) > NAME_MAX)
        return -ENAMETOOLONG;
    int rc = ready(disk);
    if (rc == 0)
        rc = walk(disk, path, (size_t)(slash - path), folder);
    if (rc == 0 && !is_folder(*folder))
        rc = -ENOTDIR;
    if (rc == 0)
        rc = list_folder(disk, *folder);
    *name = slash + 1;
    return rc;
}

static int add_name(struct node *folder, const char *name, struct node *node)
{
    int rc = entries_add(&folder->names_now, name, node);
    if (rc == 0)
        node->links_now++;
    return rc;
}

static void take_name(struct node *folder, struct entry *entry)
{
    struct node *node = entry->node;
    entries_take(&folder->names_now, entry);
    node->links_now--;
    forget_if_lost(node);
}

int disk_make(struct disk *disk, const char *path, const struct stat *as, const char *target,
              struct node **out)
{
    struct node *folder;
    const char *name;
    int rc = find_place(disk, path, &folder, &name);
    if (rc < 0)
        return rc;
    if (entries_find(&folder->names_now, name) != NULL)
        return -EEXIST;
    struct node *node = node_create(disk, as, target);
    if (node == NULL)
        return -ENOMEM;
    rc = add_name(folder, name, node);
    if (rc == 0)
        *out = node;
    return rc;
}

int disk_remove(struct disk *disk, const char *path)
{
    struct node *folder;
    const char *name;
    int rc = find_place(disk, path, &folder, &name);
    if (rc < 0)
        return rc;
    struct entry *entry = entries_find(&folder->names_now, name);
    if (entry == NULL)
        return -ENOENT;
    if (is_folder(entry->node) && entry->node->names_now.len > 0)
        return -ENOTEMPTY;
    take_name(folder, entry);
    return 0;
}

int disk_rename(struct disk *disk, const char *from, const char *to, bool replace)
{
    struct node *source = NULL, *target = NULL;
    const char *old_name = NULL, *new_name = NULL;
    int rc = find_place(disk, from, &source, &old_name);
    if (rc == 0)
        rc = find_place(disk, to, &target, &new_name);
    if (rc != 0)
        return rc;
    struct entry *moved = entries_find(&source->names_now, old_name);
    struct entry *gone = entries_find(&target->names_now, new_name);
    if (moved == NULL)
        return -ENOENT;
    struct node *node = moved->node;
    if (gone != NULL && !replace)
        return -EEXIST;
    if (gone != NULL && gone->node == node)
        return 0;
    if (gone != NULL && is_folder(gone->node) && gone->node->names_now.len > 0)
        return -ENOTEMPTY;
    rc = add_name(target, new_name, node); /* a lookup finds the old name first */
    if (rc < 0)
        return rc;
    gone = gone != NULL ? entries_find(&target->names_now, new_name) : NULL;
    if (gone != NULL)
        take_name(target, gone);
    take_name(source, entries_find(&source->names_now, old_name));
    return 0;
}

int disk_link(struct disk *disk, struct node *node, const char *path)
{
    struct node *folder;
    const char *name;
    int rc = find_place(disk, path, &folder, &name);
    if (rc < 0)
        return rc;
    if (entries_find(&folder->names_now, name) != NULL)
        return -EEXIST;
    return add_name(folder, name, node);
}

int disk_list(struct disk *disk, struct node *folder,
              int (*on_name)(void *ctx, const char *name, const struct stat *st), void *ctx)
{
    int rc = ready(disk);
    for (size_t i = 0; rc == 0 && i < folder->names_now.len; i++) {
        const struct entry *entry = &folder->names_now.at[i];
        rc = on_name(ctx, entry->name, &entry->node->st);
    }
    return rc;
}

/* ---- files ---- */

int disk_read(struct disk *disk, const struct node *node, char *bytes, size_t len, off_t at)
{
    int rc = ready(disk);
    if (rc < 0)
        return rc;
    if (at >= node->now.size)
        return 0;
    if ((off_t)len > node->now.size - at)
        len = (size_t)(node->now.size - at);
    for (size_t done = 0; done < len;) {
        size_t place = (size_t)at + done, within = place % DISK_BLOCK;
        size_t part = DISK_BLOCK - within < len - done ? DISK_BLOCK - within : len - done;
        const struct block *block = block_at(&node->now, place / DISK_BLOCK);
        if (block != NULL)
            memcpy(bytes + done, block->bytes + within, part);
        else
            memset(bytes + done, 0, part);
        done += part;
    }
    return (int)len;
}

int disk_write(struct disk *disk, struct node *node, const char *bytes, size_t len, off_t at)
{
    int rc = ready(disk);
    for (size_t done = 0; rc == 0 && done < len;) {
        size_t place = (size_t)at + done, within = place % DISK_BLOCK;
        size_t part = DISK_BLOCK - within < len - done ? DISK_BLOCK - within : len - done;
        struct block *block;
        rc = block_own(node, place / DISK_BLOCK, &block);
        if (rc == 0)
            memcpy(block->bytes + within, bytes + done, part);
        done += part;
    }
    if (rc < 0)
        return rc;
    if (at + (off_t)len > node->now.size)
        node->now.size = at + (off_t)len;
    clock_gettime(CLOCK_REALTIME, &node->st.st_mtim);
    disk->figures.writes++;
    return (int)len;
}

int disk_truncate(struct disk *disk, struct node *node, off_t size)
{
    int rc = ready(disk);
    size_t whole = (size_t)(size / DISK_BLOCK), rest = (size_t)(size % DISK_BLOCK);
    if (rc == 0 && rest > 0 && block_at(&node->now, whole) != NULL) {
        struct block *block;
        rc = block_own(node, whole, &block);
        if (rc == 0)
            memset(block->bytes + rest, 0, DISK_BLOCK - rest);
    }
    for (size_t i = whole + (rest > 0); rc == 0 && i < node->now.cap; i++) {
        if (node->now.blocks[i] == NULL)
            continue;
        rc = mark_dirty(node, i);
        if (rc == 0)
            block_drop(&node->now.blocks[i]);
    }
    if (rc == 0)
        node->now.size = size;
    return rc;
}

/* Makes the current names durable. */
static int keep_names(struct disk *disk)
{
    for (size_t i = 0; i < disk->folders_len; i++) {
        struct node *folder = disk->folders[i];
        struct entries fresh = {0};
        for (size_t n = 0; n < folder->names_now.len; n++)
            if (entries_add(&fresh, folder->names_now.at[n].name, folder->names_now.at[n].node) < 0)
                return -ENOMEM;
        for (size_t n = 0; n < fresh.len; n++)
            fresh.at[n].node->links_kept++;
        for (size_t n = 0; n < folder->names_kept.len; n++) {
            folder->names_kept.at[n].node->links_kept--;
            forget_if_lost(folder->names_kept.at[n].node);
        }
        entries_clear(&folder->names_kept);
        folder->names_kept = fresh;
        folder->is_listed = false;
    }
    disk->folders_len = 0;
    return 0;
}

int disk_sync(struct disk *disk, struct node *node)
{
    int rc = ready(disk);
    if (rc == 0)
        rc = keep_names(disk);
    if (rc == 0)
        rc = RESERVE(node->kept.blocks, node->kept.cap, node->now.cap, sizeof(void *));
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < node->dirty_len; i++)
        block_share(&node->kept.blocks[node->dirty[i]], block_at(&node->now, node->dirty[i]));
    node->dirty_len = 0;
    node->kept.size = node->now.size;
    disk->figures.syncs++;
    return 0;
}

int disk_stat(const struct disk *disk, const struct node *node, struct stat *out)
{
    *out = node->st;
    out->st_nlink = is_folder(node) ? 2 : node->links_now;
    out->st_size = node->target != NULL ? (off_t)strlen(node->target) : node->now.size;
    out->st_blksize = DISK_BLOCK;
    out->st_blocks = (out->st_size + 511) / 512;
    return node == disk->root ? 0 : ready(disk);
}

struct stat *node_attributes(struct node *node)
{
    return &node->st;
}

const char *node_target(const struct node *node)
{
    return node->target;
}

void node_open(struct node *node)
{
    node->opens++;
}

void disk_close(struct disk *disk, struct node *node)
{
    (void)disk;
    assert(node->opens > 0);
    node->opens--;
    forget_if_lost(node);
}

/* ---- power ---- */

void disk_cut(struct disk *disk)
{
    disk->figures.on = false;
}

/* splitmix64: few lines, and the same survivors for the same seed everywhere. */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* The disk wrote this block without a sync; the file reaches at least to its end. */
static void survive(struct node *node, size_t nth)
{
    struct block *block = block_at(&node->now, nth);
    if (block == NULL)
        return;
    block_share(&node->kept.blocks[nth], block);
    off_t end = (off_t)(nth + 1) * DISK_BLOCK;
    end = end < node->now.size ? end : node->now.size;
    if (end > node->kept.size)
        node->kept.size = end;
}

/* Within the kept length of a file, any block may have been written. Appended blocks were written
 * in order, since a file system notes a size only after the bytes below it: so the file ends at
 * some point of the appended part, without holes before it. */
static void spare_some(struct disk *disk, struct node *node, uint64_t *seed, unsigned keep_percent)
{
    size_t first_new = (size_t)(node->kept.size / DISK_BLOCK);
    size_t len = (size_t)((node->now.size + DISK_BLOCK - 1) / DISK_BLOCK);
    size_t appended = len > first_new ? len - first_new : 0;
    size_t end = first_new + (size_t)(draw(seed) % (appended + 1)) * keep_percent / 100;
    for (size_t i = 0; i < node->dirty_len; i++) {
        size_t nth = node->dirty[i];
        if (nth < first_new ? draw(seed) % 100 < keep_percent : nth < end)
            survive(node, nth);
        else
            disk->figures.lost_blocks++;
    }
}

static void fall_back(struct node *node)
{
    for (size_t i = 0; i < node->dirty_len; i++) {
        size_t nth = node->dirty[i];
        if (nth < node->now.cap)
            block_share(&node->now.blocks[nth], block_at(&node->kept, nth));
    }
    node->dirty_len = 0;
    node->now.size = node->kept.size;
}

static int names_fall_back(struct node *folder)
{
    for (size_t i = 0; i < folder->names_now.len; i++)
        folder->names_now.at[i].node->links_now--;
    entries_clear(&folder->names_now);
    for (size_t i = 0; i < folder->names_kept.len; i++) {
        const struct entry *entry = &folder->names_kept.at[i];
        if (add_name(folder, entry->name, entry->node) < 0)
            return -ENOMEM;
    }
    return 0;
}

void disk_power_on(struct disk *disk, uint64_t seed, unsigned keep_percent)
{
    assert(keep_percent <= 100);
    disk->figures.lost_blocks = 0;
    for (size_t i = 0; i < disk->nodes_len; i++) {
        struct node *node = disk->nodes[i];
        bool has_room =
            RESERVE(node->kept.blocks, node->kept.cap, node->now.cap, sizeof(void *)) == 0;
        assert(has_room);
        spare_some(disk, node, &seed, keep_percent);
        fall_back(node);
        int rc = names_fall_back(node);
        assert(rc == 0);
        node->is_listed = false;
    }
    disk->folders_len = 0;
    for (size_t i = 0; i < disk->nodes_len; i++)
        forget_if_lost(disk->nodes[i]);
    disk->figures.on = true;
}

struct disk_figures disk_figures(const struct disk *disk)
{
    struct disk_figures figures = disk->figures;
    for (size_t i = 0; i < disk->nodes_len; i++)
        figures.unsynced_blocks += disk->nodes[i]->dirty_len;
    return figures;
}

/* ---- life ---- */

struct disk *disk_create(uid_t uid, gid_t gid)
{
    struct disk *disk = calloc(1, sizeof(*disk));
    struct stat as = {.st_mode = S_IFDIR | 0755, .st_uid = uid, .st_gid = gid};
    if (disk == NULL)
        return NULL;
    disk->root = node_create(disk, &as, NULL);
    if (disk->root == NULL) {
        disk_destroy(disk);
        return NULL;
    }
    disk->root->links_now = disk->root->links_kept = 1;
    disk->figures.on = true;
    return disk;
}

void disk_destroy(struct disk *disk)
{
    if (disk == NULL)
        return;
    for (size_t i = 0; i < disk->nodes_len; i++) {
        struct node *node = disk->nodes[i];
        content_clear(&node->now);
        content_clear(&node->kept);
        entries_clear(&node->names_now);
        entries_clear(&node->names_kept);
        free(node->dirty);
        free(node->target);
        free(node);
    }
    free(disk->nodes);
    free(disk->folders);
    free(disk);
}
