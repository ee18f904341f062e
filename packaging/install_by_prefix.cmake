# Part of `cmake --install`: what depends on the prefix, which --prefix may name anew.
#   source_folder, build_folder  this folder, and the one that is built in
#   programs, data               where programs and data go: absolute, or below the prefix

cmake_path(ABSOLUTE_PATH programs BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}" NORMALIZE)
cmake_path(ABSOLUTE_PATH data BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}" NORMALIZE)
foreach(unit system/postern-ca.service system/postern-gateway.service user/postern-agent.service)
    cmake_path(GET unit FILENAME name)
    cmake_path(GET unit PARENT_PATH folder)
    configure_file("${source_folder}/systemd/${name}.in" "${build_folder}/${name}" @ONLY)
    file(INSTALL "${build_folder}/${name}" DESTINATION "${CMAKE_INSTALL_PREFIX}/lib/systemd/${folder}")
endforeach()
# Where Debian's zsh looks, for packages and for what was built here.
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
    set(zsh_folder zsh/vendor-completions)
else()
    set(zsh_folder zsh/site-functions)
endif()
file(INSTALL "${source_folder}/completions/_postern" DESTINATION "${data}/${zsh_folder}")
