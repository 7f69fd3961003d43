/* ctl_limits.h: the bounds of the command line, each with its reason. */
#ifndef FG_CTL_LIMITS_H
#define FG_CTL_LIMITS_H

enum {
    CTL_ANSWER_MAX = 64 * 1024 * 1024, /* the export of a full stadium is a tenth of it */
    CTL_FILE_MAX = 16 * 1024 * 1024,   /* the longest body that a service accepts */
    CTL_WORDS_MAX = 512,   /* more than the seats of one command; a shell may glob more */
    CTL_PROFILES_MAX = 16, /* installations of one operator */
    CTL_URL_MAX = 2048,    /* an address, a path, a query */
    CTL_COLUMNS_MAX = 16,  /* of a table: more do not fit on a line */
    CTL_ETAG_MAX = 128,
    CTL_COOKIES_MAX = 1024, /* a session and a device take 200 */
    CTL_PROFILE_NAME_MAX = 64,
    CTL_OWNER_MAX = 128,      /* the longest name of a process */
    CTL_SENT_ON_MAX = 3,      /* the same address, then the owner, and once more if it moved */
    CTL_TOKEN_MAX = 8192,     /* a little more than the longest token of an issuer */
    CTL_TIMEOUT_S = 10,       /* of a call, unless --timeout is given */
    CTL_TIMEOUT_MAX_S = 3600, /* to read an archive */
    CTL_LOOK_MS = 2000,       /* of a live picture, which shows slower answers as slow */
    CTL_PARTS_MAX =
        100000, /* of an archive: twenty million rows, more than Redis keeps; of a list */
    CTL_CODES_A_CALL = 1000,    /* the API's limit */
    CTL_CLOCK_APART_S = 2,      /* `Date` is in seconds, so a difference of one is normal */
    CTL_DISK_FREE_PERCENT = 10, /* below it PostgreSQL and Redis are soon in trouble */
    CTL_ALERT_AGAIN_MS = 3000,  /* the services update their metrics each second */
    CTL_REHEARSAL_VISITORS_MAX = 200000, /* a crowd of one machine */
    CTL_REHEARSAL_MAX_S = 1800,          /* the longest rehearsal */
    CTL_TOP_INTERVAL_S = 1,              /* the line's own figures are not newer */
};

#endif
