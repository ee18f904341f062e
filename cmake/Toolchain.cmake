# The language, the warnings, the sanitizers and the linker that every target is built with.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    # Relative paths let checkouts in different folders share one cache.
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
        ${CCACHE_PROGRAM})
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Werror -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
    -Wcast-align -Wconversion -Wno-sign-conversion -Wformat=2 -Wimplicit-fallthrough)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ 12 takes the frame allocator of Asio's coroutines for a mismatched pair of new and delete.
    add_compile_options(-Wduplicated-cond -Wlogical-op -Wno-maybe-uninitialized -Wno-mismatched-new-delete)
    # And, when it inlines much, std::string's own operator+ for an overlapping copy (GCC bug 105651).
    add_compile_options($<$<CONFIG:Release>:-Wno-restrict>)
endif()

if(CMAKE_UNITY_BUILD)
    # Several sources are compiled as one, a third of the time: what is local to one of them is then seen as a header's, and
    # shadowed by the next one's. The preset tidy compiles each by itself, so that every file includes what it uses.
    add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage> "$<$<CXX_COMPILER_ID:GNU>:SHELL:-Wno-shadow -Wshadow=local>")
endif()

if(POSTERN_FUZZ)
    # The libraries too: libFuzzer is blind to code that it has no counters in.
    add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=address,undefined)
elseif(POSTERN_SANITIZE)
    add_compile_options(-fsanitize=${POSTERN_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${POSTERN_SANITIZE})
    if(POSTERN_SANITIZE MATCHES undefined)
        # Its look at an object's type opens a pipe (a process without descriptors is told of faults that it has not), and wants
        # type information that SOCI keeps to itself.
        add_compile_options(-fno-sanitize=vptr)
    endif()
    if(POSTERN_SANITIZE MATCHES thread)
        # ThreadSanitizer knows no fences; Asio's locks order what they would.
        add_compile_definitions(BOOST_ASIO_DISABLE_FENCED_BLOCK)
        add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
    endif()
else()
    add_compile_options(-fstack-protector-strong -fcf-protection=full)
    add_compile_options($<$<CONFIG:Release>:-U_FORTIFY_SOURCE> $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>)
    add_link_options(-Wl,-z,relro,-z,now)
    include(CheckPIESupported)
    check_pie_supported(LANGUAGES CXX)
endif()
add_compile_definitions($<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)
set(CMAKE_CXX_FLAGS_RELEASE "${POSTERN_OPTIMIZATION} -DNDEBUG")

find_program(LLD_PROGRAM NAMES ld.lld)
if(LLD_PROGRAM)
    add_link_options(-fuse-ld=lld)
endif()

if(POSTERN_TIDY)
    # One version, so that everybody gets the same findings; 14, Debian's default, does not know coroutines.
    find_program(CLANG_TIDY_PROGRAM NAMES clang-tidy-16 REQUIRED)
    # The command lines are those of g++, which has warnings that clang has not.
    set(CMAKE_CXX_CLANG_TIDY ${CLANG_TIDY_PROGRAM} --quiet --extra-arg=-Wno-unknown-warning-option)
endif()
