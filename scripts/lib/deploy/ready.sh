# shellcheck shell=bash disable=SC2034,SC2154  # variables are shared with scripts/restart-and-deploy-openai.sh
# Waiting for a node with a deadline, and asking it whether it really works. Both set $reason when they fail.

wait_ready() {   # wait_ready FOLDER REFERENCE URL
    local folder="$1" reference="$2" url="$3" deadline=$((SECONDS + deadline_s)) answer status told="" last="nothing yet"
    while :; do
        answer="$(curl --silent --max-time 3 "$url/ready" 2>/dev/null || true)"
        status="$(jq -r '.status // empty' <<<"$answer" 2>/dev/null || true)"
        case "$status" in
            ready)
                note "ready: $(jq -r '"\(.model), \(.context_length) tokens of context, on \(.device)"' <<<"$answer")"
                return 0
                ;;
            loading) last="$(jq -r '.progress | .stage + (if .fraction then ", \(.fraction * 100 | floor) %" else "" end)' <<<"$answer")" ;;
            failed) reason="the node says: $(jq -r '.failure' <<<"$answer")" && return 1 ;;
        esac
        if [ -n "$status" ] && [ "$last" != "$told" ]; then
            note "$last"
            told="$last"
        fi
        if ! "$kind"_alive "$reference"; then
            reason="it stopped by itself: $("$kind"_log "$reference" "$folder" 40 | grep -E 'error|warning|terminate' | tail -n 1)"
            return 1
        fi
        if [ "$SECONDS" -ge "$deadline" ]; then
            reason="not ready within $deadline_s s (at: $last)"
            return 1
        fi
        sleep 0.5
    done
}

# The first key of the keys file: the check is a client like any other.
client_key() {
    local file
    file="$(setting "$1" GPTOSS_API_KEYS_FILE)"
    case "$file" in /run/secrets/*) [ "$kind" = container ] && file="$secrets${file#/run/secrets}" ;; esac
    # NAME KEY LIMIT=N...: the key is the last word that is no limit.
    [ -z "$file" ] || awk 'NF && $1 !~ /^#/ { while (NF > 1 && $NF ~ /^[a-z-]+=[0-9]+$/) NF--; print $NF; exit }' "$file"
}

# `gpt-oss-node check`, or the program of --check-command with the same options.
ask_check() {
    if [ -n "$check_command" ]; then
        "$check_command" "$@"
    elif "$kind"_tool --help 2>/dev/null | grep -qE "^ +check( |$)"; then
        "$kind"_tool check "$@"
    else
        warned check "this build has no \`check\`: one question is asked instead" >&2
        ask_question "$@"
    fi
}

# The least a node must do: the context it was asked for, and a whole answer to a question.
ask_question() {   # ask_question --url URL --json [--context TOKENS] ...
    local url="$2" context=0 answer
    [ "${4:-}" != --context ] || context="$5"
    curl --silent --max-time 10 "$url/ready" | jq -e --argjson least "$context" '.context_length >= $least' >/dev/null ||
        { jq -n '{checks: [{name: "context length", passed: false}]}' && return 1; }
    answer="$(curl --silent --fail --max-time 120 "$url/v1/chat/completions" ${OPENAI_API_KEY:+--oauth2-bearer "$OPENAI_API_KEY"} \
        --data '{"messages": [{"role": "user", "content": "What is 2+2?"}], "temperature": 0, "max_tokens": 500}')"
    jq -e '.choices[0] | .finish_reason == "stop" and (.message.content | test("4|four"))' <<<"$answer" >/dev/null ||
        { jq -n '{checks: [{name: "2+2", passed: false}]}' && return 1; }
    jq -n '{checks: [{name: "context length", passed: true}, {name: "2+2", passed: true}]}'
}

run_check() {   # run_check FOLDER URL
    local folder="$1" context options=() given=() failing
    context="$(setting "$folder/settings.env" MAX_CONTEXT_LENGTH)"
    [ "${context:-0}" != 0 ] && options+=(--context "$context")
    [ "$device" != cuda ] || options+=(--require-gpu)
    # Several options in one string; names of checks have spaces, so quotes in it count.
    mapfile -t given < <(xargs --no-run-if-empty --max-args=1 printf '%s\n' <<<"$check_options")
    options+=("${given[@]}")
    if OPENAI_API_KEY="$(client_key "$folder/settings.env")" ask_check --url "$2" --json "${options[@]}" \
        >"$folder/check.json" 2>"$folder/check.err"; then
        note "check passed"
        return 0
    fi
    failing="$(jq -r '[.checks[] | select(.passed | not) | .name + (if .detail then " (\(.detail))" else "" end)] | join(", ")' "$folder/check.json" 2>/dev/null |
        tr '\000-\037\177' ' ' | tr -s ' ' || true)"   # a broken model says anything, control characters too
    reason="check failed: ${failing:-$(tail -n 1 "$folder/check.err")}"
    return 1
}
