/* shown_plan.c: a plan is parsed once, rendered once in each form, and compressed once in each
 * coding.
 *
 * Only parsing and rendering must precede the opening of an event. Compression may follow in the
 * background, and until then visitors get the plain text. So after a restart an event opens as soon
 * as its plan was read. */
#include "render/shown_plan.h"

#include "core/hall/plan_import.h"
#include "web/squeeze.h"

#include <sodium.h>
#include <stdlib.h>

enum {
    /* The phones' form gets the best levels: they take time only once and save some for each
     * visitor. For a stadium's long form (7 MB) brotli's best level takes ten seconds, and level 5
     * gives a smaller result than 6. gzip's level 6 gives 4 % more bytes than 9 in a third of the
     * time. */
    BROTLI_PHONE = 11,
    BROTLI_LONG = 5,
    GZIP_PHONE = 9,
    GZIP_LONG = 6,
};

static int make_geometry(struct shown_plan *plan, enum render_form form, struct err_slot *err)
{
    char *geometry;
    size_t len;
    int rc = render_geometry(plan->plan, plan->hash, form, err, &geometry, &len);
    if (rc < 0)
        return rc;
    struct http_blob *plain = http_blob_create((struct span){geometry, len});
    free(geometry);
    /* release: partner of shown_plan_geometry(), which then sees the bytes */
    atomic_store_explicit(&plan->geometry[form][SHOWN_IDENTITY], plain, memory_order_release);
    return plain != NULL ? 0 : err_set(err, ERR_NOMEM, "the plan's geometry");
}

int shown_plan_create(struct span body, struct err_slot *err, struct shown_plan **out)
{
    struct shown_plan *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return err_set(err, ERR_NOMEM, "a plan");
    int rc = plan_import(body, err, &made->plan);
    if (rc < 0) {
        free(made);
        return rc;
    }
    sodium_bin2hex(made->hash, sizeof(made->hash), plan_content(made->plan), PLAN_HASH_BYTES);
    for (enum render_form form = 0; rc == 0 && form < RENDER_FORMS; form++)
        rc = make_geometry(made, form, err);
    if (rc < 0) {
        shown_plan_destroy(made);
        return rc;
    }
    *out = made;
    return 0;
}

static int pack(struct shown_plan *plan, enum render_form form, enum shown_plan_coding coding,
                struct err_slot *err)
{
    const struct http_blob *plain = shown_plan_geometry(plan, form, SHOWN_IDENTITY);
    struct span text = {plain->bytes, plain->len};
    bool is_long = form == RENDER_SEATS;
    if (shown_plan_geometry(plan, form, coding) != NULL)
        return 0;
    struct http_blob *packed = coding == SHOWN_GZIP
                                   ? squeeze_gzip(text, is_long ? GZIP_LONG : GZIP_PHONE)
                                   : squeeze_brotli(text, is_long ? BROTLI_LONG : BROTLI_PHONE);
    if (packed == NULL)
        return err_set(err, ERR_NOMEM, "the plan's geometry");
    /* release: partner of shown_plan_geometry(), which then sees the bytes */
    atomic_store_explicit(&plan->geometry[form][coding], packed, memory_order_release);
    return 0;
}

int shown_plan_pack(struct shown_plan *plan, struct err_slot *err)
{
    int rc = 0;
    for (enum render_form form = 0; rc == 0 && form < RENDER_FORMS; form++) {
        for (enum shown_plan_coding coding = SHOWN_GZIP; rc == 0 && coding < SHOWN_CODINGS;
             coding++)
            rc = pack(plan, form, coding, err);
    }
    return rc;
}

void shown_plan_destroy(struct shown_plan *plan)
{
    if (plan == NULL)
        return;
    for (enum render_form form = 0; form < RENDER_FORMS; form++) {
        for (enum shown_plan_coding coding = 0; coding < SHOWN_CODINGS; coding++)
            http_blob_unref(shown_plan_geometry(plan, form, coding));
    }
    plan_destroy(plan->plan);
    free(plan);
}
