#include "client-proxy/commands/service_file.hpp"

#include <cstdlib>
#include <vector>

#include <fmt/format.h>

#include "base/file.hpp"

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

}  // namespace

Outcome<std::string> with_entry(std::string_view text, const ServiceFileEntry& entry) {
    const std::string head = fmt::format("[{}]", entry.service);
    const auto lines = lines_of(text);
    std::string result;
    bool is_ours = false;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        if (lines[i].starts_with('[')) {
            is_ours = lines[i] == head;
            if (is_ours && (i + 1 == lines.size() || lines[i + 1] != kMark)) {
                return Refusal{
                    Code::already_exists,
                    fmt::format("the service file has a section {} that postern did not write", head),
                    "Rename that section, or edit it by hand.",
                    {}};
            }
        }
        if (!is_ours) {
            result.append(lines[i]).push_back('\n');
        }
    }
    if (!result.empty() && !result.ends_with("\n\n")) {
        result.push_back('\n');
    }
    return result + section_of(entry);
}

Outcome<std::filesystem::path> write_service_file(const ServiceFileEntry& entry) {
    const char* const named = std::getenv("PGSERVICEFILE");
    const char* const home = std::getenv("HOME");
    if (named == nullptr && home == nullptr) {
        return Refusal{Code::config_invalid, "neither PGSERVICEFILE nor HOME is set", {}, {}};
    }
    const std::filesystem::path path =
        named != nullptr ? std::filesystem::path(named) : std::filesystem::path(home) / ".pg_service.conf";
    const auto before = read_file(path);
    if (!before && before.error().code != Code::not_found) {
        return local_refusal(before.error());
    }
    auto text = with_entry(before ? std::string_view(*before) : std::string_view(), entry);
    if (!text) {
        return text.error();
    }
    if (auto written = write_file(path, *text, 0600); !written) {
        return local_refusal(written.error());
    }
    return path;
}

}  // namespace postern::client
