#!/usr/bin/env bash
# Deploys a gpt-oss-node, or another model on a running one, and goes back by itself when the new one does not work.
#   scripts/restart-and-deploy-openai.sh [--profile 120b|20b|demo] [OPTIONS]     deploy
#   scripts/restart-and-deploy-openai.sh rollback [OPTIONS]                      what ran before
#   scripts/restart-and-deploy-openai.sh status|stop [OPTIONS]
# Options (each also a variable, DEPLOY_RUNTIME for --runtime):
#   --profile NAME     model settings of deploy/profiles/NAME.env on top of the settings file; none: the file alone
#   --env-file FILE    settings                                        [.env.prod, when it is there]
#   --runtime NAME     docker, podman or process                       [the first of them that works here]
#   --image NAME       image to run                                    [gpt-oss-node:cuda, without a GPU gpt-oss-node:cpu]
#   --node FILE        binary for --runtime process                    [the built one]
#   --models FOLDER    what is /models in the settings                 [/models]
#   --secrets FOLDER   what is /run/secrets in containers              [/etc/gpt-oss-node/secrets]
#   --network NAME     host: the container shares this machine's network    [bridge]
#   --state FOLDER     where deployments are remembered                [/var/lib/gpt-oss-node; not root: ~/.local/state/gpt-oss-node]
#   --front SOCKET     HAProxy's admin socket: two slots behind one port, see docs/deployment.md
#   --deadline SECONDS until the new node must be ready                [900]
#   --check "OPTIONS"  further options for `gpt-oss-node check`
#   --check-command FILE    what to run instead, with the same options: --url URL --json [--context TOKENS] ...
#   --dry-run          preflight, then tell what would be done
# Exit status: 0 done; 1 the new node failed and the old one serves again; 2 nothing serves; 3 preflight failed,
# nothing was touched; 64 not understood.
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
# shellcheck source=scripts/lib/deploy/output.sh
. "$root/scripts/lib/deploy/output.sh"
# shellcheck source=scripts/lib/deploy/settings.sh
. "$root/scripts/lib/deploy/settings.sh"
# shellcheck source=scripts/lib/deploy/state.sh
. "$root/scripts/lib/deploy/state.sh"
# shellcheck source=scripts/lib/deploy/runtime_process.sh
. "$root/scripts/lib/deploy/runtime_process.sh"
# shellcheck source=scripts/lib/deploy/runtime_container.sh
. "$root/scripts/lib/deploy/runtime_container.sh"
# shellcheck source=scripts/lib/deploy/front.sh
. "$root/scripts/lib/deploy/front.sh"
# shellcheck source=scripts/lib/deploy/preflight.sh
. "$root/scripts/lib/deploy/preflight.sh"
# shellcheck source=scripts/lib/deploy/ready.sh
. "$root/scripts/lib/deploy/ready.sh"
# shellcheck source=scripts/lib/deploy/replace.sh
. "$root/scripts/lib/deploy/replace.sh"

usage() { sed -n '2,/^set -euo/{/^#/s/^# \{0,1\}//p}' "$0"; }

if [ "$(id -u)" -eq 0 ]; then state=/var/lib/gpt-oss-node; else state="${XDG_STATE_HOME:-$HOME/.local/state}/gpt-oss-node"; fi
state="${DEPLOY_STATE:-$state}"
profile="${DEPLOY_PROFILE:-}"
env_file="${DEPLOY_ENV_FILE:-}"
runtime="${DEPLOY_RUNTIME:-}"
image="${DEPLOY_IMAGE:-}"
node_binary="${DEPLOY_NODE:-${GPT_OSS_NODE:-}}"
models="${DEPLOY_MODELS:-/models}"
secrets="${DEPLOY_SECRETS:-/etc/gpt-oss-node/secrets}"
network="${DEPLOY_NETWORK:-bridge}"
front="${DEPLOY_FRONT:-}"
deadline_s="${DEPLOY_DEADLINE:-900}"
check_options="${DEPLOY_CHECK:-}"
check_command="${DEPLOY_CHECK_COMMAND:-}"
profiles_folder="${DEPLOY_PROFILES:-$root/deploy/profiles}"
blue_port="${DEPLOY_BLUE_PORT:-18080}"
green_port="${DEPLOY_GREEN_PORT:-18081}"
dry_run=no
action=deploy
least_driver=580   # the first that runs CUDA 13
least_disk_mb=1024

while [ $# -gt 0 ]; do
    case "$1" in
        deploy | rollback | status | stop) action="$1" && shift && continue ;;
        --dry-run) dry_run=yes && shift && continue ;;
        --help | -h) usage && exit 0 ;;
        --profile | --env-file | --runtime | --image | --node | --models | --secrets | --network | --state | --front | --deadline | --check | --check-command)
            [ $# -ge 2 ] || die 64 "$1 needs a value" ;;
        *) die 64 "there is no option $1; --help lists them" ;;
    esac
    case "$1" in
        --profile) profile="$2" ;;
        --env-file) env_file="$2" ;;
        --runtime) runtime="$2" ;;
        --image) image="$2" ;;
        --node) node_binary="$2" ;;
        --models) models="$2" ;;
        --secrets) secrets="$2" ;;
        --network) network="$2" ;;
        --state) state="$2" ;;
        --front) front="$2" ;;
        --deadline) deadline_s="$2" ;;
        --check-command) check_command="$2" ;;
        --check) check_options="$2" ;;
    esac
    shift 2
done

choose_runtime() {
    if [ -z "$runtime" ]; then
        runtime=process
        if command -v podman >/dev/null && podman info >/dev/null 2>&1; then runtime=podman; fi
        if command -v docker >/dev/null && docker info >/dev/null 2>&1; then runtime=docker; fi
    fi
    case "$runtime" in
        docker | podman) kind=container ;;
        process) kind=process ;;
        *) die 64 "--runtime is docker, podman or process, not $runtime" ;;
    esac
    if [ -z "$image" ] && [ "$kind" = container ]; then
        image=gpt-oss-node:cuda
        command -v nvidia-smi >/dev/null || image=gpt-oss-node:cpu
    fi
}

# The one process of a record must still be the one that was started.
running_is_alive() {
    has_record running || return 1
    case "$(recorded "$state/running" runtime)" in
        process) process_alive "$(recorded "$state/running" reference)" ;;
        *) runtime="$(recorded "$state/running" runtime)" container_alive "$(recorded "$state/running" reference)" ;;
    esac
}

describe() {   # describe FOLDER
    printf '%s (%s, %s, port %s)' "$(recorded "$1" profile | grep . || echo "settings file")" "$(recorded "$1" runtime)" \
        "$(recorded "$1" reference)" "$(recorded "$1" port)"
}

show_status() {
    has_record running || die 1 "nothing was deployed with this state folder ($state)"
    local alive=stopped
    if running_is_alive; then alive=running; fi
    echo "running:  $(describe "$state/running"): $alive"
    if has_record previous; then echo "previous: $(describe "$state/previous")"; fi
    use_record "$state/running"
    curl --silent --max-time 3 "$(url_of "$(recorded "$state/running" port)")/ready" || true
    echo
    [ "$alive" = running ]
}

# Slot and port of the next node: the other one behind a front, else the same port.
choose_place() {
    slot=blue
    if has_record running; then slot="$(other_slot "$(recorded "$state/running" slot)")"; fi
    port="$(asked_port "$work/settings.env")"
    if [ -n "$front" ]; then port="$(slot_port "$slot")"; fi
}

prepare() {
    if [ -z "$env_file" ] && [ -f "$root/.env.prod" ]; then env_file="$root/.env.prod"; fi
    [ -z "$env_file" ] || [ -r "$env_file" ] || die 3 "cannot read the settings in $env_file"
    [ -z "$profile" ] || [ -r "$profiles_folder/$profile.env" ] ||
        die 64 "there is no profile $profile; there are: $(cd "$profiles_folder" && printf '%s ' *.env | sed 's/\.env//g')"
    work="$(mktemp -d)"
    chmod 755 "$work"   # a container's user reads the settings there
    trap 'rm -rf "$work"' EXIT
    make_settings "$work/settings.env"
    host="$(setting "$work/settings.env" GPTOSS_HOST)"
    host="${host:-127.0.0.1}"
    "$kind"_adapt "$work/settings.env"
    choose_place
}

deploy() {
    choose_runtime
    prepare
    if ! preflight "$port"; then die 3 "preflight failed: nothing was touched"; fi
    local method="stop the running node, then start the new one"
    if ! running_is_alive; then
        method="start (nothing runs)"
    elif [ -n "$front" ] && [ "$fits_beside" = yes ]; then
        method="start the new node beside the running one, then switch"
    fi
    step "Plan: $method"
    note "${profile:-settings file}: $(setting "$work/settings.env" MODEL_PATH | grep . || echo "demo model"), context $(setting "$work/settings.env" MAX_CONTEXT_LENGTH | grep . || echo "as large as fits"), $runtime, $(url_of "$port")"
    if has_record running; then note "on failure back to: $(describe "$state/running")"; fi
    if [ "$dry_run" = yes ]; then
        note "dry run: nothing was touched"
        return 0
    fi
    lock_state
    local folder
    folder="$(new_folder "${profile:-settings}")"
    cp "$work/settings.env" "$folder/settings.env"
    replace "$folder"
}

rollback() {
    has_record previous || die 3 "nothing was deployed before: there is nothing to go back to"
    lock_state
    local target folder
    target="$(readlink -f "$state/previous")"
    use_record "$target"
    choose_runtime
    node_binary="$image"
    folder="$(new_folder "${profile:-settings}-again")"
    cp "$target/settings.env" "$folder/settings.env"
    work="$folder"
    choose_place
    if ! "$kind"_tool serve --check-config --env-file "$folder/settings.env" >/dev/null; then
        rm -rf "$folder"
        die 3 "the saved settings do not hold any more: nothing was touched"
    fi
    problems=0
    preflight_memory
    [ "$problems" -eq 0 ] || die 3 "the previous model does not fit any more: nothing was touched"
    step "Back to $(describe "$target")"
    if [ "$dry_run" = yes ]; then rm -rf "$folder" && note "dry run: nothing was touched" && return 0; fi
    replace "$folder"
}

stop_running() {
    running_is_alive || { note "nothing runs" && return 0; }
    lock_state
    stop_recorded "$state/running"
    note "stopped"
}

case "$action" in
    deploy) deploy ;;
    rollback) rollback ;;
    status) show_status ;;
    stop) stop_running ;;
esac
