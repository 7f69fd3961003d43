/* http_router.c: a tree of path segments. A node has children by literal text, at most one for a
 * {parameter}, and a handler per method. A literal wins over a parameter, without backtracking: the
 * patterns of a program are few and are checked for ambiguity when they are added.
 *
 * Read-only once servers run, so all loops share it. */
#include "http/http_internal.h"

#include <stdlib.h>

struct node {
    struct span segment; /* borrowed from the pattern, which is a constant of the program */
    struct node *child;  /* literal children in the order they were added, most used first */
    struct node *sibling;
    struct node *param;
    struct node *rest; /* "{path...}" */
    uint32_t methods;
    struct http_route route[HTTP_METHOD_COUNT];
};

struct http_router {
    struct node root;
    bool (*guard)(struct http_req *req, void *ctx);
    void *guard_ctx;
};

int http_router_create(struct err_slot *err, struct http_router **out)
{
    struct http_router *router = calloc(1, sizeof(*router));
    if (router == NULL)
        return err_set(err, ERR_NOMEM, "router of %zu bytes", sizeof(*router));
    *out = router;
    return 0;
}

/* Recurses at most as deep as patterns have segments. */
static void node_clear(struct node *node)
{
    while (node->child != NULL) {
        struct node *child = node->child;
        node->child = child->sibling;
        node_clear(child);
        free(child);
    }
    struct node *others[] = {node->param, node->rest};
    for (size_t i = 0; i < 2; i++) {
        if (others[i] != NULL)
            node_clear(others[i]);
        free(others[i]);
    }
}

void http_router_destroy(struct http_router *router)
{
    if (router == NULL)
        return;
    node_clear(&router->root);
    free(router);
}

void http_router_guard(struct http_router *router, bool (*guard)(struct http_req *req, void *ctx),
                       void *ctx)
{
    assert(router->guard == NULL);
    router->guard = guard;
    router->guard_ctx = ctx;
}

bool http_router_pass(const struct http_router *router, struct http_req *req)
{
    return router->guard == NULL || router->guard(req, router->guard_ctx);
}

static struct node *child_get(struct node **list, struct span segment, struct err_slot *err)
{
    struct node **at = list;
    while (*at != NULL) {
        if (span_eq((*at)->segment, segment))
            return *at;
        at = &(*at)->sibling;
    }
    *at = calloc(1, sizeof(**at));
    if (*at == NULL)
        err_set(err, ERR_NOMEM, "route node");
    else
        (*at)->segment = segment;
    return *at;
}

/* Finds or creates the node for the next segment of a pattern. */
static struct node *grow(struct node *node, struct span segment, struct err_slot *err)
{
    bool is_param = segment.len > 2 && segment.ptr[0] == '{';
    if (!is_param)
        return child_get(&node->child, segment, err);
    bool is_rest = segment.len > 5 && memcmp(segment.ptr + segment.len - 4, "...}", 4) == 0;
    return child_get(is_rest ? &node->rest : &node->param, is_rest ? SPAN("...") : SPAN("{}"), err);
}

int http_router_add(struct http_router *router, const struct http_route *route,
                    struct err_slot *err)
{
    assert(route->pattern[0] == '/' && route->handler != NULL);
    assert(route->method < HTTP_METHOD_COUNT);
    struct node *node = &router->root;
    struct span rest = span_of(route->pattern + 1);
    unsigned segments = 0;
    while (rest.ptr != NULL) {
        struct span segment;
        rest = span_cut(rest, '/', &segment);
        segments++;
        assert(segments <= HTTP_SEGMENTS_MAX);
        node = grow(node, segment, err);
        if (node == NULL)
            return ERR_NOMEM;
    }
    if ((node->methods & (1u << route->method)) != 0)
        return err_set(err, ERR_EXISTS, "route %s %s is there already",
                       http_method_name(route->method), route->pattern);
    node->methods |= 1u << route->method;
    node->route[route->method] = *route;
    return 0;
}

int http_router_add_all(struct http_router *router, const struct http_route *routes, size_t len,
                        struct err_slot *err)
{
    int rc = 0;
    for (size_t i = 0; i < len && rc == 0; i++)
        rc = http_router_add(router, &routes[i], err);
    return rc;
}

int http_router_add_tables(struct http_router *router, const struct http_route *const tables[],
                           struct err_slot *err)
{
    int rc = 0;
    for (; *tables != NULL; tables++) {
        for (const struct http_route *row = *tables; rc == 0 && row->pattern != NULL; row++)
            rc = http_router_add(router, row, err);
    }
    return rc;
}

static const struct node *literal_child(const struct node *node, struct span segment)
{
    for (const struct node *child = node->child; child != NULL; child = child->sibling) {
        if (span_eq(child->segment, segment))
            return child;
    }
    return NULL;
}

static bool take_param(struct http_match *match, struct span value)
{
    if (match->params_len == HTTP_PARAMS_MAX)
        return false;
    match->params[match->params_len++] = value;
    return true;
}

static const struct node *walk(const struct node *node, struct span path, struct http_match *match)
{
    struct span rest = span_skip(path, 1);
    for (unsigned depth = 0; rest.ptr != NULL && depth < HTTP_SEGMENTS_MAX; depth++) {
        struct span segment, before = rest;
        rest = span_cut(rest, '/', &segment);
        const struct node *next = literal_child(node, segment);
        if (next == NULL && node->param != NULL && segment.len > 0) {
            next = node->param;
            if (!take_param(match, segment))
                return NULL;
        }
        if (next == NULL && node->rest != NULL)
            return take_param(match, before) ? node->rest : NULL;
        if (next == NULL)
            return NULL;
        node = next;
    }
    return rest.ptr == NULL ? node : NULL;
}

void http_router_find(const struct http_router *router, enum http_method method, struct span path,
                      struct http_match *match)
{
    assert(method < HTTP_METHOD_COUNT);
    match->route = NULL;
    match->params_len = 0;
    match->allow = 0;
    match->status = 404;
    if (path.len == 0 || path.ptr[0] != '/')
        return;
    const struct node *node = walk(&router->root, path, match);
    if (node == NULL || node->methods == 0)
        return;
    if ((node->methods & (1u << method)) != 0) {
        match->route = &node->route[method];
        match->status = 200;
        return;
    }
    match->allow = node->methods | 1u << HTTP_METHOD_OPTIONS;
    match->status = method == HTTP_METHOD_OPTIONS ? 204 : 405;
}

const struct http_route *http_router_route(const struct http_router *router,
                                           enum http_method method, struct span path)
{
    struct http_match match;
    http_router_find(router, method, path, &match);
    return match.route;
}

void http_allow_write(uint32_t allow, struct text *out)
{
    assert(allow != 0);
    TEXT_LIT(out, "Allow: ");
    const char *comma = "";
    for (unsigned method = 0; method < HTTP_METHOD_COUNT; method++) {
        if ((allow & (1u << method)) == 0)
            continue;
        text_str(out, comma);
        text_str(out, http_method_name(method));
        if (method == HTTP_METHOD_GET)
            TEXT_LIT(out, ", HEAD");
        comma = ", ";
    }
    TEXT_LIT(out, "\r\n");
}
