/* command.c: the options, and how a row of the table is read. */
#include "words/command.h"

#include <string.h>

const struct option options[OPTION_COUNT] = {
    [OPTION_HELP] = {"help", NULL, "what the command does and takes", OPTION_GLOBAL, NULL},
    [OPTION_JSON] = {"json", NULL, "what the service said, as it said it", OPTION_GLOBAL, NULL},
    [OPTION_PROFILE] = {"profile", "NAME", "which installation; FAIRGATE_PROFILE, else \"default\"",
                        OPTION_GLOBAL, NULL},
    [OPTION_PROFILES] = {"profiles", "FILE", "the file of profiles; FAIRGATE_PROFILES",
                         OPTION_GLOBAL, NULL},
    [OPTION_TIMEOUT] = {"timeout", "SECONDS", "how long a call may take (10)", OPTION_GLOBAL, NULL},
    [OPTION_YES] = {"yes", NULL, "do it without asking", OPTION_GLOBAL, NULL},
    [OPTION_WHY] = {"why", "TEXT", "the reason, which the audit trail keeps", OPTION_OWN, NULL},
    [OPTION_IF_VERSION] = {"if-version", "N", "only if this is still its version", OPTION_OWN,
                           NULL},
    [OPTION_LIMIT] = {"limit", "N", "at most so many", OPTION_QUERY, "limit"},
    [OPTION_FROM] = {"from", "N", "begin with this one", OPTION_QUERY, "from"},
    [OPTION_STATE] = {"state", "STATE", "open, parked or all", OPTION_QUERY, "state"},
    [OPTION_ORDER] = {"order", "ORDER", "of this order alone", OPTION_QUERY, "order"},
    [OPTION_BEFORE] = {"before", "N", "those before this one", OPTION_QUERY, "before"},
    [OPTION_RATE] = {"rate", "RATE", "at this rate, not the one in force", OPTION_QUERY,
                     "rate_per_s"},
    [OPTION_SEARCH] = {"search", "TEXT", "only those with these letters in id or name",
                       OPTION_QUERY, "q"},
    [OPTION_PERCENT] = {"percent", "N", "how much of it goes back (100)", OPTION_NUMBER, "percent"},
    [OPTION_AMOUNT] = {"amount", "N", "a part: a sum, in minor units", OPTION_NUMBER, "amount"},
    [OPTION_FREE] = {"free", NULL, "void unused tickets of these seats, and free the seats",
                     OPTION_FLAG, "free"},
    [OPTION_AREA] = {"area", "AREA", "places of an area, in place of seats", OPTION_TEXT, "area"},
    [OPTION_QUANTITY] = {"quantity", "N", "how many places of the area", OPTION_NUMBER, "quantity"},
    [OPTION_OTHER_CATEGORY] = {"other-category", NULL, "a new seat may be of another category",
                               OPTION_FLAG, "other_category"},
    [OPTION_BEACON] = {"beacon", "VALUE", "the public value that was announced for the draw",
                       OPTION_TEXT, "beacon"},
    [OPTION_WITHOUT] = {"without", "PARTS", "though these are missing: hall, payment or both",
                        OPTION_LIST, "without"},
    [OPTION_EXPIRES] = {"expires", "SECONDS", "how long it is good (86400)", OPTION_NUMBER,
                        "expires_in_s"},
    [OPTION_LANE] = {"lane", "LANE", "the lane that the codes open (general)", OPTION_OWN, NULL},
    [OPTION_CHANNEL] = {"channel", "NAME", "of the seats that the pass opens", OPTION_OWN, NULL},
    [OPTION_USES] = {"uses", "N", "places that each code opens (1)", OPTION_OWN, NULL},
    [OPTION_VERIFY] = {"verify", NULL, "make the draw again, and judge it", OPTION_OWN, NULL},
    [OPTION_ENTRY] = {"entry", "N", "with --verify: the position of this entry", OPTION_OWN, NULL},
    [OPTION_COMMITMENT] = {"commitment", "HEX", "with --verify: what was published beforehand",
                           OPTION_OWN, NULL},
    [OPTION_CSV] = {"csv", NULL, "as comma-separated values", OPTION_OWN, NULL},
    [OPTION_RUNNING] = {"running", NULL, "as it stands, closed or not", OPTION_OWN, NULL},
    [OPTION_UNARCHIVED] = {"unarchived", NULL, "though this version was never archived",
                           OPTION_ASKED, "unarchived"},
    [OPTION_REDRAW] = {"redraw", NULL, "hold the draw, though it may have been held before",
                       OPTION_ASKED, "redraw"},
    [OPTION_UNDO] = {"undo", NULL, "take the check-in back", OPTION_OWN, NULL},
    [OPTION_NAMES] = {"names", NULL, "their ids alone, one a line", OPTION_OWN, NULL},
    [OPTION_ONCE] = {"once", NULL, "one picture or round, and end", OPTION_OWN, NULL},
    [OPTION_INTERVAL] = {"interval", "SECONDS", "between two pictures (1), or rounds (5)",
                         OPTION_OWN, NULL},
    [OPTION_VISITORS] = {"visitors", "N", "how many come", OPTION_OWN, NULL},
    [OPTION_SEATS] = {"seats", "N", "how many are sold", OPTION_OWN, NULL},
    [OPTION_OPENS] = {"opens", "TIME", "when, in UTC: the timetable is by the clock", OPTION_OWN,
                      NULL},
    [OPTION_WITHIN] = {"within", "SECONDS", "in which all of them come (1; to rehearse 20)",
                       OPTION_OWN, NULL},
    [OPTION_PLACED] = {"placed", "SECONDS", "in which all should have a place (10)", OPTION_OWN,
                       NULL},
    [OPTION_CALLED] = {"called", "RATE", "people called a second (50; to rehearse 20)", OPTION_OWN,
                       NULL},
    [OPTION_EDGE_CORES] = {"edge-cores", "N", "of one edge (16)", OPTION_OWN, NULL},
    [OPTION_FRONT_CORES] = {"front-cores", "N", "of one queue-front (2)", OPTION_OWN, NULL},
    [OPTION_CDN] = {"cdn", NULL, "one in front ends TLS and keeps the page", OPTION_OWN, NULL},
    [OPTION_WRITE] = {"write", "DIR", "write the settings of each machine below it", OPTION_OWN,
                      NULL},
    [OPTION_BUYER] = {"buyer", "FILE", "a customer's login and, in the next line, the password",
                      OPTION_OWN, NULL},
    [OPTION_PAY] = {"pay", NULL, "wait for a person to pay, then refund it", OPTION_OWN, NULL},
    [OPTION_HALL] = {"hall", "FILE", "the hall's document (the sample hall)", OPTION_OWN, NULL},
    [OPTION_ANYWAY] = {"anyway", NULL, "though a sale is open, or opens soon", OPTION_OWN, NULL},
    [OPTION_EVENT] = {"event", "EVENT", "where the seat is", OPTION_QUERY, "event"},
    [OPTION_CLIENT_CREDENTIALS] = {"client-credentials", NULL,
                                   "as a machine, by client_secret_file of the profile", OPTION_OWN,
                                   NULL},
};

const struct command *command_find(const struct command_table *table, char **words, int words_len,
                                   int *name_len)
{
    const struct command *found = NULL;
    for (size_t i = 0; i < table->len; i++) {
        struct span first;
        struct span second = span_cut(span_of(table->command[i].name), ' ', &first);
        int len = second.ptr != NULL ? 2 : 1;
        if (words_len < len || !span_eq(first, span_of(words[0])) ||
            (len == 2 && !span_eq(second, span_of(words[1]))))
            continue;
        if (found == NULL || len > *name_len) {
            found = &table->command[i];
            *name_len = len;
        }
    }
    return found;
}

bool command_is_group(const struct command_table *table, const char *word)
{
    for (size_t i = 0; i < table->len; i++) {
        struct span first;
        struct span rest = span_cut(span_of(table->command[i].name), ' ', &first);
        if (rest.ptr != NULL && span_eq(first, span_of(word)))
            return true;
    }
    return false;
}

bool command_word(const struct command *command, size_t n, struct command_word *out)
{
    struct span rest = span_of(command->takes);
    struct span one = {NULL, 0};
    for (size_t i = 0; i <= n; i++) {
        if (rest.ptr == NULL || rest.len == 0)
            return false;
        rest = span_cut(rest, ' ', &one);
    }
    *out = (struct command_word){one, false, false};
    if (span_starts(out->name, SPAN("["))) {
        out->optional = true;
        out->name = (struct span){one.ptr + 1, one.len - 2};
    }
    if (out->name.len > 3 && memcmp(out->name.ptr + out->name.len - 3, "...", 3) == 0) {
        out->several = true;
        out->name.len -= 3;
    }
    return true;
}

unsigned command_distance(const char *a, const char *b)
{
    enum { LETTERS_MAX = 24, FAR = 3 };
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);
    unsigned row[LETTERS_MAX + 1];
    if (a_len > LETTERS_MAX || b_len > LETTERS_MAX)
        return FAR;
    for (unsigned j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        unsigned before = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned change = before + (a[i - 1] != b[j - 1]);
            before = row[j];
            unsigned least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            row[j] = change < least ? change : least;
        }
    }
    return row[b_len] < FAR ? row[b_len] : FAR;
}
