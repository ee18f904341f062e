// Reads a file line by line from its end backwards, so that reading the last lines costs no more than their
// length.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace postern::audit {

/// Not thread-safe.
class ReverseLineReader {
public:
    /// Opens the file and begins after its last newline at this moment. Fails with Code::not_found or
    /// Code::io_failed.
    static Result<ReverseLineReader> open(const std::filesystem::path& path);

    /// Moves to the previous line; returns false at the beginning of the file. A line longer than
    /// kLongestReadLine is skipped. Fails with Code::io_failed.
    Result<bool> next();
    /// The line without its newline. The view is valid until the next call of next().
    std::string_view line() const noexcept { return line_; }
    /// The offset in bytes after the last complete line, where a reader of new lines begins.
    std::uint64_t end() const noexcept { return end_; }

private:
    ReverseLineReader(UniqueFd fd, std::uint64_t size) : fd_(std::move(fd)), begin_(size), end_(size) {}
    /// Reads the block before `text_` and prepends it; returns false at the beginning of the file.
    Result<bool> read_back();
    Result<void> find_end();

    UniqueFd fd_;
    /// The bytes that were read and not yet returned. They begin at the offset `begin_` of the file.
    std::string text_;
    std::uint64_t begin_;
    std::uint64_t end_;
    std::string line_;
};

}  // namespace postern::audit
