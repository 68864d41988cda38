# shellcheck shell=bash disable=SC2034,SC2154  # variables are shared with scripts/restart-and-deploy-openai.sh
# The change itself: stop and start in the right order, wait, check, and go back when anything fails. Only here is a
# node stopped or started.

# Runs a command with the choices of a recorded deployment, without forgetting one's own.
with_record() {   # with_record FOLDER COMMAND...
    local folder="$1" profile runtime image device network host models secrets kind
    shift
    use_record "$folder"
    choose_runtime
    "$@"
}

stop_here() { "$kind"_stop "$1" "$(stop_limit_s "$2/settings.env")"; }   # stop_here REFERENCE FOLDER

# Behind a front it gets no new requests first. Then SIGTERM: it finishes what it has.
stop_recorded() {   # stop_recorded FOLDER
    local slot_of
    slot_of="$(recorded "$1" slot)"
    front_set "$slot_of" drain
    with_record "$1" stop_here "$(recorded "$1" reference)" "$1"
    front_set "$slot_of" maint
}

# Sets $reason when the node does not work.
start_and_check() {   # start_and_check FOLDER SLOT PORT
    local folder="$1"
    front_set "$2" maint
    "$kind"_start "$folder" "$2" "$3"
    write_record "$folder" "$reference" "$2" "$3"
    step "Waiting until it is ready (at most $deadline_s s)"
    wait_ready "$folder" "$reference" "$(url_of "$3")" || return 1
    step "Checking it"
    run_check "$folder" "$(url_of "$3")"
}

open_front() {   # open_front SLOT
    front_set "$1" ready
    front_wait_up "$1" || { reason="HAProxy's health check does not find it" && return 1; }
}

# The saved node again, as it was: same settings, image, slot and port.
bring_back() {   # bring_back FOLDER
    local folder="$1" slot_of port_of
    slot_of="$(recorded "$folder" slot)"
    port_of="$(recorded "$folder" port)"
    "$kind"_start "$folder" "$slot_of" "$port_of"
    write_record "$folder" "$reference" "$slot_of" "$port_of"
    wait_ready "$folder" "$reference" "$(url_of "$port_of")" || return 1
    open_front "$slot_of"
}

roll_back() {   # roll_back FOLDER OLD_IS_STOPPED
    local folder="$1" why="$reason"
    printf '%s\n' "$why" >"$folder/reason"
    step "It does not work: $why"
    "$kind"_log "$reference" "$folder" 200 >"$folder/last.log" || true
    front_set "$slot" maint
    stop_here "$reference" "$folder"
    if ! has_record running; then die 2 "nothing ran before, nothing runs now: $why (log: $folder/last.log)"; fi
    if [ "$2" = yes ]; then
        step "Rolling back to $(describe "$state/running")"
        if ! with_record "$(readlink -f "$state/running")" bring_back "$(readlink -f "$state/running")"; then
            die 2 "rolling back failed too, nothing serves: $reason. The deployment had failed because: $why"
        fi
    fi
    die 1 "not deployed, $(describe "$state/running") serves as before: $why (log: $folder/last.log)"
}

# replace FOLDER: from $state/running, when there is one, to FOLDER in $slot on $port. $fits_beside: both at once.
replace() {
    local folder="$1" old_is_stopped=no old=""
    reason=""
    if running_is_alive; then
        old="$(readlink -f "$state/running")"
        if [ -z "$front" ] || [ "$fits_beside" = no ]; then
            step "Stopping $(describe "$old"): running answers are finished first"
            old_is_stopped=yes
            stop_recorded "$old"
        fi
    elif has_record running; then
        old_is_stopped=yes   # it died by itself: going back means starting it again
    fi
    step "Starting ${profile:-the node}"
    start_and_check "$folder" "$slot" "$port" || roll_back "$folder" "$old_is_stopped"
    open_front "$slot" || roll_back "$folder" "$old_is_stopped"
    if [ -n "$old" ] && [ "$old_is_stopped" = no ]; then
        step "Switched; stopping $(describe "$old")"
        stop_recorded "$old"
    fi
    promote "$folder"
    step "Deployed: $(describe "$state/running")"
    if has_record previous; then note "back again: scripts/restart-and-deploy-openai.sh rollback"; fi
}
