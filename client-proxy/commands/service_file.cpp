#include "client-proxy/commands/service_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <vector>

#include <fmt/format.h>

#include "base/file.hpp"
#include "base/shell_word.hpp"
#include "base/unique_fd.hpp"
#include "client-proxy/agent/quoting.hpp"

namespace postern::client {

namespace {

constexpr std::string_view kMark = "# written by postern; replaced when it connects again";

std::string section_of(const ServiceFileEntry& entry) {
    const std::string database = entry.database.empty() ? "" : fmt::format("dbname={}\n", entry.database);
    return fmt::format("[{}]\n{}\nhost=localhost\nport={}\nuser={}\n{}sslmode=disable\ngssencmode=disable\n",
                       entry.service, kMark, entry.port, entry.user, database);
}

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const auto end = text.find('\n');
        lines.push_back(text.substr(0, end));
        text.remove_prefix(end == text.npos ? text.size() : end + 1);
    }
    return lines;
}

/// libpq ignores blanks around a line.
std::string_view without_blanks(std::string_view line) {
    const auto begin = line.find_first_not_of(" \t\r\f\v");
    const auto end = line.find_last_not_of(" \t\r\f\v");
    return begin == line.npos ? std::string_view() : line.substr(begin, end + 1 - begin);
}

/// Whether Postern wrote the line. Settings that a person added to the section are kept.
bool is_of_section(std::string_view line) {
    static constexpr std::array kWritten{"host=", "port=", "user=", "dbname=", "sslmode=", "gssencmode="};
    return std::any_of(kWritten.begin(), kWritten.end(),
                       [&](const char* key) { return line.starts_with(key); });
}

/// Locks the folder, so that two commands do not overwrite each other's changes.
Result<UniqueFd> lock_folder(const std::filesystem::path& folder) {
    UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    while (!fd || ::flock(fd.get(), LOCK_EX) != 0) {
        if (errno != EINTR) {
            return io_failure("cannot lock", folder);
        }
    }
    return fd;
}

}  // namespace

Outcome<std::string> with_entry(std::string_view text, const ServiceFileEntry& entry) {
    // The file's syntax has no quotes, and blanks at the end of a line are lost.
    if (without_blanks("=" + entry.database) != "=" + entry.database ||
        entry.database.find('\n') != entry.database.npos) {
        return Refusal{
            Code::config_invalid,
            fmt::format("a service file cannot name the database '{}': its lines lose blanks at their end",
                        entry.database),
            fmt::format("Leave --service-file out, or name the database beside the service: psql {}",
                        shell_word(fmt::format("service={} dbname={}", entry.service,
                                               conninfo_value(entry.database)))),
            {}};
    }
    const std::string head = fmt::format("[{}]", entry.service);
    const auto lines = lines_of(text);
    std::string result;
    bool is_ours = false;
    bool is_written = false;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const auto line = without_blanks(lines[i]);
        if (line.starts_with('[')) {
            is_ours = line == head && !is_written;
            if (is_ours && (i + 1 == lines.size() || without_blanks(lines[i + 1]) != kMark)) {
                return Refusal{
                    Code::already_exists,
                    fmt::format("the service file has a section {} that postern did not write", head),
                    "Rename that section, or edit it by hand.",
                    {}};
            }
            if (is_ours) {
                result += section_of(entry);
                is_written = true;
                ++i;
                continue;
            }
        }
        if (!is_ours || !is_of_section(line)) {
            result.append(lines[i]).push_back('\n');
        }
    }
    if (!is_written) {
        if (!result.empty() && !result.ends_with("\n\n")) {
            result.push_back('\n');
        }
        result += section_of(entry);
    }
    return result;
}

Outcome<std::filesystem::path> write_service_file(const ServiceFileEntry& entry) {
    const char* const named = std::getenv("PGSERVICEFILE");
    const char* const home = std::getenv("HOME");
    if (named == nullptr && home == nullptr) {
        return Refusal{Code::config_invalid, "neither PGSERVICEFILE nor HOME is set", {}, {}};
    }
    const std::filesystem::path path =
        named != nullptr ? std::filesystem::path(named) : std::filesystem::path(home) / ".pg_service.conf";
    // The file may be a symbolic link, whose target is replaced, and it keeps its mode.
    std::error_code none_yet;
    const auto followed = std::filesystem::canonical(path, none_yet);
    const auto& file = none_yet ? path : followed;
    struct stat info {};
    const mode_t mode = ::stat(file.c_str(), &info) == 0 ? info.st_mode & 07777U : 0600U;
    const auto held = lock_folder(file.has_parent_path() ? file.parent_path() : ".");
    if (!held) {
        return local_refusal(held.error());
    }
    const auto before = read_file(file);
    if (!before && before.error().code != Code::not_found) {
        return local_refusal(before.error());
    }
    auto text = with_entry(before ? std::string_view(*before) : std::string_view(), entry);
    if (!text) {
        return text.error();
    }
    if (auto written = write_file(file, *text, mode); !written) {
        return local_refusal(written.error());
    }
    return path;
}

}  // namespace postern::client
