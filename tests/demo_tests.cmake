# Tests that need a running yodel-demo.  Sanitizers slow it down, so they get a sample and more time.
set(demo $<TARGET_FILE:yodel-demo>)
set(with_server ${YODEL_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/support/with_server.py)
set(conformance ${CMAKE_CURRENT_SOURCE_DIR}/conformance)
if(YODEL_SANITIZE)
  set(autobahn_arguments --quick --time-scale 4)
else()
  set(autobahn_arguments)
endif()
yodel_test(conformance.autobahn TIMEOUT 600 SERIAL
           COMMAND ${with_server} ${demo} --port {port} -- ${YODEL_PYTHON} ${conformance}/autobahn.py
                   --port {port} ${autobahn_arguments})
# The limits that abuse.py waits for, shortened; a dead peer is one ping and one pong late.
string(JOIN " " short_limits --header-timeout-ms 1000 --send-timeout-ms 1000 --drain-ms 1000
       --ping-interval-ms 1000 --pong-timeout-ms 1000)
yodel_test(conformance.abuse TIMEOUT 300 SERIAL
           COMMAND ${YODEL_PYTHON} ${conformance}/abuse.py
                   --server "${demo} --port {port} --loops 1" --slow-args "${short_limits}"
                   --header-timeout-ms 1000 --send-timeout-ms 1000 --drain-timeout-ms 1000
                   --pong-timeout-ms 2000
                   --origin-path /restricted --origin-allowed http://localhost)

yodel_test(conformance.sio_abuse TIMEOUT 300 SERIAL
           COMMAND ${YODEL_PYTHON} ${conformance}/sio_abuse.py --apps $<TARGET_FILE:yodel-testapps>)

# These start the demo themselves, the way each needs it.
function(yodel_demo_test name)
  yodel_test(${name} TIMEOUT 180 ${ARGN})
  set_property(TEST ${name} APPEND PROPERTY ENVIRONMENT
               YODEL_DEMO=${PROJECT_BINARY_DIR}/yodel-demo
               YODEL_TESTAPPS=${PROJECT_BINARY_DIR}/yodel-testapps)
endfunction()

foreach(name big body chat churn databases decide deflate echo examples http listen loops nginx_restarts notify presence proxies restart shutdown
             slow_reader static takeover streaming tls views)
  yodel_demo_test(integration.${name}
    COMMAND ${YODEL_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/integration/test_${name}.py)
endforeach()
set_tests_properties(integration.slow_reader PROPERTIES COST 1000) # the longest goes first

if(YODEL_NODE)
  foreach(name interop/crowd interop/deflate interop/echo interop/sio_bundle interop/sio_client interop/sio_engine interop/sio_features interop/sio_msgpack interop/sio_order interop/sio_recovery interop/sio_wire browser/access browser/behind browser/chat browser/flask browser/lab browser/layout browser/page browser/sio browser/text)
    string(REPLACE / . test ${name})
    yodel_demo_test(${test}
      COMMAND ${YODEL_NODE} --test ${CMAKE_CURRENT_SOURCE_DIR}/${name}.test.js)
  endforeach()
endif()
