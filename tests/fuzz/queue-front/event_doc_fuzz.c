/* event_doc_fuzz.c: any bytes as an operator's document, and as a patch of one. An accepted
 * document can be written within its bound and reads back as the same; a refused one names a
 * rule. */
#include "../fuzz.h"
#include "core/event/event_doc.h"

static void judge(int rc, const struct event_doc_fault *fault, const struct event_doc *doc)
{
    static char first[EVENT_DOC_BYTES_MAX], second[EVENT_DOC_BYTES_MAX];
    static struct event_doc again;
    if (rc < 0) {
        assert(fault->rule[0] != '\0');
        assert(fault->pointer[0] == '\0' || fault->pointer[0] == '/');
        return;
    }
    assert(doc->session_max_s >= doc->session_ttl_s);
    struct text written = text_on(first, sizeof(first)),
                rewritten = text_on(second, sizeof(second));
    event_doc_json(&written, doc);
    assert(!written.overflown);
    struct event_doc_fault none;
    rc = event_doc_load(text_span(&written), SPAN("show"), &none, &again);
    assert(rc == 0);
    event_doc_json(&rewritten, &again);
    assert(span_eq(text_span(&written), text_span(&rewritten)));
}

static void fuzz(struct span json)
{
    static struct event_doc doc;
    struct event_doc_fault fault = {.rule = ""};
    judge(event_doc_load(json, SPAN("show"), &fault, &doc), &fault, &doc);

    static const char stored[] =
        "{\"id\":\"show\",\"name\":\"Show\",\"message\":{\"en\":\"a\"},"
        "\"schedule\":[{\"at\":\"2030-01-01T00:00:00Z\",\"rate_per_s\":1}]}";
    struct event_doc_now now = {.state = LINE_OPEN, .version = 3};
    fault = (struct event_doc_fault){.rule = ""};
    judge(event_doc_patch(SPAN(stored), json, SPAN("show"), &now, &fault, &doc), &fault, &doc);
}
