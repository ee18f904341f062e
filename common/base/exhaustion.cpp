#include "base/exhaustion.hpp"

#include <fcntl.h>
#include <sys/resource.h>

#include <cerrno>

#include <fmt/format.h>

#include "base/unique_fd.hpp"

namespace postern {

std::optional<Failure> exhaustion_of(int error) {
    switch (error) {
        case EMFILE: {
            rlimit limit{};
            ::getrlimit(RLIMIT_NOFILE, &limit);
            return Failure{Code::out_of_resources,
                           fmt::format("this process has no file descriptors left (its limit is {})",
                                       static_cast<unsigned long long>(limit.rlim_cur))};
        }
        case ENFILE:
            return Failure{Code::out_of_resources, "this machine has no file descriptors left (fs.file-max)"};
        case ENOMEM:
        case ENOBUFS:
            return Failure{Code::out_of_resources, "this machine has no memory left for it"};
        default:
            return std::nullopt;
    }
}

std::optional<Failure> descriptors_exhausted() {
    const UniqueFd fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    return fd ? std::nullopt : exhaustion_of(errno);
}

}  // namespace postern
