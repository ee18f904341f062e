// Maintains libpq's connection service file (PostgreSQL manual, "The Connection Service File"): one section
// for each service, so that `psql service=orders-db` works. Sections that others wrote stay unchanged.
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
    /// When it is empty, libpq uses its default, the user's name.
    std::string database = {};
};

/// Returns the file's text with the entry, which replaces an older one that Postern wrote; settings that a
/// person added to that section stay. Errors: Code::already_exists when somebody else wrote a section of that
/// name; Code::config_invalid for a database name that the file's syntax cannot express. It does no I/O.
Outcome<std::string> with_entry(std::string_view text, const ServiceFileEntry& entry);

/// Writes the entry to $PGSERVICEFILE or ~/.pg_service.conf, and returns which file it was.
Outcome<std::filesystem::path> write_service_file(const ServiceFileEntry& entry);

}  // namespace postern::client
