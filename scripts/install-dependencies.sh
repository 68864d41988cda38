#!/usr/bin/env bash
# Installs what a fresh Debian 12 or 13 or Ubuntu 24.04 needs. One list of packages; nothing is done when all of them are there.
#   scripts/install-dependencies.sh [run|test]      run = build and serve, test = also what ./test needs
set -euo pipefail

# a|b: the first of these that the distribution has.
for_run=(
    build-essential cmake ninja-build pkg-config ca-certificates curl file
    "libboost1.81-dev|libboost1.83-dev|libboost-dev" nlohmann-json3-dev libcli11-dev libspdlog-dev libfmt-dev
    libssl-dev libcurl4-openssl-dev libsecp256k1-dev libcrypto++-dev
    prometheus-cpp-dev libsqlite3-dev libedit-dev libsodium-dev libcbor-dev libicu-dev
)
for_test=(
    git ccache mold clang-19 libclang-rt-19-dev libgtest-dev libgmock-dev libbenchmark-dev
    libpcre2-dev unicode-data shellcheck jq python3 nodejs npm haproxy socat
)
# What some distributions do not have: the tests that need it say that they were not run.
for_test_where_there_is=(clang-format-14 chromium)

packages=("${for_run[@]}")
[ "${1:-run}" = test ] && packages+=("${for_test[@]}")

# A Node.js that is already there is kept. Where it is older than 20, as Debian 12's own, ./test fetches a newer one for itself.
if command -v node >/dev/null && command -v npm >/dev/null; then
    packages=("${packages[@]/#nodejs/}")
    packages=("${packages[@]/#npm/}")
fi

installed() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'; }
one_is_installed() {   # one_is_installed 'a|b'
    local each
    for each in ${1//|/ }; do installed "$each" && return; done
    return 1
}
has_candidate() { [[ "$(LC_ALL=C apt-cache policy "$1" 2>/dev/null)" =~ Candidate:\ [0-9] ]]; }
is_snap() { [[ "$(apt-cache show "$1" 2>/dev/null)" =~ [Tt]ransitional.*snap ]]; }

missing=()
for package in "${packages[@]}"; do
    [ -z "$package" ] || one_is_installed "$package" || missing+=("$package")
done
# Asked for again at each run only where the distribution has it.
maybe_missing=()
if [ "${1:-run}" = test ]; then
    for package in "${for_test_where_there_is[@]}"; do installed "$package" || maybe_missing+=("$package"); done
fi
[ $((${#missing[@]} + ${#maybe_missing[@]})) -eq 0 ] && exit 0

sudo=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "Not root and no sudo: install these packages yourself: ${missing[*]}" >&2; exit 1; }
    sudo=(sudo)
fi
[ ${#missing[@]} -eq 0 ] || "${sudo[@]}" apt-get update -qq
chosen=()
for package in "${missing[@]}"; do
    name=""
    for each in ${package//|/ }; do
        has_candidate "$each" && { name="$each"; break; }
    done
    [ -n "$name" ] || { echo "This distribution has no package ${package//|/, } (Debian 12, 13 and Ubuntu 24.04 do)" >&2; exit 1; }
    chosen+=("$name")
done
for package in "${maybe_missing[@]}"; do
    # Ubuntu's chromium is a pointer to a snap, which no test can start.
    if has_candidate "$package" && ! is_snap "$package"; then chosen+=("$package"); fi
done
[ ${#chosen[@]} -eq 0 ] && exit 0
echo "Installing: ${chosen[*]}"
DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${chosen[@]}" >/dev/null
