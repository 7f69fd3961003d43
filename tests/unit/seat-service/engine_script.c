#include "engine_script.h"

#include "one_change.h"
#include "sale/purchase.h"

#include <stdarg.h>

enum { TEXT_MAX = 4096, CHECKED_COMMITS = 300 };

struct engine_world engine_world;
static struct engine_world *const w = &engine_world;

/* ---- words ---- */

static uint64_t ms_of(const char *word)
{
    return script_number(word) / 1000;
}

static uint64_t time_of(const char *word) /* 0 stays 0 */
{
    uint64_t ms = ms_of(word);
    return strcmp(word, "0") != 0 ? TEST_NOW_MS + ms : 0;
}

/* In the unit that script_number() uses for an expected time. */
static uint64_t us_of(uint64_t time_ms)
{
    return time_ms != 0 ? (time_ms - TEST_NOW_MS) * 1000 : 0;
}

static uint64_t *named(const struct script_line *line, unsigned at)
{
    const char *word = script_word(line, at);
    if (word[0] < 'a' || word[0] > 'z' || word[1] != '\0')
        fail_msg("%s: no hold is called \"%s\"", line->row, word);
    return &w->holds[word[0] - 'a'];
}

struct list {
    uint32_t seats[1024], count;
};

struct drawing {
    const char *rows[ENGINE_WORLD_ROWS + 1]; /* NULL-terminated */
    char text[TEXT_MAX];
    size_t len;
    uint32_t seats;
};

static struct list list_of(const char *word)
{
    struct list list = {.count = 0};
    if (word == NULL || strcmp(word, "-") == 0)
        return list;
    for (char *end;; word = end + 1) {
        uint32_t first = (uint32_t)strtoul(word, &end, 10), last = first;
        if (*end == '-')
            last = (uint32_t)strtoul(end + 1, &end, 10);
        for (; first <= last; first++) {
            assert_true(list.count < sizeof(list.seats) / sizeof(list.seats[0]));
            list.seats[list.count++] = first;
        }
        if (*end == '\0')
            return list;
        assert_int_equal(*end, ',');
    }
}

static const char *text_of(const uint32_t *seats, uint32_t count)
{
    static char texts[4][1024];
    static unsigned next;
    char *text = texts[next++ % 4];
    size_t len = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < count; i++)
        len += (size_t)snprintf(text + len, sizeof(texts[0]) - len, "%s%u", i > 0 ? "," : "",
                                seats[i]);
    return text;
}

static const char *flags_of(uint8_t flags)
{
    static const char *const names[] = {"best", "adjacent", "orphan", "last-resort", "remembered"};
    static char text[64];
    text[0] = '\0';
    for (unsigned i = 0; i < 5; i++) {
        if (!(flags >> i & 1))
            continue;
        if (text[0] != '\0')
            strcat(text, ",");
        strcat(text, names[i]);
    }
    return text;
}

static struct engine_who who_of(const struct script_line *line, unsigned at)
{
    struct engine_who who = test_who(strtoull(script_word(line, at) + 1, NULL, 10));
    assert_int_equal(script_word(line, at)[0], 'u');
    who.channels = (uint32_t)script_value_or(line, "channels", 1);
    who.access_need = script_has(line, "need");
    return who;
}

static struct span order_of(const struct script_line *line)
{
    const char *word = script_word(line, 2);
    return strcmp(word, "-") == 0 ? SPAN("") : span_of(word);
}

/* The purchase that the script named last. */
static struct engine_purchase purchase;

/* The order's purchase; NULL: none. */
static const struct engine_purchase *purchase_of(const struct script_line *line)
{
    struct purchase_line lines[8];
    char names[8][16];
    struct list list = list_of(script_value(line, "buys"));
    uint32_t places = (uint32_t)script_value_or(line, "buys-places", 0);
    uint64_t fees = script_value_or(line, "fees", 0);
    uint32_t len = places > 0 ? 1 : list.count;
    assert_in_range(len, 0, 8);
    for (uint32_t i = 0; i < len; i++) {
        snprintf(names[i], sizeof(names[i]), "s%u", list.seats[i]);
        lines[i] = (struct purchase_line){span_of(names[i]), SPAN("a"), 1000, 1};
    }
    if (places > 0)
        lines[0] = (struct purchase_line){SPAN("floor"), SPAN("b"), 2000, places};
    if (len == 0)
        return NULL;
    purchase = (struct engine_purchase){.event = SPAN("gala"), .fees = fees};
    purchase_digest(&(struct purchase){.event = purchase.event,
                                       .currency = SPAN("KRW"),
                                       .lines = lines,
                                       .lines_len = len,
                                       .fees = fees,
                                       .total = 1000 * (uint64_t)list.count + 2000 * places + fees},
                    purchase.digest);
    return &purchase;
}

static const char *purchase_name(const uint8_t *digest)
{
    if (purchase_digest_is_none(digest))
        return "none";
    return memcmp(digest, purchase.digest, sizeof(purchase.digest)) == 0 ? "newest" : "other";
}

/* ---- the engines ---- */

/* A replaying engine with the state of the follower's snapshot. */
static struct engine *read_snapshot(void)
{
    struct test_bytes bytes = test_snapshot(w->follower);
    struct engine *next = test_snapshot_read(w->plan, w->late_max, bytes);
    free(bytes.at);
    return next;
}

static bool is_quiet(void)
{
    for (unsigned i = 0; i < ENGINE_WORLD_OPS; i++)
        if (w->begun[i])
            return false;
    return true;
}

/* Large halls with long histories are compared only now and then. */
static void compare_states(void)
{
    if (is_quiet() && (w->seq < CHECKED_COMMITS || w->seq % 4096 == 0))
        assert_int_equal(engine_state_hash(w->engine), engine_state_hash(w->follower));
}

static void commit(unsigned at)
{
    struct engine_op *op = w->op = &w->ops[at];
    uint8_t bytes[CHANGE_BYTES_MAX];
    op->change.seq = ++w->seq;
    size_t len = change_encode(&op->change, bytes);
    engine_settle(w->engine, op);
    w->begun[at] = false;
    test_apply(w->follower, bytes, len);
    compare_states();
}

static void undo(unsigned at)
{
    w->op = &w->ops[at];
    engine_undo(w->engine, w->op);
    w->begun[at] = false;
    compare_states();
}

/* Returns a free op for the next action. */
static struct engine_op *next_op(void)
{
    unsigned at = 0;
    while (w->begun[at])
        assert_true(++at < ENGINE_WORLD_OPS);
    w->op = &w->ops[at];
    w->op->seat = UINT32_MAX;
    return w->op;
}

static void ended(const struct script_line *line, enum engine_verdict verdict)
{
    const char *want = "ok", *got = engine_verdict_name(verdict);
    unsigned at = (unsigned)(w->op - w->ops);
    if (line->len > 2 && strcmp(line->words[line->len - 2], "->") == 0)
        want = line->words[line->len - 1];
    if (strcmp(want, got) != 0)
        fail_msg("%s: \"%s\": it is \"%s\"", line->row, line->text, got);
    if (verdict != ENGINE_OK) {
        compare_states();
        return;
    }
    w->begun[at] = true;
    if (w->drop)
        undo(at);
    else if (!w->keep)
        commit(at);
}

void engine_script_end(void)
{
    if (w->engine != NULL && is_quiet()) {
        struct engine *next = read_snapshot();
        assert_int_equal(engine_state_hash(next), engine_state_hash(w->engine));
        assert_int_equal(engine_state_hash(w->follower), engine_state_hash(w->engine));
        for (uint64_t buyer = 1; buyer < 100; buyer++) {
            uint32_t count = buyers_count(&w->engine->buyers, buyer);
            assert_int_equal(buyers_count(&w->follower->buyers, buyer), count);
            assert_int_equal(buyers_count(&next->buyers, buyer), count);
        }
        engine_destroy(next);
    }
    engine_destroy(w->engine);
    engine_destroy(w->follower);
    plan_destroy(w->plan);
    memset(w, 0, sizeof(*w));
}

void engine_script_open(void)
{
    w->engine = test_hall_engine_late(w->plan, w->late_max);
    w->follower = test_hall_engine_late(w->plan, w->late_max);
    engine_replay_begin(w->follower);
    w->now_ms = TEST_NOW_MS;
    if (w->rows == 0)
        w->row_ends[w->rows++] = plan_seat_count(w->plan);
}

/* ---- the hall ---- */

SCRIPT_VERB(do_sale, "sale")
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    w->category_count = line->len - 1;
    for (unsigned i = 1; i < line->len; i++) {
        char from[32];
        snprintf(from, sizeof(from), "%s", line->words[i]);
        char *to = strstr(from, "..");
        assert_non_null(to);
        *to = '\0';
        w->categories[i - 1] = (struct plan_category){.name = span_of(names[i - 1]),
                                                      .price = 1000 * i,
                                                      .on_sale_ms = time_of(from),
                                                      .off_sale_ms = time_of(to + 2)};
    }
}

SCRIPT_VERB(do_channels, "channels")
{
    static const char *const names[] = {"public", "c1", "c2", "c3"};
    w->channel_count = line->len - 1;
    for (unsigned i = 1; i < line->len; i++)
        w->channels[i - 1] = (struct plan_channel){.id = span_of(names[i - 1]),
                                                   .name = span_of(names[i - 1]),
                                                   .on_sale_ms = time_of(line->words[i])};
}

static struct plan_limits limits_of(const struct script_line *line)
{
    struct plan_limits limits = test_limits();
    const char *access = script_value(line, "access"), *ttl = script_value(line, "ttl");
    limits.max_per_hold = (uint8_t)script_value_or(line, "hold", limits.max_per_hold);
    limits.max_per_buyer = (uint16_t)script_value_or(line, "buyer", 0);
    limits.orphan_rule = script_has(line, "orphans");
    limits.access_until_ms = access != NULL ? time_of(access) : 0;
    limits.hold_ttl_ms = ttl != NULL ? (uint32_t)ms_of(ttl) : limits.hold_ttl_ms;
    if (script_value(line, "max") != NULL)
        limits.hold_max_ms = (uint32_t)ms_of(script_value(line, "max"));
    return limits;
}

/* Adds the rows of one drawing, which stay valid until the next hall. Appends the seats that it
 * blocks to the list. */
static void draw_rows(const char *at, struct drawing *drawing, struct list *blocked)
{
    while (*at != '\0') {
        char *row = drawing->text + drawing->len;
        unsigned times = 1;
        uint32_t places = 0;
        const char *star = strpbrk(at, "*/");
        if (star != NULL && *star == '*') {
            times = (unsigned)strtoul(at, NULL, 10);
            at = star + 1;
        }
        for (; *at != '\0' && *at != '/'; at++) {
            unsigned count = 1;
            if (*at == '(') {
                count = (unsigned)strtoul(at + 1, NULL, 10);
                at = strchr(at, ')') + 1;
            }
            for (; count > 0; count--) {
                if (*at == '#')
                    blocked->seats[blocked->count++] = drawing->seats + places;
                places += strchr("_=~", *at) == NULL;
                drawing->text[drawing->len++] = (char)(*at == '#' ? 'a' : *at);
            }
        }
        drawing->text[drawing->len++] = '\0';
        for (; times > 0; times--) {
            assert_in_range(drawing->len, 1, sizeof(drawing->text) / 2);
            assert_in_range(w->rows, 0, ENGINE_WORLD_ROWS - 1);
            drawing->seats += places;
            drawing->rows[w->rows] = row;
            w->row_ends[w->rows++] = drawing->seats;
        }
        at += *at == '/';
    }
}

SCRIPT_VERB(do_hall, "hall")
{
    const char *fees = script_value(line, "fees"), *apart = script_value(line, "apart");
    struct drawing drawing = {.len = 0};
    struct list blocked = {.count = 0};
    if (w->engine != NULL)
        engine_script_end();
    for (unsigned i = 1; i < line->len; i++) {
        const char *equals = strchr(line->words[i] + 1, '='); /* in a drawing, "=" begins a row */
        if (strcmp(line->words[i], "orphans") != 0 && (equals == NULL || equals[-1] == '/'))
            draw_rows(line->words[i], &drawing, &blocked);
    }
    struct test_hall hall = {.rows = drawing.rows,
                             .limits = limits_of(line),
                             .area_capacity = (uint32_t)script_value_or(line, "floor", 0),
                             .area_channel = (uint8_t)script_value_or(line, "floor-channel", 0),
                             .categories = w->category_count > 0 ? w->categories : NULL,
                             .channels = w->channel_count > 0 ? w->channels : NULL,
                             .channel_count = w->channel_count,
                             .turns = (unsigned)script_value_or(line, "turns", 0),
                             .apart = apart != NULL ? (float)atof(apart) : 0};
    if (fees != NULL)
        hall.charges.fees = (struct fees){.per_seat = list_of(fees).seats[0],
                                          .per_order = list_of(fees).seats[1],
                                          .basis_points = list_of(fees).seats[2]};
    w->plan = test_hall_plan(&hall);
    w->late_max = (uint32_t)script_value_or(line, "late", 0);
    engine_script_open();
    for (uint32_t at = 0, len; at < blocked.count; at += len) {
        len = blocked.count - at < HOLD_SEATS_MAX ? blocked.count - at : HOLD_SEATS_MAX;
        ended(line, engine_block(w->engine, blocked.seats + at, len, SPAN("drawn"), w->now_ms,
                                 next_op()));
    }
}

SCRIPT_DOES("at", w->now_ms = TEST_NOW_MS + ms_of(script_word(line, 1)))

/* ---- actions ---- */

static void take(const struct script_line *line, struct engine_ask ask)
{
    ask.who = who_of(line, 2);
    ask.area = (uint16_t)script_value_or(line, "area", ask.area);
    ask.quantity = (uint32_t)script_value_or(line, "quantity", ask.quantity);
    enum engine_verdict verdict = engine_hold(w->engine, &ask, w->now_ms, next_op());
    if (verdict == ENGINE_OK)
        *named(line, 1) = w->op->change.hold;
    ended(line, verdict);
}

SCRIPT_VERB(do_hold, "hold")
{
    struct list list = list_of(script_word(line, 3));
    take(line, test_ask_seats(0, list.seats, list.count));
}

SCRIPT_DOES("places", take(line, test_ask_area(0, (uint32_t)script_number_at(line, 3))))

SCRIPT_VERB(do_best, "best")
{
    uint8_t category = (uint8_t)script_value_or(line, "category", ENGINE_CATEGORY_ANY);
    uint32_t count = (uint32_t)script_number_at(line, 3);
    take(line, test_ask_best(0, category, count, !script_has(line, "apart")));
}

SCRIPT_VERB(do_change, "change")
{
    struct engine_who who = who_of(line, 2);
    struct list add = list_of(script_value(line, "add"));
    struct list remove = list_of(script_value(line, "remove"));
    struct engine_edit edit = {add.seats, add.count, remove.seats, remove.count,
                               (uint32_t)script_value_or(line, "quantity", 0)};
    ended(line, engine_change(w->engine, *named(line, 1), &who, &edit, w->now_ms, next_op()));
}

SCRIPT_VERB(do_release, "release")
{
    uint64_t session = who_of(line, 2).session;
    ended(line, engine_release(w->engine, *named(line, 1), session, w->now_ms, next_op()));
}

SCRIPT_VERB(do_extend, "extend")
{
    const char *ttl = script_value(line, "ttl");
    struct engine_order order = {.id = order_of(line),
                                 .buyer = script_value_or(line, "for", 0),
                                 .purchase = purchase_of(line)};
    ended(line, engine_extend(w->engine, *named(line, 1), &order, ms_of(ttl ? ttl : "300s"),
                              w->now_ms, next_op()));
}

SCRIPT_VERB(do_confirm, "confirm")
{
    const struct engine_purchase *named_one = purchase_of(line);
    ended(line, engine_confirm(w->engine, *named(line, 1), order_of(line),
                               named_one != NULL ? named_one->digest : NULL, w->now_ms, next_op()));
}

SCRIPT_DOES("give-up", ended(line, engine_order_release(w->engine, *named(line, 1), order_of(line),
                                                        w->now_ms, next_op())))

SCRIPT_VERB(do_refund, "refund")
{
    struct list part = list_of(script_value(line, "seats"));
    uint32_t keep = (uint32_t)script_value_or(line, "keep", 0);
    struct span order = order_of(line);
    ended(line, part.count == 0 && keep == 0
                    ? engine_refund(w->engine, *named(line, 1), order, w->now_ms, next_op())
                    : engine_refund_part(w->engine, *named(line, 1), order, part.seats, part.count,
                                         keep, w->now_ms, next_op()));
}

SCRIPT_VERB(do_move, "move")
{
    struct list from = list_of(script_word(line, 3)), to = list_of(script_word(line, 4));
    ended(line, engine_move(w->engine, *named(line, 1), order_of(line), from.seats, to.seats,
                            from.count, w->now_ms, next_op()));
}

SCRIPT_VERB(do_block, "block|unblock")
{
    struct list list = list_of(script_word(line, 1));
    ended(line, (line->words[0][0] == 'b' ? engine_block : engine_unblock)(
                    w->engine, list.seats, list.count, SPAN("why"), w->now_ms, next_op()));
}

SCRIPT_DOES("block-places|unblock-places",
            ended(line,
                  (line->words[0][0] == 'b' ? engine_block_area : engine_unblock_area)(
                      w->engine, (uint16_t)script_value_or(line, "area", 0),
                      (uint32_t)script_number_at(line, 1), SPAN("why"), w->now_ms, next_op())))

SCRIPT_VERB(do_price, "price")
{
    uint64_t categories = 0, prices[PLAN_CATEGORIES_MAX];
    for (unsigned word = 1; word + 1 < line->len && line->words[word][0] != '-'; word += 2) {
        uint64_t category = script_number(line->words[word]);
        categories |= UINT64_C(1) << category;
        prices[category] = script_number(line->words[word + 1]);
    }
    ended(line, engine_price(w->engine, categories, prices, SPAN(""), w->now_ms, next_op()));
}

SCRIPT_VERB(do_expire, "expire")
{
    bool none = strcmp(script_word(line, 1), "-") == 0;
    bool due = engine_expire_next(w->engine, w->now_ms, next_op());
    if (due == none || (due && w->op->change.hold != *named(line, 1)))
        fail_msg("%s: \"%s\" at %u: hold %llx", line->row, line->text,
                 (unsigned)(w->now_ms - TEST_NOW_MS),
                 due ? (unsigned long long)w->op->change.hold : 0);
    if (due)
        ended(line, ENGINE_OK);
}

SCRIPT_VERB(do_expire_all, "expire-all")
{
    uint32_t count = 0;
    for (; engine_expire_next(w->engine, w->now_ms, next_op()); count++)
        commit((unsigned)(w->op - w->ops));
    script_expect(line, script_word(line, 1), count);
}

static unsigned numbered(const struct script_line *line)
{
    if (line->len > 1)
        return (unsigned)script_number(line->words[1]) - 1;
    unsigned at = ENGINE_WORLD_OPS;
    while (at > 0 && !w->begun[at - 1])
        at--;
    assert_true(at > 0);
    return at - 1;
}

SCRIPT_DOES("commit", commit(numbered(line)))
SCRIPT_DOES("undo", undo(numbered(line)))

SCRIPT_VERB(do_takeover, "takeover")
{
    struct engine *next = read_snapshot();
    engine_destroy(w->engine);
    w->engine = script_has(line, "snapshot") ? next : w->follower;
    w->follower = script_has(line, "snapshot") ? w->follower : next;
    engine_replay_end(w->engine);
    assert_int_equal(engine_state_hash(w->engine), engine_state_hash(w->follower));
}

SCRIPT_DOES("spare", engine_spare_orders(w->engine, 0, time_of(script_word(line, 1))))

SCRIPT_VERB(do_full, "full|free")
{
    struct buyers *buyers = &w->engine->buyers;
    struct hold_slots *slots = &w->engine->holds;
    static uint32_t fresh;
    bool full = strcmp(line->words[0], "full") == 0;
    if (script_has(line, "slots")) {
        fresh = full ? slots->fresh : fresh;
        slots->fresh = full ? slots->max : fresh;
        return;
    }
    for (uint32_t i = 0; i < buyers->size; i++) /* one place per unknown buyer */
        buyers->entries[i] = full ? (uint64_t)(i + 1) << 17 | 1 : 0;
}

/* ---- changes that do not fit ---- */

SCRIPT_VERB(do_import, "import")
{
    change_init(&next_op()->change, CHANGE_IMPORTED, w->now_ms);
    memcpy(w->op->change.plan_hash, plan_hash(w->plan), sizeof(w->op->change.plan_hash));
    assert_int_equal(engine_apply(w->follower, &w->op->change, NULL), 0);
}

static void put_seats(struct change *change, const struct list *add, const struct list *remove)
{
    change->add_count = (uint16_t)add->count;
    change->remove_count = (uint16_t)remove->count;
    memcpy(change->seats, add->seats, add->count * sizeof(add->seats[0]));
    memcpy(change->seats + add->count, remove->seats, remove->count * sizeof(add->seats[0]));
}

SCRIPT_VERB(do_wrong, "wrong")
{
    struct change wrong = w->op->change;
    struct err_slot err = {.text = ""};
    uint64_t before = engine_state_hash(w->follower);
    const char *says = strstr(line->text, " says "), *hold = script_value(line, "hold");
    struct list add = {.count = wrong.add_count}, remove = {.count = wrong.remove_count};
    memcpy(add.seats, wrong.seats, add.count * sizeof(add.seats[0]));
    memcpy(remove.seats, wrong.seats + add.count, remove.count * sizeof(add.seats[0]));
    if (script_value(line, "add") != NULL)
        add = list_of(script_value(line, "add"));
    if (script_value(line, "remove") != NULL)
        remove = list_of(script_value(line, "remove"));
    put_seats(&wrong, &add, &remove);
    wrong.quantity = (uint32_t)script_value_or(line, "quantity", wrong.quantity);
    wrong.area = (uint16_t)script_value_or(line, "area", wrong.area);
    wrong.price_list = (uint16_t)script_value_or(line, "list", wrong.price_list);
    if (script_value(line, "category") != NULL)
        wrong.categories = UINT64_C(1) << script_value_or(line, "category", 0);
    wrong.plan_hash[CHANGE_HASH_BYTES - 1] ^= (uint8_t)script_value_or(line, "plan", 0);
    if (hold != NULL && strcmp(hold, "later") == 0) /* a later life of its slot */
        wrong.hold += UINT64_C(1) << 24;
    else if (hold != NULL && strcmp(hold, "beyond") == 0) /* a slot beyond any hall's */
        wrong.hold |= 0xffffff;
    else if (hold != NULL && strcmp(hold, "none") == 0)
        wrong.hold &= ~UINT64_C(0xffffff);
    else if (hold != NULL)
        wrong.hold =
            engine_script_hold(hold[0]) + ((uint64_t)script_value_or(line, "lives", 0) << 24);
    int rc = engine_apply(w->follower, &wrong, &err);
    assert_non_null(says);
    if (rc != ERR_STATE || strstr(err.text, says + strlen(" says ")) == NULL)
        fail_msg("%s: \"%s\": it is %d, \"%s\"", line->row, line->text, rc, err.text);
    assert_int_equal(engine_state_hash(w->follower), before);
}

/* ---- what is expected ---- */

SCRIPT_VERB(do_seats, "seats")
{
    char text[1024];
    const char *want = script_word(line, 1);
    script_expect_text(line, want, test_states(w->engine, (uint32_t)strlen(want), text));
}

/* FIELD VALUE ..., starting at word `from`. */
static void expect_pairs(const struct script_line *line, unsigned from,
                         const struct script_field *fields)
{
    for (unsigned at = from; at < line->len; at += 2)
        script_expect_field(line, at, fields);
}

SCRIPT_VERB(do_op, "op")
{
    static const char *const verdicts[] = {"none", "confirmed", "retaken"};
    const struct change *change = &w->op->change;
    const struct script_field fields[SCRIPT_FIELDS] = {
        SCRIPT_TEXT("kind", change_kind_name(change->kind)),
        SCRIPT_TEXT("verdict", verdicts[change->verdict]),
        SCRIPT_TEXT("flags", flags_of(change->flags)),
        SCRIPT_TEXT("seats", text_of(change->seats, change->add_count)),
        SCRIPT_TEXT("lost", text_of(w->op->lost, w->op->lost_count)),
        SCRIPT_NUMBER("total", change->total),
        SCRIPT_NUMBER("expires", us_of(change->expires_ms)),
        SCRIPT_NUMBER("seat", w->op->seat),
        SCRIPT_NUMBER("limit", w->op->limit),
        SCRIPT_NUMBER("has", w->op->has),
        SCRIPT_NUMBER("price", w->op->price),
        SCRIPT_NUMBER("opens", us_of(w->op->opens_ms)),
    };
    expect_pairs(line, 1, fields);
}

SCRIPT_VERB(do_read, "read")
{
    static const char *const states[] = {"open", "sold", "expired"};
    struct engine_hold_view view = {.state = ENGINE_HOLD_OPEN};
    enum engine_verdict verdict = engine_hold_read(w->engine, *named(line, 1), &view);
    bool refused = line->len == 4 && strcmp(line->words[2], "->") == 0;
    script_expect_text(line, refused ? line->words[3] : "ok", engine_verdict_name(verdict));
    const struct script_field fields[SCRIPT_FIELDS] = {
        SCRIPT_TEXT("state", states[view.state]),
        SCRIPT_TEXT("seats", text_of(view.seats, view.seat_count)),
        SCRIPT_TEXT("order", view.order_hash != 0 ? "yes" : "no"),
        SCRIPT_NUMBER("version", view.version),
        SCRIPT_NUMBER("buyer", view.buyer),
        SCRIPT_NUMBER("session", view.session),
        SCRIPT_NUMBER("expires", us_of(view.expires_ms)),
        SCRIPT_NUMBER("hard-end", us_of(view.hard_end_ms)),
        SCRIPT_NUMBER("total", view.total),
        SCRIPT_NUMBER("list", view.price_list),
        SCRIPT_NUMBER("area", view.area),
        SCRIPT_NUMBER("quantity", view.quantity),
        SCRIPT_TEXT("purchase", purchase_name(view.purchase)),
    };
    if (!refused)
        expect_pairs(line, 2, fields);
}

SCRIPT_VERB(do_holder, "holder")
{
    uint64_t hold = engine_seat(w->engine, (uint32_t)script_number_at(line, 1)).hold;
    if (hold != (strcmp(script_word(line, 2), "-") == 0 ? 0 : *named(line, 2)))
        fail_msg("%s: \"%s\": it is %llx", line->row, line->text, (unsigned long long)hold);
}

SCRIPT_VERB(do_area, "area")
{
    struct engine_area area = engine_area(w->engine, 0);
    const struct script_field fields[SCRIPT_FIELDS] = {
        SCRIPT_NUMBER("free", area.free),
        SCRIPT_NUMBER("held", area.held),
        SCRIPT_NUMBER("sold", area.sold),
        SCRIPT_NUMBER("blocked", area.blocked),
    };
    expect_pairs(line, 1, fields);
}

SCRIPT_VERB(do_buyer, "buyer")
{
    uint64_t buyer = script_number_at(line, 1);
    script_expect(line, script_word(line, 2), buyers_count(&w->engine->buyers, buyer));
}

/* The seats' states in the order of the drawing; runs of more than eight are written with their
 * length. */
static const char *drawn(const char *states)
{
    static char text[TEXT_MAX];
    char *out = text;
    uint32_t seat = 0;
    for (unsigned row = 0; row < w->rows; row++) {
        if (row > 0)
            *out++ = '/';
        while (seat < w->row_ends[row]) {
            uint32_t len = 1;
            while (seat + len < w->row_ends[row] && states[seat + len] == states[seat])
                len++;
            if (len > 8)
                out += sprintf(out, "(%u)%c", len, states[seat]);
            else
                out += sprintf(out, "%.*s", (int)len, states + seat);
            seat += len;
        }
    }
    *out = '\0';
    return text;
}

SCRIPT_VERB(do_found, "adjacent|any|propose")
{
    const char *category = script_value(line, "category"), *want = script_word(line, 2);
    bool any = category != NULL && strcmp(category, "any") == 0;
    bool proposes = strcmp(line->words[0], "propose") == 0;
    struct engine_ask ask = test_ask_best(1, 0, (uint32_t)script_number_at(line, 1),
                                          strcmp(line->words[0], "any") != 0);
    struct engine_offer offer = {.count = 0};
    ask.category = any ? ENGINE_CATEGORY_ANY : (uint8_t)script_value_or(line, "category", 0);
    ask.who.access_need = script_has(line, "need");
    ask.who.channels = (uint32_t)script_value_or(line, "channels", 1);
    char states[TEXT_MAX];
    enum engine_verdict verdict =
        proposes ? engine_propose(w->engine, &ask, w->now_ms, next_op(), &offer)
                 : engine_hold(w->engine, &ask, w->now_ms, next_op());
    const char *got = engine_verdict_name(verdict);
    if (verdict == ENGINE_OK) {
        test_states(w->engine, plan_seat_count(w->plan), states);
        assert_int_equal(offer.count, proposes ? ask.quantity : 0);
        for (uint32_t i = 0; i < offer.count; i++) {
            assert_int_equal(states[offer.seats[i]], '.');
            states[offer.seats[i]] = 'h';
        }
        got = drawn(states);
    }
    if (verdict == ENGINE_OK && !proposes)
        undo((unsigned)(w->op - w->ops));
    if (strcmp(want, "*") != 0)
        script_expect_text(line, want, got);
    if (script_value(line, "flags") != NULL)
        script_expect_text(line, script_value(line, "flags"), flags_of(w->op->change.flags));
}

SCRIPT_VERB(do_offers, "offers")
{
    struct list lost = list_of(script_word(line, 1));
    struct engine_ask ask = test_ask_seats(2, lost.seats, lost.count);
    struct engine_offer offers[ALTERNATIVES_MAX];
    char states[TEXT_MAX];
    uint32_t searched;
    uint32_t len = engine_alternatives(w->engine, &ask, w->now_ms, offers, &searched);
    test_states(w->engine, plan_seat_count(w->plan), states);
    for (uint32_t i = 0; i < len; i++) {
        assert_int_equal(offers[i].count, lost.count);
        for (uint32_t j = 0; j < lost.count; j++) {
            assert_int_equal(states[offers[i].seats[j]], '.'); /* free, and in no other offer */
            states[offers[i].seats[j]] = (char)('1' + i);
        }
    }
    script_expect_text(line, script_word(line, 2), drawn(states));
}

/* ---- pictures ---- */

static uint64_t number_at(void *ctx)
{
    return *(const uint64_t *)ctx;
}

SCRIPT_VERB(do_publish, "publish")
{
    uint64_t version = script_number_at(line, 1);
    uint64_t latest = script_value_or(line, "latest", 0);
    version = engine_publish(w->engine, version, latest != 0 ? number_at : NULL, &latest);
    assert_int_equal(version, engine_avail_version(w->engine));
}

SCRIPT_DOES("version", script_expect(line, script_word(line, 1), engine_avail_version(w->engine)))

SCRIPT_VERB(do_picture, "picture")
{
    const char *want = script_word(line, 1);
    uint8_t bytes[PLAN_ROW_SEATS_MAX];
    char text[PLAN_ROW_SEATS_MAX + 1] = "";
    size_t len = strlen(want);
    assert_int_equal(len, plan_seat_count(w->plan));
    memset(bytes, 0xee, sizeof(bytes));
    assert_int_equal(engine_avail_copy(w->engine, bytes), engine_avail_version(w->engine));
    for (size_t i = 0; i < len; i++)
        text[i] = ".hs#"[bytes[i / 4] >> (i % 4 * 2) & 3];
    script_expect_text(line, want, text);
    assert_int_equal(bytes[(len + 3) / 4], 0xee);
}

SCRIPT_VERB(do_counts, "counts")
{
    struct engine_count counts[PLAN_CATEGORIES_MAX];
    assert_int_equal(engine_counts(w->engine, counts), engine_avail_version(w->engine));
    const struct engine_count *count = &counts[script_number_at(line, 1)];
    script_expect(line, script_word(line, 2), count->free);
    script_expect(line, script_word(line, 3), count->held);
    script_expect(line, script_word(line, 4), count->sold);
    script_expect(line, script_word(line, 5), count->blocked);
}

SCRIPT_VERB(do_since, "since")
{
    struct engine_delta deltas[PLAN_ROW_SEATS_MAX];
    char want[256] = "", got[256] = "";
    uint64_t version;
    uint32_t room = (uint32_t)script_value_or(line, "room", PLAN_ROW_SEATS_MAX);
    int count = engine_avail_since(w->engine, script_number_at(line, 1), deltas, room, &version);
    assert_int_equal(version, engine_avail_version(w->engine));
    for (int i = 0; i < count; i++)
        snprintf(got + strlen(got), sizeof(got) - strlen(got), "%u=%c ", deltas[i].seat,
                 ".hs#"[deltas[i].state]);
    for (unsigned i = 2; i < line->len; i++)
        if (strncmp(line->words[i], "room=", 5) != 0)
            snprintf(want + strlen(want), sizeof(want) - strlen(want), "%s ", line->words[i]);
    script_expect_text(line, want, count < 0 ? "behind " : count == 0 ? "none " : got);
}

/* Runs the rest of the statement. */
SCRIPT_VERB(do_prefixed, "begin|try")
{
    struct script_line rest = *line;
    memmove(rest.words, rest.words + 1, (rest.len - 1) * sizeof(rest.words[0]));
    rest.len--;
    w->keep = strcmp(line->words[0], "begin") == 0;
    w->drop = !w->keep;
    script_call(&rest, script_verbs);
    w->keep = w->drop = false;
}

const struct script_verb *engine_script_verbs(void)
{
    return script_verbs;
}

uint64_t engine_script_hold(char name)
{
    return w->holds[name - 'a'];
}

void engine_script(const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    assert_in_range(len, 1, sizeof(text) - 1);
    script_run(&(struct script_row){text, text}, script_verbs);
}
