#include "base/printed.hpp"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

#include <fmt/format.h>

#include "base/json.hpp"

namespace postern {

namespace {

// The error of the write that failed is long gone when it is asked for: a pipe or a socket whose other end is
// closed says so for itself (poll(2)).
bool is_reader_gone() {
    pollfd output{STDOUT_FILENO, 0, 0};
    struct stat info {};
    return ::fstat(STDOUT_FILENO, &info) == 0 && (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode)) &&
           ::poll(&output, 1, 0) > 0 && (output.revents & (POLLERR | POLLHUP)) != 0;
}

// Of a write that failed some time ago, as the next one meets it.
int error_of_output() {
    errno = 0;
    const bool is_over = ::write(STDOUT_FILENO, "\n", 1) == 1;
    return is_over || errno == 0 ? EIO : errno;
}

int judge(std::string_view program, int when_lost, int code, int error) {
    if (error == EPIPE || code != 0 || is_reader_gone()) {
        return code;
    }
    error = error != 0 ? error : error_of_output();
    const std::string text =
        fmt::format("{}: error: cannot write what was to be printed: {}\n", program, std::strerror(error));
    std::fputs(text.c_str(), stderr);
    return when_lost;
}

}  // namespace

void say_json(const nlohmann::json& told, int indent) {
    fmt::print(stdout, "{}\n", ascii_json_text(told, indent));
}

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
    return judge(program, when_lost, code, errno);
}

}  // namespace postern
