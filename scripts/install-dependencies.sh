#!/usr/bin/env bash
# Installs what a fresh Debian 12 needs. One list of packages; nothing is done when all of them are there.
#   scripts/install-dependencies.sh [run|test]      run = build and serve, test = also what ./test needs
set -euo pipefail

for_run=(
    build-essential cmake ninja-build pkg-config ca-certificates curl
    libboost1.81-dev nlohmann-json3-dev libcli11-dev libspdlog-dev libfmt-dev
    libssl-dev libcurl4-openssl-dev libsecp256k1-dev libcrypto++-dev
    prometheus-cpp-dev libsqlite3-dev
)
for_test=(
    git ccache clang-19 libclang-rt-19-dev clang-format-14 libgtest-dev libgmock-dev libbenchmark-dev
    libpcre2-dev unicode-data shellcheck jq nodejs npm chromium haproxy socat
)

packages=("${for_run[@]}")
[ "${1:-run}" = test ] && packages+=("${for_test[@]}")

# A Node.js that is already there is kept. Where it is older than 20, as Debian's own, ./test fetches a newer one for itself.
if command -v node >/dev/null && command -v npm >/dev/null; then
    packages=("${packages[@]/#nodejs/}")
    packages=("${packages[@]/#npm/}")
fi

missing=()
for package in "${packages[@]}"; do
    [ -z "$package" ] && continue
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

sudo=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "Not root and no sudo: install these packages yourself: ${missing[*]}" >&2; exit 1; }
    sudo=(sudo)
fi
echo "Installing: ${missing[*]}"
"${sudo[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
