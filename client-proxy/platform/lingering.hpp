// Whether what is left in the background outlives the person's last logout.
#pragma once

#include <filesystem>
#include <string>

namespace postern::client {

struct LoginPlaces {
    /// Where the agent is found.
    std::filesystem::path runtime;
    /// What systemd-logind takes away with the last logout: /run/user/<uid>.
    std::filesystem::path usual;
    /// Who lingers (loginctl(1), enable-linger).
    std::filesystem::path lingering;
    /// Is there where logind manages logins.
    std::filesystem::path logins;
};
/// What to say of it; empty when there is nothing to say.
std::string lingering_note(const LoginPlaces& places, const std::string& user);
/// Of this user, on this machine, where the agent is found in `runtime`.
std::string lingering_note(const std::filesystem::path& runtime);

}  // namespace postern::client
