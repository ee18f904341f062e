// Reads a file line by line from its end back, so that its last lines cost no more than they are long.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace postern::audit {

class ReverseLineReader {
public:
    /// Begins behind the last newline of the file as it is now.
    static Result<ReverseLineReader> open(const std::filesystem::path& path);

    /// To the line before; false at the beginning of the file. A line longer than kLongestReadLine is left
    /// out. Code::io_failed.
    Result<bool> next();
    /// Without its newline. Valid until the next call of next().
    std::string_view line() const noexcept { return line_; }
    /// Behind the last whole line: where reading on begins.
    std::uint64_t end() const noexcept { return end_; }

private:
    ReverseLineReader(UniqueFd fd, std::uint64_t size) : fd_(std::move(fd)), begin_(size), end_(size) {}
    /// Puts the block before `text_` in front of it; false at the beginning of the file.
    Result<bool> read_back();
    Result<void> find_end();

    UniqueFd fd_;
    /// What was read and not yet given out; it begins at `begin_` of the file.
    std::string text_;
    std::uint64_t begin_;
    std::uint64_t end_;
    std::string line_;
};

}  // namespace postern::audit
