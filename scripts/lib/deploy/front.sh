# shellcheck shell=bash disable=SC2034,SC2154  # variables are shared with scripts/restart-and-deploy-openai.sh
# With HAProxy in front (deploy/haproxy/single.cfg) a node is one of two servers, blue and green, each with its port.
# The script tells HAProxy through its admin socket which of them gets requests, so that a new node is checked before
# it gets any and an old one finishes what it has.

front_backend=nodes

front_says() { printf '%s\n' "$1" | socat -t 5 - "UNIX-CONNECT:$front" 2>/dev/null; }

slot_port() { if [ "$1" = blue ]; then printf '%s' "$blue_port"; else printf '%s' "$green_port"; fi; }

front_preflight() {
    [ -n "$front" ] || return 0
    local states slot
    if ! states="$(front_says "show servers state $front_backend")" || [ -z "$states" ]; then
        refused front "HAProxy does not answer on $front, or has no backend $front_backend"
        return
    fi
    for slot in blue green; do
        if ! grep -q " $slot .* $(slot_port "$slot") " <<<"$states"; then
            refused front "HAProxy has no server $slot with port $(slot_port "$slot")"
            return
        fi
    done
    passed front "HAProxy on $front"
}

front_set() {   # front_set SLOT ready|drain|maint
    [ -n "$front" ] || return 0
    front_says "set server $front_backend/$1 state $2" >/dev/null
}

# From the admin state "ready" to the first health check that passes.
front_wait_up() {   # front_wait_up SLOT
    [ -n "$front" ] || return 0
    local deadline=$((SECONDS + 30))
    until front_says 'show stat' | awk -F, -v slot="$1" '$2 == slot && $18 ~ /^UP/ { found = 1 } END { exit !found }'; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.2
    done
}
