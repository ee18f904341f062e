// How the files of one log are called, and how they are read: the live file, its rotated elders, and what is
// kept beside it.
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

/// The signed head: the highest checkpoint.
std::filesystem::path head_path(const std::filesystem::path& log);
/// The public keys that may have signed, in PEM.
std::filesystem::path public_key_path(const std::filesystem::path& log);
/// Held by who writes.
std::filesystem::path lock_path(const std::filesystem::path& log);
/// "audit.jsonl.20261122T123000Z-1": when it was closed, and the sequence number of its first record.
std::filesystem::path rotated_path(const std::filesystem::path& log, SystemTime time,
                                   std::uint64_t first_sequence);
bool is_rotated(const std::filesystem::path& file);
/// The first sequence number of a rotated file, from its name; 0 for any other.
std::uint64_t rotated_sequence(const std::filesystem::path& file);
/// The live file that a rotated one belongs to; any other path itself.
std::filesystem::path live_path(const std::filesystem::path& file);
/// The rotated files of a log, oldest first.
std::vector<std::filesystem::path> rotated_files(const std::filesystem::path& log);

/// Reads a file line by line in large blocks.
class LogLineReader {
public:
    enum class Item {
        /// line() is a line without its newline.
        line,
        /// unfinished_bytes() stand behind the last newline; reading on may find that they have grown, or the
        /// same again.
        unfinished,
        /// A line longer than kLongestReadLine was skipped.
        oversized,
        end,
        failed,
    };

    static Result<LogLineReader> open(const std::filesystem::path& path, std::uint64_t offset = 0);

    Item next();
    /// The next line is read from there on.
    void seek(std::uint64_t offset) noexcept;
    /// Valid until the next call of next().
    std::string_view line() const noexcept { return line_; }
    /// Where line() begins in the file.
    std::uint64_t line_offset() const noexcept { return line_offset_; }
    std::uint64_t unfinished_bytes() const noexcept { return block_offset_ + end_ - line_offset_; }
    /// How far it has read.
    std::uint64_t offset() const noexcept { return block_offset_ + begin_; }
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
    /// The front of the line was too long to be kept.
    bool is_skipping_ = false;
    std::string_view line_;
    std::uint64_t line_offset_ = 0;
};

}  // namespace postern::audit
