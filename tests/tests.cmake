# tests.cmake - every tests/unit/<path>/test_*.c is one Criterion program that mirrors <path>, every
# tests/store/test_*.c one that brings its own cluster; every tests/fuzz/fuzz_*.c a fuzz target.
enable_testing()
set(YM_TEST_LINK
    common/base=ym_base common/wire=ym_wire common/handover=ym_handover common/bus=ym_bus
    common/store=ym_store common/actor=ym_actor supervisor=ym_supervisor
    actors=ym_queue+ym_assignment
    actors/intake=ym_intake actors/queue=ym_queue actors/assignment=ym_assignment
    client/libyard=yard_static client/agents/git=yard_git client/agents/items=yard_items
    client/yardctl=yard_ctl+ym_wire+PkgConfig::ZMQ schema/db=ym_database)
set(YM_TEST_TROUBLE "Sanitizer;runtime error:;Tested: 0 ")

function(ym_test name source)
    add_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE ${ARGN} PkgConfig::CRITERION)
    target_compile_definitions(${name} PRIVATE YM_SOURCE_DIR="${CMAKE_SOURCE_DIR}" YM_BINARY_DIR="${CMAKE_BINARY_DIR}")
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    add_test(NAME ${name} COMMAND ${name} --quiet --xml=${CMAKE_BINARY_DIR}/tests/${name}.xml)
    set_tests_properties(${name} PROPERTIES TIMEOUT 120 FAIL_REGULAR_EXPRESSION "${YM_TEST_TROUBLE}")
endfunction()

if(CRITERION_FOUND)
    file(GLOB_RECURSE unit CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/test_*.c)
    foreach(source ${unit})
        file(RELATIVE_PATH path ${CMAKE_SOURCE_DIR}/tests/unit ${source})
        get_filename_component(folder ${path} DIRECTORY)
        string(REGEX REPLACE "[/.]" "-" name "unit/${path}")
        string(REGEX REPLACE "-c$" "" name "${name}")
        set(link none)
        foreach(pair ${YM_TEST_LINK})
            if(pair MATCHES "^${folder}=(.*)$")
                string(REPLACE "+" ";" link ${CMAKE_MATCH_1})
            endif()
        endforeach()
        list(GET link 0 room)
        if(TARGET "${room}")
            ym_test(${name} ${source} ${link})
        else()
            message(FATAL_ERROR "${path}: no library mirrors ${folder}")
        endif()
    endforeach()
    file(GLOB support CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/lib/*.c)
    file(GLOB store CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/store/test_*.c)
    foreach(source ${store})
        get_filename_component(name ${source} NAME_WE)
        ym_test(store-${name} "${source};${support}" ym_actor)
        set_tests_properties(store-${name} PROPERTIES LABELS store)
        add_dependencies(store-${name} yardctl-db ym-schema)    # they bring a database up to date
    endforeach()
endif()

if(YM_FUZZ)
    file(GLOB fuzz CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_*.c)
    foreach(source ${fuzz})
        get_filename_component(name ${source} NAME_WE)
        add_executable(${name} ${source})
        target_link_libraries(${name} PRIVATE ym_wire ym_supervisor ym_handover)
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    endforeach()
endif()
