/* letters_test.c: what leaves the service as text: mails, QR codes, arrays for the database. */
#include "base/grow.h"
#include "core/checkout/seat_names.h"
#include "letters/mail.h"
#include "letters/mail_page.h"
#include "web/qr.h"
#include "web/site.h"
#include "wording.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static void an_address_that_could_end_a_line_is_refused(void **state)
{
    (void)state;
    assert_true(mail_address_is_sane(SPAN("a@b.example")));
    assert_true(mail_address_is_sane(SPAN("a.b+c@d-e.example")));
    static const char *const bad[] = {
        "",     "a",       "@b",      "a@",      "a@b\r\nBcc: c@d", "a b@c",          "a@b>",
        "<a@b", "a@b,c@d", "a@b;c@d", "\"a\"@b", "a@b\n",           "\xEA\xB0\x80@b",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(mail_address_is_sane(span_of(bad[i])));
}

static struct mail a_mail(const struct phrases *words)
{
    return (struct mail){.kind = "completed",
                         .words = words,
                         .from = SPAN("tickets@example.com"),
                         .to = SPAN("buyer@example.com"),
                         .order = SPAN("o_1"),
                         .event = SPAN("gala"),
                         .currency = SPAN("KRW"),
                         .public_url = SPAN("https://tickets.example"),
                         .amount = 154000,
                         .seats = 2,
                         .now_s = 1800000000};
}

static struct phrases *korean(void)
{
    struct phrases *words;
    assert_int_equal(
        phrases_parse(
            SPAN("told.mail.completed.subject = 예매하신 모든 티켓이 지금 막 발권되었습니다\n"
                 "told.mail.completed.text = 티켓을 확인해 주세요.\n"
                 "seat.name = {0} {1}열 {2}번\n"
                 "order.seats = 좌석\n"
                 "order.amount = 금액\n"
                 "order.number = 주문 번호\n"
                 "money.won = {0}원\n"
                 "time.form = %Y년 %-m월 %-d일({0}) %H:%M ({1})\n"
                 "time.days = 일 월 화 수 목 금 토\n"),
            NULL, &words),
        0);
    return words;
}

static bool has_header(const struct mail_text *text, const char *wanted)
{
    for (const char *const *header = text->headers; *header != NULL; header++) {
        if (strcmp(*header, wanted) == 0)
            return true;
    }
    return false;
}

static void a_mail_has_short_lines_and_one_recipient(void **state)
{
    (void)state;
    static struct mail_text text;
    struct phrases *words = korean();
    struct mail mail = a_mail(words);
    assert_int_equal(mail_write(&mail, NULL, &text), 0);
    phrases_destroy(words);
    assert_true(has_header(&text, "To: <buyer@example.com>"));
    assert_true(has_header(&text, "Message-ID: <o_1.completed@fairgate>"));
    assert_true(has_header(&text, "Date: Fri, 15 Jan 2027 08:00:00 +0000"));
    /* Several encoded words, cut between characters. */
    assert_true(has_header(&text,
                           "Subject: =?UTF-8?B?7JiI66ek7ZWY7IugIOuqqOuToCDti7DsvJPsnbQg7KeA6riIIA=="
                           "?=\r\n =?UTF-8?B?66eJIOuwnOq2jOuQmOyXiOyKteuLiOuLpDogZ2FsYQ==?="));
    for (const char *const *header = text.headers; *header != NULL; header++) {
        const char *line = *header;
        for (const char *end; (end = strstr(line, "\r\n")) != NULL; line = end + 2)
            assert_true(end - line <= 76);
        assert_true(strlen(line) <= 76);
    }
}

/* Names of events come from elsewhere: bytes that are no UTF-8 take the room of characters. */
static void a_subject_of_broken_characters_comes_to_an_end(void **state)
{
    (void)state;
    static struct mail_text text;
    struct phrases *words;
    char event[101];
    memset(event, '\x80', sizeof(event) - 1);
    event[sizeof(event) - 1] = '\0';
    assert_int_equal(phrases_parse(SPAN("told.mail.completed.subject = \n"
                                        "told.mail.completed.text = Tickets\n"),
                                   NULL, &words),
                     0);
    struct mail mail = a_mail(words);
    mail.event = span_of(event);
    assert_int_equal(mail_write(&mail, NULL, &text), 0);
    assert_null(strstr(text.subject, "?B?"
                                     "?="));
    phrases_destroy(words);
}

static void assert_body(const struct mail *mail, const char *wanted)
{
    static struct mail_text text;
    assert_int_equal(mail_write(mail, NULL, &text), 0);
    assert_int_equal(text.body.len, strlen(wanted));
    assert_memory_equal(text.body.ptr, wanted, text.body.len);
}

static void mail_lists_the_purchase_and_its_sum(void **state)
{
    (void)state;
    struct phrases *words = korean();
    struct mail mail = a_mail(words);
    mail.places = SPAN("1층\tA\t7\n스탠딩");
    assert_body(&mail, "티켓을 확인해 주세요.\n\nhttps://tickets.example/pay/tickets/o_1\n\n"
                       "gala\n- 1층 A열 7번\n- 스탠딩\n금액: 154,000원\n주문 번호: o_1\n");
    mail.places = SPAN("");
    mail.currency = SPAN("EUR");
    assert_body(&mail, "티켓을 확인해 주세요.\n\nhttps://tickets.example/pay/tickets/o_1\n\n"
                       "gala\n좌석: 2\n금액: EUR 1,540.00\n주문 번호: o_1\n");
    phrases_destroy(words);
}

static void assert_time(const struct phrases *words, const char *zone, const char *at,
                        const char *wanted)
{
    char memory[256];
    struct text out = text_on(memory, sizeof(memory));
    assert_true(wording_zone_exists(zone));
    assert_int_equal(wording_settle_zone(zone, NULL), 0);
    wording_put_time(&out, words, span_of(at));
    text_char(&out, '\0');
    assert_string_equal(memory, wanted);
    assert_int_equal(wording_settle_zone("UTC", NULL), 0);
}

static void mail_shows_the_time_in_the_zone_of_the_event(void **state)
{
    (void)state;
    struct phrases *words = korean(), *english;
    struct mail mail = a_mail(words);
    mail.starts_at = SPAN("2027-05-01T16:30:00.000Z");
    assert_int_equal(wording_settle_zone("Asia/Seoul", NULL), 0);
    assert_body(&mail, "티켓을 확인해 주세요.\n\nhttps://tickets.example/pay/tickets/o_1\n\n"
                       "gala\n2027년 5월 2일(일) 01:30 (KST)\n좌석: 2\n금액: 154,000원\n"
                       "주문 번호: o_1\n");
    assert_int_equal(
        phrases_parse(
            SPAN("time.form = {0}, %-d %B %Y, %H:%M ({1})\n"
                 "time.days = Sunday Monday Tuesday Wednesday Thursday Friday Saturday\n"),
            NULL, &english),
        0);
    assert_time(english, "UTC", "2027-05-01T16:30:00.000Z", "Saturday, 1 May 2027, 16:30 (UTC)");
    assert_time(english, "Asia/Almaty", "2027-05-01T16:30:00.000Z",
                "Saturday, 1 May 2027, 21:30 (UTC+05)");
    assert_time(english, "Europe/Berlin", "2027-10-31T00:59:00.000Z",
                "Sunday, 31 October 2027, 02:59 (CEST)");
    assert_time(english, "Europe/Berlin", "2027-10-31T01:00:00.000Z",
                "Sunday, 31 October 2027, 02:00 (CET)");
    assert_time(english, "UTC", "soon", "soon");
    phrases_destroy(words);
    phrases_destroy(english);
}

static void unknown_time_zone_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "Asia", "Asia/Busan", "/etc/passwd", "../../../etc/passwd", "Asia/Seoul:x"};
    assert_true(wording_zone_exists("Asia/Seoul"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(wording_zone_exists(bad[i]));
}

static void money_is_written_as_its_readers_do(void **state)
{
    (void)state;
    static const struct {
        const char *currency, *wanted;
        uint64_t amount;
    } rows[] = {{"KRW", "1,540,000원", 1540000},
                {"KRW", "0원", 0},
                {"JPY", "JPY 999", 999},
                {"EUR", "EUR 0.05", 5},
                {"USD", "USD 1,000.00", 100000}};
    struct phrases *words = korean();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char memory[64] = "";
        struct text out = text_on(memory, sizeof(memory) - 1);
        wording_put_money(&out, words, rows[i].amount, span_of(rows[i].currency));
        text_char(&out, '\0');
        assert_string_equal(memory, rows[i].wanted);
    }
    phrases_destroy(words);
}

static void mail_without_a_valid_address_is_not_written(void **state)
{
    (void)state;
    static struct mail_text text;
    struct phrases *words = korean();
    struct mail mail = a_mail(words);
    mail.to = SPAN("buyer@example.com>\r\nBcc: <x@y");
    assert_int_equal(mail_write(&mail, NULL, &text), ERR_RANGE);
    mail = a_mail(words);
    mail.kind = "advertisement";
    assert_int_equal(mail_write(&mail, NULL, &text), ERR_RANGE);
    phrases_destroy(words);
}

/* A line for each place: of very many the page is longer than any mail, its text is not. */
static void a_mail_whose_page_is_too_long_goes_as_text(void **state)
{
    (void)state;
    static struct mail_text text;
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
    struct mail mail = a_mail(site_phrases(site, LANG_OF_READERS));
    mail.page = page;
    mail.lang = LANG_OF_READERS;
    mail.house = "";
    assert_int_equal(mail_write(&mail, NULL, &text), 0);
    assert_true(text.html.len > 0);
    mail.places = span_of(lines);
    assert_int_equal(mail_write(&mail, NULL, &text), 0);
    assert_int_equal(text.html.len, 0);
    assert_true(text.body.len > 4000);
    filled_page_destroy(page);
    site_destroy(site);
}

static void a_contact_is_shown_without_scheme_and_subject(void **state)
{
    (void)state;
    static const char *const shown[][2] = {{"mailto:help@shop.example", "help@shop.example"},
                                           {"mailto:a@b?subject=Tickets", "a@b"},
                                           {"tel:+82-2-123", "+82-2-123"},
                                           {"https://a.example/?x=1", "https://a.example/?x=1"}};
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
        assert_true(span_eq(mail_page_contact(span_of(shown[i][0])), span_of(shown[i][1])));
}

static void a_qr_code_is_one_path_in_a_square(void **state)
{
    (void)state;
    static char memory[65536];
    struct text text = text_on(memory, sizeof(memory) - 1);
    assert_int_equal(qr_svg(SPAN("FGT1.abc.def"), NULL, &text), 0);
    memory[text.len] = '\0';
    assert_int_equal(strncmp(memory, "<svg ", 5), 0);
    /* Version 1 has 21 modules and 4 of quiet on each side; the corner's mark is 7 wide. */
    assert_non_null(strstr(memory, "viewBox=\"0 0 29 29\""));
    assert_non_null(strstr(memory, "M4 4h7v1h-7z"));
    char small[64];
    text = text_on(small, sizeof(small));
    assert_int_equal(qr_svg(SPAN("x"), NULL, &text), ERR_FULL);
}

static void arrays_quote_what_is_special_to_the_database(void **state)
{
    (void)state;
    struct grow grow = {0};
    grow_array_open(&grow);
    grow_array_text(&grow, SPAN("a\"b\\c,{d}"));
    grow_array_text(&grow, SPAN(""));
    grow_array_text(&grow, SPAN("NULL"));
    grow_array_close(&grow);
    assert_string_equal(grow_cstr(&grow), "{\"a\\\"b\\\\c,{d}\",NULL,\"NULL\"}");
    grow_array_open(&grow);
    grow_array_i64(&grow, -5);
    grow_array_i64(&grow, INT64_MAX);
    grow_array_close(&grow);
    assert_string_equal(grow_cstr(&grow), "{-5,9223372036854775807}");
    grow_free(&grow);
}

/* ---- what people call their seats ---- */

static void places_keep_their_words_and_cut_no_letter_in_two(void **state)
{
    (void)state;
    static struct seat_names places;
    json_t *hold = json_pack("{s:s, s:s, s:[{s:s, s:s, s:s, s:s}]}", "event_name", "\"Gala\"",
                             "starts_at", "2027-05-01T10:00:00.000Z", "places", "id", "A-1", "zone",
                             "1\xEC\xB8\xB5", "row", "", "number", "7");
    seat_names_read(hold, &places);
    json_decref(hold);
    assert_string_equal("\"Gala\"", places.name);
    assert_string_equal("2027-05-01T10:00:00.000Z", places.starts_at);
    assert_string_equal("[{\"id\":\"A-1\",\"zone\":\"1\xEC\xB8\xB5\",\"row\":\"\","
                        "\"number\":\"7\",\"category\":\"\"}]",
                        places.json);

    char longest[3 * 200 + 1] = "";
    for (int i = 0; i < 200; i++)
        memcpy(longest + 3 * (size_t)i, "\xEC\xB8\xB5", 4);
    hold = json_pack("{s:s, s:s}", "event_name", longest, "starts_at", "soon");
    seat_names_read(hold, &places);
    json_decref(hold);
    assert_int_equal(strlen(places.name), (SEAT_NAMES_EVENT_MAX - 1) / 3 * 3);
    assert_string_equal("", places.starts_at);
    assert_string_equal("[]", places.json);
    seat_names_read(NULL, &places);
    assert_string_equal("", places.name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_that_could_end_a_line_is_refused),
        cmocka_unit_test(a_mail_has_short_lines_and_one_recipient),
        cmocka_unit_test(a_subject_of_broken_characters_comes_to_an_end),
        cmocka_unit_test(mail_lists_the_purchase_and_its_sum),
        cmocka_unit_test(mail_shows_the_time_in_the_zone_of_the_event),
        cmocka_unit_test(unknown_time_zone_is_refused),
        cmocka_unit_test(money_is_written_as_its_readers_do),
        cmocka_unit_test(mail_without_a_valid_address_is_not_written),
        cmocka_unit_test(a_mail_whose_page_is_too_long_goes_as_text),
        cmocka_unit_test(a_contact_is_shown_without_scheme_and_subject),
        cmocka_unit_test(a_qr_code_is_one_path_in_a_square),
        cmocka_unit_test(arrays_quote_what_is_special_to_the_database),
        cmocka_unit_test(places_keep_their_words_and_cut_no_letter_in_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
