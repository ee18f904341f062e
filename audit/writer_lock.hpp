// The lock of the writer of a log: flock(2) on a file beside the log. Only its holder writes. The lock is
// kept across rotations, and the kernel releases it when the process ends.
#pragma once

#include <chrono>
#include <filesystem>
#include <string_view>
#include <utility>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace postern::audit {

/// Not thread-safe.
class WriterLock {
public:
    /// Opens or creates the lock file without locking it. Fails with Code::audit_unavailable.
    static Result<WriterLock> open(const std::filesystem::path& log);

    /// Locks within `timeout`, or fails with Code::audit_unavailable and the name of the holder. A `timeout`
    /// of 0 tries once and notes `program` in the file as the holder. Blocking.
    Result<void> acquire(std::chrono::milliseconds timeout, std::string_view program);
    void release() noexcept;

private:
    WriterLock(UniqueFd fd, std::filesystem::path log) : fd_(std::move(fd)), log_(std::move(log)) {}
    UniqueFd fd_;
    std::filesystem::path log_;
};

}  // namespace postern::audit
