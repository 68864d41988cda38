# gptoss_embed_console(TARGET FOLDER [FILE...]): compiles every file of FOLDER (the console as built by Vite) into TARGET,
# and each FILE, named by its whole path, as "/name".
# Text is compressed at build time, so that the repository holds readable files and no zlib's opinion.
# The assembler's .incbin is used because a megabyte of bytes written as C++ numbers takes a compiler long.
function(gptoss_embed_console target folder)
    file(GLOB_RECURSE files CONFIGURE_DEPENDS RELATIVE "${folder}" "${folder}/*")
    list(SORT files)
    set(packed "${CMAKE_CURRENT_BINARY_DIR}/console")
    set(symbols "")
    set(table "")
    set(outputs "")
    set(number 0)
    foreach(file IN LISTS files ARGN)
        set(source "${folder}/${file}")
        if(IS_ABSOLUTE "${file}")
            set(source "${file}")
            get_filename_component(file "${file}" NAME)
        endif()
        set(compressed false)
        if(file MATCHES "\\.(js|mjs|css|svg)$")
            set(compressed true)
            set(source "${packed}/${file}.gz")
            get_filename_component(parent "${source}" DIRECTORY)
            file(MAKE_DIRECTORY "${parent}")
            add_custom_command(OUTPUT "${source}" DEPENDS "${folder}/${file}" VERBATIM
                COMMAND sh -c "gzip -9 -n -c \"$0\" > \"$1\"" "${folder}/${file}" "${source}")
        endif()
        list(APPEND outputs "${source}")
        string(APPEND symbols "asm(\".section .rodata\\n.global gptoss_console_${number}\\ngptoss_console_${number}:\\n"
            ".incbin \\\"${source}\\\"\\n.global gptoss_console_${number}_end\\ngptoss_console_${number}_end:\\n"
            ".byte 0\\n.previous\\n\");\n"
            "extern \"C\" const char gptoss_console_${number}[], gptoss_console_${number}_end[];\n")
        string(APPEND table "    {\"/${file}\", {gptoss_console_${number}, gptoss_console_${number}_end}, ${compressed}},\n")
        math(EXPR number "${number} + 1")
    endforeach()
    set(generated "${CMAKE_CURRENT_BINARY_DIR}/console_files.cpp")
    file(GENERATE OUTPUT "${generated}" CONTENT "// Written by cmake/embed_console.cmake.
#include \"node/application/console_files.h\"

${symbols}
static const gptoss::http::StaticFile kFiles[] = {
${table}};

std::span<const gptoss::http::StaticFile> gptoss::node::console_files() { return kFiles; }
")
    # On its own: CMake forgets OBJECT_DEPENDS of a file that it merges with others.
    set_source_files_properties("${generated}" PROPERTIES OBJECT_DEPENDS "${outputs}" GENERATED TRUE SKIP_UNITY_BUILD_INCLUSION TRUE)
    target_sources(${target} PRIVATE "${generated}")
endfunction()
