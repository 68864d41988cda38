# Build rules shared by every room: a room is a folder of src/ and one static library gptoss_<room>.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release)
endif()

# Unity files name their sources by relative paths (CMake 4 and newer): ccache then finds them from another checkout too.
set(CMAKE_UNITY_BUILD_RELOCATABLE ON)

# ccache makes a second build of an unchanged file free, also across presets' shared sources.
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
    set(CMAKE_CUDA_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
    if(GPTOSS_SANITIZE)  # tests have precompiled headers, of which ccache must be told that dates in them do not matter
        set(CMAKE_CXX_COMPILER_LAUNCHER
            "${CMAKE_COMMAND}" -E env CCACHE_SLOPPINESS=pch_defines,time_macros "${CCACHE_PROGRAM}")
    endif()
endif()

# Clang's builds link dozens of test programs of many megabytes: mold does it in a tenth of the time.
find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    add_link_options(-fuse-ld=mold)
endif()

find_package(Threads REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)

add_library(gptoss_options INTERFACE)
target_include_directories(gptoss_options INTERFACE "${CMAKE_SOURCE_DIR}/src")
target_link_libraries(gptoss_options INTERFACE Threads::Threads)
target_compile_definitions(gptoss_options INTERFACE GPTOSS_VERSION="${PROJECT_VERSION}")
target_compile_options(gptoss_options INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
        -Wno-missing-field-initializers>  # a designated initialiser names only what differs from the default
    # GCC 12 warns wrongly about overlapping copies in std::string's operator+ (its bug 105329).
    $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-restrict>
    # Clang sees that libstdc++'s stable_sort calls what libstdc++ has deprecated; GCC tells of our own calls.
    $<$<COMPILE_LANG_AND_ID:CXX,Clang>:-Wno-deprecated-declarations>
    # The presets compile a room's files as one, since reading headers is most of the work; GCC then takes a file's unnamed
    # namespace for a header's. CMAKE_UNITY_BUILD=OFF shows an include that a file forgot.
    $<$<AND:$<BOOL:${CMAKE_UNITY_BUILD}>,$<COMPILE_LANG_AND_ID:CXX,GNU>>:-Wno-subobject-linkage>
    $<$<AND:$<BOOL:${GPTOSS_WERROR}>,$<COMPILE_LANGUAGE:CXX>>:-Werror>)
# Release builds use the presets' -O2, which compiles a third faster; targets with OPTIMIZE_HOT get -O3.
target_compile_options(gptoss_options INTERFACE
    $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CONFIG:Release>,$<BOOL:$<TARGET_PROPERTY:OPTIMIZE_HOT>>>:-O3>
    $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CONFIG:Debug>,$<BOOL:$<TARGET_PROPERTY:OPTIMIZE_HOT>>>:-O2>)
if(GPTOSS_SANITIZE)
    target_compile_options(gptoss_options INTERFACE
        $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${GPTOSS_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all>
        # The sanitizer presets ask for -O0, since compiling is most of a sanitizer stage; targets with OPTIMIZE_HOT get -O1.
        $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:$<TARGET_PROPERTY:OPTIMIZE_HOT>>>:-O1>)
    if(GPTOSS_SANITIZE MATCHES "undefined")
        # A third of the compile time for what AddressSanitizer sees too (a null, a bad virtual table) or, alignment, what
        # only the rooms that read raw bytes can get wrong: those say so in the property CHECK_ALIGNMENT.
        target_compile_options(gptoss_options INTERFACE
            $<$<COMPILE_LANGUAGE:CXX>:-fno-sanitize=null,object-size,vptr>
            $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<NOT:$<BOOL:$<TARGET_PROPERTY:CHECK_ALIGNMENT>>>>:-fno-sanitize=alignment>)
    endif()
    target_link_options(gptoss_options INTERFACE -fsanitize=${GPTOSS_SANITIZE})
endif()
if(GPTOSS_FUZZ)
    target_compile_options(gptoss_options INTERFACE
        $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:$<TARGET_PROPERTY:INSTRUMENT_FUZZER>>>:-fsanitize=fuzzer-no-link>)
endif()

# gptoss_room(NAME [USES room...] [LIBRARIES lib...] [EXCLUDE file...] [OPTIMIZE_HOT] [CHECK_ALIGNMENT] [INSTRUMENT_FUZZER])
# Every .cpp file of the folder is part of the room, so adding a file needs no edit here.
#   OPTIMIZE_HOT       it computes: -O3 in Release, -O1 under sanitizers
#   CHECK_ALIGNMENT    it reads numbers out of raw bytes: UndefinedBehaviorSanitizer checks alignment
#   INSTRUMENT_FUZZER  a fuzzer feeds it: its branches guide the fuzzer
function(gptoss_room name)
    cmake_parse_arguments(ROOM "OPTIMIZE_HOT;CHECK_ALIGNMENT;INSTRUMENT_FUZZER" "" "USES;LIBRARIES;EXCLUDE;EXTRA" ${ARGN})
    if("${ROOM_USES} ${ROOM_LIBRARIES} ${ROOM_UNPARSED_ARGUMENTS}" MATCHES "(^|[ ;])([A-Z][A-Z_]+)($|[ ;])")
        message(FATAL_ERROR "gptoss_room(${name}): there is no option ${CMAKE_MATCH_2}")
    endif()
    file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp" "${CMAKE_CURRENT_SOURCE_DIR}/*.h")
    foreach(file IN LISTS ROOM_EXCLUDE)
        list(REMOVE_ITEM sources "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
    endforeach()
    list(APPEND sources ${ROOM_EXTRA})
    if(NOT sources)
        set(sources "${CMAKE_BINARY_DIR}/empty_room.cpp")  # a static library needs a source
        file(TOUCH "${sources}")
    endif()
    add_library(gptoss_${name} STATIC ${sources})
    set_target_properties(gptoss_${name} PROPERTIES LINKER_LANGUAGE CXX
        OPTIMIZE_HOT "${ROOM_OPTIMIZE_HOT}" CHECK_ALIGNMENT "${ROOM_CHECK_ALIGNMENT}" INSTRUMENT_FUZZER "${ROOM_INSTRUMENT_FUZZER}")
    target_link_libraries(gptoss_${name} PUBLIC gptoss_options ${ROOM_LIBRARIES})
    foreach(room IN LISTS ROOM_USES)
        target_link_libraries(gptoss_${name} PUBLIC gptoss_${room})
    endforeach()
    if(GPTOSS_HEADERS_ALONE)
        gptoss_headers_alone(${name})
    endif()
endfunction()

# gptoss_headers_alone(ROOM): a source for each header of the room that includes nothing but it, which compiles when the header
# includes what it needs.
function(gptoss_headers_alone name)
    file(GLOB headers CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.h")
    set(sources "")
    foreach(header IN LISTS headers)
        file(RELATIVE_PATH included "${CMAKE_SOURCE_DIR}/src" "${header}")
        set(source "${CMAKE_BINARY_DIR}/headers_alone/${included}.cpp")
        file(CONFIGURE OUTPUT "${source}" CONTENT "#include \"${included}\"\n")
        list(APPEND sources "${source}")
    endforeach()
    if(sources)
        add_library(gptoss_${name}_headers OBJECT ${sources})
        set_target_properties(gptoss_${name}_headers PROPERTIES UNITY_BUILD OFF)
        # A header alone does not use what it defines in an unnamed namespace, and is compiled for no AVX-512.
        target_compile_options(gptoss_${name}_headers PRIVATE -O0 -Wno-unused-function -Wno-psabi)
        target_link_libraries(gptoss_${name}_headers PRIVATE gptoss_${name})
    endif()
endfunction()

# gptoss_collect(GROUP PROGRAM): building GROUP builds PROGRAM too.
function(gptoss_collect group program)
    if(NOT TARGET ${group})
        add_custom_target(${group})
    endif()
    add_dependencies(${group} ${program})
endfunction()

# gptoss_test(NAME FILES file... USES room... [LABELS label...] [TOGETHER suite...]): one GoogleTest program, one ctest entry
# a case (under sanitizers one in all); `test_programs` builds all but the slow, which sanitizers do not run.
# LABELS optimised: what an optimiser can get wrong, or random cases of which the slow sanitizer builds run only a part.
# `optimised_tests` builds these; ./test runs the others under sanitizers alone.
# TOGETHER: suites whose cases share what takes longer to prepare than they do: one ctest entry each, one for all others.
include(GoogleTest)
# Under sanitizers, where few compile again and again, what all tests include is read once. Elsewhere ccache does more: it
# finds no object that depends on another checkout's precompiled headers.
function(gptoss_read_headers_once name)
    if(NOT TARGET gptoss_test_headers)
        set(source "${CMAKE_BINARY_DIR}/test_headers.cpp")
        file(CONFIGURE OUTPUT "${source}" CONTENT "int main() {}  // a program, as those that include its headers are\n")
        add_executable(gptoss_test_headers EXCLUDE_FROM_ALL "${source}")
        target_link_libraries(gptoss_test_headers PRIVATE gptoss_base GTest::gtest GTest::gmock)
        target_compile_options(gptoss_test_headers PRIVATE -fno-sanitize=undefined "SHELL:-Xclang -fno-pch-timestamp")
        target_precompile_headers(gptoss_test_headers PRIVATE <gtest/gtest.h> <nlohmann/json.hpp>
            <algorithm> <array> <chrono> <filesystem> <fstream> <functional> <map> <memory> <optional> <random> <set>
            <span> <string> <thread> <variant> <vector>)
    endif()
    target_precompile_headers(${name} REUSE_FROM gptoss_test_headers)
endfunction()
function(gptoss_test name)
    cmake_parse_arguments(TEST "" "" "FILES;USES;LIBRARIES;LABELS;TOGETHER" ${ARGN})
    find_package(GTest REQUIRED)
    add_executable(${name} ${TEST_FILES})
    if(NOT "slow" IN_LIST TEST_LABELS)
        gptoss_collect(test_programs ${name})
    endif()
    if("optimised" IN_LIST TEST_LABELS)
        gptoss_collect(optimised_tests ${name})
    endif()
    target_link_libraries(${name} PRIVATE gptoss_options GTest::gtest GTest::gmock GTest::gtest_main ${TEST_LIBRARIES})
    foreach(room IN LISTS TEST_USES)
        target_link_libraries(${name} PRIVATE gptoss_${room})
    endforeach()
    # What computes is in the rooms; three tenths of the time to compile a test goes into optimising what runs once.
    target_compile_options(${name} PRIVATE $<$<AND:$<CONFIG:Release>,$<COMPILE_LANGUAGE:CXX>>:-O1>)
    if(GPTOSS_SANITIZE)  # what is tested is watched; the test's own arithmetic need not be
        target_compile_options(${name} PRIVATE -fno-sanitize=undefined)
        gptoss_read_headers_once(${name})
    endif()
    target_include_directories(${name} PRIVATE "${CMAKE_SOURCE_DIR}/tests")
    target_compile_definitions(${name} PRIVATE GPTOSS_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
        GPTOSS_SANITIZE="${GPTOSS_SANITIZE}")
    if(GPTOSS_SANITIZE)  # a program that starts under a sanitizer takes as long as most cases
        add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
        set_tests_properties(${name} PROPERTIES TIMEOUT 900 LABELS "${TEST_LABELS}")
        if(TEST_USES MATCHES "backend_cpu")  # two pools of spinning threads on two cores take twice as long as one by one
            set_tests_properties(${name} PROPERTIES PROCESSORS 2)
        endif()
    elseif(TEST_TOGETHER)
        set(others "-")
        foreach(suite IN LISTS TEST_TOGETHER ITEMS others)
            set(filter "*${suite}.*")
            if(suite STREQUAL "others")
                set(filter "${others}")
            endif()
            add_test(NAME ${name}.${suite} COMMAND ${name} "--gtest_filter=${filter}" --gtest_brief=1)
            # Begun first: the longest, and none should be left to run alone at the end.
            set_tests_properties(${name}.${suite} PROPERTIES TIMEOUT 900 COST 100 LABELS "${TEST_LABELS}")
            string(APPEND others "${filter}:")
        endforeach()
    else()
        gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300 LABELS "${TEST_LABELS}")
    endif()
endfunction()

# gptoss_fuzz(NAME FILE USES room...): a libFuzzer target under the asan preset, nothing otherwise; `fuzzers` builds all.
function(gptoss_fuzz name file)
    if(NOT GPTOSS_FUZZ)
        return()
    endif()
    cmake_parse_arguments(FUZZ "" "" "USES" ${ARGN})
    add_executable(${name} ${file})
    gptoss_collect(fuzzers ${name})
    target_link_libraries(${name} PRIVATE gptoss_options)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    foreach(room IN LISTS FUZZ_USES)
        target_link_libraries(${name} PRIVATE gptoss_${room})
    endforeach()
endfunction()
