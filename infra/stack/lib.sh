# lib.sh: functions that the commands of infra/stack share. It is sourced, with `set -eu`.
#
# A part is one supervised process. parts/NAME defines its functions:
#   part_wanted     succeeds if it is built and enabled; its program is built, unless it says otherwise
#   part_ports      prints its listening ports, if any
#   part_prepare    writes its config and data; idempotent
#   part_run        prints the command that runit runs, as the body of a shell script; its program with its config,
#                   unless it says otherwise
#   part_ready      succeeds if it does its work
#   part_settle     optional: runs once the part is ready
#   part_end_signal optional: prints the signal that ends it, if that is not TERM
# A part's file is sourced in a subshell, so that parts do not see each other's names.

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
STACK=$ROOT/infra/stack

say() { printf '%s\n' "$*"; }
fail() {
    say "stack: $*" >&2
    exit 1
}

# ---- settings -----------------------------------------------------------------------------------

# `up` stores its settings in the run dir, so that `down` and `status` need only that.
settings_load() {
    RUN=${FAIRGATE_RUN_DIR:-$ROOT/.run}
    case $RUN in /*) ;; *) RUN=$(pwd)/$RUN ;; esac
    asked_base=${FAIRGATE_PORT_BASE:-}
    BASE=8080 FRONTS=1 OWNERS=1 BUILD=$ROOT/build/release TLS_PEM= MAIL_URL= TRUSTED= CLIENT_IP_HEADER=x-forwarded-for PROXY_PROTOCOL= PAGE_KEPT=0s NEW= OBSERVE=0 ALERTS_URL= DEMO=0
    # shellcheck disable=SC1091 # made by settings_save
    if [ -r "$RUN/settings" ]; then . "$RUN/settings"; fi
    BASE=${asked_base:-$BASE}
    FRONTS=${FAIRGATE_QUEUE_FRONTS:-$FRONTS}
    OWNERS=${FAIRGATE_SEAT_OWNERS:-$OWNERS}
    BUILD=${FAIRGATE_BUILD_DIR:-$BUILD}
    TLS_PEM=${FAIRGATE_TLS_PEM-$TLS_PEM}
    MAIL_URL=${FAIRGATE_MAIL_URL-$MAIL_URL}
    TRUSTED=${FAIRGATE_EDGE_TRUSTED-$TRUSTED}
    CLIENT_IP_HEADER=$(say "${FAIRGATE_EDGE_CLIENT_IP_HEADER:-$CLIENT_IP_HEADER}" | tr '[:upper:]' '[:lower:]')
    PROXY_PROTOCOL=${FAIRGATE_EDGE_PROXY_PROTOCOL-$PROXY_PROTOCOL}
    PAGE_KEPT=${FAIRGATE_PAGE_KEPT:-$PAGE_KEPT}
    NEW=${FAIRGATE_NEW_BUILD_DIR-$NEW}
    OBSERVE=${FAIRGATE_OBSERVE:-$OBSERVE}
    ALERTS_URL=${FAIRGATE_ALERTS_URL-$ALERTS_URL}
    DEMO=${FAIRGATE_DEMO:-$DEMO}
    SECRETS=$RUN/secrets
}

settings_check() {
    case $RUN in
    *[!A-Za-z0-9/._+-]*) fail "FAIRGATE_RUN_DIR=$RUN: only letters, digits and /._+- please" ;;
    esac
    # Unix socket paths end at 107 bytes.
    [ ${#RUN} -le 80 ] || fail "FAIRGATE_RUN_DIR=$RUN: longer than 80 characters"
    number FAIRGATE_PORT_BASE "$BASE" 1024 65400
    number FAIRGATE_QUEUE_FRONTS "$FRONTS" 1 8
    number FAIRGATE_SEAT_OWNERS "$OWNERS" 1 4
    if [ -n "$TLS_PEM" ]; then
        [ -r "$TLS_PEM" ] || fail "FAIRGATE_TLS_PEM=$TLS_PEM: cannot be read"
        TLS_PEM=$(realpath "$TLS_PEM")
    fi
    case $MAIL_URL in
    *[!A-Za-z0-9/:._-]*) fail "FAIRGATE_MAIL_URL=$MAIL_URL: smtp://HOST:PORT, or empty" ;;
    '' | smtp://?*) ;;
    *) fail "FAIRGATE_MAIL_URL=$MAIL_URL: smtp://HOST:PORT, or empty" ;;
    esac
    case $CLIENT_IP_HEADER in
    *[!a-z0-9-]*) fail "FAIRGATE_EDGE_CLIENT_IP_HEADER=$CLIENT_IP_HEADER: a header's name" ;;
    forwarded) fail "FAIRGATE_EDGE_CLIENT_IP_HEADER=forwarded: the edge reads lists of addresses only" ;;
    esac
    case ${PAGE_KEPT%s} in
    '' | *[!0-9]*) fail "FAIRGATE_PAGE_KEPT=$PAGE_KEPT: seconds, such as 5s; 0s: no cache keeps the page" ;;
    esac
    if [ -n "$NEW" ]; then
        [ -x "$NEW/bin/queue-front" ] || fail "FAIRGATE_NEW_BUILD_DIR=$NEW: there is no bin/queue-front"
        NEW=$(realpath "$NEW")
    fi
    number FAIRGATE_OBSERVE "$OBSERVE" 0 1
    number FAIRGATE_DEMO "$DEMO" 0 1
    case $ALERTS_URL in
    *[!A-Za-z0-9/:.?=\&%~_-]*) fail "FAIRGATE_ALERTS_URL=$ALERTS_URL: http:// or https:// and an address, or empty" ;;
    '' | http://?* | https://?*) ;;
    *) fail "FAIRGATE_ALERTS_URL=$ALERTS_URL: http:// or https:// and an address, or empty" ;;
    esac
    networks FAIRGATE_EDGE_TRUSTED "$TRUSTED"
    networks FAIRGATE_EDGE_PROXY_PROTOCOL "$PROXY_PROTOCOL"
}

# Only checks that the values can be written to a file and the settings; HAProxy validates their meaning.
networks() { # NAME VALUE
    case $2 in
    *[!0-9A-Fa-f:./,\ ]*) fail "$1=$2: networks such as 198.51.100.0/24, 2001:db8::/32" ;;
    esac
}

number() { # NAME VALUE MIN MAX
    case $2 in
    '' | *[!0-9]* | ??????*) fail "$1=$2: a number from $3 to $4" ;;
    esac
    if [ "$2" -lt "$3" ] || [ "$2" -gt "$4" ]; then fail "$1=$2: a number from $3 to $4"; fi
}

settings_save() {
    write_if_other "$RUN/settings" <<END
BASE=$BASE
FRONTS=$FRONTS
OWNERS=$OWNERS
BUILD='$BUILD'
TLS_PEM='$TLS_PEM'
MAIL_URL='$MAIL_URL'
TRUSTED='$TRUSTED'
CLIENT_IP_HEADER='$CLIENT_IP_HEADER'
PROXY_PROTOCOL='$PROXY_PROTOCOL'
PAGE_KEPT='$PAGE_KEPT'
NEW='$NEW'
OBSERVE=$OBSERVE
ALERTS_URL='$ALERTS_URL'
DEMO=$DEMO
END
}

# The first sections of a service's configuration.
listeners() { # PORT PRIVATE_PORT
    cat <<END
[http]
host = "127.0.0.1"
port = $1
drain_timeout = 5s

[private]
host = "127.0.0.1"
port = $2
token_file = "$SECRETS/admin-token"
END
}

# The promoter of the sample concert, for a service's configuration.
brand() {
    [ "$DEMO" -eq 0 ] || printf '\n[brand]\nname = "Harbour Live"\nlogo = "%s/infra/demo/brand/logo.svg"\n' "$ROOT"
}

# ---- files --------------------------------------------------------------------------------------

# Writes standard input to the file unless it is unchanged; mode 0600 unless given.
write_if_other() { # FILE [MODE]
    cat >"$1.new"
    chmod "${2:-0600}" "$1.new"
    if cmp -s "$1.new" "$1"; then rm "$1.new"; else mv "$1.new" "$1"; fi
}

secret() { cat "$SECRETS/$1"; }

# ---- parts --------------------------------------------------------------------------------------

ALL_PARTS='redis postgres psp-sandbox demo-shop queue-front seat-service payment-adapter seats-feed
    observe-alertmanager observe-prometheus edge'

# The parts that run here. The first front is called queue-front, others queue-front-2 and so on; the same for processes that
# share the seats.
parts() {
    for name in $ALL_PARTS; do
        part "$name" part_wanted || continue
        say "$name"
        case $name in
        queue-front) further "$name" "$FRONTS" ;;
        seat-service) further "$name" "$OWNERS" ;;
        esac
        if [ "$name" = queue-front ] && [ -n "$NEW" ]; then say queue-front-new; fi
    done
}

further() { # NAME COUNT
    n=2
    while [ "$n" -le "$2" ]; do
        say "$1-$n"
        n=$((n + 1))
    done
}

# part NAME FUNCTION: runs it in a subshell with NAME and, for a further front or owner, its number in FRONT or OWNER.
part() {
    (
        NAME=$1 FRONT=1 OWNER=1
        file=$1
        case $1 in
        queue-front-new) FRONT=$((FRONTS + 1)) BUILD=$NEW file=queue-front ;;
        queue-front-*) FRONT=${1##*-} file=queue-front ;;
        seat-service-*) OWNER=${1##*-} file=seat-service ;;
        esac
        part_wanted() { built "$file"; }
        part_run() { say "exec setpriv --pdeathsig TERM $BUILD/bin/$file --config $RUN/conf/$NAME.conf"; }
        part_settle() { :; }
        part_end_signal() { say TERM; }
        # shellcheck disable=SC1090 # one of parts/
        . "$STACK/parts/$file"
        "$2"
    )
}

front_port() { [ "$1" -eq 1 ] && say $((BASE + 1)) || say $((BASE + 19 + $1)); }
front_private_port() { [ "$1" -eq 1 ] && say $((BASE + 11)) || say $((BASE + 29 + $1)); }
owner_port() { [ "$1" -eq 1 ] && say $((BASE + 2)) || say $((BASE + 39 + $1)); }
owner_private_port() { [ "$1" -eq 1 ] && say $((BASE + 12)) || say $((BASE + 43 + $1)); }
# each_owner FUNCTION: calls it with the name, port and private port of each.
each_owner() {
    n=1 name=seat-service
    while [ "$n" -le "$OWNERS" ]; do
        "$1" "$name" "$(owner_port "$n")" "$(owner_private_port "$n")"
        n=$((n + 1)) name=seat-service-$n
    done
}
# The origins of the operator's console, as browsers may name them.
console_origins() { say "http://localhost:$((BASE + 11)), http://127.0.0.1:$((BASE + 11))"; }

built() { [ -x "$BUILD/bin/$1" ]; }

# ---- queries ------------------------------------------------------------------------------------

http_ok() { curl -fsS -m 2 -o /dev/null "$1" 2>/dev/null; }

# admin_call METHOD URL [JSON | @FILE]: prints the status. The token is passed by a file, not by an argument.
admin_call() {
    printf 'header = "Authorization: Bearer %s"\n' "$(secret admin-token)" |
        curl -sS -m 30 -o /dev/null -w '%{http_code}' -K - -X "$1" \
            -H 'Content-Type: application/json' ${3:+--data-binary "$3"} "$2" || true
}

# Whether a process listens on the port. Reads the kernel's tables and does not connect.
port_taken() {
    hex=$(printf '%04X' "$1")
    awk -v hex="$hex" '$4 == "0A" && substr($2, length($2) - 3) == hex { found = 1 }
        END { exit !found }' /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# Prints the pid of a service folder's process, if it runs.
part_pid() {
    sv status "$RUN/service/$1" 2>/dev/null | sed -n 's/^run: [^ ]* (pid \([0-9]*\)).*/\1/p'
}

# ---- every process of this stack -----------------------------------------------------------------

# Each process was started with FAIRGATE_STACK=<run dir> in its environment. Redis and PostgreSQL
# overwrite theirs with their titles, so they are found by their working directory.
stack_pids() {
    pg=$(realpath -m "$RUN/postgres")
    {
        grep -lzxF "FAIRGATE_STACK=$RUN" /proc/[0-9]*/environ 2>/dev/null
        for cwd in $(find /proc/[0-9]*/cwd -maxdepth 0 \
            \( -lname "$RUN/*" -o -lname "$pg" -o -lname "$pg/*" \) 2>/dev/null); do
            case $(cat "${cwd%cwd}comm" 2>/dev/null) in
            redis-server | postgres) say "$cwd" ;;
            esac
        done
    } | cut -d / -f 3 | sort -u | grep -vxF "$$" || :
}
