#include "base/bounded_read.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>

#include <fmt/format.h>

#include "base/file.hpp"

namespace postern {

Result<std::string> read_to_end(int fd, const std::filesystem::path& name, std::size_t limit_bytes) {
    std::string content;
    std::array<char, 16384> block{};
    while (true) {
        const ssize_t got = ::read(fd, block.data(), block.size());
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return io_failure("cannot read", name);
        }
        if (got == 0) {
            return content;
        }
        content.append(block.data(), static_cast<std::size_t>(got));
        if (content.size() > limit_bytes) {
            return Failure{Code::request_too_large,
                           fmt::format("{} is larger than {} bytes", name.string(), limit_bytes)};
        }
    }
}

}  // namespace postern
