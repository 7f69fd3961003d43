/* webhook_http.c: POST /v1/pay/webhooks/{provider}.
 *
 * A webhook decides nothing. Once it is authenticated, its id is stored (each id once) and the saga
 * of its payment is woken (webhooks.c); the saga then reads the payment itself. So a hundred copies
 * wake it once, events out of order do no harm, an event about a payment that is not one of our
 * open ones is forgotten, and for one that never comes the saga's own polling makes up. It is
 * answered 2xx only once it is stored, or found to concern nothing here. */
#include "api/routes.h"

#include "api/guard.h"
#include "api/webhooks.h"
#include "observe/log.h"

static void on_webhook(struct http_req *req)
{
    struct pay *pay = pay_of(req);
    struct psp *psp = peers_http_psp(pay->peers, http_req_param(req, 0));
    if (psp == NULL) {
        refusal_reply(req, REFUSAL_PROVIDER_UNKNOWN);
        return;
    }
    struct err_slot err = {0};
    struct psp_event event = {0};
    uint64_t now_s = clock_wall_us(pay->loop->clock) / 1000000;
    const char *signed_by = psp->driver->signature;
    struct span signature =
        signed_by != NULL ? http_req_header_named(req, span_of(signed_by)) : SPAN("");
    int rc = psp->driver->webhook(psp, signature, http_req_body(req), now_s, &err, &event);
    if (rc == ERR_NOMEM) {
        guard_unavailable(req, rc); /* the provider will send it again */
        return;
    }
    if (rc < 0) {
        atomic_fetch_add_explicit(&pay->webhooks_bad, 1, memory_order_relaxed);
        log_failure(pay->loop->log, "webhook refused", &err);
        if (rc == ERR_AUTH)
            refusal_reply(req, REFUSAL_SIGNATURE);
        else if (rc == ERR_TIMEOUT)
            refusal_reply(req, REFUSAL_TIMESTAMP);
        else
            refusal_reply(req, REFUSAL_WEBHOOK);
        return;
    }
    webhooks_store(pay->webhooks, req, psp, &event);
}

int webhook_routes(struct http_router *routes, struct err_slot *err)
{
    const struct http_route route = {HTTP_METHOD_POST, "/v1/pay/webhooks/{provider}", on_webhook,
                                     NULL, BODY_WEBHOOK_MAX};
    return http_router_add(routes, &route, err);
}
