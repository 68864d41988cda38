# shellcheck shell=bash disable=SC2034,SC2154  # variables are shared with scripts/restart-and-deploy-openai.sh
# The settings of one deployment: .env.prod for the site, with the model's lines from deploy/profiles/NAME.env on top.

# Names whose values must never stand in a file that is handed around, in an environment or on a command line.
secret_names='GPTOSS_ADMIN_KEY RPC_URL HOST_PRIVATE_KEY OWNER_PRIVATE_KEY S5_SEED_PHRASE'

# setting FILE NAME: the value there, without quotes; empty when it is not set.
setting() {
    sed -nE "s/^[[:space:]]*(export[[:space:]]+)?$2[[:space:]]*=[[:space:]]*//p" "$1" | tail -n 1 |
        sed -E "s/[[:space:]]+#.*$//; s/[[:space:]]+$//; s/^\"([^\"]*)\".*$/\1/; s/^'([^']*)'.*$/\1/"
}

# put_setting FILE NAME VALUE: replaces the line, or adds it. The node refuses a name that stands there twice.
put_setting() {
    local rest
    rest="$(grep -vE "^[[:space:]]*(export[[:space:]]+)?$2[[:space:]]*=" "$1" || true)"
    { printf '%s\n' "$rest"; printf '%s=%s\n' "$2" "$3"; } >"$1"
}

# make_settings TO: what the node will be given, before a runtime adapts it to where it runs.
make_settings() {
    local to="$1" overlay="" line name
    if [ -n "$env_file" ]; then cat "$env_file" >"$to"; else : >"$to"; fi
    if [ -n "$profile" ]; then
        overlay="$profiles_folder/$profile.env"
        while IFS= read -r line || [ -n "$line" ]; do
            [[ "$line" =~ ^([A-Z][A-Z0-9_]*)=(.*)$ ]] || continue
            name="${BASH_REMATCH[1]}"
            put_setting "$to" "$name" "${BASH_REMATCH[2]}"
        done <"$overlay"
    fi
}

# Secrets are files: whatever stands in the settings can be read by `inspect` and lies in the state folder.
inline_secrets() {
    local name
    for name in $secret_names; do
        if [ -n "$(setting "$1" "$name")" ]; then printf '%s ' "$name"; fi
    done
}

# Where a client on this machine reaches a node that listens on $host.
url_of() {   # url_of PORT
    local address="$host"
    case "$host" in 0.0.0.0) address=127.0.0.1 ;; ::) address='[::1]' ;; *:*) address="[$host]" ;; esac
    printf 'http://%s:%s' "$address" "$1"
}

asked_port() {
    local port
    port="$(setting "$1" API_PORT)"
    printf '%s' "${port:-8080}"
}

# Seconds until a stopped node is killed: its own grace and a little more.
stop_limit_s() {
    local grace
    grace="$(setting "$1" GPTOSS_SHUTDOWN_GRACE_S)"
    printf '%s' $((${grace:-30} + 10))
}
