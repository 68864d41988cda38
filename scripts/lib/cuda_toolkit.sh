# Sourced: is there an NVIDIA card, and what builds for it?
# shellcheck shell=bash

readonly cuda_release=13
readonly least_driver=580   # of CUDA 13

# A graphics or compute card of NVIDIA on the PCI bus, whether its driver is installed or not.
has_nvidia_card() {
    local device
    for device in "${SYSFS:-/sys}"/bus/pci/devices/*; do
        if [ ! -r "$device/vendor" ] || [ "$(<"$device/vendor")" != 0x10de ]; then continue; fi
        case "$(<"$device/class")" in 0x03*) return 0 ;; esac
    done
    # A container may hide the bus and show the driver.
    [ -e "${PROCFS:-/proc}/driver/nvidia/version" ]
}

toolkit_release() { nvcc --version 2>/dev/null | sed -n 's/.*release \([0-9]*\)\..*/\1/p'; }

# Ends with what to install, and how, where the toolkit or the driver is missing or too old.
require_cuda_toolkit() {
    local release driver missing=()
    release="$(toolkit_release || true)"
    driver="$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null | head -1 | cut -d. -f1 || true)"
    if [ -z "$release" ]; then
        missing+=("the CUDA toolkit $cuda_release (no nvcc in PATH or /usr/local/cuda/bin)")
    elif [ "$release" -lt "$cuda_release" ]; then
        missing+=("the CUDA toolkit $cuda_release (nvcc here is of release $release)")
    fi
    if [ -z "$driver" ]; then
        missing+=("NVIDIA's driver $least_driver or newer (nvidia-smi does not answer)")
    elif [ "$driver" -lt "$least_driver" ]; then
        missing+=("NVIDIA's driver $least_driver or newer (this machine has $driver)")
    fi
    [ ${#missing[@]} -eq 0 ] && return
    {
        echo "There is an NVIDIA card here, but not all that is needed to compute on it:"
        printf '  - %s\n' "${missing[@]}"
        echo
        echo "Add NVIDIA's package repository for your distribution (the package cuda-keyring; NVIDIA's page \"CUDA Toolkit"
        echo "Downloads\" shows the two commands for it), then:"
        echo "  sudo apt-get update"
        echo "  sudo apt-get install cuda-nvcc-13-0 cuda-cudart-dev-13-0     # the compiler and the runtime's headers"
        echo "  sudo apt-get install nvidia-open                             # the driver; restart the machine after it"
        echo
        echo "Then ./run again. To compute on the CPU instead: ./run --cpu"
    } >&2
    exit 1
}

# "90a" or "89;120", as CMake takes them, of the cards in this machine; 90 and 100 have instructions of their own (a).
architectures_here() {
    local found
    found="$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | tr -d '. ' | sed 's/^90$/90a/' | sort -u | paste -sd ';' -)"
    echo "${found:-80;86;89;90a;100;120}"
}
