/* cli.c: the commands besides the service. Each is one blocking call and a print, without a loop.
 * Those of the operator go over the private listener like the console, so they need no database
 * access and are audited the same way. verify-ticket needs neither service nor network: it judges
 * by the key set and the list of revoked tickets, and refuses to judge by a list that is not
 * complete unless told to. */
#include "cli.h"

#include "base/grow.h"
#include "base/json_in.h"
#include "base/secret_file.h"
#include "base/text.h"
#include "core/checkout/ticket.h"

#include <curl/curl.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    EXIT_NO = 1,
    EXIT_UNDONE = 2,
    CALL_S = 60,
    FILE_MAX = 16 * 1024 * 1024,
    REVOKED_FILES_MAX = 64, /* enough for three million tickets */
};

struct cli {
    const char *url, *token_file, *keys, *event;
    const char *revoked[REVOKED_FILES_MAX]; /* pages of one list, in any order */
    int revoked_len;
    bool explain, incomplete;
    const char *words[8];
    int words_len;
};

bool cli_is_command(int argc, char **argv)
{
    return argc > 1 && (strcmp(argv[1], "saga") == 0 || strcmp(argv[1], "reconcile") == 0 ||
                        strcmp(argv[1], "verify-ticket") == 0);
}

const char cli_commands[] =
    "payment-adapter saga list [open|parked|all]\n"
    "payment-adapter saga show ID\n"
    "payment-adapter saga retry ID REASON\n"
    "payment-adapter saga compensate ID REASON\n"
    "payment-adapter reconcile [--explain]\n"
    "    with --url URL --token-file FILE of the private listener,\n"
    "    or FAIRGATE_PAY_PRIVATE_URL and FAIRGATE_ADMIN_TOKEN_FILE in the environment\n"
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

static int usage(void)
{
    fputs(cli_commands, stderr);
    return EXIT_UNDONE;
}

static bool read_words(struct cli *cli, int argc, char **argv)
{
    cli->url = getenv("FAIRGATE_PAY_PRIVATE_URL");
    cli->token_file = getenv("FAIRGATE_ADMIN_TOKEN_FILE");
    for (int i = 1; i < argc; i++) {
        bool revoked = strcmp(argv[i], "--revoked") == 0 && cli->revoked_len < REVOKED_FILES_MAX;
        const char **value = strcmp(argv[i], "--url") == 0          ? &cli->url
                             : strcmp(argv[i], "--token-file") == 0 ? &cli->token_file
                             : strcmp(argv[i], "--keys") == 0       ? &cli->keys
                             : strcmp(argv[i], "--event") == 0      ? &cli->event
                             : revoked ? &cli->revoked[cli->revoked_len++]
                                       : NULL;
        if (value != NULL) {
            if (++i == argc)
                return false;
            *value = argv[i];
        } else if (strcmp(argv[i], "--explain") == 0) {
            cli->explain = true;
        } else if (strcmp(argv[i], "--incomplete") == 0) {
            cli->incomplete = true;
        } else if (argv[i][0] == '-' && argv[i][1] != '\0') {
            return false;
        } else if (cli->words_len < 8) {
            cli->words[cli->words_len++] = argv[i];
        } else {
            return false;
        }
    }
    return cli->words_len > 0;
}

/* ---- calls ---- */

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
    struct grow *grow = ctx;
    grow_add(grow, (struct span){bytes, size * count});
    return grow->failed ? 0 : size * count;
}

static json_t *fail_call(const char *what)
{
    fprintf(stderr, "payment-adapter: %s\n", what);
    return NULL;
}

/* False: there is no memory for the call, and half of one must not be made. */
static bool set_up(CURL *easy, const char *url, const struct curl_slist *headers, const char *body,
                   char *why, struct grow *reply)
{
    return curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, why) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)CALL_S) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, reply) == CURLE_OK &&
           (body == NULL || curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body) == CURLE_OK);
}

/* The headers of a call, or NULL without memory: a list that lacks one would go out without it. */
static struct curl_slist *make_headers(const char *auth)
{
    struct curl_slist *first = curl_slist_append(NULL, auth);
    struct curl_slist *all =
        first != NULL ? curl_slist_append(first, "Content-Type: application/json") : NULL;
    if (all == NULL)
        curl_slist_free_all(first);
    return all;
}

/* The answer's JSON if its status is 2xx; otherwise NULL, after printing why. */
static json_t *call(const struct cli *cli, const char *path, const char *body)
{
    struct secret_file *token;
    struct err_slot err = {0};
    if (cli->url == NULL || cli->token_file == NULL)
        return fail_call(
            "--url and --token-file of the private listener are needed, or"
            " FAIRGATE_PAY_PRIVATE_URL and FAIRGATE_ADMIN_TOKEN_FILE in the environment");
    if (secret_file_read(cli->token_file, &err, &token) < 0)
        return fail_call(err.text);
    char url[1024], auth[512], why[CURL_ERROR_SIZE] = "";
    snprintf(url, sizeof(url), "%s%s", cli->url, path);
    snprintf(auth, sizeof(auth), "Authorization: Bearer %.*s", (int)secret_file_span(token).len,
             secret_file_span(token).ptr);
    secret_file_destroy(token);
    struct grow reply = {0};
    struct curl_slist *headers = make_headers(auth);
    CURL *easy = headers != NULL ? curl_easy_init() : NULL;
    long status = 0;
    CURLcode code = CURLE_OUT_OF_MEMORY;
    if (easy != NULL && set_up(easy, url, headers, body, why, &reply))
        code = curl_easy_perform(easy);
    if (code == CURLE_OK)
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
    sodium_memzero(auth, sizeof(auth));

    json_t *json = NULL;
    int rc = code == CURLE_OK ? json_in_read((struct span){reply.ptr, reply.len}, &json) : 0;
    grow_free(&reply);
    if (rc < 0)
        return fail_call("no memory for the answer");
    if (code != CURLE_OK)
        return fail_call(why[0] != '\0' ? why : curl_easy_strerror(code));
    if (status >= 200 && status < 300 && json != NULL)
        return json;
    const char *detail = json_string_value(json_object_get(json, "detail"));
    fprintf(stderr, "payment-adapter: status %ld%s%s\n", status, detail != NULL ? ": " : "",
            detail != NULL ? detail : "");
    json_decref(json);
    return NULL;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static long long number_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

/* ---- sagas ---- */

static void print_saga(const json_t *saga)
{
    printf("%-8lld %-11s %-10s %-15s %-36s %s\n", number_of(saga, "saga"),
           text_of(saga, "definition"), text_of(saga, "state"), text_of(saga, "step"),
           text_of(saga, "order"), text_of(saga, "cause"));
}

static int saga_list(const struct cli *cli)
{
    char path[64];
    const char *state = cli->words_len > 2 ? cli->words[2] : "open";
    snprintf(path, sizeof(path), "/admin/sagas?limit=200&state=%.8s", state);
    json_t *answer = call(cli, path, NULL);
    if (answer == NULL)
        return EXIT_UNDONE;
    size_t index;
    json_t *saga;
    json_array_foreach(json_object_get(answer, "sagas"), index, saga) print_saga(saga);
    json_decref(answer);
    return 0;
}

static void print_timeline(const json_t *saga)
{
    size_t index;
    json_t *step;
    printf("trace    %s\nstarted  %s\n", text_of(saga, "trace"), text_of(saga, "started_at"));
    if (text_of(saga, "next_try_at")[0] != '\0')
        printf("next try %s\n", text_of(saga, "next_try_at"));
    json_array_foreach(json_object_get(saga, "timeline"), index, step)
    {
        printf("  %s  %-4s %-15s %-9s try %lld  %8lld us  %s %s\n", text_of(step, "at"),
               text_of(step, "way"), text_of(step, "step"), text_of(step, "result"),
               number_of(step, "try"), number_of(step, "took_us"), text_of(step, "code"),
               text_of(step, "detail"));
    }
}

static int saga_show(const struct cli *cli)
{
    char path[64];
    snprintf(path, sizeof(path), "/admin/sagas/%.20s", cli->words[2]);
    json_t *saga = call(cli, path, NULL);
    if (saga == NULL)
        return EXIT_UNDONE;
    print_saga(saga);
    print_timeline(saga);
    json_decref(saga);
    return 0;
}

static int saga_act(const struct cli *cli)
{
    char path[96], body[512];
    struct text text = text_on(body, sizeof(body) - 1);
    json_open(&text, '{');
    json_member_cstr(&text, "reason", cli->words[3]);
    json_close(&text, '}');
    if (text.overflown)
        return usage();
    body[text.len] = '\0';
    snprintf(path, sizeof(path), "/admin/sagas/%.20s/%.12s", cli->words[2], cli->words[1]);
    json_t *saga = call(cli, path, body);
    if (saga == NULL)
        return EXIT_UNDONE;
    print_saga(saga);
    json_decref(saga);
    return 0;
}

static int run_saga(const struct cli *cli)
{
    const char *what = cli->words_len > 1 ? cli->words[1] : "";
    if (strcmp(what, "list") == 0 && cli->words_len <= 3)
        return saga_list(cli);
    if (strcmp(what, "show") == 0 && cli->words_len == 3)
        return saga_show(cli);
    if ((strcmp(what, "retry") == 0 || strcmp(what, "compensate") == 0) && cli->words_len == 4)
        return saga_act(cli);
    return usage();
}

/* ---- reconciliation ---- */

static int run_reconcile(const struct cli *cli)
{
    json_t *report = call(cli, "/admin/reconcile", "{}");
    if (report == NULL)
        return EXIT_UNDONE;
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(report, "items"), index, item)
    {
        printf("%-24s %-36s %-32s %s\n", text_of(item, "kind"), text_of(item, "order"),
               text_of(item, "payment"), text_of(item, "detail"));
        if (cli->explain)
            printf("    %s\n    %s\n", text_of(item, "means"), text_of(item, "todo"));
    }
    json_array_foreach(json_object_get(report, "not_reached"), index, item)
        printf("not reached: %s\n", json_string_value(item));
    const json_t *foreign = json_object_get(report, "foreign");
    if (number_of(foreign, "payments") > 0)
        printf("not ours: %lld payments in the provider's account, %lld together\n",
               number_of(foreign, "payments"), number_of(foreign, "amount"));
    long long drift = number_of(report, "drift");
    bool whole = json_array_size(json_object_get(report, "not_reached")) == 0;
    printf("drift: %lld\n", drift);
    json_decref(report);
    return drift > 0 ? EXIT_NO : whole ? 0 : EXIT_UNDONE;
}

/* ---- the door's ---- */

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

/* Do these pages make up one list, from its beginning to its end? */
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

static bool lists(const json_t *page, const char *ticket)
{
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(page, "revoked"), index, item)
    {
        if (json_is_string(item) && strcmp(json_string_value(item), ticket) == 0)
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
        *revoked = *revoked || lists(pages[i], ticket->id);
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

/* Why nobody can tell what the ticket is. */
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

static int run_verify(const struct cli *cli)
{
    struct err_slot err = {0};
    struct grow text = {0}, token = {0};
    struct ticket_keys keys;
    int rc = EXIT_UNDONE;
    if (cli->keys == NULL || cli->event == NULL || cli->words_len > 2)
        return usage();
    if (!read_file(cli->keys, &text)) {
        fprintf(stderr, "payment-adapter: %s cannot be read\n", cli->keys);
    } else if (ticket_keys_parse((struct span){text.ptr, text.len}, &err, &keys) < 0) {
        rc = undone(&err);
    } else if (cli->words_len == 2) {
        rc = judge(cli, &keys, span_of(cli->words[1]));
    } else if (read_file("-", &token)) {
        while (token.len > 0 && token.ptr[token.len - 1] <= ' ')
            token.len--;
        rc = judge(cli, &keys, (struct span){token.ptr, token.len});
    } else {
        fputs("payment-adapter: standard input cannot be read\n", stderr);
    }
    grow_free(&text);
    grow_free(&token);
    return rc;
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
    if (!read_words(&cli, argc, argv))
        return usage();
    if (sodium_init() < 0)
        return EXIT_UNDONE;
    if (strcmp(cli.words[0], "verify-ticket") == 0)
        return run_verify(&cli);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    int rc = strcmp(cli.words[0], "saga") == 0 ? run_saga(&cli) : run_reconcile(&cli);
    curl_global_cleanup();
    return rc;
}
