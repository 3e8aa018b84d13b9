# Tests that need a running yodel-demo.  Sanitizers slow it down, so they get a sample and more time.
set(demo $<TARGET_FILE:yodel-demo>)
set(with_server ${YODEL_PYTHON3} ${CMAKE_CURRENT_SOURCE_DIR}/support/with_server.py)
set(conformance ${CMAKE_CURRENT_SOURCE_DIR}/conformance)
if(YODEL_SANITIZE)
  set(autobahn_arguments --quick --time-scale 4)
else()
  set(autobahn_arguments)
endif()
yodel_test(conformance.autobahn TIMEOUT 600
           COMMAND ${with_server} ${demo} --port {port} -- ${YODEL_PYTHON3} ${conformance}/autobahn.py
                   --port {port} ${autobahn_arguments})
# The limits that abuse.py waits for, shortened; a dead peer is one ping and one pong late.
string(JOIN " " short_limits --header-timeout-ms 1000 --body-timeout-ms 2000 --send-timeout-ms 1000 --drain-ms 1000
       --ping-interval-ms 1000 --pong-timeout-ms 1000)
yodel_test(conformance.abuse TIMEOUT 300
           COMMAND ${YODEL_PYTHON3} ${conformance}/abuse.py
                   --server "${demo} --port {port} --loops 1" --slow-args "${short_limits}"
                   --header-timeout-ms 1000 --body-timeout-ms 2000 --send-timeout-ms 1000 --drain-timeout-ms 1000
                   --pong-timeout-ms 2000
                   --origin-path /restricted --origin-allowed http://localhost)

yodel_test(conformance.sio_abuse TIMEOUT 300
           COMMAND ${YODEL_PYTHON3} ${conformance}/sio_abuse.py --apps $<TARGET_FILE:yodel-testapps>)

# These start the demo themselves, the way each needs it.
function(yodel_demo_test name)
  yodel_test(${name} TIMEOUT 300 ${ARGN})
  set_property(TEST ${name} APPEND PROPERTY ENVIRONMENT
               YODEL_DEMO=${PROJECT_BINARY_DIR}/yodel-demo
               YODEL_LAYERS=${PROJECT_BINARY_DIR}/yodel-layers
               YODEL_TESTAPPS=${PROJECT_BINARY_DIR}/yodel-testapps)
endfunction()

foreach(name big body channels_redis chat churn cluster_script databases decide deflate echo examples http listen loops many_restarts nginx_restarts notify presence proxies python restart shutdown
             slow_reader static takeover streaming tls views with_others)
  yodel_demo_test(integration.${name}
    COMMAND ${YODEL_PYTHON3} ${CMAKE_CURRENT_SOURCE_DIR}/integration/test_${name}.py)
endforeach()
yodel_demo_test(integration.carry
  COMMAND ${YODEL_PYTHON3} ${CMAKE_CURRENT_SOURCE_DIR}/integration/test_carry.py)
if(YODEL_REDIS)
  yodel_demo_test(integration.redis
    COMMAND ${YODEL_PYTHON3} ${CMAKE_CURRENT_SOURCE_DIR}/integration/test_redis.py)
  yodel_demo_test(integration.history
    COMMAND ${YODEL_PYTHON3} ${CMAKE_CURRENT_SOURCE_DIR}/integration/test_history.py)
  yodel_demo_test(integration.cluster_faults
    COMMAND ${YODEL_PYTHON3} ${CMAKE_CURRENT_SOURCE_DIR}/integration/test_cluster_faults.py)
  yodel_demo_test(integration.partition
    COMMAND ${YODEL_PYTHON3} ${CMAKE_CURRENT_SOURCE_DIR}/integration/test_partition.py)
  yodel_demo_test(integration.cluster_strain
    COMMAND ${YODEL_PYTHON3} ${CMAKE_CURRENT_SOURCE_DIR}/integration/test_cluster_strain.py)
  set_property(TEST integration.redis APPEND PROPERTY ENVIRONMENT
               YODEL_REDISAPP=$<TARGET_FILE:yodel-redisapp>)
  yodel_demo_test(integration.carry_nodes
    COMMAND ${YODEL_PYTHON3} ${CMAKE_CURRENT_SOURCE_DIR}/integration/test_carry_nodes.py)
  yodel_demo_test(integration.nodes
    COMMAND ${YODEL_PYTHON3} ${CMAKE_CURRENT_SOURCE_DIR}/integration/test_nodes.py)
endif()
set_tests_properties(integration.channels_redis PROPERTIES TIMEOUT 600)

if(YODEL_NODE)
  foreach(name interop/crowd interop/deflate interop/echo interop/sio_bundle interop/sio_client interop/sio_engine interop/sio_features interop/sio_msgpack interop/sio_order interop/sio_recovery interop/sio_redis_classic interop/sio_redis_cluster interop/sio_rooms interop/sio_wire browser/access browser/behind browser/chat browser/events browser/flask browser/lab browser/layout browser/page browser/python browser/sio browser/text)
    string(REPLACE / . test ${name})
    yodel_demo_test(${test}
      COMMAND ${YODEL_NODE} --test ${CMAKE_CURRENT_SOURCE_DIR}/${name}.test.js)
  endforeach()
  set_property(TEST browser.python APPEND PROPERTY ENVIRONMENT
               YODEL_PYTHONPATH=${PROJECT_BINARY_DIR}/python YODEL_PYTHON3=${YODEL_PYTHON3})
endif()
