/* err.h: operating errors: a code for the program, a sentence for people.
 *
 * A function that can fail returns 0 or a negative err_code and, where details help, fills the
 * caller's err_slot with what was attempted and on what. Callers wrap on the way up ("reading
 * config: ..."), so that the outermost sentence tells the whole story. */
#ifndef FG_BASE_ERR_H
#define FG_BASE_ERR_H

#include <stddef.h>

enum err_code {
    ERR_OK = 0,
    ERR_NOMEM = -1,     /* out of memory */
    ERR_RANGE = -2,     /* a number outside its limits */
    ERR_SYNTAX = -3,    /* bytes that do not follow their grammar */
    ERR_FULL = -4,      /* a limit was reached (see limits.h); try again later */
    ERR_NOT_FOUND = -5, /* the thing named does not exist */
    ERR_EXISTS = -6,    /* it exists already, or a unique key was taken */
    ERR_STATE = -7,     /* not allowed in the current state */
    ERR_AUTH = -8,      /* a signature, key or right is missing or wrong */
    ERR_TIMEOUT = -9,   /* no answer in time; the outcome is unknown */
    ERR_CLOSED = -10,   /* the peer or the handle is gone */
    ERR_IO = -11,       /* the operating system refused */
    ERR_LOOP = -12,     /* libuv refused */
    ERR_PEER = -13,     /* the other side answered with an error */
    ERR_UNKNOWN = -14,  /* the outcome is unknown: query it before reporting it */
};

enum { ERR_TEXT_MAX = 256 };

struct err_slot {
    enum err_code code;
    char text[ERR_TEXT_MAX];
};

/* Stores the sentence (cut to fit) and returns code, so that `return err_set(...)` reads well. err
 * may be NULL if the caller only wants the code. */
int err_set(struct err_slot *err, enum err_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Prepends "context: " to the stored sentence and returns its code. */
int err_wrap(struct err_slot *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#ifdef __clang_analyzer__
/* The analyzer sees one file at a time. These macros tell it that both calls return an error, so
 * that it follows no path on which a failed call looks like a success. */
#define err_set(err, code, ...) ((void)(err_set)((err), (code), __VA_ARGS__), (int)(code))
#define err_wrap(err, ...)      ((void)(err_wrap)((err), __VA_ARGS__), -1)
#endif

/* "not found", "timeout", ...: for logs and metrics labels. */
const char *err_name(int code);

#endif
