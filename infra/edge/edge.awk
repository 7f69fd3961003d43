# edge.awk: fills in the names between @ in haproxy.cfg, from the settings files of fairgate-edge.

BEGIN {
    # All settings; edge.conf explains them.
    split("listen listen_tls certificate ticket_keys redirect acme inside health event fronts new_front new_share seats " \
          "seats_check owners shared_seats pay slots trusted proxy_protocol client_ip_header maxconn maxconn_hard " \
          "connections connections_hard new_connections_per_10s requests_per_10s requests_hard user chroot socket " \
          "files views global", names, " ")
    for (n in names) known[names[n]] = 1
    set["event"] = "demo"
    set["slots"] = 16
    set["new_share"] = 0
    set["client_ip_header"] = "x-forwarded-for"
    set["maxconn"] = maxconn
    set["connections"] = 1000
    set["new_connections_per_10s"] = 2000
    set["requests_per_10s"] = 3000
    set["socket"] = "/run/haproxy/admin.sock"
    set["files"] = here
    set["owners"] = "no"
    set["acme"] = "127.0.0.1:8402"
    PORT["fronts"] = 8081
    PORT["seats"] = PORT["shared_seats"] = 8082
    PORT["pay"] = 8083
    CHECKS = "    default-server inter 300ms fastinter 200ms fall 2 rise 1\n"
    ASKS_ALIVE = "    option httpchk GET /healthz\n" CHECKS
    ASKS_SHOWN = "    option httpchk GET /readyz\n    http-check expect rstring \\\"shows\\\":true\n" CHECKS
}

/^[ \t]*(#|$)/ { next }

{
    at = index($0, "=")
    key = trimmed(substr($0, 1, at - 1))
    if (at == 0) wrong("\"" $0 "\" is not of the form SETTING = VALUE")
    if (!(key in known)) wrong("there is no setting \"" key "\"")
    if (file_of[key] == FILENAME) wrong("\"" key "\" is set on line " line_of[key] ", too")
    file_of[key] = FILENAME
    line_of[key] = FNR
    set[key] = trimmed(substr($0, at + 1))
}

END {
    if (failed) exit 1
    check()
    derive()
    write_file(here "/haproxy.cfg")
    if (set["redirect"] != "") write_file(here "/redirect.cfg")
    if (set["health"] != "") printf "\nfrontend health from basics\n    bind %s\n    monitor-uri /healthz\n    monitor fail if { stopping }\n    http-request use-service prometheus-exporter if { path /metrics }\n", set["health"]
    if (set["health"] != "" && is_variable(set["new_front"])) printf "%s", given("new_front", whole(here "/share.cfg"))
    if (set["inside"] != "") write_file(here "/inside.cfg")
    if (finds) write_file(here "/resolvers.cfg")
}

function trimmed(text) { gsub(/^[ \t]+|[ \t]+$/, "", text); return text }

function wrong(text, key) {
    print (key in line_of ? file_of[key] ":" line_of[key] : FILENAME ":" FNR) ": " text > "/dev/stderr"
    failed = 1
    exit 1
}

# ---- values ----

# A value may also be a variable of HAProxy's environment: ${NAME}.
function is_variable(value) { return value ~ /^\$\{[A-Z0-9_]+\}$/ }
function quoted(value) { return value ~ /\$/ ? "\"" value "\"" : value }
function words(key, into) { return split(set[key], into, /[ ,\t]+/) }

function check(    n, keys, count, value) {
    count = split("slots maxconn maxconn_hard connections connections_hard new_connections_per_10s requests_per_10s requests_hard", keys, " ")
    for (n = 1; n <= count; n++) {
        value = set[keys[n]]
        if (value != "" && value !~ /^[1-9][0-9]*$/ && !is_variable(value))
            wrong(keys[n] " = " value ": a whole number is needed", keys[n])
    }
    if (set["new_share"] !~ /^([0-9]|[1-9][0-9]|100)$/ && !is_variable(set["new_share"])) wrong("new_share = " set["new_share"] ": 0 to 100", "new_share")
    if (set["fronts"] set["seats"] set["pay"] == "") wrong("name at least one of fronts, seats and pay")
    if (set["redirect"] != "" && set["certificate"] == "") wrong("redirect: there is no certificate", "redirect")
    if (set["owners"] !~ /^(yes|no)$/ && !is_variable(set["owners"])) wrong("owners = " set["owners"] ": yes or no", "owners")
}

# Settings that follow from others unless they are given.
function derive(    line) {
    if (set["maxconn_hard"] == "") set["maxconn_hard"] = times("maxconn", 1.1)
    if (set["connections_hard"] == "") set["connections_hard"] = times("connections", 2)
    if (set["requests_hard"] == "") set["requests_hard"] = times("requests_per_10s", 4)
    if (set["certificate"] == "" || is_variable(set["certificate"])) {
        if (set["listen"] == "") set["listen"] = ":80"
    }
    if (set["listen_tls"] == "") set["listen_tls"] = ":443"
    while ((getline line < (here "/page.css")) > 0) set["page_style"] = set["page_style"] line
    if (set["page_style"] == "") wrong("there is no style in " here "/page.css")
    # A single process is checked by its health. If there are several, the one that is ready owns the seats.
    if (set["seats_check"] == "") set["seats_check"] = set["seats"] !~ /^dns:/ && words("seats", parts) == 1 ? "/healthz" : "/readyz"
}

function times(key, factor) {
    if (is_variable(set[key])) wrong(key " is a variable, so its hard bound has to be said", key)
    return int(set[key] * factor)
}

# ---- servers ----

# The servers of one setting. "checked": HAProxy checks each of them. "tracked": each follows the check of the server with
# its name in `backend`. Servers from DNS cannot be tracked, so each backend checks them with the lines in `asks`.
function servers(key, how, backend, private, asks,    n, parts, count, text) {
    if (set[key] == "") return ""
    if (set[key] ~ /^dns:/) return (how == "tracked" ? asks : "") template(key, private)
    count = words(key, parts)
    for (n = 1; n <= count; n++) text = text server(parts[n], key, n, how, backend, private)
    return text
}

# An entry is NAME=HOST:PORT:PRIVATE_PORT; only the host is required.
function server(entry, key, n, how, backend, private,    at, name, host, ports, address) {
    at = index(entry, "=")
    name = at > 0 ? substr(entry, 1, at - 1) : key "-" n
    entry = substr(entry, at + 1)
    match(entry, /^(\[[^\]]*\]|\$\{[A-Z0-9_]+\}|[^:]+)/)
    host = substr(entry, 1, RLENGTH)
    split(substr(entry, RLENGTH + 2), ports, ":")
    if (ports[1] == "") ports[1] = PORT[key]
    if (ports[2] == "") ports[2] = ports[1] + 10
    address = quoted(host ":" (private ? ports[2] : ports[1]))
    return "    server " name " " address (how == "tracked" ? " track " backend "/" name : " check port " ports[2]) found(host) "\n"
}

function template(key, private,    n, count, parts, host, text) {
    count = words(key, parts)
    for (n = 1; n <= count; n++) {
        host = substr(parts[n], 5)
        text = text "    server-template " key (n > 1 ? n : "") "- " quoted("1-" set["slots"]) " " quoted(host ":" PORT[key] + 10 * private) \
            " check port " PORT[key] + 10 found(host) "\n"
    }
    return text
}

# A DNS name is resolved repeatedly, so its servers may come and go.
function found(host) {
    if (host ~ /^[0-9.]+$|^\[/) return ""
    finds = 1
    return " resolvers dns init-addr none resolve-prefer ipv4"
}

# The seats' processes. If several share the events, owners.cfg finds each by its name.
function seats(how, backend, private, asks, finders,    text) {
    if (set["owners"] == "no") return servers("seats", how, backend, private, asks)
    if (set["owners"] == "yes") return finders servers("seats", how, backend, private, asks)
    text = "    .if defined(" substr(set["owners"], 3, length(set["owners"]) - 3) ")\n"
    text = text finders servers("shared_seats", how, backend, private, asks)
    return text "    .else\n" servers("seats", how, backend, private, asks) "    .endif\n"
}

function fronts(how, backend, private, asks,    text, new) {
    text = servers("fronts", how, backend, private, asks)
    if (set["new_front"] == "") return text
    new = server("front-new=" set["new_front"], "fronts", 0, how, backend, private)
    sub(/\n$/, " weight 0\n    use-server front-new if { var(txn.beyond) -m int lt 0 }\n", new)
    return text (is_variable(set["new_front"]) ? given("new_front", new) : new)
}

# ---- the text ----

function write_file(path,    line, got) {
    while ((got = (getline line < path)) > 0) {
        if (line ~ /^ *@[A-Z_]+@$/) printf "%s", block(trimmed(line))
        else print filled(line)
    }
    if (got < 0) wrong(path " cannot be read")
    close(path)
}

function block(name,    asks_ready, finders) {
    asks_ready = "    option httpchk GET " set["seats_check"] "\n" CHECKS
    finders = set["owners"] == "no" ? "" : whole(here "/owners.cfg")
    if (name == "@GLOBAL@") return globals()
    if (name == "@MAXCONN_HARD@") return most()
    if (name == "@BIND@") return binds()
    if (name == "@TLS_ONLY@") return is_variable(set["certificate"]) ? given("certificate", "    http-request redirect scheme https code 301 unless { var(txn.tls) -m bool }\n") : ""
    if (name == "@FRONTS@") return fronts("checked", "", 0, "")
    if (name == "@FRONT_PAGES@") return fronts("tracked", "queue-front", 0, ASKS_ALIVE)
    if (name == "@FRONTS_PRIVATE@") return fronts("tracked", "queue-front", 1, ASKS_ALIVE)
    if (name == "@SEATS@") return seats("checked", "", 0, "", finders)
    if (name == "@SEAT_PAGES@") return seats("tracked", "seat-service", 0, asks_ready, finders)
    if (name == "@SEATS_PRIVATE@") return seats("tracked", "seat-service", 1, asks_ready, finders)
    if (name == "@SEATS_UNPROVEN@") return seats("checked", "", 0, "", finders)
    if (name == "@SEATS_SHOWN@") return seats("checked", "", 0, "", "")
    if (name == "@SEATS_SHOWN_STREAMS@") return seats("tracked", "seat-service-shown", 0, ASKS_SHOWN, "")
    if (name == "@PAY@") return servers("pay", "checked", "", 0, "")
    if (name == "@PAY_PAGES@") return servers("pay", "tracked", "payment-adapter", 0, ASKS_ALIVE)
    if (name == "@VIEWS@") return views()
    wrong(name " has no lines")
}

function filled(line,    name) {
    while (match(line, /@[A-Z0-9_]+@/)) {
        name = tolower(substr(line, RSTART + 1, RLENGTH - 2))
        if (!(name in set) && name !~ /^(trusted|proxy_protocol)$/) wrong("@" toupper(name) "@ has no value")
        line = substr(line, 1, RSTART - 1) scalar(name) substr(line, RSTART + RLENGTH)
    }
    return line
}

# Networks are written into the line, or given as the path of a file. Without any, the line gets an address that nobody has.
function scalar(name,    parts, n, text) {
    if (name != "trusted" && name != "proxy_protocol") return quoted(set[name])
    if (set[name] ~ /^\//) return "-f " set[name]
    if (set[name] == "") return "255.255.255.255"
    n = words(name, parts)
    if (n > 20) wrong(name ": more than 20 networks; write them into a file, one a line, and name that", name)
    while (n > 0) text = parts[n--] " " text
    return trimmed(text)
}

function globals(    text) {
    if (set["user"] != "") text = text "    user " set["user"] "\n"
    if (set["chroot"] != "") text = text "    chroot " set["chroot"] "\n"
    return text (set["global"] == "" ? "" : whole(set["global"]))
}

function most(    line) {
    line = "    maxconn " quoted(set["maxconn_hard"]) "\n"
    return is_variable(set["maxconn_hard"]) ? given("maxconn_hard", line) : line
}

function binds(    text, tls, without) {
    if (set["listen"] != "") text = "    bind " set["listen"] "\n"
    if (set["certificate"] == "") return text
    without = tls_bind("no-tls-tickets")
    tls = set["ticket_keys"] == "" ? without : tls_bind("tls-ticket-keys " quoted(set["ticket_keys"]))
    if (is_variable(set["ticket_keys"])) tls = given("ticket_keys", tls "    .else\n" without)
    return text (is_variable(set["certificate"]) ? given("certificate", tls) : tls)
}
function tls_bind(tickets) {
    return "    bind " set["listen_tls"] " ssl crt " quoted(set["certificate"]) " " tickets " alpn h2,http/1.1\n"
}

# Lines that apply only if the environment has the variable.
function given(key, lines) { return "    .if defined(" substr(set[key], 3, length(set[key]) - 3) ")\n" lines "    .endif\n" }

# The views from the sections of a hall: one line per picture.
function views(    command, path, name, text) {
    if (set["views"] == "") return ""
    command = "ls " set["views"] "/*.svg"
    while ((command | getline path) > 0) {
        name = path
        sub(/.*\//, "", name)
        text = text "    http-request return status 200 content-type image/svg+xml file " path \
            " hdr Cache-Control \"public, max-age=86400\" hdr Access-Control-Allow-Origin * hdr Content-Security-Policy \"default-src 'none'\" if { path /views/" name " }\n"
    }
    close(command)
    return text
}

# A file's lines without its comments.
function whole(path,    line, text) {
    while ((getline line < path) > 0)
        if (line !~ /^ *#/) text = text filled(line) "\n"
    close(path)
    return text
}
