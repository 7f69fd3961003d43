/* config.h: settings from a file ([redis], path = "/run/redis.sock") and from the environment
 * (FAIRGATE_REDIS_PATH), which wins, into a struct.
 *
 * A program declares its settings as a table; validation, errors and --help follow from it. An
 * unknown setting is an error that names file and line, or the variable; variables are only checked
 * if their section is one of the program's. A secret is named by its file. */
#ifndef FG_CONFIG_CONFIG_H
#define FG_CONFIG_CONFIG_H

#include "base/err.h"
#include "base/text.h"

enum {
    CONFIG_STRING_MAX = 1024,  /* bytes of a string setting, its NUL included */
    CONFIG_FILE_MAX = 65536,   /* a longer file is not ours */
    CONFIG_HELP_BYTES = 65536, /* config_help() never exceeds it */
};

enum config_kind {
    CONFIG_STRING,   /* char[CONFIG_STRING_MAX]; min and max bound its length (max 0: none) */
    CONFIG_U64,      /* uint64_t; min..max, as for the next two */
    CONFIG_DURATION, /* uint64_t, milliseconds: 250ms 5s 10m 2h 1d */
    CONFIG_SIZE,     /* uint64_t, bytes: 512 16k 64m 1g (powers of 1024) */
    CONFIG_BOOL,     /* bool: true false */
    CONFIG_WORD,     /* unsigned: the index of one of `words` */
    CONFIG_NETWORKS, /* like CONFIG_STRING, and valid for ip_nets_load() */
    CONFIG_HEADER,   /* like CONFIG_STRING: the name of a header */
};

struct config_setting {
    const char *section;
    const char *key;
    enum config_kind kind;
    size_t offset;        /* of the member in the struct */
    const char *fallback; /* as in the file; NULL: required */
    uint64_t min, max;
    const char *const *words; /* CONFIG_WORD: the allowed ones, ended by NULL */
    const char *help;         /* half a sentence */
};

/* A table and the struct that it fills. A program may have several (its own, the skeleton's). */
struct config_part {
    const struct config_setting *settings;
    size_t settings_len;
    void *target; /* complete on success, partial on failure */
};

/* `path` may be NULL: defaults and environment only. `environment` is `environ` or a test's own,
 * ended by NULL; NULL: none. */
int config_load(const char *path, char *const *environment, const struct config_part *parts,
                size_t parts_len, struct err_slot *err);

/* The same from text in memory; `name` stands for the file in messages. */
int config_parse(const char *name, struct span text, char *const *environment,
                 const struct config_part *parts, size_t parts_len, struct err_slot *err);

/* The line of the file that sets [section] key; 0: none. */
unsigned config_line(const char *path, struct span section, struct span key);

/* One paragraph per setting: name, kind, range, default, help. */
void config_help(struct text *text, const struct config_part *parts, size_t parts_len);

#endif
