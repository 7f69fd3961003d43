/* key_file.h: a ring of keys on disk, for the operator who rotates it (keys_command.h). The running
 * program reads the same files through secrets.h and never writes them.
 *
 * The first key of a ring signs; all are accepted. A change is written completely to a new file
 * with mode 0600 and the old one's owner, synced, and renamed over the old one. Next to it is
 * PATH.history, which is not secret: when each key was added, began to sign, or was dropped; the
 * ring itself does not say. For a missing line, the time of the file's last change is used, which
 * is the same or later. */
#ifndef FG_QUEUE_FRONT_KEY_FILE_H
#define FG_QUEUE_FRONT_KEY_FILE_H

#include "base/err.h"
#include "crypto/jwks.h"
#include "crypto/mac.h"

enum { KEY_NAME_MAX = 64, KEY_FILE_MAX = JWKS_KEYS_MAX, KEY_PATH_MAX = 1100 };

struct key_entry {
    char name[KEY_NAME_MAX]; /* mac_key_name(), or a pass key's kid */
    struct mac_ring_key mac;
    const struct jwks_key *pass; /* NULL: a MAC key */
};

struct key_file {
    char path[KEY_PATH_MAX];
    bool of_passes;
    struct key_entry key[KEY_FILE_MAX];
    unsigned len, cap;
    uint64_t changed_ms; /* the file's last change */
    struct jwks *loaded; /* owns the pass keys from the file */
    struct jwks_key *made;
    int lock;
};

/* Reads the ring and locks it against other changes until key_file_close(). A failed open needs no
 * close. */
int key_file_open(struct key_file *file, const char *path, bool of_passes, struct err_slot *err);
void key_file_close(struct key_file *file); /* wipes the ring */

/* By name, by the number before the hyphen, or by the beginning of a kid; -1: unknown or
 * ambiguous. */
int key_file_find(const struct key_file *file, const char *name);

int key_file_add(struct key_file *file, struct err_slot *err); /* appends a new key */
void key_file_use(struct key_file *file, unsigned index);      /* moves it to the front */
void key_file_drop(struct key_file *file, unsigned index);

/* Writes the ring, then the history line: "add", "use" or "drop"; `other` is the previous signing
 * key. */
int key_file_save(const struct key_file *file, const char *what, const char *name,
                  const char *other, uint64_t now_ms, struct err_slot *err);

struct key_past {
    uint64_t added_ms;   /* 0: not recorded */
    uint64_t retired_ms; /* when it last signed; 0: it signs, or never has */
    bool sure;           /* recorded; else retired_ms is the file's last change */
};
struct key_past key_file_past(const struct key_file *file, unsigned index);

#endif
