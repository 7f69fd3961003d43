/* verify_draw.c: a program for strangers. It trusts nothing but the record it is given. The seed is
 * hashed and compared with the commitment, which a doubtful visitor has noted before the pre-queue
 * opened (--commitment). The whole permutation is walked, so "every position was given once" is
 * counted rather than assumed. A million entries take under a second.
 *
 * It cannot check the signature of a drand round, which is a pairing on BLS12-381, because no
 * system library has that curve. It says so, checks the rest (that the round is the promised one,
 * and the value the hash of the signature), and verify/verify-draw.js checks all of it.
 *
 * An archive of an ended event has such a record for each of its lines, from the second line on, so
 * it is read unchanged: the draw of each is checked, and the worst result counts.
 *
 * Blocking, allocating and printing are fine: this process runs no loop. */
#include "commands/verify_draw.h"

#include "base/json_in.h"
#include "commands/fetch.h"
#include "core/draw/beacon.h"
#include "core/draw/draw.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ANSWER_MAX = 64 * 1024,  /* three times the largest fairness record */
    SOURCE_MAX = 512 * 1024, /* an archive's draws end before that */
    FITS = 0,
    FITS_NOT = 1,
    UNJUDGED = 2,
};

struct verify_ask {
    const char *source;
    uint64_t entry; /* 0: not requested */
    const char *commitment;
};

struct answer {
    char text[SOURCE_MAX];
    size_t len;
};

static const char usage[] =
    "queue-front verify-draw FILE|URL [--entry N] [--commitment HEX]\n"
    "  FILE          a saved answer of GET /v1/queue/EVENT/fairness, or the archive of an event;\n"
    "                - reads standard input\n"
    "  --entry N     says also which position entry N was drawn to\n"
    "  --commitment  what was published before the pre-queue opened, as you noted it then\n";

/* ---- source of the record ---- */

static bool fetch(const char *url, struct answer *answer)
{
    struct text text = text_on(answer->text, sizeof(answer->text));
    struct err_slot err;
    long status = 0;
    int rc = fetch_text(url, &text, &status, &err);
    answer->len = text.len;
    if (rc < 0)
        fprintf(stderr, "%s\n", err.text);
    else if (status >= 400)
        fprintf(stderr, "%s: answered %ld\n", url, status);
    return rc == 0 && status < 400;
}

static bool read_file(const char *path, struct answer *answer)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "r");
    if (file == NULL) {
        perror(path);
        return false;
    }
    answer->len = fread(answer->text, 1, sizeof(answer->text), file);
    bool good = !ferror(file);
    if (!is_stdin)
        fclose(file);
    if (!good)
        fprintf(stderr, "%s: unreadable\n", path);
    return good;
}

/* ---- contents ---- */

struct published {
    bool drawn;
    uint64_t entries;
    uint8_t seed[DRAW_SEED_BYTES];
    uint8_t commitment[DRAW_COMMITMENT_BYTES];
    struct span event, lane,
        beacon; /* borrowed from the document; lane: empty for the general line */
    struct beacon promise;
    struct beacon_sources sources;
    uint64_t closed_ms;
    struct {
        unsigned kind; /* enum beacon_kind */
        bool late;
        uint64_t round;
        struct span signature, words;
    } proof;
};

static const char *const kinds[] = {"none", "drand", "text", NULL};

static void read_hex(struct json_in *in, const char *key, uint8_t *out, size_t len)
{
    struct span hex;
    json_in_require(in, key);
    if (json_in_str(in, key, 2 * len, 2 * len, &hex) && !span_hex(hex, out, len))
        json_in_refuse(in, key, "must be %zu bytes in hex", len);
}

/* The chain's key and period are published with the promise. */
static void read_promise(struct json_in *in, struct published *out)
{
    struct json_in source;
    struct span key;
    json_in_require(in, "promised");
    if (json_in_has(in, "promised"))
        beacon_read(in, "promised", &out->promise);
    if (!json_in_has(in, "source") || !json_in_child(in, "source", &source))
        return;
    json_in_milli(&source, "gap_s", 0, 3600000, &out->sources.gap_ms);
    if (json_in_str(&source, "public_key", 1, BEACON_KEY_LEN, &key))
        span_to_cstr(key, out->sources.key, sizeof(out->sources.key));
    json_in_milli(&source, "period_s", 1, 3600000, &out->sources.period_ms);
    if (json_in_has(&source, "genesis_at"))
        json_in_time(&source, "genesis_at", &out->sources.genesis_ms);
    json_in_end(&source);
}

static void read_proof(struct json_in *in, struct published *out)
{
    struct json_in proof;
    if (!json_in_has(in, "proof") || !json_in_child(in, "proof", &proof))
        return;
    json_in_require(&proof, "kind");
    json_in_word(&proof, "kind", kinds, &out->proof.kind);
    json_in_bool(&proof, "late", &out->proof.late);
    json_in_u64(&proof, "round", 0, INT64_MAX, &out->proof.round);
    json_in_str(&proof, "signature", 1, 4096, &out->proof.signature);
    json_in_str(&proof, "words", 0, BEACON_WORDS_MAX, &out->proof.words);
    static const char *const others[] = {"chain",        "checked",  "relays",
                                         "relays_asked", "promised", "waited_s"};
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        json_in_allow(&proof, others[i]);
    json_in_end(&proof);
}

static int read_published(json_t *json, struct err_slot *err, struct published *out)
{
    struct json_in in;
    struct span algorithm;
    *out = (struct published){0};
    json_in_object(&in, json, err);
    json_in_allow(&in, "incarnation");
    json_in_allow(&in, "state");
    json_in_allow(&in, "drawn_at");
    json_in_require(&in, "event");
    json_in_str(&in, "event", 1, 64, &out->event);
    json_in_str(&in, "lane", 1, 64, &out->lane);
    json_in_require(&in, "algorithm");
    if (json_in_str(&in, "algorithm", 1, 64, &algorithm) &&
        !span_eq(algorithm, SPAN(DRAW_ALGORITHM)))
        json_in_refuse(&in, "algorithm", "must be \"%s\", the one known here", DRAW_ALGORITHM);
    read_hex(&in, "commitment", out->commitment, sizeof(out->commitment));
    read_promise(&in, out);
    if (json_in_has(&in, "closed_at"))
        json_in_time(&in, "closed_at", &out->closed_ms);
    json_in_require(&in, "drawn");
    json_in_bool(&in, "drawn", &out->drawn);
    if (out->drawn) {
        read_hex(&in, "seed", out->seed, sizeof(out->seed));
        json_in_require(&in, "entries");
        json_in_u64(&in, "entries", 0, DRAW_ENTRIES_MAX, &out->entries);
        json_in_require(&in, "beacon");
        json_in_str(&in, "beacon", 0, DRAW_BEACON_MAX, &out->beacon);
        read_proof(&in, out);
    } else {
        json_in_allow(&in, "proof");
        json_in_allow(&in, "seed");
        json_in_allow(&in, "entries");
        json_in_allow(&in, "beacon");
    }
    return json_in_end(&in);
}

/* ---- checks ---- */

static bool each_position_once(const struct draw *draw)
{
    uint8_t *seen = calloc(draw->entries / 8 + 1, 1);
    bool good = seen != NULL;
    for (uint64_t entry = 1; good && entry <= draw->entries; entry++) {
        uint64_t at = draw_position(draw, entry) - 1;
        good = at < draw->entries && (seen[at / 8] & (1u << (at % 8))) == 0;
        if (good)
            seen[at / 8] = (uint8_t)(seen[at / 8] | 1u << (at % 8));
    }
    free(seen);
    return good;
}

/* The round, and what C can check of its signature. */
static bool judge_round(const struct published *it)
{
    char value[BEACON_HASH_LEN + 1];
    if (it->sources.period_ms == 0) {
        printf("beacon      DOES NOT FIT: the key of its chain is missing\n");
        return false;
    }
    struct beacon want = beacon_after(&it->promise, &it->sources, it->closed_ms);
    if (it->proof.round != want.round) {
        printf("beacon      DOES NOT FIT: round %" PRIu64 " was taken, %" PRIu64 " was promised\n",
               it->proof.round, want.round);
        return false;
    }
    if (!beacon_drand_value(it->proof.signature, value) || !span_eq(it->beacon, span_of(value))) {
        printf("beacon      DOES NOT FIT: the value is not the hash of the round's signature\n");
        return false;
    }
    printf("beacon      round %" PRIu64 " of drand, as promised; its value is the hash of its "
           "signature\n"
           "            NOT CHECKED here: the signature itself (BLS12-381); verify-draw.js does\n",
           want.round);
    if (strcmp(it->promise.chain, BEACON_QUICKNET) != 0)
        printf("            NOTE: the chain is not the public one, quicknet, but %s\n",
               it->promise.chain);
    return true;
}

static bool judge_beacon(const struct published *it)
{
    enum beacon_kind kind = it->promise.kind;
    if (it->proof.late && it->beacon.len == 0 && kind != BEACON_NONE) {
        printf("beacon      LATE: what was promised (%s) had not come after %" PRIu64
               " s, so the seed alone decided\n",
               beacon_kind_name(kind), it->promise.late_s);
        return true;
    }
    if (it->proof.kind != kind || (kind == BEACON_NONE && it->beacon.len > 0)) {
        printf("beacon      DOES NOT FIT: %s was promised, %s was taken\n", beacon_kind_name(kind),
               kinds[it->proof.kind]);
        return false;
    }
    if (kind == BEACON_DRAND)
        return judge_round(it);
    if (kind == BEACON_TEXT)
        printf("beacon      \"%.*s\", said by the operator to be: %s\n"
               "            NOT CHECKED here: that it is; compare it with its source\n",
               (int)it->beacon.len, it->beacon.ptr, it->promise.words);
    else
        printf("beacon      none was promised: the seed alone decided\n");
    return true;
}

static int judge(const struct verify_ask *ask, const struct published *it)
{
    uint8_t commitment[DRAW_COMMITMENT_BYTES];
    char hex[2 * DRAW_COMMITMENT_BYTES + 1];
    sodium_bin2hex(hex, sizeof(hex), it->commitment, sizeof(it->commitment));
    printf("event       %.*s\n", (int)it->event.len, it->event.ptr);
    if (it->lane.len > 0)
        printf("lane        %.*s\n", (int)it->lane.len, it->lane.ptr);
    if (ask->commitment != NULL && strcmp(hex, ask->commitment) != 0) {
        printf("commitment  IS NOT the one that was noted before\n");
        return FITS_NOT;
    }
    if (!it->drawn) {
        printf("draw        not held yet; the seed is still secret\n");
        return FITS_NOT;
    }
    draw_commit(it->seed, commitment);
    if (memcmp(commitment, it->commitment, sizeof(commitment)) != 0) {
        printf("commitment  DOES NOT FIT: the seed is not the one that was promised\n");
        return FITS_NOT;
    }
    struct draw draw;
    draw_init(&draw, it->seed, it->beacon, it->entries);
    printf("commitment  fits: it is the SHA-256 of the seed\n");
    if (!judge_beacon(it))
        return FITS_NOT;
    if (!each_position_once(&draw)) {
        printf("entries     %" PRIu64 ": not walked through\n", it->entries);
        return UNJUDGED;
    }
    printf("entries     %" PRIu64 ", each position given once\n", it->entries);
    if (ask->entry > 0)
        printf("entry       %" PRIu64 " -> position %" PRIu64 "%s\n", ask->entry,
               draw_position(&draw, ask->entry),
               ask->entry > it->entries ? " (came after the draw)" : "");
    return FITS;
}

static int judge_answer(const struct verify_ask *ask, struct span text)
{
    struct err_slot err;
    struct published it;
    json_t *json = NULL;
    int code = UNJUDGED;
    if (text.len >= ANSWER_MAX)
        fprintf(stderr, "%s: longer than %d bytes\n", ask->source, ANSWER_MAX);
    else if (json_in_parse(text, &err, &json) < 0 || read_published(json, &err, &it) < 0)
        fprintf(stderr, "%s: %s\n", ask->source, err.text);
    else
        code = judge(ask, &it);
    json_decref(json);
    return code;
}

/* ---- archives ---- */

/* May return ERR_NOMEM. */
static int look_for_archive(struct span line, struct err_slot *err, bool *is)
{
    json_t *json = NULL;
    if (json_in_parse(line, err, &json) == ERR_NOMEM)
        return ERR_NOMEM;
    const char *format = json_string_value(json_object_get(json, "format"));
    *is = format != NULL && strcmp(format, "fairgate-archive") == 0;
    json_decref(json);
    return 0;
}

/* Selects an archive's line by the given commitment, if any. */
static bool is_asked_for(const struct verify_ask *ask, struct span line)
{
    struct err_slot ignored;
    json_t *json = NULL;
    if (ask->commitment == NULL || json_in_parse(line, &ignored, &json) < 0)
        return true; /* the check reports unreadable lines */
    const char *stated = json_string_value(json_object_get(json, "commitment"));
    bool is = stated != NULL && strcmp(stated, ask->commitment) == 0;
    json_decref(json);
    return is;
}

static int judge_archive(const struct verify_ask *ask, struct span rest)
{
    int worst = -1;
    bool any = false;
    struct span line;
    while (span_next(&rest, '\n', &line) && span_starts(line, SPAN("{\"event\":"))) {
        any = true;
        if (is_asked_for(ask, line)) {
            int code = judge_answer(ask, line);
            worst = code > worst ? code : worst;
        }
    }
    if (!any)
        fprintf(stderr, "%s: an archive without its draw\n", ask->source);
    else if (worst < 0)
        printf("commitment  IS NOT the one that was noted before\n");
    return !any ? UNJUDGED : worst < 0 ? FITS_NOT : worst;
}

/* ---- the command ---- */

static bool read_arguments(int argc, char **argv, struct verify_ask *ask)
{
    *ask = (struct verify_ask){0};
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--entry") == 0 && more) {
            if (!span_u64(span_of(argv[++i]), DRAW_ENTRIES_MAX, &ask->entry) || ask->entry == 0)
                return false;
        } else if (strcmp(argv[i], "--commitment") == 0 && more) {
            ask->commitment = argv[++i];
        } else if (ask->source == NULL && (argv[i][0] != '-' || argv[i][1] == '\0')) {
            ask->source = argv[i];
        } else {
            return false;
        }
    }
    return ask->source != NULL;
}

int verify_draw_main(int argc, char **argv)
{
    struct verify_ask ask;
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return FITS;
    }
    if (!read_arguments(argc, argv, &ask)) {
        fputs(usage, stderr);
        return UNJUDGED;
    }
    struct answer *answer = calloc(1, sizeof(*answer));
    int code = UNJUDGED;
    if (answer == NULL || sodium_init() < 0)
        goto end;
    bool is_url = span_after_scheme(span_of(ask.source)).ptr != NULL;
    if (!(is_url ? fetch(ask.source, answer) : read_file(ask.source, answer)))
        goto end;
    struct span text = {answer->text, answer->len}, head;
    struct span rest = span_cut(text, '\n', &head);
    bool is_archive;
    struct err_slot err;
    if (look_for_archive(head, &err, &is_archive) < 0)
        fprintf(stderr, "%s: %s\n", ask.source, err.text);
    else
        code = is_archive ? judge_archive(&ask, rest) : judge_answer(&ask, text);
end:
    free(answer);
    return code;
}
