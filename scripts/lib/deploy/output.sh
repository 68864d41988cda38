# shellcheck shell=bash disable=SC2034,SC2154  # variables are shared with scripts/restart-and-deploy-openai.sh
# What the deploy script tells: steps to people, one reason to whoever reads the last line.

step() { printf '==> %s\n' "$*"; }
note() { printf '    %s\n' "$*"; }
passed() { printf '    ok      %-10s %s\n' "$1" "$2"; }
warned() { printf '    warning %-10s %s\n' "$1" "$2"; }

problems=0
# One line for each thing that is wrong: a preflight tells all of them at once.
refused() {
    printf '    FAILED  %-10s %s\n' "$1" "$2" >&2
    problems=$((problems + 1))
}

die() {   # die STATUS MESSAGE
    printf 'error: %s\n' "$2" >&2
    exit "$1"
}

# Bytes as people say them.
gigabytes() { awk -v bytes="$1" 'BEGIN { printf (bytes < 1e9 ? "%.2f GB" : "%.1f GB"), bytes / 1e9 }'; }
