#include "audit/reverse_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/format.h>

#include "audit/chain.hpp"
#include "base/file.hpp"

namespace postern::audit {

namespace {

constexpr std::uint64_t kStepBytes = 64 * 1024;

}  // namespace

Result<ReverseLineReader> ReverseLineReader::open(const std::filesystem::path& path) {
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    struct stat info {};
    if (!fd || ::fstat(fd.get(), &info) != 0) {
        return io_failure("cannot open", path);
    }
    if (!S_ISREG(info.st_mode)) {
        return Failure{Code::io_failed, fmt::format("{} is not a regular file", path.string())};
    }
    ReverseLineReader reader(std::move(fd), static_cast<std::uint64_t>(info.st_size));
    if (auto found = reader.find_end(); !found) {
        return with_context(path.string(), found.error());
    }
    return reader;
}

Result<bool> ReverseLineReader::read_back() {
    if (begin_ == 0) {
        return false;
    }
    const std::uint64_t size = std::min(begin_, kStepBytes);
    std::string block(size, '\0');
    for (std::uint64_t done = 0; done < size;) {
        const ssize_t got =
            ::pread(fd_.get(), block.data() + done, size - done, static_cast<off_t>(begin_ - size + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return Failure{Code::io_failed, "cannot be read, or became shorter meanwhile"};
        }
        done += static_cast<std::uint64_t>(got);
    }
    begin_ -= size;
    text_.insert(0, block);
    return true;
}

Result<void> ReverseLineReader::find_end() {
    while (true) {
        if (const auto newline = text_.rfind('\n'); newline != std::string::npos) {
            text_.resize(newline + 1);
            break;
        }
        text_.clear();
        const auto has_more = read_back();
        if (!has_more) {
            return has_more.error();
        }
        if (!*has_more) {
            break;
        }
    }
    end_ = begin_ + text_.size();
    return {};
}

Result<bool> ReverseLineReader::next() {
    bool is_oversized = false;
    while (true) {
        // If text_ is not empty, it ends with the newline of the wanted line.
        const auto before = text_.size() < 2 ? std::string::npos : text_.rfind('\n', text_.size() - 2);
        if (before == std::string::npos) {
            if (text_.size() > kLongestReadLine) {
                is_oversized = true;
                text_ = "\n";
            }
            const auto has_more = read_back();
            if (!has_more) {
                return has_more.error();
            }
            if (*has_more) {
                continue;
            }
            if (text_.empty()) {
                return false;
            }
        }
        const std::size_t from = before == std::string::npos ? 0 : before + 1;
        line_.assign(text_, from, text_.size() - from - 1);
        text_.resize(from);
        if (!is_oversized && line_.size() <= kLongestReadLine) {
            return true;
        }
        is_oversized = false;
        if (text_.empty() && begin_ == 0) {
            return false;
        }
    }
}

}  // namespace postern::audit
