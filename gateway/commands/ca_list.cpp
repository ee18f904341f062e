#include "gateway/commands/ca_list.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/bounded_read.hpp"
#include "base/file.hpp"
#include "base/json.hpp"
#include "base/unique_fd.hpp"

namespace postern::gateway {

namespace {

using nlohmann::json;

constexpr std::size_t kMostList = 1024 * 1024;

std::string member(const json& object, const char* key) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    return object.is_object() && found != object.end() && found->is_string() ? found->get<std::string>()
                                                                             : std::string();
}

std::string not_listed(const Service& service) {
    const std::string line =
        service.protocol == Protocol::postgres
            ? fmt::format(
                  "enrol its PostgreSQL there (postern-ca token create --service {}), or "
                  "list it in ca.toml",
                  service.name)
            : fmt::format("list it in ca.toml: [[service]] name = \"{}\", protocol = \"tcp\"", service.name);
    return fmt::format("the CA does not list {}, so that it opens with --passthrough only: {}", service.name,
                       line);
}

}  // namespace

Result<std::vector<std::string>> differences_from_ca(std::string_view text,
                                                     std::span<const Service> services) {
    const json told = parse_json(text);
    if (!told.is_object() || !told.contains("services") || !told["services"].is_array()) {
        return Failure{Code::config_invalid, "this is not what postern-ca check-config --json prints"};
    }
    std::vector<std::string> differences;
    for (const Service& service : services) {
        const auto& list = told["services"];
        const auto found = std::find_if(list.begin(), list.end(),
                                        [&](const json& one) { return member(one, "name") == service.name; });
        if (found == list.end()) {
            differences.push_back(not_listed(service));
        } else if (member(*found, "protocol") != name(service.protocol)) {
            differences.push_back(fmt::format("{} is \"{}\" here and \"{}\" at the CA: desktops refuse it",
                                              service.name, name(service.protocol),
                                              member(*found, "protocol")));
        } else if (member(*found, "mode") != name(service.mode)) {
            differences.push_back(fmt::format("{} is \"{}\" here and \"{}\" at the CA, whose word counts",
                                              service.name, name(service.mode), member(*found, "mode")));
        }
    }
    return differences;
}

Result<std::string> read_ca_list(const std::filesystem::path& file) {
    const bool is_standard_input = file == "-";
    const UniqueFd fd(is_standard_input ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                                        : ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    const std::filesystem::path name = is_standard_input ? "standard input" : file;
    if (!fd) {
        return io_failure("cannot open", name);
    }
    auto text = read_to_end(fd.get(), name, kMostList);
    if (!text && text.error().code == Code::request_too_large) {
        return Failure{Code::config_invalid, text.error().detail};
    }
    return text;
}

}  // namespace postern::gateway
