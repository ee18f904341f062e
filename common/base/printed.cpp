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

/// Whether the reader of standard output has closed its end. The errno of the failed write is no longer known
/// at this point, but poll(2) reports a closed pipe or socket.
bool is_reader_gone() {
    pollfd output{STDOUT_FILENO, 0, 0};
    struct stat info {};
    return ::fstat(STDOUT_FILENO, &info) == 0 && (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode)) &&
           ::poll(&output, 1, 0) > 0 && (output.revents & (POLLERR | POLLHUP)) != 0;
}

/// The errno of a write that failed some time ago. It is found out by writing again.
int error_of_output() {
    errno = 0;
    const bool is_over = ::write(STDOUT_FILENO, "\n", 1) == 1;
    return is_over || errno == 0 ? EIO : errno;
}

/// The exit code after standard output could not be written; prints the error if it is one. `error` is 0 if
/// the errno is not known.
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
        // fmt::print throws this when the stream has failed.
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
