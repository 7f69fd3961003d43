/* profile.h: one section of a file: the addresses of an installation, and its token. */
#ifndef FG_CTL_REACH_PROFILE_H
#define FG_CTL_REACH_PROFILE_H

#include "base/err.h"
#include "config/config.h"
#include "ctl_limits.h"
#include "words/command.h"

struct profile {
    char address[COMMAND_SERVICES][CONFIG_STRING_MAX]; /* of private listeners; "": none */
    char edge[CONFIG_STRING_MAX];                      /* the visitors' address; "": not given */
    char token_file[CONFIG_STRING_MAX];
    char token_command[CONFIG_STRING_MAX];
    char ca_file[CONFIG_STRING_MAX];
    char operator_name[CONFIG_STRING_MAX];
    /* An OpenID Connect issuer to log in at (login.h). */
    char issuer[CONFIG_STRING_MAX];
    char client_id[CONFIG_STRING_MAX];
    char client_secret_file[CONFIG_STRING_MAX]; /* "": the client has none */
    char scope[CONFIG_STRING_MAX];              /* "": the default */
    char audience[CONFIG_STRING_MAX];           /* as a resource (RFC 8707); "": not given */
    char login_file[CONFIG_STRING_MAX];         /* "": below XDG_STATE_HOME */
    char name[CTL_PROFILE_NAME_MAX];            /* its own name */
};

struct profile_ask {
    const char *name;        /* --profile or FAIRGATE_PROFILE; NULL: "default", or no file at all */
    const char *file;        /* --profiles or FAIRGATE_PROFILES; NULL: XDG's, else /etc's, if any */
    const char *config_home; /* XDG_CONFIG_HOME; NULL or "": .config below home */
    const char *home;
};

/* A failure names file and line. Without a name and a file, the services' default addresses on this
 * machine are used. */
int profile_read(const struct profile_ask *ask, struct err_slot *err, struct profile *out);

/* Reads a secret file into CTL_TOKEN_MAX bytes; the caller wipes them. */
int profile_secret(const char *path, struct err_slot *err, char *out);

/* The token from the environment (NULL: not set), else from the file, else from the command's
 * output. ERR_NOT_FOUND: none of them is set, but there is an issuer. ERR_AUTH: none is set and
 * there is no issuer. `out` takes CTL_TOKEN_MAX bytes with the NUL; the caller wipes it. */
int profile_token(const struct profile *profile, const char *of_environment, struct err_slot *err,
                  char *out);

#endif
