# shellcheck shell=bash disable=SC2034,SC2154  # variables are shared with scripts/restart-and-deploy-openai.sh
# Everything that can be known before anything is stopped. Reads $work/settings.env; sets $fits_beside.

preflight_tools() {
    local tool missing=()
    for tool in curl jq flock awk setsid ${front:+socat}; do command -v "$tool" >/dev/null || missing+=("$tool"); done
    if [ ${#missing[@]} -gt 0 ]; then refused tools "not installed: ${missing[*]}"; else passed tools "curl, jq${front:+, socat}"; fi
}

# Which device the settings ask for on this machine; the driver when it is a GPU.
preflight_device() {
    local asked driver
    asked="$(setting "$work/settings.env" GPTOSS_DEVICE)"
    driver="$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null | head -n 1 || true)"
    if [ "$asked" = cpu ] || { [ "${asked:-auto}" = auto ] && [ -z "$driver" ]; }; then
        device=cpu
        passed device "CPU"
    elif [ -z "$driver" ]; then
        refused device "GPTOSS_DEVICE=cuda, but nvidia-smi names no driver"
    elif [ "${driver%%.*}" -lt "$least_driver" ]; then
        refused device "driver $driver is older than $least_driver, which CUDA 13 needs"
    else
        device=cuda
        passed device "$(nvidia-smi --query-gpu=name,memory.total --format=csv,noheader | head -n 1), driver $driver"
    fi
}

preflight_settings() {
    local secrets_inside problem
    secrets_inside="$(inline_secrets "$work/settings.env")"
    if [ -n "$secrets_inside" ]; then
        refused settings "secrets stand in the settings: ${secrets_inside}- put each into a file and name it with NAME_FILE"
    elif [ -n "$(setting "$work/settings.env" TLS_CERTIFICATE_FILE)" ]; then
        refused settings "TLS_CERTIFICATE_FILE is set, but nodes deployed by this script are asked over HTTP: let HAProxy end TLS"
    elif problem="$("$kind"_tool serve --check-config --env-file "$work/settings.env" 2>&1 >"$work/in-effect.txt")"; then
        passed settings "$(grep -vc '(default)' "$work/in-effect.txt") set, the others at their defaults"
    else
        refused settings "${problem:-check-config fails}"
    fi
}

preflight_model() {
    local path verdict
    path="$(setting "$work/settings.env" MODEL_PATH)"
    if [ -z "$path" ]; then
        passed model "the demo model that comes with the node"
        return
    fi
    note "hashing the model's parts ..."
    verdict="$("$kind"_tool verify --model "$path" --json 2>"$work/verify.err" || true)"
    if [ "$(jq -r '.passed' <<<"$verdict" 2>/dev/null)" = true ]; then
        passed model "$(jq -r '"\(.parts | length) part(s), \(.composite_sha256), \([.comparisons[] | "\(.against): \(.verdict)"] | join(", "))"' <<<"$verdict")"
    else
        refused model "$(jq -r '[.comparisons[] | select(.verdict == "DIFFERENT") | "\(.against): \(.detail)"] | join("; ")' <<<"$verdict" 2>/dev/null |
            grep . || paste -sd " " "$work/verify.err")"
    fi
}

# plan_of SETTINGS: what that deployment takes, as JSON.
plan_of() {
    local file="$1" path context sequences batch kv cache layers options=(--json --device "$device")
    path="$(setting "$file" MODEL_PATH)"
    context="$(setting "$file" MAX_CONTEXT_LENGTH)"
    sequences="$(setting "$file" GPTOSS_MAX_SEQUENCES)"
    batch="$(setting "$file" LLAMA_BATCH_SIZE)"
    kv="$(setting "$file" KV_CACHE_TYPE)"
    cache="$(setting "$file" GPTOSS_CACHE_TOKENS)"
    layers="$(setting "$file" GPU_LAYERS)"
    [ "${context:-0}" != 0 ] && options+=(--context "$context")
    # Not said, the node takes what the card has: the least it can do with is what must be free.
    [ "${sequences:-0}" != 0 ] || sequences=1
    options+=(--sequences "$sequences")
    [ "${cache:-0}" != 0 ] && options+=(--cache-tokens "$cache")
    [ -n "$batch" ] && options+=(--batch "$batch")
    [ -n "$kv" ] && options+=(--kv-type "$kv")
    # 99 is all of them, which older binaries know without being told.
    [ "$device" = cuda ] && [ "${layers:-0}" -gt 0 ] && [ "$layers" -lt 99 ] && options+=(--gpu-layers "$layers")
    "$kind"_tool plan --model "$path" "${options[@]}"
}

# The memory the running node gives back counts as free, unless both are to run beside each other.
preflight_memory() {
    local plan needed free released=0
    fits_beside=yes
    if [ -z "$(setting "$work/settings.env" MODEL_PATH)" ]; then
        passed memory "the demo model fits anywhere"
        return
    fi
    plan="$(plan_of "$work/settings.env" 2>"$work/plan.err" || true)"
    needed="$(jq -r '.total_bytes // empty' <<<"$plan" 2>/dev/null || true)"
    if [ -z "$needed" ]; then
        refused memory "no plan can be made: $(paste -sd " " "$work/plan.err")"
        return
    fi
    free="$(jq -r '.free_bytes' <<<"$plan")"
    [ "$needed" -le "$free" ] || fits_beside=no
    if has_record running && [ -n "$(setting "$state/running/settings.env" MODEL_PATH)" ]; then
        released="$(plan_of "$state/running/settings.env" 2>/dev/null | jq -r '.total_bytes // 0' || true)"
    fi
    local sum=$((free + ${released:-0}))
    if [ "$needed" -le "$sum" ]; then
        passed memory "needs $(gigabytes "$needed"), free $(gigabytes "$free")$([ "$fits_beside" = yes ] || echo ", once the running node has stopped $(gigabytes "$sum")")"
    else
        refused memory "needs $(gigabytes "$needed"), $(gigabytes "$sum") would be free: lower MAX_CONTEXT_LENGTH (largest that fits now: $(jq -r '.largest_context_length' <<<"$plan"))"
    fi
}

# Whether this card computes right with this build and model. Kept by the node for card, driver, version and kind of
# model, so that it runs once, for at most QUALIFY_MINUTES (10). QUALIFY=always asks on a CPU too, never does not ask. Layer
# by layer, beside the running node: the whole model is skipped where there is no room for two.
preflight_qualify() {
    local path verdict decision kv layers ordinal arguments=(--stages kernels --if-needed --device "$device" --minutes "${QUALIFY_MINUTES:-10}")
    [ "${QUALIFY:-auto}" = never ] && return
    [ "${QUALIFY:-auto}" = auto ] && [ "$device" = cpu ] && return
    "$kind"_tool qualify --help >/dev/null 2>&1 || return 0   # an older build cannot
    path="$(setting "$work/settings.env" MODEL_PATH)"
    [ -n "$path" ] && arguments+=(--model "$path")
    decision="$(setting "$work/settings.env" GPTOSS_QUALIFICATION_PATH)"
    [ "$decision" = off ] && return
    [ -n "$decision" ] && arguments+=(--qualification-path "$decision")
    kv="$(setting "$work/settings.env" KV_CACHE_TYPE)"
    [ -n "$kv" ] && arguments+=(--kv-cache-type "$kv")
    layers="$(setting "$work/settings.env" GPU_LAYERS)"
    [ "$device" = cuda ] && [ "${layers:-0}" -gt 0 ] && [ "$layers" -lt 99 ] && arguments+=(--gpu-layers "$layers")
    ordinal="$(setting "$work/settings.env" GPTOSS_GPU_ORDINAL)"
    [ -n "$ordinal" ] && arguments+=(--gpu-ordinal "$ordinal")
    note "qualifying the device's kernels ..."
    if verdict="$("$kind"_tool qualify "${arguments[@]}" 2>&1)"; then
        passed kernels "$(tail -n 1 <<<"$verdict")"
    else
        refused kernels "$(grep -E 'NOT FIT|^ *failed|^error' <<<"$verdict" | paste -sd ' ' | cut -c 1-400)"
    fi
}

preflight_disk() {
    local folder="$state" free_kb
    while [ ! -d "$folder" ]; do folder="$(dirname "$folder")"; done
    free_kb="$(df -Pk "$folder" | awk 'NR == 2 { print $4 }')"
    if [ "$free_kb" -lt $((least_disk_mb * 1024)) ]; then
        refused disk "$((free_kb / 1024)) MB free for logs and state in $folder, at least $least_disk_mb MB are needed"
    else
        passed disk "$(gigabytes $((free_kb * 1024))) free in $folder"
    fi
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }   # answers PORT

preflight_port() {   # preflight_port PORT
    if ! answers "$1"; then
        passed port "$1 is free"
    elif has_record running && [ "$(recorded "$state/running" port)" = "$1" ] && running_is_alive; then
        passed port "$1 is the running node's"
    else
        refused port "$1 is taken by another program"
    fi
}

preflight() {   # preflight PORT
    step "Preflight: nothing is stopped before all of this holds"
    problems=0
    preflight_tools
    preflight_device
    "$kind"_preflight
    if [ "$problems" -gt 0 ]; then return 1; fi   # the rest is asked of the node itself
    preflight_settings
    if [ "$problems" -eq 0 ]; then
        preflight_model
        preflight_memory
        preflight_qualify
    fi
    preflight_disk
    front_preflight
    preflight_port "$1"
    [ "$problems" -eq 0 ]
}
