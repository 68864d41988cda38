# Sourced: fetches a model for ./run. Needs GPT_OSS_NODE.
# shellcheck shell=bash

# fetch_model NAME YES [DEVICE]: sets model_path to the first part of NAME, which is whole and verified, or ends. NAME is
# gpt-oss-20b, gpt-oss-120b or owner/repository/file.gguf; YES=yes does not ask; DEVICE (cpu, cuda) is to hold it.
fetch_model() {
    local name="$1" yes="$2" device="${3:-cpu}" folder first size_gb="" free_gb answer
    case "$name" in
        gpt-oss-20b) folder=models/gpt-oss-20b-GGUF first=gpt-oss-20b-mxfp4.gguf size_gb=12.1 ;;
        gpt-oss-120b) folder=models/gpt-oss-120b-GGUF first=gpt-oss-120b-mxfp4-00001-of-00003.gguf size_gb=63.4 ;;
        */*/*.gguf)
            folder="models/$(cut -d/ -f2 <<<"$name")"
            first="${name##*/}"
            ;;
        *)
            echo "error: $name is no model that is known by name: gpt-oss-20b, gpt-oss-120b, or owner/repository/file.gguf" >&2
            exit 1
            ;;
    esac
    model_path="$folder/$first"
    local manifest
    manifest="$(sed -E 's/(-[0-9]{5}-of-[0-9]{5})?\.gguf$//' <<<"$model_path").manifest.json"
    # The manifest is written when all parts are there and have the published hashes.
    if [ ! -e "$manifest" ]; then
        mkdir -p "$folder"
        free_gb="$(df -Pk "$folder" | awk 'NR == 2 { printf "%.1f", $4 * 1024 / 1e9 }')"
        echo "$name is not here yet.${size_gb:+ It takes $size_gb GB of disk.} $free_gb GB are free in $folder."
        if [ -n "$size_gb" ] && awk "BEGIN { exit !($free_gb < $size_gb + 1) }" && ! compgen -G "$folder/*" >/dev/null; then
            echo "error: that is too little: make room, or let models/ be a link to a larger disk" >&2
            exit 1
        fi
        # Before 63 GB are fetched for a machine that cannot hold them; the node says more when it starts.
        case "$name" in gpt-oss-20b | gpt-oss-120b)
            if ! plan="$("$GPT_OSS_NODE" plan --preset "$name" --context 8192 --device "$device" 2>/dev/null)"; then
                echo "It does not fit into this machine's memory as a whole (GPU_LAYERS can leave some of it to the CPU):"
                echo "${plan:-}"
            fi ;;
        esac
        if [ "$yes" != yes ]; then
            if ! { [ -t 0 ] && read -r -p "Fetch it now? [y/N] " answer; }; then
                echo "error: nobody is there to ask: ./run $name --yes fetches without asking" >&2
                exit 1
            fi
            case "$answer" in y | Y | yes | Yes) ;; *) exit 1 ;; esac
        fi
        "$GPT_OSS_NODE" download "$name" --to "$folder"
        "$GPT_OSS_NODE" verify --model "$model_path" || {
            rm -f "$manifest"   # asked again next time
            exit 1
        }
    fi
}
