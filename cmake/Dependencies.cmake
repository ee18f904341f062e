# Everything that the project stands on, found once. scripts/install-deps names the Debian packages.

find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(spdlog REQUIRED)
find_package(fmt REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(PkgConfig REQUIRED)
if(NOT POSTERN_FUZZ)
    find_package(CLI11 REQUIRED)
    pkg_check_modules(systemd REQUIRED IMPORTED_TARGET libsystemd)
    pkg_check_modules(argon2 REQUIRED IMPORTED_TARGET libargon2)

    # GNU libunistring has neither a CMake package nor a file for pkg-config.
    find_path(UNISTRING_INCLUDE_DIR uninorm.h REQUIRED)
    find_library(UNISTRING_LIBRARY unistring REQUIRED)
    add_library(unistring INTERFACE)
    target_include_directories(unistring SYSTEM INTERFACE ${UNISTRING_INCLUDE_DIR})
    target_link_libraries(unistring INTERFACE ${UNISTRING_LIBRARY})

    # Debian's SOCI carries no CMake package.
    find_path(SOCI_INCLUDE_DIR soci/soci.h REQUIRED)
    find_library(SOCI_CORE_LIBRARY soci_core REQUIRED)
    find_library(SOCI_SQLITE3_LIBRARY soci_sqlite3 REQUIRED)
    add_library(soci_sqlite3 INTERFACE)
    target_include_directories(soci_sqlite3 SYSTEM INTERFACE ${SOCI_INCLUDE_DIR} ${SOCI_INCLUDE_DIR}/soci)
    target_link_libraries(soci_sqlite3 INTERFACE ${SOCI_SQLITE3_LIBRARY} ${SOCI_CORE_LIBRARY})

    if(POSTERN_TRAY STREQUAL "AUTO")
        find_package(Qt6 6.4 QUIET COMPONENTS Widgets DBus Network LinguistTools)
        # Not cached: Qt may be installed later.
        set(POSTERN_TRAY ${Qt6_FOUND})
    elseif(POSTERN_TRAY)
        find_package(Qt6 6.4 REQUIRED COMPONENTS Widgets DBus Network LinguistTools)
    endif()
    # Qt's own headers for OpenGL bring it.
    if(POSTERN_TRAY)
        pkg_check_modules(XCB REQUIRED IMPORTED_TARGET xcb)
    endif()
endif()
