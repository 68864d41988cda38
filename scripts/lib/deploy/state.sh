# shellcheck shell=bash disable=SC2034,SC2154  # variables are shared with scripts/restart-and-deploy-openai.sh
# What is deployed, so that it survives this script: a folder for each deployment that never moves (containers mount
# their settings from there, also after a reboot), and two links to them, state/running and state/previous. A folder
# has `record` (NAME=VALUE lines), the settings.env that the node was given, its log and what `check` said.

recorded() { sed -n "s/^$2=//p" "$1/record" 2>/dev/null | tail -n 1; }   # recorded FOLDER NAME
has_record() { [ -f "$state/$1/record" ]; }                              # has_record running|previous

# Written aside and renamed, so that a crash leaves the old one or the new one.
write_record() {   # write_record FOLDER REFERENCE SLOT PORT
    printf '%s\n' "profile=$profile" "runtime=$runtime" "image=$image" "device=$device" "network=$network" \
        "host=$host" "models=$models" "secrets=$secrets" "reference=$2" "slot=$3" "port=$4" >"$1/record.new"
    mv "$1/record.new" "$1/record"
}

# The choices a recorded node was started with become those in effect: it may have been another runtime or image.
use_record() {   # use_record FOLDER
    profile="$(recorded "$1" profile)"
    runtime="$(recorded "$1" runtime)"
    image="$(recorded "$1" image)"
    device="$(recorded "$1" device)"
    network="$(recorded "$1" network)"
    host="$(recorded "$1" host)"
    models="$(recorded "$1" models)"
    secrets="$(recorded "$1" secrets)"
}

point() { ln -sfn "$2" "$state/$1.new" && mv -T "$state/$1.new" "$state/$1"; }   # point running|previous FOLDER

# The new node is the running one now; what ran before is one `rollback` away.
promote() {   # promote FOLDER
    local before=""
    if has_record running; then before="$(readlink -f "$state/running")"; fi
    if [ -n "$before" ] && [ "$before" != "$1" ]; then point previous "$before"; fi
    point running "$1"
    forget_old
}

# Ten deployments are kept for whoever asks later what happened.
forget_old() {
    local folder
    find "$state/deployments" -mindepth 1 -maxdepth 1 -type d | sort -r | tail -n +11 | while IFS= read -r folder; do
        [ "$folder" = "$(readlink -f "$state/running")" ] && continue
        [ "$folder" = "$(readlink -f "$state/previous")" ] && continue
        rm -rf "$folder"
    done
}

new_folder() {   # new_folder NAME
    local folder
    folder="$state/deployments/$(date -u +%Y%m%dT%H%M%S)-$1-$$"
    mkdir -p "$folder"
    printf '%s' "$folder"
}

# One deployment at a time. Nodes are started with the descriptor closed: they must not hold the lock.
lock_state() {
    mkdir -p "$state/deployments"
    exec 9>"$state/lock"
    flock -n 9 || die 3 "another deployment is under way ($state/lock)"
}

other_slot() { if [ "$1" = blue ]; then printf green; else printf blue; fi; }
