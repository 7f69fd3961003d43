# varnish.vcl: what nginx-cache.conf does, for Varnish: a cache in front of the edge, as any CDN may be one. Fill in the
# names between @.
#
# It differs in one thing: while the edge is down, what is stale is not served (stale-if-error); with a probe in the
# backend and a longer grace while std.healthy() says no, it would be.
vcl 4.1;

backend edge {
    .host = "@EDGE_HOST@";
    .port = "@EDGE_PORT@";
    .between_bytes_timeout = 1h; # streams
}

sub vcl_recv {
    if (req.method != "GET" && req.method != "HEAD") {
        return (pass);
    }
    if (req.url ~ "^/e/[^/?]+(\?|$)") {
        # Their own page: with a place, or with word of what has just happened to them.
        if (req.http.Cookie ~ "fg_ticket_" || req.url ~ "[?&](notice|reference)=") {
            return (pass);
        }
        if (req.url ~ "[?&]lang=[a-z]+(&|$)") {
            set req.url = regsub(req.url, "\?.*?\b(lang=[a-z]+).*$", "?\1");
        } else {
            set req.url = regsub(req.url, "\?.*$", "");
        }
        # The first language that the browser names, of those that there are.
        if (req.http.Accept-Language ~ "(?i)^ko") {
            set req.http.Accept-Language = "ko";
        } else {
            set req.http.Accept-Language = "en";
        }
        unset req.http.Cookie;
        return (hash);
    }
    if (req.url ~ "^(/assets/.+|/v1/queue/[^/]+/status|/favicon\.ico|/robots\.txt)(\?|$)") {
        set req.url = regsub(req.url, "\?.*$", "");
        unset req.http.Cookie;
        return (hash);
    }
    return (pass);
}

sub vcl_backend_response {
    # Where nothing is said of stale-while-revalidate, nothing stale is to be served: the page changes then.
    if (beresp.http.Cache-Control !~ "stale-while-revalidate") {
        set beresp.grace = 0s;
    }
}
