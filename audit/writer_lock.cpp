#include "audit/writer_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "audit/log_folder.hpp"
#include "audit/log_path.hpp"

namespace postern::audit {

namespace fs = std::filesystem;

Result<WriterLock> WriterLock::open(const fs::path& log) {
    const fs::path path = lock_path(log);
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, kLogMode));
    if (!fd) {
        return Failure{Code::audit_unavailable,
                       fmt::format("cannot open {}: {}", path.string(), std::strerror(errno))};
    }
    return WriterLock(std::move(fd), log);
}

Result<void> WriterLock::acquire(std::chrono::milliseconds timeout, std::string_view program) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    while (::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return Failure{Code::audit_unavailable,
                           fmt::format("cannot lock {}: {}", lock_path(log_).string(), std::strerror(errno))};
        }
        if (std::chrono::steady_clock::now() >= deadline) {
            std::array<char, 128> holder{};
            const ssize_t length = ::pread(fd_.get(), holder.data(), holder.size(), 0);
            return Failure{
                Code::audit_unavailable,
                fmt::format("{} is being written by another process ({})", log_.string(),
                            length > 0 ? std::string_view(holder.data(), static_cast<std::size_t>(length))
                                       : "unknown")};
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    if (timeout > std::chrono::milliseconds(0)) {
        return {};
    }
    // A process that keeps the lock writes its name into the file. It is only used for the message above.
    const std::string holder = fmt::format("{}, pid {}", program, ::getpid());
    if (::ftruncate(fd_.get(), 0) != 0 || ::pwrite(fd_.get(), holder.data(), holder.size(), 0) < 0) {
        spdlog::debug("event=audit.lock file={} reason={}", lock_path(log_).string(), std::strerror(errno));
    }
    return {};
}

void WriterLock::release() noexcept {
    ::flock(fd_.get(), LOCK_UN);
}

}  // namespace postern::audit
