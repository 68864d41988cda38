# CUDA in a folder that has kernels: CMake enables a language for one folder and those below it.
set(GPTOSS_CUDA_ARCHITECTURES "80;86;89;90a;100;120" CACHE STRING
    "GPU architectures to compile for; fewer compile faster (90a is H100 and H200, 120 Blackwell workstation cards)")
find_program(GPTOSS_NVCC nvcc HINTS /usr/local/cuda/bin ENV CUDA_PATH PATH_SUFFIXES bin)
if(GPTOSS_NVCC AND NOT CMAKE_CUDA_COMPILER)
    set(CMAKE_CUDA_COMPILER "${GPTOSS_NVCC}")
endif()
set(CMAKE_CUDA_ARCHITECTURES "${GPTOSS_CUDA_ARCHITECTURES}")
enable_language(CUDA)
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)  # tests and tools link it too
find_package(CUDAToolkit 13 REQUIRED)

# CMake 3.25 does not know that nvcc 13 speaks C++20.
if(NOT "cuda_std_20" IN_LIST CMAKE_CUDA_COMPILE_FEATURES)
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
    set(CMAKE_CUDA20_STANDARD__HAS_FULL_SUPPORT ON)
    list(APPEND CMAKE_CUDA_COMPILE_FEATURES cuda_std_20)
endif()

option(GPTOSS_CUDA_LINES "Let profilers see which line an instruction is of; a tenth of the time to compile" ON)
set(GPTOSS_CUDA_OPTIONS --expt-relaxed-constexpr -Xcompiler=-Wall,-Wextra)
if(GPTOSS_CUDA_LINES)
    list(APPEND GPTOSS_CUDA_OPTIONS -lineinfo)
endif()
if(GPTOSS_WERROR)
    list(APPEND GPTOSS_CUDA_OPTIONS -Werror=all-warnings)
endif()
