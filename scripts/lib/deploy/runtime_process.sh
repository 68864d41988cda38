# shellcheck shell=bash disable=SC2034,SC2154  # variables are shared with scripts/restart-and-deploy-openai.sh
# Nodes as plain processes, for machines where containers cannot run. A reference is PID:START, as process numbers
# are used again. Nothing restarts such a node after a reboot: for a machine that lasts use deploy/systemd.

process_adapt() {   # settings are written for containers: /models is wherever the models are here
    local path
    path="$(setting "$1" MODEL_PATH)"
    case "$path" in /models/*) put_setting "$1" MODEL_PATH "$models${path#/models}" ;; esac
}

process_find() {
    [ -n "$node_binary" ] || node_binary="$(command -v gpt-oss-node || true)"
    local built
    for built in "$root"/build/{cuda,release}/gpt-oss-node; do
        [ -z "$node_binary" ] && [ -x "$built" ] && node_binary="$built"
    done
    image="$node_binary"
}

process_preflight() {
    process_find
    if [ ! -x "$node_binary" ]; then
        refused binary "gpt-oss-node is not built here: run ./run once, or name it with --node FILE"
        return
    fi
    passed binary "$("$node_binary" --version 2>&1) ($node_binary)"
}

process_tool() { env -i PATH="$PATH" HOME="${HOME:-/}" ${OPENAI_API_KEY:+OPENAI_API_KEY="$OPENAI_API_KEY"} "$node_binary" "$@"; }

# The settings in effect are those of the file alone, whatever the operator's shell exports.
process_start() {   # process_start FOLDER SLOT PORT
    local folder="$1" port="$3" pid
    setsid env -i PATH="$PATH" HOME="${HOME:-/}" "$image" serve --env-file "$folder/settings.env" --host "$host" --port "$port" \
        </dev/null >"$folder/node.log" 2>&1 9>&- &
    pid=$!
    reference="$pid:$(process_started_at "$pid")"
}

process_started_at() { awk '{ print $22 }' "/proc/$1/stat" 2>/dev/null || true; }

process_alive() {
    local pid="${1%%:*}"
    [ -r "/proc/$pid/stat" ] && [ "$(process_started_at "$pid")" = "${1##*:}" ] &&
        [ "$(awk '{ print $3 }' "/proc/$pid/stat" 2>/dev/null)" != Z ]
}

process_stop() {   # process_stop REFERENCE LIMIT_S
    local pid="${1%%:*}" deadline=$((SECONDS + $2))
    process_alive "$1" || return 0
    kill -TERM "$pid" 2>/dev/null || return 0
    while process_alive "$1"; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            warned stop "process $pid did not end within $2 s: killed"
            kill -KILL "$pid" 2>/dev/null || true
        fi
        sleep 0.1
    done
}

process_log() { tail -n "${3:-20}" "$2/node.log" 2>/dev/null || true; }   # process_log REFERENCE FOLDER [LINES]
