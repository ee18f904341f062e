// The names of the files of one log, and how they are read: the live file, the rotated older ones, and the
// files beside them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace postern::audit {

/// The file of the signed head, which holds the newest checkpoint.
std::filesystem::path head_path(const std::filesystem::path& log);
/// The file of the public keys that may have signed, in PEM.
std::filesystem::path public_key_path(const std::filesystem::path& log);
/// The file that the writer of the log locks.
std::filesystem::path lock_path(const std::filesystem::path& log);
/// A name such as "audit.jsonl.20261122T123000Z-1": the time when the file was closed, and the sequence
/// number of its first record.
std::filesystem::path rotated_path(const std::filesystem::path& log, SystemTime time,
                                   std::uint64_t first_sequence);
bool is_rotated(const std::filesystem::path& file);
/// The first sequence number of a rotated file, read from its name; 0 for any other file.
std::uint64_t rotated_sequence(const std::filesystem::path& file);
/// The path of the live file that a rotated `file` belongs to. Any other path is returned as it is.
std::filesystem::path live_path(const std::filesystem::path& file);
/// The rotated files of a log, oldest first.
std::vector<std::filesystem::path> rotated_files(const std::filesystem::path& log);

/// Reads a file line by line in large blocks. Not thread-safe.
class LogLineReader {
public:
    /// What next() found.
    enum class Item {
        /// line() is a complete line, without its newline.
        line,
        /// unfinished_bytes() bytes follow the last newline. A later call may find that they have grown, or
        /// the same again.
        unfinished,
        /// A line that is longer than kLongestReadLine was skipped.
        oversized,
        end,
        failed,
    };

    /// Opens the file to read from `offset` (in bytes) on. Fails with Code::not_found, or with
    /// Code::io_failed, also when `path` is no regular file.
    static Result<LogLineReader> open(const std::filesystem::path& path, std::uint64_t offset = 0);

    Item next();
    /// Moves to `offset`, in bytes; the next line is read from there.
    void seek(std::uint64_t offset) noexcept;
    /// The view is valid until the next call of next().
    std::string_view line() const noexcept { return line_; }
    /// The offset in the file, in bytes, at which line() begins.
    std::uint64_t line_offset() const noexcept { return line_offset_; }
    std::uint64_t unfinished_bytes() const noexcept { return block_offset_ + end_ - line_offset_; }
    /// The offset in the file, in bytes, up to which lines have been read.
    std::uint64_t offset() const noexcept { return block_offset_ + begin_; }
    /// The size of the file in bytes now; 0 when it cannot be determined.
    std::uint64_t size() const;
    int fd() const noexcept { return fd_.get(); }

private:
    explicit LogLineReader(UniqueFd fd, std::uint64_t offset);
    bool fill();

    UniqueFd fd_;
    std::vector<char> block_;
    std::uint64_t block_offset_ = 0;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    bool has_failed_ = false;
    /// True while the rest of a line is skipped that is too long to be kept.
    bool is_skipping_ = false;
    std::string_view line_;
    std::uint64_t line_offset_ = 0;
};

}  // namespace postern::audit
