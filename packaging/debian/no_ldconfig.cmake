# SPDX-License-Identifier: MIT
# CPack gives packages of libraries scripts that call ldconfig; dpkg's trigger does that, once.
foreach(package IN LISTS CPACK_PACKAGE_FILES)
  if(package MATCHES "/libyodel[^/]*[.]deb$")
    set(folder ${package}.d)
    execute_process(COMMAND dpkg-deb -R ${package} ${folder} COMMAND_ERROR_IS_FATAL ANY)
    file(REMOVE ${folder}/DEBIAN/postinst ${folder}/DEBIAN/postrm)
    execute_process(COMMAND dpkg-deb --root-owner-group -b ${folder} ${package}
                    COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
    file(REMOVE_RECURSE ${folder})
  endif()
endforeach()
