#include "base/secret_line.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include <fmt/format.h>

#include "base/file.hpp"

namespace postern {

namespace {

constexpr std::size_t kLongestLine = 4096;

std::string line_of(int fd) {
    std::string line;
    line.reserve(kLongestLine);
    while (line.size() < kLongestLine) {
        char c = 0;
        const ssize_t got = ::read(fd, &c, 1);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0 || c == '\n') {
            break;
        }
        line += c;
    }
    return line;
}

}  // namespace

Result<Secret> read_secret_line(const std::filesystem::path& file, std::string_view question) {
    std::string line;
    if (!file.empty()) {
        auto content = read_file(file, kLongestLine);
        if (!content) {
            return content.error();
        }
        line = std::move(*content);
        line.resize(std::min(line.size(), line.find('\n')));
    } else {
        if (::isatty(STDIN_FILENO) == 1) {
            fmt::print(stderr, "{}", question);
        }
        line = line_of(STDIN_FILENO);
    }
    const std::size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string::npos) {
        return Failure{Code::config_invalid, file.empty() ? std::string("nothing came on standard input")
                                                          : fmt::format("{} is empty", file.string())};
    }
    const std::size_t end = line.find_last_not_of(" \t\r") + 1;
    Secret secret(std::string_view(line).substr(begin, end - begin));
    Secret wiped(std::move(line));
    return secret;
}

}  // namespace postern
