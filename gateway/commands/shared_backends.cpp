#include "gateway/commands/shared_backends.hpp"

#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace postern::gateway {

std::vector<std::string> notes_on_shared_backends(const Policy& policy) {
    std::map<std::string, std::vector<std::string>> services;
    for (const Service& service : policy.services()) {
        if (service.protocol == Protocol::postgres) {
            services[service.backend.text()].push_back(service.name);
        }
    }
    std::vector<std::string> notes;
    for (const auto& [backend, names] : services) {
        if (names.size() > 1) {
            notes.push_back(fmt::format(
                "{} is {}: its certificate must name all of them (postern-ca token create --service {})",
                backend, fmt::join(names, ", "), fmt::join(names, " --service ")));
        }
    }
    return notes;
}

}  // namespace postern::gateway
