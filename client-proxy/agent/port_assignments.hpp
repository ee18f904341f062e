// The assignment of local ports to services. A service has the same port each time, so that a setting in
// DBeaver stays valid. Only load() and save() have side effects.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "client-proxy/config/profile.hpp"

namespace postern::client {

class PortAssignments {
public:
    /// The first number that is given out.
    static constexpr unsigned short kFirst = 5432;

    /// Returns no assignments when the text is damaged: ports are only a convenience.
    static PortAssignments from_json(std::string_view text);
    static PortAssignments load(const ProfileFolder& folder);
    /// Errors: Code::io_failed.
    Result<void> save(const ProfileFolder& folder) const;
    std::string to_json_text() const;

    /// The port of the name; 0 when it has none.
    unsigned short find(std::string_view name) const;
    /// The name that has the port; empty when no name has it.
    std::string owner(unsigned short port) const;
    std::vector<std::string> names() const;
    void remember(std::string_view name, unsigned short port);
    /// The first port above `after` that no other name has; 0 when there is none.
    unsigned short next_free(std::string_view name, unsigned short after) const;

private:
    std::map<std::string, unsigned short, std::less<>> ports_;
};

}  // namespace postern::client
