/* cli.c: verify-ticket, for doors. It needs neither service nor network: it uses the key set and
 * the list of revoked tickets, and refuses an incomplete list unless told otherwise. */
#include "cli.h"

#include "base/grow.h"
#include "base/json_in.h"
#include "core/checkout/ticket.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>

enum {
    EXIT_NO = 1,
    EXIT_UNDONE = 2,
    FILE_MAX = 16 * 1024 * 1024,
    REVOKED_FILES_MAX = 64, /* enough for three million tickets */
};

struct cli {
    const char *keys, *event, *token;
    const char *revoked[REVOKED_FILES_MAX]; /* pages of one list, in any order */
    int revoked_len;
    bool incomplete;
};

bool cli_is_command(int argc, char **argv)
{
    return argc > 1 && strcmp(argv[1], "verify-ticket") == 0;
}

const char cli_commands[] =
    "payment-adapter verify-ticket --keys FILE --event EVENT --revoked FILE... [TOKEN]\n"
    "    the token from standard input if it is not given; --revoked once for each page of the\n"
    "    list; --incomplete: also by no list, or by one that is not whole.\n"
    "    Ends with 0: it is good; 1: it is not; 2: nobody can tell, and why\n"
    "payment-adapter retire EVENT --to DIR --config FILE\n"
    "    moves an event's rows to files below DIR; refused before [retire] after and while\n"
    "    anything of the event is open. If it is killed, run it again\n"
    "payment-adapter retire --verify DIR\n"
    "    are the files of an archive what was written? Needs no database\n"
    "payment-adapter retire --restore DIR --config FILE\n"
    "    into a database that was made for it; the newest part first, if there are several\n"
    "payment-adapter retire --list --config FILE\n"
    "    what was retired and where to, with its sums and the SHA-256 of its manifest\n";

static bool read_words(struct cli *cli, int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        bool revoked = strcmp(argv[i], "--revoked") == 0 && cli->revoked_len < REVOKED_FILES_MAX;
        const char **value = strcmp(argv[i], "--keys") == 0    ? &cli->keys
                             : strcmp(argv[i], "--event") == 0 ? &cli->event
                             : revoked                         ? &cli->revoked[cli->revoked_len++]
                                                               : NULL;
        if (value != NULL) {
            if (++i == argc)
                return false;
            *value = argv[i];
        } else if (strcmp(argv[i], "--incomplete") == 0) {
            cli->incomplete = true;
        } else if ((argv[i][0] == '-' && argv[i][1] != '\0') || cli->token != NULL) {
            return false;
        } else {
            cli->token = argv[i];
        }
    }
    return cli->keys != NULL && cli->event != NULL;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static bool read_file(const char *path, struct grow *out)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    if (file == NULL)
        return false;
    char bytes[4096];
    size_t len;
    while ((len = fread(bytes, 1, sizeof(bytes), file)) > 0 && out->len < FILE_MAX)
        grow_add(out, (struct span){bytes, len});
    bool good = !ferror(file) && feof(file);
    if (file != stdin)
        fclose(file);
    return good && !out->failed;
}

static json_t *read_page(const char *path)
{
    struct grow text = {0};
    json_t *page = NULL;
    int rc = read_file(path, &text) ? json_in_read((struct span){text.ptr, text.len}, &page) : 0;
    grow_free(&text);
    if (json_is_array(json_object_get(page, "revoked")))
        return page;
    fprintf(stderr, "payment-adapter: %s%s\n", path,
            rc < 0 ? ": no memory" : " is not a list of revoked tickets");
    json_decref(page);
    return NULL;
}

/* Whether these pages make up one complete list. */
static bool is_whole(json_t *const *pages, int len)
{
    const json_t *at = NULL; /* the `after` that the next page must have; NULL: the beginning */
    for (int found = 0; found < len;) {
        int i = 0;
        while (i < len) {
            const json_t *after = json_object_get(pages[i], "after");
            if (at == NULL ? json_is_null(after) : json_equal(after, at))
                break;
            i++;
        }
        if (i == len)
            return false;
        found++;
        at = json_object_get(pages[i], "next");
        if (json_is_null(at))
            return found == len;
        if (!json_is_string(at))
            return false;
    }
    return false;
}

/* Lists the ticket itself, or its whole order. */
static bool lists(const json_t *page, const struct ticket *ticket)
{
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(page, "revoked"), index, item)
    {
        const char *id = json_string_value(item);
        if (id != NULL && (strcmp(id, ticket->id) == 0 || strcmp(id, ticket->order) == 0))
            return true;
    }
    return false;
}

/* 0, or EXIT_UNDONE after printing why. Another event's list says nothing about this ticket. */
static int is_revoked(const struct cli *cli, const struct ticket *ticket, bool *revoked)
{
    json_t *pages[REVOKED_FILES_MAX];
    int len = 0, rc = 0;
    *revoked = false;
    for (int i = 0; rc == 0 && i < cli->revoked_len; i++) {
        pages[len] = read_page(cli->revoked[i]);
        if (pages[len] == NULL) {
            rc = EXIT_UNDONE;
            break;
        }
        if (strcmp(text_of(pages[len++], "event"), ticket->event) != 0) {
            fprintf(stderr, "payment-adapter: %s is the list of another event\n", cli->revoked[i]);
            rc = EXIT_UNDONE;
        }
    }
    for (int i = 0; rc == 0 && i < len; i++)
        *revoked = *revoked || lists(pages[i], ticket);
    if (rc == 0 && !*revoked && !cli->incomplete && !is_whole(pages, len)) {
        fputs(
            "payment-adapter: the list of revoked tickets is incomplete; --incomplete goes by what"
            " is there\n",
            stderr);
        rc = EXIT_UNDONE;
    }
    for (int i = 0; i < len; i++)
        json_decref(pages[i]);
    return rc;
}

/* Prints why the ticket could not be checked. */
static int undone(const struct err_slot *err)
{
    fprintf(stderr, "payment-adapter: %s\n", err->text);
    return EXIT_UNDONE;
}

static int judge(const struct cli *cli, const struct ticket_keys *keys, struct span token)
{
    struct err_slot err = {0};
    struct ticket ticket;
    bool revoked;
    int rc = ticket_verify(keys, token, &err, &ticket);
    if (rc == ERR_NOMEM)
        return undone(&err);
    if (rc < 0) {
        printf("BAD %s\n", err.text);
        return EXIT_NO;
    }
    if (strcmp(ticket.event, cli->event) != 0) {
        printf("BAD ticket %s is for the event %s\n", ticket.id, ticket.event);
        return EXIT_NO;
    }
    rc = is_revoked(cli, &ticket, &revoked);
    if (rc != 0)
        return rc;
    printf("%s ticket %s event %s seat %s order %s holder %s", revoked ? "REVOKED" : "GOOD",
           ticket.id, ticket.event, ticket.seat, ticket.order, ticket.holder);
    if (ticket.purchase[0] != '\0')
        printf(" purchase %s", ticket.purchase);
    putchar('\n');
    return revoked ? EXIT_NO : 0;
}

int cli_run(int argc, char **argv)
{
    struct cli cli = {0};
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(cli_commands, stdout);
            return 0;
        }
    }
    if (!read_words(&cli, argc, argv)) {
        fputs(cli_commands, stderr);
        return EXIT_UNDONE;
    }
    if (sodium_init() < 0)
        return EXIT_UNDONE;
    struct err_slot err = {0};
    struct grow text = {0}, token = {0};
    struct ticket_keys keys;
    int rc = EXIT_UNDONE;
    if (!read_file(cli.keys, &text)) {
        fprintf(stderr, "payment-adapter: %s cannot be read\n", cli.keys);
    } else if (ticket_keys_parse((struct span){text.ptr, text.len}, &err, &keys) < 0) {
        rc = undone(&err);
    } else if (cli.token != NULL) {
        rc = judge(&cli, &keys, span_of(cli.token));
    } else if (read_file("-", &token)) {
        while (token.len > 0 && token.ptr[token.len - 1] <= ' ')
            token.len--;
        rc = judge(&cli, &keys, (struct span){token.ptr, token.len});
    } else {
        fputs("payment-adapter: standard input cannot be read\n", stderr);
    }
    grow_free(&text);
    grow_free(&token);
    return rc;
}
