/* prices_test.c: prices as an operator writes them, and as visitors see them. Rows are JSON with '
 * for ".
 *
 *   read JSON, bad JSON    the prices of a document; a bad one is refused
 *   is JSON, shows JSON    how the stored, or the shown, text begins
 *   amount CURRENCY N TEXT */
#include "core/event/prices.h"
#include "sale/currency.h"
#include "script.h"

static struct prices prices;

static int read(const char *json)
{
    json_t *doc;
    struct err_slot err;
    char whole[4096];
    snprintf(whole, sizeof(whole), "{\"p\":%s}", script_json(json));
    assert_int_equal(0, json_in_parse(span_of(whole), &err, &doc));
    struct json_in in;
    json_in_object(&in, doc, &err);
    prices_read(&in, "p", &prices);
    int rc = json_in_end(&in);
    json_decref(doc);
    return rc;
}

SCRIPT_DOES("read", script_expect(line, "1", read(script_rest(line, 0)) == 0))
SCRIPT_DOES("bad", script_expect(line, "0", read(script_rest(line, 0)) == 0))

SCRIPT_VERB(expect, "is|shows")
{
    char memory[1024];
    struct text text = text_on(memory, sizeof(memory));
    if (strcmp(line->words[0], "is") == 0)
        prices_put(&text, &prices);
    else
        prices_show(&text, &prices);
    if (!span_starts(text_span(&text), span_of(script_json(script_rest(line, 0)))))
        fail_msg("%s: \"%s\": it is %.*s", line->row, line->text, (int)text.len, memory);
}

SCRIPT_VERB(expect_amount, "amount")
{
    char memory[32];
    struct text text = text_on(memory, sizeof(memory) - 1);
    currency_put(&text, span_of(script_word(line, 1)), script_number_at(line, 2));
    memory[text.len] = '\0';
    script_expect_text(line, script_word(line, 3), memory);
}

#define GOOD                                                                                       \
    "{'currency':'KRW','categories':{'VIP석':{'price':165000,'gone':false},"                      \
    "'S':{'price':99000,'gone':true}}}"
#define EUR(A, B, C) "{'currency':'EUR','categories':{'x':{" A "},'y':{" B "},'z':{" C "}}}"

static const struct script_row rows[] = {
    {"prices are stored as read, and shown with their range",
     "read " GOOD "; is " GOOD "; shows {'currency':'KRW','from':165000,'to':165000,"
     "'categories':[{'name':'VIP석','price':165000,'gone':false},"
     "{'name':'S','price':99000,'gone':true}]}"},
    {"the shown range is that of what is left",
     "read " EUR(
         "'price':$a", "'price':$b",
         "'price':$c") "; shows {'currency':'EUR','from':$d,'to':$e,"
                       " || 5 9 7 5 9 | 9 5 7 5 9 | 9 5,'gone':true 7 7 9 | 9,'gone':true 5 7 5 7 |"
                       "9,'gone':true 5,'gone':true 7,'gone':true null null"},
    {"prices just within the rules are accepted",
     "read {'currency':'AZA','categories':{' ':{'price':0},'~':{'price':1000000000,'gone':true}}};"
     "is {'currency':'AZA','categories':{' ':{'price':0,'gone':false},"
     "'~':{'price':1000000000,'gone':true}}}; read {'currency':'EUR','categories':{}};"
     "is {'currency':'EUR','categories':{}}"},
    {"a currency has three capital letters",
     "bad 1; bad {'categories':{}}; bad {'currency':'$a','categories':{}}"
     " || krw | KR | KRWX | KRw | K1W"},
    {"categories are an object of prices",
     "bad {'currency':'KRW'}; bad {'currency':'KRW','categories':[]};"
     "bad {'currency':'KRW','categories':{},'from':1}; bad {'currency':'','categories':{}};"
     "bad {'currency':'KRW','categories':{$a}} || 'S':5 | 'S':{} | 'S':{'price':-1} |"
     "'S':{'price':1000000001} | 'S':{'price':1,'x':1} | 'S':{'price':1,'gone':0}"},
    {"a category has a printable name without quotes",
     "bad {'currency':'KRW','categories':{'$a':{'price':1}}} || a\\u001f | a\\\\b | a\\'b | a\\nb |"
     "a\\u007f"},
    {"a category needs a name", "bad {'currency':'KRW','categories':{'':{'price':1}}}"},
    {"amounts are written by their currency",
     "amount $a $b $c || KRW 143000 143,000 | EUR 4550 45.50 | EUR 5 0.05 | KWD 1234567 1,234.567 |"
     "JPY 999 999 | USD 100000000 1,000,000.00 | JPY 1000 1,000 | BIF 1001 1,001 | XPF 7 7 |"
     "BHD 999 0.999 | TND 1000 1.000 | USD 99999 999.99 | USD 0 0.00 | KRW 0 0"},
};

static void start(void)
{
    memset(&prices, 0, sizeof(prices));
}

TEST_CASE(categories_and_their_names_are_bounded)
{
    for (unsigned over = 0; over < 2; over++) {
        char memory[2048];
        struct text text = text_on(memory, sizeof(memory) - 1);
        TEXT_LIT(&text, "{'currency':'EUR','categories':{");
        for (unsigned i = 0; i < PRICES_MAX + over; i++)
            text_printf(&text, "%s'%u':{'price':1}", i > 0 ? "," : "", i);
        TEXT_LIT(&text, "}}");
        memory[text.len] = '\0';
        assert_int_equal(read(memory) == 0, !over);
        assert_int_equal(prices.len, PRICES_MAX);
        char name[PRICE_NAME_MAX + 1];
        memset(name, 'n', sizeof(name));
        text = text_on(memory, sizeof(memory) - 1);
        text_printf(&text, "{'currency':'KRW','categories':{'%.*s':{'price':1}}}",
                    (int)(PRICE_NAME_MAX + over), name);
        memory[text.len] = '\0';
        assert_int_equal(read(memory) == 0, !over);
    }
}

SCRIPT_TESTS_IN(rows, script_verbs, start, NULL)
