# What all Debian packages have in common, for `cpack -G DEB`; who includes this has set what is
# theirs (packaging/, python/).
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME yodel)
set(CPACK_PACKAGE_VENDOR yodel)
if(NOT CPACK_PACKAGE_CONTACT)
  set(CPACK_PACKAGE_CONTACT "Yodel contributors <yodel@example.org>")
endif()
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
if(NOT DEFINED CPACK_STRIP_FILES)
  set(CPACK_STRIP_FILES ON)
endif()
set(CPACK_DEB_COMPONENT_INSTALL ON)
include(CPack)
