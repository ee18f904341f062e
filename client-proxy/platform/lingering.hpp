// Whether ports that stay open in the background outlive the person's last logout.
#pragma once

#include <filesystem>
#include <string>

namespace postern::client {

struct LoginPlaces {
    /// The folder where the agent is found.
    std::filesystem::path runtime;
    /// The folder that systemd-logind removes at the last logout: /run/user/<uid>.
    std::filesystem::path usual;
    /// The folder that has a file for each user whose processes linger (loginctl(1), enable-linger).
    std::filesystem::path lingering;
    /// A path that exists where systemd-logind manages logins.
    std::filesystem::path logins;
};
/// A note for the person about what happens at logout; empty when there is nothing to say.
std::string lingering_note(const LoginPlaces& places, const std::string& user);
/// The same for this user and this machine. `runtime` is the folder where the agent is found.
std::string lingering_note(const std::filesystem::path& runtime);

}  // namespace postern::client
