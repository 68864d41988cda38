# `cmake --install build/release` puts the program where others are, and `cpack` (in the build folder) makes a Debian package:
# the binary, the demo model, documents, the systemd unit, the man page, completions for shells and example settings.
include(GNUInstallDirs)
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)  # installing builds nothing: tests may not be built

install(TARGETS gpt-oss-node RUNTIME DESTINATION bin)
if(NOT GPTOSS_SERVER)
    return()
endif()
install(DIRECTORY models/demo/ DESTINATION share/gpt-oss-node/demo FILES_MATCHING PATTERN "*.gguf" PATTERN "*.md")
install(DIRECTORY docs/ DESTINATION share/doc/gpt-oss-node
    FILES_MATCHING PATTERN "*.md" PATTERN "openapi.json" PATTERN "images" EXCLUDE)
install(FILES README.md DESTINATION share/doc/gpt-oss-node)
install(FILES LICENSE DESTINATION share/doc/gpt-oss-node RENAME copyright)
install(FILES .env.prod.example DESTINATION share/doc/gpt-oss-node/examples RENAME settings.env)
install(FILES packaging/settings.env DESTINATION share/gpt-oss-node)
install(DIRECTORY deploy/profiles deploy/prometheus deploy/grafana deploy/haproxy
    DESTINATION share/doc/gpt-oss-node/examples)

# What depends on the prefix, or is said by the program itself, is written when it is installed.
install(CODE [[
    set(root "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}")
    set(program "$<TARGET_FILE:gpt-oss-node>")
    function(gptoss_write_page kind file)
        get_filename_component(folder "${root}/${file}" DIRECTORY)
        file(MAKE_DIRECTORY "${folder}")
        execute_process(COMMAND "${program}" completion ${kind} OUTPUT_FILE "${root}/${file}" COMMAND_ERROR_IS_FATAL ANY)
        message(STATUS "Installing: ${root}/${file}")
    endfunction()
    gptoss_write_page(bash share/bash-completion/completions/gpt-oss-node)
    gptoss_write_page(zsh share/zsh/vendor-completions/_gpt-oss-node)
    gptoss_write_page(fish share/fish/vendor_completions.d/gpt-oss-node.fish)
    gptoss_write_page(man share/man/man1/gpt-oss-node.1)
    execute_process(COMMAND gzip -9 -n -f "${root}/share/man/man1/gpt-oss-node.1" COMMAND_ERROR_IS_FATAL ANY)
]])
install(CODE "set(unit \"${CMAKE_SOURCE_DIR}/deploy/systemd/gpt-oss-node.service\")")
install(CODE [[
    file(READ "${unit}" text)
    string(REPLACE "/usr/local/" "${CMAKE_INSTALL_PREFIX}/" text "${text}")
    file(WRITE "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/lib/systemd/system/gpt-oss-node.service" "${text}")
    message(STATUS "Installing: $ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/lib/systemd/system/gpt-oss-node.service")
]])

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME gpt-oss-node)
set(CPACK_PACKAGE_CONTACT "The gpt-oss-node authors <gpt-oss-node@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Serves OpenAI's gpt-oss-120b and gpt-oss-20b from one GPU or CPU")
set(CPACK_PACKAGE_DESCRIPTION "An inference node for the gpt-oss models: the OpenAI API, tools, streaming, a console and metrics,
from one NVIDIA GPU, a CPU or both. Comes with a small demo model.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "ca-certificates, passwd")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA "${CMAKE_SOURCE_DIR}/packaging/postinst;${CMAKE_SOURCE_DIR}/packaging/prerm;${CMAKE_SOURCE_DIR}/packaging/postrm")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
