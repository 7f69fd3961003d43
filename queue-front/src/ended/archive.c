/* archive.c: writes an event into one file and reads it back, without trusting the file.
 *
 * Writing hashes the parts as they pass. Reading is limited by the length of the text and validates
 * before use: first that the file is complete, then the mark, then each value by itself. The last
 * step matters even for a file with a valid mark: a holder of the key could sign nonsense, and the
 * store must get only possible values. */
#include "ended/archive.h"

#include "base/json_in.h"
#include "core/event/draw_seal.h"
#include "core/event/event_state.h"

#include <assert.h>
#include <sodium.h>

static_assert((int)ARCHIVE_LINES_MAX == 1 + (int)LANES_MAX, "each line of an event");
static_assert(ARCHIVE_SHA_LEN == 2 * crypto_hash_sha256_BYTES, "hex");

static const struct span mark_purpose = {"fairgate-archive-2 ", sizeof("fairgate-archive-2 ") - 1};

/* ---- marks and chain ---- */

static void put_sha(crypto_hash_sha256_state *state, char hex[ARCHIVE_SHA_LEN + 1])
{
    uint8_t digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_final(state, digest);
    sodium_bin2hex(hex, ARCHIVE_SHA_LEN + 1, digest, sizeof(digest));
}

static void sha_of(struct span text, char hex[ARCHIVE_SHA_LEN + 1])
{
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const uint8_t *)text.ptr, text.len);
    put_sha(&state, hex);
}

void archive_chain(char chain[ARCHIVE_SHA_LEN + 1], struct span line)
{
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const uint8_t *)chain, ARCHIVE_SHA_LEN);
    crypto_hash_sha256_update(&state, (const uint8_t *)line.ptr, line.len);
    put_sha(&state, chain);
}

void archive_put_mark(struct text *lines, const struct mac_ring *keys,
                      char chain[ARCHIVE_SHA_LEN + 1])
{
    const struct span parts[] = {mark_purpose, {chain, ARCHIVE_SHA_LEN}};
    char hex[2 * MAC_BYTES + 1];
    uint8_t mac[MAC_BYTES];
    assert(!lines->overflown);
    sha_of(text_span(lines), chain);
    mac_make(keys, parts, 2, mac);
    sodium_bin2hex(hex, sizeof(hex), mac, sizeof(mac));
    size_t before = lines->len;
    lines->comma = false;
    json_open(lines, '{');
    json_member_cstr(lines, "sha256", chain);
    json_member_u64(lines, "key", mac_ring_current(keys));
    json_member_cstr(lines, "mac", hex);
    json_close(lines, '}');
    text_char(lines, '\n');
    assert(!lines->overflown);
    archive_chain(chain, (struct span){lines->ptr + before, lines->len - before});
}

/* ---- completeness and origin ---- */

/* One line with its newline; false: none left, or its end is missing. */
static bool take_line(struct span *rest, struct span *line)
{
    const char *end = rest->len > 0 ? memchr(rest->ptr, '\n', rest->len) : NULL;
    if (end == NULL)
        return false;
    *line = (struct span){rest->ptr, (size_t)(end - rest->ptr) + 1};
    *rest = span_skip(*rest, line->len);
    return true;
}

static enum archive_fault fail(struct err_slot *err, enum archive_fault fault, const char *why)
{
    err_set(err, ERR_RANGE, "%s", why);
    return fault;
}

/* `fault` and `why` for a line that is not JSON. */
static enum archive_fault parse(struct span line, enum archive_fault fault, const char *why,
                                struct err_slot *err, json_t **out)
{
    int rc = json_in_parse(line, NULL, out);
    if (rc == ERR_NOMEM)
        return fail(err, ARCHIVE_NO_MEMORY, "There was no memory to read it.");
    return rc < 0 ? fail(err, fault, why) : ARCHIVE_GOOD;
}

static enum archive_fault check_mark(struct span signed_text, struct span line,
                                     const struct mac_ring *keys, struct err_slot *err)
{
    char sha[ARCHIVE_SHA_LEN + 1];
    const struct span parts[] = {mark_purpose, {sha, ARCHIVE_SHA_LEN}};
    uint8_t mac[MAC_BYTES];
    struct span stated_sha = {NULL, 0}, stated_mac = {NULL, 0};
    uint64_t key = 0;
    struct json_in in;
    struct err_slot ignored;
    json_t *json;
    enum archive_fault fault = parse(line, ARCHIVE_UNREADABLE, "Its mark is no JSON.", err, &json);
    if (fault != ARCHIVE_GOOD)
        return fault;
    json_in_object(&in, json, &ignored);
    json_in_require(&in, "sha256");
    json_in_str(&in, "sha256", ARCHIVE_SHA_LEN, ARCHIVE_SHA_LEN, &stated_sha);
    json_in_require(&in, "key");
    json_in_u64(&in, "key", 0, UINT8_MAX, &key);
    json_in_require(&in, "mac");
    json_in_str(&in, "mac", sizeof(mac) * 2, sizeof(mac) * 2, &stated_mac);
    bool read = json_in_end(&in) == 0 && span_hex(stated_mac, mac, sizeof(mac));
    sha_of(signed_text, sha);
    bool same = read && span_eq(stated_sha, span_of(sha));
    json_decref(json);
    if (!same)
        return fail(err, ARCHIVE_TAMPERED, "Head or draw are not what the mark was made of.");
    bool known = false;
    for (uint32_t i = 0; i < keys->len; i++)
        known |= keys->key[i].id == key;
    if (!known) {
        err_set(err, ERR_NOT_FOUND, "It was marked with key %u, which is not in [keys] draws.",
                (unsigned)key);
        return ARCHIVE_KEY_MISSING;
    }
    if (!mac_check(keys, (uint8_t)key, parts, 2, mac))
        return fail(err, ARCHIVE_TAMPERED, "The mark was not made by this deployment's key.");
    return ARCHIVE_GOOD;
}

/* Everything after the mark: the chain to its end. */
static enum archive_fault check_rest(struct span rest, char chain[ARCHIVE_SHA_LEN + 1],
                                     struct err_slot *err)
{
    struct span line;
    for (uint64_t parts = 1; take_line(&rest, &line); parts++) {
        json_t *json;
        enum archive_fault fault =
            parse(line, ARCHIVE_TAMPERED, "A line behind the mark is no JSON.", err, &json);
        if (fault != ARCHIVE_GOOD)
            return fault;
        bool last = json_is_object(json) && json_object_get(json, "parts") != NULL;
        bool counted =
            last && json_integer_value(json_object_get(json, "parts")) == (json_int_t)parts;
        const char *stated = last ? json_string_value(json_object_get(json, "sha256")) : NULL;
        bool same = stated != NULL && strcmp(stated, chain) == 0;
        json_decref(json);
        if (last && !counted)
            return fail(err, ARCHIVE_INCOMPLETE, "It has fewer or more parts than its end says.");
        if (last && !same)
            return fail(err, ARCHIVE_TAMPERED, "Trail or series are not what was written.");
        if (last && rest.len > 0)
            return fail(err, ARCHIVE_TAMPERED, "Something stands behind its end.");
        if (last)
            return ARCHIVE_GOOD;
        archive_chain(chain, line);
    }
    return fail(err, ARCHIVE_INCOMPLETE, "It has no end.");
}

/* ---- contents ---- */

/* A required member: the script reads it from the document. */
static void check_number(struct json_in *in, const char *name, uint64_t max)
{
    uint64_t value = 0;
    json_in_require(in, name);
    json_in_u64(in, name, 0, max, &value);
}

static struct span check_text(struct json_in *in, const char *name, size_t min, size_t max)
{
    struct span text = {NULL, 0};
    json_in_require(in, name);
    json_in_str(in, name, min, max, &text);
    return text;
}

/* A line rejected here was signed, so a faulty program wrote it; the file is intact. */
static void read_line(struct json_in *lines, json_t *array, size_t index, struct archive *out)
{
    struct json_in in;
    uint64_t issued = 0;
    if (!json_in_item_child(lines, "lines", array, index, &in))
        return;
    json_in_require(&in, "issued");
    json_in_u64(&in, "issued", 0, UINT32_MAX - 1, &issued);
    check_number(&in, "serving", issued);
    check_number(&in, "skipped", issued);
    check_number(&in, "waiting", issued);
    check_number(&in, "admitted", UINT32_MAX);
    check_number(&in, "no_shows", UINT32_MAX);
    if (json_in_has(&in, "closed_ms")) {
        check_number(&in, "closed_ms", INT64_MAX >> 10);
        check_number(&in, "closed", issued);
    }
    if (json_in_has(&in, "seed")) {
        struct span seed = check_text(&in, "seed", 2 * DRAW_SEED_BYTES, 2 * DRAW_SEED_BYTES);
        if (seed.ptr != NULL && !span_is_of(seed, SPAN_HEX))
            json_in_refuse(&in, "seed", "must be hex");
        check_number(&in, "entries", issued);
        check_number(&in, "drawn_ms", INT64_MAX >> 10);
    }
    if (index == 0) {
        out->closed_entries = json_in_has(&in, "closed_ms");
        out->drawn = json_in_has(&in, "seed");
    }
    if (archive_runs(out)) { /* its running state */
        check_number(&in, "dead", issued);
        check_number(&in, "outstanding", issued);
        check_number(&in, "show_up_milli", 1000);
        check_number(&in, "service_rate_milli", UINT32_MAX);
        check_number(&in, "joins_milli", UINT32_MAX);
    }
    json_in_end(&in);
}

static void read_restore(struct json_in *in, struct archive *out)
{
    struct json_in restore;
    struct draw_seal seal;
    uint64_t value = 0;
    json_t *lines = NULL;
    json_in_require(in, "restore");
    if (!json_in_child(in, "restore", &restore))
        return;
    out->seal = check_text(&restore, "seal", 0, DRAW_SEAL_LEN_MAX);
    if (out->seal.len > 0 && !draw_seal_parse(out->seal, &seal))
        json_in_refuse(&restore, "seal", "must be a seal");
    check_text(&restore, "identity", 0, LINE_IDENTITY_MAX);
    check_text(&restore, "beacon", 0, DRAW_BEACON_MAX);
    check_text(&restore, "proof", 0, ARCHIVE_PROOF_MAX);
    if (archive_runs(out)) {
        json_in_require(&restore, "read_ms");
        json_in_u64(&restore, "read_ms", 1, INT64_MAX >> 10, &value);
        check_number(&restore, "active", UINT32_MAX);
        json_in_u64(&restore, "hall_until_ms", 0, INT64_MAX >> 10, &value);
        json_in_u64(&restore, "frozen_from", 0, LINE_STATE_COUNT - 1, &value);
        json_in_u64(&restore, "seats_left", 0, INT64_MAX >> 10, &value);
        json_in_u64(&restore, "codes", 0, UINT32_MAX, &value);
    }
    json_in_require(&restore, "lines");
    if (json_in_array(&restore, "lines", 1, ARCHIVE_LINES_MAX, &lines)) {
        for (size_t i = 0; i < json_array_size(lines); i++)
            read_line(&restore, lines, i, out);
    }
    json_in_end(&restore);
}

static enum archive_fault read_head(struct archive *out, struct err_slot *err)
{
    struct json_in in;
    uint64_t format = 0;
    static const char *const others[] = {"read_at", "figures", "lanes"};
    const char *states[LINE_STATE_COUNT + 1] = {NULL};
    for (unsigned i = 0; i < LINE_STATE_COUNT; i++)
        states[i] = event_state_name((enum line_state)i);
    json_in_object(&in, out->head, err);
    json_in_allow(&in, "format");
    json_in_u64(&in, "format_version", ARCHIVE_FORMAT, ARCHIVE_FORMAT, &format);
    out->event = check_text(&in, "event", 1, LINE_EVENT_ID_MAX);
    out->incarnation = check_text(&in, "incarnation", 0, LINE_INCARNATION_LEN);
    if (!line_incarnation_ok(out->incarnation))
        json_in_refuse(&in, "incarnation", "must be an incarnation");
    json_in_require(&in, "state");
    json_in_word(&in, "state", states, &out->state);
    json_in_require(&in, "version");
    json_in_u64(&in, "version", 1, INT64_MAX >> 10, &out->version);
    json_in_require(&in, "document");
    json_in_any(&in, "document", &out->document);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        json_in_allow(&in, others[i]);
    read_restore(&in, out);
    out->restore = json_object_get(out->head, "restore");
    return json_in_end(&in) < 0 ? ARCHIVE_UNREADABLE : ARCHIVE_GOOD;
}

enum archive_fault archive_read(struct span text, const struct mac_ring *keys, struct err_slot *err,
                                struct archive *out)
{
    struct span rest = text, line;
    char chain[ARCHIVE_SHA_LEN + 1];
    struct archive archive = {0};
    static const char none[] = "Its first line is not that of an archive.";
    if (!take_line(&rest, &line))
        return fail(err, ARCHIVE_UNREADABLE, none);
    enum archive_fault fault = parse(line, ARCHIVE_UNREADABLE, none, err, &archive.head);
    if (fault != ARCHIVE_GOOD)
        return fault;
    /* Whether the format is known. Checked before the mark, which another format may not have. */
    const char *format = json_string_value(json_object_get(archive.head, "format"));
    json_int_t version = json_integer_value(json_object_get(archive.head, "format_version"));
    if (format == NULL || strcmp(format, "fairgate-archive") != 0) {
        fault = fail(err, ARCHIVE_UNREADABLE, none);
    } else if (version != ARCHIVE_FORMAT) {
        err_set(err, ERR_RANGE, "It is of format %lld; what can be restored is of format %d.",
                (long long)version, ARCHIVE_FORMAT);
        fault = ARCHIVE_OTHER;
    }
    bool marked = false;
    while (fault == ARCHIVE_GOOD && !marked && take_line(&rest, &line))
        marked = span_starts(line, SPAN("{\"sha256\":"));
    if (fault == ARCHIVE_GOOD && !marked)
        fault = fail(err, ARCHIVE_INCOMPLETE, "It ends before its mark.");
    if (fault == ARCHIVE_GOOD)
        fault = check_mark((struct span){text.ptr, (size_t)(line.ptr - text.ptr)}, line, keys, err);
    if (fault == ARCHIVE_GOOD) {
        sha_of((struct span){text.ptr, (size_t)(line.ptr - text.ptr)}, chain);
        archive_chain(chain, line);
        fault = check_rest(rest, chain, err);
    }
    if (fault == ARCHIVE_GOOD)
        fault = read_head(&archive, err);
    if (fault == ARCHIVE_GOOD)
        *out = archive;
    else
        json_decref(archive.head);
    return fault;
}

void archive_deinit(struct archive *archive)
{
    json_decref(archive->head);
    archive->head = NULL;
}
