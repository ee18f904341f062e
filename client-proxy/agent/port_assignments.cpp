#include "client-proxy/agent/port_assignments.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/json.hpp"

namespace postern::client {

PortAssignments PortAssignments::from_json(std::string_view text) {
    PortAssignments book;
    const auto read = parse_json(text);
    if (!read.is_object()) {
        return book;
    }
    for (const auto& [name, port] : read.items()) {
        if (port.is_number_unsigned() && port.get<std::uint64_t>() > 0 &&
            port.get<std::uint64_t>() <= 65535) {
            book.ports_[name] = port.get<unsigned short>();
        }
    }
    return book;
}

PortAssignments PortAssignments::load(const ProfileFolder& folder) {
    const auto text = read_file(folder.ports());
    return text ? from_json(*text) : PortAssignments();
}

std::string PortAssignments::to_json_text() const {
    return json_file_text(nlohmann::json(ports_));
}

Result<void> PortAssignments::save(const ProfileFolder& folder) const {
    return write_file(folder.ports(), to_json_text(), 0600);
}

unsigned short PortAssignments::find(std::string_view name) const {
    const auto found = ports_.find(name);
    return found != ports_.end() ? found->second : 0;
}

std::string PortAssignments::owner(unsigned short port) const {
    for (const auto& [name, number] : ports_) {
        if (number == port) {
            return name;
        }
    }
    return {};
}

std::vector<std::string> PortAssignments::names() const {
    std::vector<std::string> names;
    for (const auto& [name, number] : ports_) {
        names.push_back(name);
    }
    return names;
}

void PortAssignments::remember(std::string_view name, unsigned short port) {
    ports_[std::string(name)] = port;
}

unsigned short PortAssignments::next_free(std::string_view name, unsigned short after) const {
    for (unsigned port = after + 1U; port <= 65535; ++port) {
        const bool is_taken = std::any_of(ports_.begin(), ports_.end(), [&](const auto& entry) {
            return entry.second == port && entry.first != name;
        });
        if (!is_taken) {
            return static_cast<unsigned short>(port);
        }
    }
    return 0;
}

}  // namespace postern::client
