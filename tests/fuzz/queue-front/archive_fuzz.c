/* archive_fuzz.c: any bytes as an archive to restore: unsigned, and as a head signed with the
 * deployment's own key. An event can be made of any accepted archive; one byte more, less or
 * changed, and the archive is refused. */
#include "../fuzz.h"
#include "ring.h"

#include "base/json_in.h"
#include "core/event/draw_seal.h"
#include "core/event/event_doc.h"
#include "ended/archive.h"

enum { FILE_MAX = 65536, ROOM = 1024 }; /* for the mark and the end */

static enum archive_fault read_once(struct span file, struct archive *out)
{
    struct err_slot err = {.text = ""};
    enum archive_fault fault = archive_read(file, ring(), &err, out);
    assert((fault == ARCHIVE_GOOD) == (err.text[0] == '\0') && fault != ARCHIVE_NO_MEMORY);
    return fault;
}

static void judge_good(struct archive *archive)
{
    static struct event_doc doc;
    struct event_doc_fault fault = {.rule = ""};
    struct draw_seal seal;
    assert(archive->event.len > 0 && archive->event.len <= LINE_EVENT_ID_MAX);
    assert(line_incarnation_ok(archive->incarnation));
    assert(archive->state < LINE_STATE_COUNT && archive->version > 0);
    assert(archive->seal.len == 0 || draw_seal_parse(archive->seal, &seal));
    const json_t *lines = json_object_get(archive->restore, "lines");
    assert(json_array_size(lines) >= 1 && json_array_size(lines) <= ARCHIVE_LINES_MAX);
    static char memory[FILE_MAX];
    struct text text = text_on(memory, sizeof(memory));
    json_in_put(&text, archive->document);
    if (!text.overflown)
        event_doc_load(text_span(&text), archive->event, &fault, &doc);
    archive_deinit(archive);
}

/* An archive of this deployment with any head. */
static struct span file_of(struct span head, char *memory)
{
    char chain[ARCHIVE_SHA_LEN + 1];
    struct text file = text_on(memory, FILE_MAX);
    text_put(&file, head);
    text_char(&file, '\n');
    archive_put_mark(&file, ring(), chain);
    file.comma = false;
    json_open(&file, '{');
    json_member_u64(&file, "parts", 1);
    json_member_cstr(&file, "sha256", chain);
    json_close(&file, '}');
    text_char(&file, '\n');
    assert(!file.overflown);
    return text_span(&file);
}

static void fuzz(struct span input)
{
    static char memory[FILE_MAX + 1];
    struct archive archive;
    enum archive_fault fault = read_once(input, &archive);
    assert(fault != ARCHIVE_GOOD);
    if (input.len > FILE_MAX - ROOM)
        return;
    struct span file = file_of(input, memory);
    if (read_once(file, &archive) != ARCHIVE_GOOD)
        return;
    judge_good(&archive);
    fault = read_once((struct span){file.ptr, file.len - 1}, &archive);
    assert(fault == ARCHIVE_INCOMPLETE);
    memory[file.len] = '\n';
    fault = read_once((struct span){file.ptr, file.len + 1}, &archive);
    assert(fault == ARCHIVE_TAMPERED);
    memory[input.len / 2] ^= 1; /* in the head */
    fault = read_once(file, &archive);
    assert(fault != ARCHIVE_GOOD);
}
