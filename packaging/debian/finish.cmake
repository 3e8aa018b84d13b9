# SPDX-License-Identifier: MIT
# What CPack makes otherwise than Debian wants it; run by it behind the packages.

function(unpack package)
  execute_process(COMMAND dpkg-deb -R ${package} ${package}.d COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(pack package)
  execute_process(COMMAND dpkg-deb --root-owner-group -b ${package}.d ${package}
                  COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
  file(REMOVE_RECURSE ${package}.d)
endfunction()

# Packages of libraries get scripts that call ldconfig; dpkg's trigger does that, once.
function(finish_library package)
  unpack(${package})
  file(REMOVE ${package}.d/DEBIAN/postinst ${package}.d/DEBIAN/postrm)
  pack(${package})
endfunction()

# Those of debug symbols have sums of files where they were built, files that may be executed, no
# documentation, which is that of what they belong to, and the type that Ubuntu's archive has.
function(finish_symbols package name)
  set(top ${package}.d)
  unpack(${package})
  file(READ ${top}/DEBIAN/control control)
  string(REGEX REPLACE "Package-Type:[^\n]*\n" "" control "${control}")
  file(WRITE ${top}/DEBIAN/control "${control}")
  file(GLOB_RECURSE files RELATIVE ${top} ${top}/usr/*)
  set(sums)
  foreach(path IN LISTS files)
    file(CHMOD ${top}/${path} PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
    file(MD5 ${top}/${path} sum)
    string(APPEND sums "${sum}  ${path}\n")
  endforeach()
  file(WRITE ${top}/DEBIAN/md5sums "${sums}")
  file(MAKE_DIRECTORY ${top}/usr/share/doc)
  file(CREATE_LINK ${name} ${top}/usr/share/doc/${name}-dbgsym SYMBOLIC)
  pack(${package})
endfunction()

foreach(package IN LISTS CPACK_PACKAGE_FILES)
  if(package MATCHES "/([^/_]+)-dbgsym_[^/]*[.]ddeb$")
    finish_symbols(${package} ${CMAKE_MATCH_1})
  elseif(package MATCHES "/libyodel[^/]*[.]deb$")
    finish_library(${package})
  endif()
endforeach()
