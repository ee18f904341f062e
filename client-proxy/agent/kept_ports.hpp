// The ports that stay open without anybody who holds them, written down while they are open: an agent that
// was killed, updated, or ended with the person's last logout opens them again when it comes back. In the
// profile's folder, because the runtime folder goes with that logout; a restart of the machine forgets them.
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
    /// The mode is a person's own word, and needs no catalogue.
    bool is_wanted_so = false;
};

/// Which run of the machine this is: another one after each restart. Empty when it is not known.
std::string boot_id();

std::string to_json_text(const std::vector<KeptPort>& ports, std::string_view boot);
/// None of another run of the machine. What is damaged is left out: these are conveniences.
std::vector<KeptPort> kept_ports_from_json(std::string_view text, std::string_view boot);

std::vector<KeptPort> load_kept_ports(const std::filesystem::path& file);
/// Removes the file when there are none.
Result<void> save_kept_ports(const std::filesystem::path& file, const std::vector<KeptPort>& ports);

}  // namespace postern::client
