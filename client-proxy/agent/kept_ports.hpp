// The ports that stay open although no client holds them, written to disk while they are open. An agent that
// was killed, updated, or ended at the person's last logout opens them again when it starts. The file is in
// the profile's folder, because that logout removes the runtime folder. After a restart of the machine its
// content does not count.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "client-proxy/tunnel/local_port.hpp"

namespace postern::client {

struct KeptPort {
    std::string service;
    Mode mode = Mode::end_to_end;
    bool is_postgres = true;
    unsigned short number = 0;
    bool admits_other_users = false;
    /// The person chose the mode explicitly, so that the catalogue need not list the service.
    bool is_wanted_so = false;
};

/// Identifies this boot of the machine; it changes with each restart. Empty when it is not known.
std::string boot_id();

std::string to_json_text(const std::vector<KeptPort>& ports, std::string_view boot);
/// Returns no ports when they were written in another boot than `boot`. Damaged entries are left out: kept
/// ports are only a convenience.
std::vector<KeptPort> kept_ports_from_json(std::string_view text, std::string_view boot);

/// Reads the ports of this boot; returns none when there is no file.
std::vector<KeptPort> load_kept_ports(const std::filesystem::path& file);
/// Replaces the file; removes it when there are no ports.
Result<void> save_kept_ports(const std::filesystem::path& file, const std::vector<KeptPort>& ports);

}  // namespace postern::client
