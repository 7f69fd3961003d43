/* letters_test.c: texts that leave the service: mails, money and times in words, QR codes. */
#include "core/checkout/seat_names.h"
#include "letters/mail.h"
#include "number.h"
#include "page/wording.h"
#include "unit.h"
#include "web/qr.h"
#include "web/site.h"

#define DAYS "Sunday Monday Tuesday Wednesday Thursday Friday Saturday\n"

static struct phrases *korean, *english, *empty; /* shared by all tests */

static struct phrases *phrases_of(const char *text)
{
    struct phrases *words;
    assert_int_equal(phrases_parse(span_of(text), NULL, &words), 0);
    return words;
}

static const struct show unsaid;

static struct mail mail_of(const struct phrases *words)
{
    return (struct mail){.kind = "completed",
                         .id = 7,
                         .words = words,
                         .from = SPAN("tickets@example.com"),
                         .to = SPAN("buyer@example.com"),
                         .order = SPAN("o_1"),
                         .event = SPAN("gala"),
                         .currency = SPAN("KRW"),
                         .show = &unsaid,
                         .public_url = SPAN("https://tickets.example"),
                         .amount = 154000,
                         .seats = 2,
                         .now_s = 1800000000};
}

static const struct mail_text *written(const struct mail *mail)
{
    static struct mail_text text;
    assert_int_equal(mail_write(mail, &text), 0);
    return &text;
}

TEST_CASE(mail_goes_to_one_valid_address)
{
    static const char *const bad[] = {
        "",     "a",       "@b",      "a@",      "a@b\r\nBcc: c@d", "a b@c",          "a@b>",
        "<a@b", "a@b,c@d", "a@b;c@d", "\"a\"@b", "a@b\n",           "\xEA\xB0\x80@b",
    };
    static struct mail_text text;
    assert_true(mail_address_is_sane(SPAN("a@b.example")));
    assert_true(mail_address_is_sane(SPAN("a.b+c@d-e.example")));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(mail_address_is_sane(span_of(bad[i])));
    struct mail mail = mail_of(korean);
    mail.to = SPAN("buyer@example.com>\r\nBcc: <x@y");
    assert_int_equal(mail_write(&mail, &text), ERR_RANGE);
    mail = mail_of(korean);
    mail.kind = "advertisement";
    assert_int_equal(mail_write(&mail, &text), ERR_RANGE);
}

/* A long subject is several encoded words, cut between characters. */
TEST_CASE(headers_of_a_mail_are_short_lines)
{
    static const char *const wanted[] = {
        "To: <buyer@example.com>", "Message-ID: <o_1.completed@7.fairgate>",
        "Date: Fri, 15 Jan 2027 08:00:00 +0000",
        "Subject: =?UTF-8?B?7JiI66ek7ZWY7IugIOuqqOuToCDti7DsvJPsnbQg7KeA6riIIA==?=\r\n"
        " =?UTF-8?B?66eJIOuwnOq2jOuQmOyXiOyKteuLiOuLpDogZ2FsYQ==?="};
    struct mail mail = mail_of(korean);
    const struct mail_text *text = written(&mail);
    unsigned found = 0;
    for (const char *const *header = text->headers; *header != NULL; header++) {
        for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
            found += strcmp(*header, wanted[i]) == 0;
        const char *line = *header;
        for (const char *end; (end = strstr(line, "\r\n")) != NULL; line = end + 2)
            assert_true(end - line <= 76);
        assert_true(strlen(line) <= 76);
    }
    assert_int_equal(found, sizeof(wanted) / sizeof(wanted[0]));
    /* Invalid UTF-8 bytes of an event's name count as characters. */
    char event[101];
    memset(event, '\x80', sizeof(event) - 1);
    event[sizeof(event) - 1] = '\0';
    mail = mail_of(empty);
    mail.event = span_of(event);
    assert_null(strstr(written(&mail)->subject, "?B?"
                                                "?="));
}

#define BODY(LINES)                                                                                \
    "티켓을 확인해 주세요.\n\nhttps://tickets.example/pay/tickets/o_1\n\ngala\n" LINES

TEST_CASE(mail_lists_the_purchase_its_sum_and_its_time)
{
    static const struct show night = {.starts_ms = 1809189000000};
    static const struct {
        const char *places, *currency;
        const struct show *show;
        const char *body;
    } rows[] = {
        {"1층\tA\t7\n스탠딩\nParkett\tB\t8\tStuhl 8", "KRW", &unsaid,
         BODY("- 1층 A열 7번\n- 스탠딩\n- Parkett B열 Stuhl 8\n금액: 154,000원\n주문 번호: "
              "1P-ENQ-XS1\n")},
        {"", "EUR", &unsaid, BODY("좌석: 2\n금액: EUR 1,540.00\n주문 번호: 1P-ENQ-XS1\n")},
        {"", "KRW", &night,
         BODY("2027년 5월 2일 (일) 01:30\n좌석: 2\n금액: 154,000원\n주문 번호: 1P-ENQ-XS1\n")},
    };
    assert_int_equal(wording_settle_zone("Asia/Seoul", NULL), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mail mail = mail_of(korean);
        mail.places = span_of(rows[i].places);
        mail.currency = span_of(rows[i].currency);
        mail.show = rows[i].show;
        assert_span(written(&mail)->body, rows[i].body);
    }
    assert_int_equal(wording_settle_zone("UTC", NULL), 0);
}

#define VOID(FIRST) FIRST "\n\nhttps://tickets.example/pay/tickets/o_1\n\ngala\n좌석: 2\n"

TEST_CASE(mail_about_a_void_ticket_links_to_it_and_gives_the_reason)
{
    for (int off = 0; off < 2; off++) {
        struct mail mail = mail_of(korean);
        mail.kind = off ? "revoked" : "revoked-2";
        mail.off = off;
        assert_span(written(&mail)->body, off ? VOID("취소") : VOID("무효"));
    }
}

TEST_CASE(times_are_in_the_zone_of_the_event)
{
    static const struct {
        const char *zone, *there, *at, *wanted; /* `there`: the show's zone, which counts */
    } rows[] = {
        {"UTC", "", "2027-05-01T16:30:00.000Z", "Saturday, 1 May 2027, 16:30 (UTC)"},
        {"UTC", "Asia/Seoul", "2027-05-01T16:30:00.000Z", "Sunday, 2 May 2027, 01:30 (KST)"},
        {"Asia/Almaty", "", "2027-05-01T16:30:00.000Z", "Saturday, 1 May 2027, 21:30 (UTC+05)"},
        {"Europe/Berlin", "", "2027-10-31T00:59:00.000Z", "Sunday, 31 October 2027, 02:59 (CEST)"},
        {"Europe/Berlin", "", "2027-10-31T01:00:00.000Z", "Sunday, 31 October 2027, 02:00 (CET)"},
        {"UTC", "", "soon", "soon"},
    };
    static const char *const unknown[] = {
        "", "Asia", "Asia/Busan", "/etc/passwd", "../../../etc/passwd", "Asia/Seoul:x"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char memory[256] = "";
        struct text out = text_on(memory, sizeof(memory) - 1);
        assert_int_equal(wording_settle_zone(rows[i].zone, NULL), 0);
        struct show show = {.starts_ms = 0};
        snprintf(show.time_zone, sizeof(show.time_zone), "%s", rows[i].there);
        wording_put_time(&out, english, &show, span_of(rows[i].at));
        assert_span(text_span(&out), rows[i].wanted);
    }
    assert_int_equal(wording_settle_zone("UTC", NULL), 0);
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        assert_int_equal(wording_settle_zone(unknown[i], NULL), ERR_RANGE);
}

TEST_CASE(money_has_the_format_of_its_currency)
{
    static const struct {
        const char *currency, *wanted;
        uint64_t amount;
    } rows[] = {{"KRW", "1,540,000원", 1540000},  {"KRW", "0원", 0},
                {"JPY", "JPY 999", 999},          {"EUR", "EUR 0.05", 5},
                {"USD", "USD 1,000.00", 100000},  {"CLP", "CLP 15,000", 15000},
                {"KWD", "KWD 1,234.567", 1234567}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char memory[64] = "";
        struct text out = text_on(memory, sizeof(memory) - 1);
        wording_put_money(&out, korean, rows[i].amount, span_of(rows[i].currency));
        assert_span(text_span(&out), rows[i].wanted);
    }
}

/* Each place has a line. Of very many places the page is longer than any mail, its text is not. */
TEST_CASE(mail_with_a_too_long_page_is_sent_as_text)
{
    static char lines[2 * 1000 + 1];
    for (size_t i = 0; i + 1 < sizeof(lines); i += 2)
        memcpy(lines + i, "A\n", 2);
    const struct site_conf conf = {.root = "/pay/-",
                                   .words =
                                       {
#include "payment-adapter/web/text.words.inc"
                                       },
                                   .service = "payment-adapter",
                                   .kept = "told."};
    struct site *site;
    struct filled_page *page;
    assert_int_equal(site_create(&conf, NULL, &site), 0);
    assert_int_equal(mail_page_create(site, NULL, &page), 0);
    struct mail mail = mail_of(site_phrases(site, LANG_OF_READERS));
    mail.page = page;
    mail.lang = LANG_OF_READERS;
    mail.company = "";
    assert_true(written(&mail)->html.len > 0);
    mail.places = span_of(lines);
    assert_int_equal(written(&mail)->html.len, 0);
    assert_true(written(&mail)->body.len > 4000);
    filled_page_destroy(page);
    site_destroy(site);
}

TEST_CASE(contact_is_shown_without_scheme_and_subject)
{
    static const char *const shown[][2] = {{"mailto:help@shop.example", "help@shop.example"},
                                           {"mailto:a@b?subject=Tickets", "a@b"},
                                           {"tel:+82-2-123", "+82-2-123"},
                                           {"https://a.example/?x=1", "https://a.example/?x=1"}};
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
        assert_span(mail_page_contact(span_of(shown[i][0])), shown[i][1]);
}

TEST_CASE(qr_code_is_one_path_in_a_square)
{
    static char memory[65536];
    char small[64];
    struct text text = text_on(memory, sizeof(memory) - 1), too_small = text_on(small, 64);
    assert_int_equal(qr_svg(SPAN("FGT1.abc.def"), NULL, &text), 0);
    assert_int_equal(strncmp(memory, "<svg ", 5), 0);
    /* Version 1 has 21 modules and 4 of quiet on each side; the corner's mark is 7 wide. */
    assert_non_null(strstr(memory, "viewBox=\"0 0 29 29\""));
    assert_non_null(strstr(memory, "M4 4h7v1h-7z"));
    assert_int_equal(qr_svg(SPAN("x"), NULL, &too_small), ERR_FULL);
}

TEST_CASE(names_of_places_are_copied_and_cut_between_characters)
{
    static struct seat_names names;
    char longest[3 * 200 + 1] = "";
    for (int i = 0; i < 200; i++)
        memcpy(longest + 3 * (size_t)i, "\xEC\xB8\xB5", 4);
    json_t *hold = json_pack("{s:s, s:s, s:[{s:s, s:s, s:s, s:s, s:s}]}", "event_name", "\"Gala\"",
                             "starts_at", "2027-05-01T10:00:00.000Z", "places", "id", "A-1", "zone",
                             "1\xEC\xB8\xB5", "row", "", "number", "7", "label", "Stuhl 7");
    json_t *cut = json_pack("{s:s, s:s, s:[{s:s}]}", "event_name", longest, "starts_at", "soon",
                            "places", "zone", longest);
    seat_names_read(hold, &names);
    assert_string_equal("\"Gala\"", names.name);
    assert_string_equal("{\"starts_at\":\"2027-05-01T10:00:00.000Z\"}", names.show);
    assert_string_equal("[{\"id\":\"A-1\",\"zone\":\"1\xEC\xB8\xB5\",\"row\":\"\","
                        "\"number\":\"7\",\"category\":\"\",\"label\":\"Stuhl 7\"}]",
                        names.json);
    seat_names_read(cut, &names);
    assert_int_equal(strlen(names.name), (SEAT_NAMES_EVENT_MAX - 1) / 3 * 3);
    assert_string_equal("{}", names.show);
    const char *zone = strstr(names.json, "\xEC\xB8\xB5");
    assert_int_equal(strcspn(zone, "\""), SEAT_NAMES_WORD_MAX / 3 * 3);
    seat_names_read(NULL, &names);
    assert_string_equal("", names.name);
    assert_string_equal("[]", names.json);
    json_decref(hold);
    json_decref(cut);
}

TEST_CASE(longest_names_of_a_hall_are_kept_whole)
{
    static struct seat_names names;
    char longest[4 * 128 + 1] = ""; /* as many characters as a hall's import takes */
    for (int i = 0; i < 128; i++)
        memcpy(longest + 4 * (size_t)i, "\xF0\x9F\x8E\xAD", 5);
    json_t *places = json_array();
    for (int i = 0; i < ORDER_SEATS_MAX; i++)
        json_array_append_new(places,
                              json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "zone", longest,
                                        "row", longest, "number", longest, "category", longest,
                                        "label", longest, "entrance", longest, "floor", longest));
    json_t *hold = json_pack("{s:s, s:o}", "event_name", longest, "places", places);
    seat_names_read(hold, &names);
    assert_string_equal(longest, names.name);
    assert_true(strlen(names.json) > ORDER_SEATS_MAX * 7 * strlen(longest));
    json_decref(hold);
}

TEST_CASE(number_of_an_order_is_accepted_in_any_common_spelling)
{
    static const char *const typed[] = {"K7-4M0-9Q1", "k74m09q1", "K7 4MO 9QI", " -k7-4mo9ql- "};
    static const char *const not_typed[] = {"", "K7-4M2-9Q", "K7-4M2-9QXX", "K7-4M2-9QU",
                                            "o_12345678"};
    char number[NUMBER_MAX];
    number_of(SPAN("o_1"), number);
    assert_string_equal(number, "1P-ENQ-XS1");
    for (size_t i = 0; i < sizeof(typed) / sizeof(typed[0]); i++) {
        assert_true(number_parse(span_of(typed[i]), number));
        assert_string_equal(number, "K7-4M0-9Q1");
    }
    for (size_t i = 0; i < sizeof(not_typed) / sizeof(not_typed[0]); i++)
        assert_false(number_parse(span_of(not_typed[i]), number));
}

int main(void)
{
    korean =
        phrases_of("told.mail.completed.subject = 예매하신 모든 티켓이 지금 막 발권되었습니다\n"
                   "told.mail.completed.text = 티켓을 확인해 주세요.\n"
                   "told.mail.revoked.subject = 무효\ntold.mail.revoked.text = 무효\n"
                   "told.mail.cancelled_free.subject = 취소\n"
                   "told.mail.cancelled_free.text = 취소\n"
                   "seat.name = {0} {1}열 {2}번\n"
                   "seat.labelled = {0} {1}열 {2}\n"
                   "order.seats = 좌석\n"
                   "order.amount = 금액\n"
                   "order.number = 주문 번호\n"
                   "money.won = {0}원\n"
                   "time.form = %Y년 %-m월 %-d일({0}) %H:%M ({1})\n"
                   "time.days = 일 월 화 수 목 금 토\n"
                   "show.form = %Y년 %-m월 %-d일 ({0}) %H:%M\n"
                   "show.days = 일 월 화 수 목 금 토\n");
    english = phrases_of("time.form = {0}, %-d %B %Y, %H:%M ({1})\ntime.days = " DAYS);
    empty = phrases_of("told.mail.completed.subject = \ntold.mail.completed.text = Tickets\n");
    int failed = unit_run();
    phrases_destroy(korean);
    phrases_destroy(english);
    phrases_destroy(empty);
    return failed;
}
