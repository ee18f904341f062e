// libpq's connection service file (PostgreSQL's manual, "The Connection Service File"): one entry a service,
// so that `psql service=orders-db` works. What others wrote there stays as it is.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "client-proxy/refusal/refusal.hpp"

namespace postern::client {

struct ServiceFileEntry {
    std::string service;
    unsigned short port = 0;
    std::string user;
    /// Empty: libpq's default, the user's name.
    std::string database = {};
};

/// The file's text with the entry, in place of an older one of Postern's; settings that somebody added to
/// that one stay. Code::already_exists when somebody else wrote a section of that name, Code::config_invalid
/// for a database whose name cannot be said there. Pure.
Outcome<std::string> with_entry(std::string_view text, const ServiceFileEntry& entry);

/// Writes it to $PGSERVICEFILE or ~/.pg_service.conf; which one it was.
Outcome<std::filesystem::path> write_service_file(const ServiceFileEntry& entry);

}  // namespace postern::client
