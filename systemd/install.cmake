# install.cmake - where everything goes. The units name paths below /usr:
# cmake --install BUILD --prefix /usr
include(GNUInstallDirs)

function(ym_install destination)
    foreach(target ${ARGN})
        if(TARGET ${target})
            install(TARGETS ${target} RUNTIME DESTINATION ${destination})
        endif()
    endforeach()
endfunction()

# Not CMAKE_INSTALL_LIBDIR: setting program_directory is the same on every architecture.
ym_install(lib/yardmaster ym-intake ym-queue ym-assignment)
ym_install(${CMAKE_INSTALL_SBINDIR} yardmasterd)
ym_install(${CMAKE_INSTALL_BINDIR} yardctl yardctl-db yard-agent-git yard-agent-items)
if(TARGET yard)
    install(TARGETS yard LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
    install(DIRECTORY ${CMAKE_SOURCE_DIR}/client/libyard/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
            FILES_MATCHING PATTERN "yard.h" PATTERN "yard_agent.h")
endif()

install(DIRECTORY ${CMAKE_SOURCE_DIR}/schema/sql/ DESTINATION share/yardmaster/sql
        FILES_MATCHING PATTERN "*.sql")
install(FILES ${CMAKE_CURRENT_LIST_DIR}/yardmaster.yaml DESTINATION share/yardmaster)
install(FILES ${CMAKE_CURRENT_LIST_DIR}/yardmaster.service
              ${CMAKE_CURRENT_LIST_DIR}/yard-agent@.service DESTINATION lib/systemd/system)
install(FILES ${CMAKE_CURRENT_LIST_DIR}/yardmaster.sysusers DESTINATION lib/sysusers.d
        RENAME yardmaster.conf)
install(FILES ${CMAKE_CURRENT_LIST_DIR}/yardmaster.tmpfiles DESTINATION lib/tmpfiles.d
        RENAME yardmaster.conf)
