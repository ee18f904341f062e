// Who may write a log: flock(2) on a file beside it. Its holder alone writes; the lock is held across
// rotation and gone with the process.
#pragma once

#include <chrono>
#include <filesystem>
#include <string_view>
#include <utility>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace postern::audit {

class WriterLock {
public:
    static Result<WriterLock> open(const std::filesystem::path& log);

    /// Code::audit_unavailable that names the holder, when it is not free within `timeout`.
    Result<void> acquire(std::chrono::milliseconds timeout, std::string_view program);
    void release() noexcept;

private:
    WriterLock(UniqueFd fd, std::filesystem::path log) : fd_(std::move(fd)), log_(std::move(log)) {}
    UniqueFd fd_;
    std::filesystem::path log_;
};

}  // namespace postern::audit
