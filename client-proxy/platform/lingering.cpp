#include "client-proxy/platform/lingering.hpp"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <system_error>

#include <fmt/format.h>

namespace postern::client {

namespace fs = std::filesystem;

std::string lingering_note(const LoginPlaces& places, const std::string& user) {
    std::error_code ignored;
    if (places.runtime.parent_path() != places.usual || !fs::is_directory(places.logins, ignored) ||
        user.empty() || fs::exists(places.lingering / user, ignored)) {
        return {};
    }
    return fmt::format(
        "Lingering is off for {}: your last logout takes {} away, and may end your programs. The ports are "
        "found "
        "again at the next login, if the agent was left running. To keep all of it: loginctl enable-linger",
        user, places.usual.string());
}

std::string lingering_note(const fs::path& runtime) {
    std::array<char, 4096> space{};
    passwd entry{};
    passwd* found = nullptr;
    ::getpwuid_r(::geteuid(), &entry, space.data(), space.size(), &found);
    const LoginPlaces places{runtime, fmt::format("/run/user/{}", ::geteuid()),
                             "/var/lib/systemd/linger", "/run/systemd/users"};
    return lingering_note(places, found != nullptr ? entry.pw_name : "");
}

}  // namespace postern::client
