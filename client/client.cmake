# client.cmake - what outsiders link or type.
include(GNUInstallDirs)
file(GLOB yard_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/client/libyard/*.c)
if(yard_sources)
    add_library(yard_static STATIC ${yard_sources})
    target_link_libraries(yard_static PUBLIC ym_wire PkgConfig::ZMQ PkgConfig::CZMQ PkgConfig::SODIUM Threads::Threads)
    target_include_directories(yard_static PUBLIC ${CMAKE_SOURCE_DIR}/client/libyard)
    target_compile_options(yard_static PRIVATE -fvisibility=hidden)

    add_library(yard SHARED ${yard_sources})
    target_link_libraries(yard PRIVATE ym_wire PkgConfig::ZMQ PkgConfig::CZMQ PkgConfig::SODIUM Threads::Threads)
    target_include_directories(yard PUBLIC ${CMAKE_SOURCE_DIR}/client/libyard)
    target_link_options(yard PRIVATE -Wl,--version-script=${CMAKE_SOURCE_DIR}/client/libyard/libyard.map -Wl,--exclude-libs,ALL)
    set_target_properties(yard PROPERTIES VERSION 1.0.0 SOVERSION 1 LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib
        LINK_DEPENDS ${CMAKE_SOURCE_DIR}/client/libyard/libyard.map)
    configure_file(${CMAKE_SOURCE_DIR}/client/libyard/yard.pc.in ${CMAKE_BINARY_DIR}/yard.pc @ONLY)
    install(FILES ${CMAKE_BINARY_DIR}/yard.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

    ym_room(yard_ctl client/yardctl yard ym_base PkgConfig::JANSSON PkgConfig::SMARTCOLS PkgConfig::YAML PkgConfig::CZMQ)
    ym_program(yardctl client/yardctl/main.c yard_ctl)
    # The manual page and the completion are made of the same tables as the help.
    add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/share/yardctl.1 ${CMAKE_BINARY_DIR}/share/yardctl.bash
        COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/share
        COMMAND yardctl help man > ${CMAKE_BINARY_DIR}/share/yardctl.1
        COMMAND yardctl completion bash > ${CMAKE_BINARY_DIR}/share/yardctl.bash
        DEPENDS yardctl VERBATIM)
    add_custom_target(yardctl_manual ALL DEPENDS ${CMAKE_BINARY_DIR}/share/yardctl.1)
    install(FILES ${CMAKE_BINARY_DIR}/share/yardctl.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
    install(FILES ${CMAKE_BINARY_DIR}/share/yardctl.bash RENAME yardctl
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
    ym_room(yard_agents client/agents/common yard)
    ym_room(yard_git client/agents/git yard_agents)
    ym_program(yard-agent-git client/agents/git/main.c yard_git yard)
    ym_room(yard_items client/agents/items yard_agents PkgConfig::SQLITE PkgConfig::SODIUM)
    ym_program(yard-agent-items client/agents/items/main.c yard_items yard)
endif()
