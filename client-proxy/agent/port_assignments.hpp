// Which local port each service has: the same one every time, so that DBeaver's settings stay right. Pure but
// for load and save.
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
    static constexpr unsigned short kFirst = 5432;

    /// A damaged book is an empty one: ports are a convenience.
    static PortAssignments from_json(std::string_view text);
    static PortAssignments load(const ProfileFolder& folder);
    Result<void> save(const ProfileFolder& folder) const;
    std::string to_json_text() const;

    /// 0 when the name has none.
    unsigned short find(std::string_view name) const;
    /// Whose the port is; empty when it is nobody's.
    std::string owner(unsigned short port) const;
    std::vector<std::string> names() const;
    void remember(std::string_view name, unsigned short port);
    /// The next port from `after` + 1 up that no other name has; 0 when there is none.
    unsigned short next_free(std::string_view name, unsigned short after) const;

private:
    std::map<std::string, unsigned short, std::less<>> ports_;
};

}  // namespace postern::client
