# Tests of program/token, unit.token_<module> and the fuzz target token, and of the commands about tokens.
add_library(yodel_token_test_support STATIC program/token_failing.c program/token_maker.c)
target_include_directories(yodel_token_test_support PUBLIC program)
target_link_libraries(yodel_token_test_support PUBLIC yodel_program_token yodel_flags
                      PkgConfig::CMOCKA)
foreach(module check grants json jwks keys password wrong)
  add_executable(unit.token_${module} program/test_token_${module}.c)
  target_compile_definitions(unit.token_${module} PRIVATE _GNU_SOURCE)
  target_link_libraries(unit.token_${module} PRIVATE yodel_token_test_support)
  target_link_options(unit.token_${module} PRIVATE
                      LINKER:--wrap=malloc,--wrap=calloc,--wrap=free)
  yodel_test(unit.token_${module} TIMEOUT ${unit_timeout} COMMAND unit.token_${module})
endforeach()

yodel_fuzz_test(token)
target_link_libraries(fuzz.token PRIVATE yodel_program_token)

# The commands, as a shell sees them and beside npm's jose.
yodel_test(integration.token_cli TIMEOUT 120
           COMMAND ${YODEL_PYTHON3} ${CMAKE_CURRENT_SOURCE_DIR}/program/test_token_cli.py $<TARGET_FILE:yodel-program>)
if(YODEL_NODE)
  yodel_test(oracle.token TIMEOUT 120
             COMMAND ${YODEL_NODE} --test ${CMAKE_CURRENT_SOURCE_DIR}/oracle/token.test.js)
  set_property(TEST oracle.token APPEND PROPERTY ENVIRONMENT YODEL_TOKEN_CLI=$<TARGET_FILE:yodel-program>)
endif()
