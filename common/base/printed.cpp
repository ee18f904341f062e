#include "base/printed.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

#include <fmt/format.h>

namespace postern {

namespace {

int judge(std::string_view program, int when_lost, int code, int error) {
    if (error == EPIPE || code != 0) {
        return code;
    }
    const std::string text =
        fmt::format("{}: error: cannot write what was to be printed: {}\n", program, std::strerror(error));
    std::fputs(text.c_str(), stderr);
    return when_lost;
}

}  // namespace

int deliver(std::string_view program, int when_lost, const std::function<int()>& command) {
    int code = 0;
    try {
        code = command();
    } catch (const std::system_error& error) {
        // What fmt::print throws when the stream has failed.
        if (std::ferror(stdout) == 0) {
            throw;
        }
        return judge(program, when_lost, 0, error.code().value());
    }
    const bool had_failed = std::ferror(stdout) != 0;
    errno = 0;
    if (std::fflush(stdout) == 0 && !had_failed) {
        return code;
    }
    return judge(program, when_lost, code, errno != 0 ? errno : EIO);
}

}  // namespace postern
