#include "audit/log_path.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "audit/chain.hpp"

namespace postern::audit {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kBlock = 1 << 20;

fs::path beside(const fs::path& log, std::string_view suffix) {
    return fs::path(log.string() + std::string(suffix));
}

/// Splits "name.20261122T123000Z-17" into the length of "name" and 17. Returns false for any other name.
bool split_rotated(std::string_view file, std::size_t& name_length, std::uint64_t& first_sequence) {
    constexpr std::string_view kForm =
        ".dddddddd"
        "T"
        "dddddd"
        "Z-";
    const std::size_t dash = file.rfind('-');
    if (dash == std::string_view::npos || dash + 1 <= kForm.size()) {
        return false;
    }
    const std::string_view stamp = file.substr(dash + 1 - kForm.size(), kForm.size());
    for (std::size_t i = 0; i < kForm.size(); ++i) {
        const bool is_digit = stamp[i] >= '0' && stamp[i] <= '9';
        if (kForm[i] == 'd' ? !is_digit : stamp[i] != kForm[i]) {
            return false;
        }
    }
    const std::string_view number = file.substr(dash + 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), first_sequence);
    name_length = dash + 1 - kForm.size();
    return error == std::errc() && end == number.data() + number.size() && name_length > 0;
}

}  // namespace

fs::path head_path(const fs::path& log) {
    return beside(log, ".head");
}

fs::path public_key_path(const fs::path& log) {
    return beside(log, ".pub");
}

fs::path lock_path(const fs::path& log) {
    return beside(log, ".lock");
}

fs::path rotated_path(const fs::path& log, SystemTime time, std::uint64_t first_sequence) {
    std::string stamp = format_time(time).substr(0, 19);
    std::erase_if(stamp, [](char c) { return c == '-' || c == ':'; });
    return beside(log, fmt::format(".{}Z-{}", stamp, first_sequence));
}

bool is_rotated(const fs::path& file) {
    std::size_t length = 0;
    std::uint64_t sequence = 0;
    return split_rotated(file.filename().string(), length, sequence);
}

std::uint64_t rotated_sequence(const fs::path& file) {
    std::size_t length = 0;
    std::uint64_t sequence = 0;
    return split_rotated(file.filename().string(), length, sequence) ? sequence : 0;
}

fs::path live_path(const fs::path& file) {
    const std::string name = file.filename().string();
    std::size_t length = 0;
    std::uint64_t sequence = 0;
    return split_rotated(name, length, sequence) ? file.parent_path() / name.substr(0, length) : file;
}

std::vector<fs::path> rotated_files(const fs::path& log) {
    std::vector<std::pair<std::uint64_t, fs::path>> found;
    const std::string name = log.filename().string();
    std::error_code error;
    const fs::path folder = log.has_parent_path() ? log.parent_path() : fs::path(".");
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
        const std::string candidate = entry->path().filename().string();
        std::size_t length = 0;
        std::uint64_t sequence = 0;
        if (split_rotated(candidate, length, sequence) && candidate.substr(0, length) == name) {
            found.emplace_back(sequence, log.has_parent_path() ? entry->path() : fs::path(candidate));
        }
    }
    std::sort(found.begin(), found.end());
    std::vector<fs::path> files;
    for (auto& [sequence, path] : found) {
        files.push_back(std::move(path));
    }
    return files;
}

Result<LogLineReader> LogLineReader::open(const fs::path& path, std::uint64_t offset) {
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    struct stat info {};
    if (!fd || ::fstat(fd.get(), &info) != 0) {
        const int error = errno;
        return Failure{error == ENOENT ? Code::not_found : Code::io_failed,
                       fmt::format("cannot open {}: {}", path.string(), std::strerror(error))};
    }
    if (!S_ISREG(info.st_mode)) {
        return Failure{Code::io_failed, fmt::format("{} is not a regular file", path.string())};
    }
    ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    return LogLineReader(std::move(fd), offset);
}

LogLineReader::LogLineReader(UniqueFd fd, std::uint64_t offset)
    : fd_(std::move(fd)), block_(kBlock), block_offset_(offset) {}

void LogLineReader::seek(std::uint64_t offset) noexcept {
    block_offset_ = offset;
    begin_ = 0;
    end_ = 0;
    is_skipping_ = false;
}

bool LogLineReader::fill() {
    // The rest of a line moves to the front of the block; kBlock is far larger than a line may be.
    std::memmove(block_.data(), block_.data() + begin_, end_ - begin_);
    block_offset_ += begin_;
    end_ -= begin_;
    begin_ = 0;
    ssize_t got = 0;
    do {
        got = ::pread(fd_.get(), block_.data() + end_, block_.size() - end_,
                      static_cast<off_t>(block_offset_ + end_));
    } while (got < 0 && errno == EINTR);
    has_failed_ = got < 0;
    end_ += got > 0 ? static_cast<std::size_t>(got) : 0;
    return got > 0;
}

LogLineReader::Item LogLineReader::next() {
    if (!is_skipping_) {
        line_offset_ = offset();
    }
    std::size_t searched = 0;
    while (true) {
        const char* start = block_.data() + begin_;
        const auto* newline =
            static_cast<const char*>(std::memchr(start + searched, '\n', end_ - begin_ - searched));
        if (newline != nullptr) {
            line_ = std::string_view(start, static_cast<std::size_t>(newline - start));
            begin_ += line_.size() + 1;
            const bool is_oversized = std::exchange(is_skipping_, false) || line_.size() > kLongestReadLine;
            return is_oversized ? Item::oversized : Item::line;
        }
        if (end_ - begin_ > kLongestReadLine) {
            is_skipping_ = true;
            begin_ = end_;
        }
        searched = end_ - begin_;
        if (!fill()) {
            break;
        }
    }
    if (has_failed_) {
        return Item::failed;
    }
    line_ = std::string_view(block_.data() + begin_, end_ - begin_);
    return block_offset_ + end_ == line_offset_ ? Item::end : Item::unfinished;
}

std::uint64_t LogLineReader::size() const {
    struct stat info {};
    return ::fstat(fd_.get(), &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
}

}  // namespace postern::audit
