/* fairness.c: the public record of a draw, written from memory at each request: few people ask for
 * it, once each.
 *
 * It grows with the draw. At first it has only the promise, then the number of entries when they
 * are closed, and finally everything needed to repeat the draw. Only this file publishes a seed,
 * and only after its use. */
#include "api/fairness.h"

#include "api/answer.h"
#include "api/api.h"
#include "api/refusal.h"
#include "base/json_time.h"
#include "core/event/draw_seal.h"
#include "core/event/event_state.h"

#include <assert.h>
#include <sodium.h>

static void put_hex(struct text *out, const char *key, const uint8_t *bytes, size_t len)
{
    char hex[2 * DRAW_SEED_BYTES + 1];
    assert(len <= DRAW_SEED_BYTES);
    sodium_bin2hex(hex, sizeof(hex), bytes, len);
    json_member_cstr(out, key, hex);
}

static void put_draw(struct text *out, const struct line_view *view)
{
    const struct line_draw *draw = &view->draw;
    json_member_time(out, "closed_at", draw->closed ? draw->closed_ms : draw->drawn_ms);
    if (draw->drawn || draw->closed)
        json_member_u64(out, "entries", draw->drawn ? draw->order.entries : draw->closed_entries);
    else
        json_member_null(out, "entries");
    json_member_bool(out, "drawn", draw->drawn);
    if (!draw->drawn) {
        json_member_null(out, "seed");
        json_member_null(out, "beacon");
        json_member_null(out, "proof");
        json_member_null(out, "drawn_at");
        return;
    }
    put_hex(out, "seed", draw->seed, sizeof(draw->seed));
    json_member_str(out, "beacon", (struct span){draw->beacon, draw->beacon_len});
    json_member_raw(out, "proof", view->proof.len > 0 ? view->proof : SPAN("null"));
    json_member_time(out, "drawn_at", draw->drawn_ms);
}

void fairness_put(struct text *json, const struct front *front, const struct front_line *line)
{
    uint8_t commitment[DRAW_COMMITMENT_BYTES];
    json_open(json, '{');
    json_member_str(json, "event", front_line_id(line));
    if (line->view->lane > 0)
        json_member_cstr(json, "lane", front_lane_id(line));
    if (line->view->incarnation[0] != '\0')
        json_member_cstr(json, "incarnation", line->view->incarnation);
    json_member_cstr(json, "state", event_state_name(line->view->state));
    json_member_cstr(json, "algorithm", DRAW_ALGORITHM);
    if (draw_seal_commitment(line->view, commitment))
        put_hex(json, "commitment", commitment, sizeof(commitment));
    else
        json_member_null(json, "commitment");
    /* The promise about the beacon, from the document, and what checking it needs: the chain's key,
     * the times of its rounds, and the latest round after the closing. */
    const struct beacon_sources *sources = &front->shared->beacons;
    if (line->doc.beacon.kind == BEACON_NONE && line->doc.beacon.changes == 0) {
        json_member_null(json, "promised");
    } else {
        json_key(json, "promised");
        beacon_put(json, &line->doc.beacon);
    }
    if (line->doc.beacon.kind == BEACON_DRAND &&
        strcmp(line->doc.beacon.chain, sources->chain) == 0) {
        json_member_open(json, "source", '{');
        json_member_milli(json, "gap_s", (int64_t)sources->gap_ms);
        json_member_cstr(json, "public_key", sources->key);
        json_member_milli(json, "period_s", (int64_t)sources->period_ms);
        json_member_time(json, "genesis_at", sources->genesis_ms);
        json_close(json, '}');
    } else {
        json_member_null(json, "source");
    }
    put_draw(json, line->view);
    json_close(json, '}');
}

static void on_fairness(struct http_req *req)
{
    const struct front *front = front_of(req);
    const struct front_line *event = answer_unless_event(req, front);
    if (event == NULL)
        return;
    struct span lane = http_req_query_arg(req, SPAN("lane"));
    if (lane.ptr != NULL) {
        unsigned number = event_doc_lane(&event->doc, lane);
        event = number <= LANES_MAX ? front_line_in(front, event, number) : NULL;
    }
    if (event == NULL) {
        refusal_reply(req, REFUSAL_LANE_UNKNOWN);
        return;
    }
    char memory[FAIRNESS_BYTES_MAX];
    struct text json = text_on(memory, sizeof(memory));
    fairness_put(&json, front, event);
    answer_json(req, 200, &json, NULL);
}

const struct http_route fairness_routes[] = {
    {HTTP_METHOD_GET, "/v1/queue/{event}/fairness", on_fairness, NULL, 0},
    {.pattern = NULL},
};

/* Operators get the same record as the public. */
const struct http_route fairness_private_routes[] = {
    {HTTP_METHOD_GET, "/admin/events/{event}/fairness", on_fairness, NULL, 0},
    {.pattern = NULL},
};
