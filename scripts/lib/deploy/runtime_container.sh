# shellcheck shell=bash disable=SC2034,SC2154  # variables are shared with scripts/restart-and-deploy-openai.sh
# Nodes as containers, with Docker or Podman: $runtime is the command. A reference is the container's name.

# Readable for the node inside, which is another user; secrets are not in it.
container_adapt() { chmod 644 "$1"; }

container_preflight() {
    if ! command -v "$runtime" >/dev/null; then
        refused runtime "$runtime is not installed; --runtime chooses another"
        return
    fi
    if ! "$runtime" info >/dev/null 2>&1; then
        refused runtime "$runtime does not answer: is its service running, and may $(id -un) use it?"
        return
    fi
    if ! "$runtime" image inspect "$image" >/dev/null 2>&1; then
        refused image "$image is not here: build it (docs/deployment.md) or pull it"
        return
    fi
    passed image "$image, $("$runtime" image inspect --format '{{.Id}}' "$image" | cut -c 1-19), $(container_tool --version 2>&1 | tail -n 1)"
}

gpu_options() {
    [ "$device" = cuda ] || return 0
    if [ "$runtime" = docker ]; then printf '%s\n' --gpus all; else printf '%s\n' --device nvidia.com/gpu=all; fi
}

# What every container of ours gets, long-lived or not: nothing to write to, no privileges, models read-only.
container_options() {
    printf '%s\n' --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
        --volume "$models:/models:ro"
    [ -d "$secrets" ] && printf '%s\n' --volume "$secrets:/run/secrets:ro"
    [ "$network" = host ] && printf '%s\n' --network host
    gpu_options
    # For what a site needs beyond this (SELinux labels, memory limits): one word an option.
    if [ -n "${DEPLOY_CONTAINER_OPTIONS:-}" ]; then tr ' ' '\n' <<<"$DEPLOY_CONTAINER_OPTIONS"; fi
}

# A subcommand of the image to be deployed, run once. It reaches nodes of this machine at their published ports.
container_tool() {
    local options
    mapfile -t options < <(container_options)
    [ "$network" = host ] || options+=(--network host)
    [ -n "${OPENAI_API_KEY:-}" ] && options+=(--env OPENAI_API_KEY)
    [ -n "${work:-}" ] && options+=(--volume "$work:$work:ro")
    "$runtime" run --rm "${options[@]}" "$image" "$@"
}

container_start() {   # container_start FOLDER SLOT PORT
    local folder="$1" port="$3" options inside=8080 listen=0.0.0.0
    mapfile -t options < <(container_options)
    reference="gpt-oss-node-$2"
    # With a network of its own the node listens on all of it, and what is published decides who reaches it.
    if [ "$network" = host ]; then
        inside="$port"
        listen="$host"
    else
        options+=(--publish "$host:$port:8080")
    fi
    "$runtime" rm --force "$reference" >/dev/null 2>&1 || true   # a stopped one of an earlier deployment
    "$runtime" run --detach --name "$reference" --restart unless-stopped \
        --stop-timeout "$(stop_limit_s "$folder/settings.env")" --pids-limit 4096 "${options[@]}" \
        --env "GPTOSS_HOST=$listen" --env "API_PORT=$inside" \
        --volume "$folder/settings.env:/etc/gpt-oss-node/settings.env:ro" \
        "$image" serve --env-file /etc/gpt-oss-node/settings.env >"$folder/start.log" 2>&1 9>&- ||
        warned start "$(tail -n 1 "$folder/start.log")"
}

# Restarted is as bad as stopped: a node that crashes while loading would do so for ever.
container_alive() {
    [ "$("$runtime" inspect --format '{{.State.Running}} {{.RestartCount}}' "$1" 2>/dev/null)" = "true 0" ]
}

container_stop() {   # container_stop REFERENCE LIMIT_S
    "$runtime" stop --time "$2" "$1" >/dev/null 2>&1 || true
    "$runtime" rm --force "$1" >/dev/null 2>&1 || true
}

container_log() {   # container_log REFERENCE FOLDER [LINES]
    "$runtime" logs --tail "${3:-20}" "$1" 2>&1 || tail -n 5 "$2/start.log"
}
