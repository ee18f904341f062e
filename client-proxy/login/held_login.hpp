// A login as the agent holds it: on disk, or in memory in place of the one on disk while the disk cannot be
// written.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "client-proxy/config/profile.hpp"
#include "client-proxy/login/ca_client.hpp"
#include "client-proxy/login/login.hpp"
#include "client-proxy/refusal/refusal.hpp"

namespace postern::client {

/// A renewed login that could not be written to the disk.
struct UnkeptLogin {
    Profile profile;
    LoginAnswer answer;
    std::optional<Trust> trust;
    /// The fingerprint of the certificate on disk that it replaces. As long as that certificate is on disk,
    /// this login is the profile's login.
    std::string replaces;
    Failure why;
};
struct HeldLogin {
    LoginPtr login;
    /// Null when the login is on disk.
    std::shared_ptr<const UnkeptLogin> unkept;
};

/// The login on disk, or the unkept one that replaces it. Null when nobody is logged in or the files are
/// damaged.
LoginPtr newest_login(const ProfileFolder& folder, const HeldLogin& held);

/// Writes the login to the disk. The caller holds the lock "login.lock".
Result<void> keep(const ProfileFolder& folder, const UnkeptLogin& login);
/// Tries again to write the login. It takes the lock "login.lock". When the disk has another login by now, it
/// writes nothing and succeeds.
Result<void> keep_unkept(const ProfileFolder& folder, const UnkeptLogin& unkept);

/// What people are told while the login is not on disk.
Refusal unkept_refusal(const Failure& why);

/// The time of the file's last write; the same fixed value whenever it cannot be read.
std::filesystem::file_time_type write_time(const std::filesystem::path& path);

}  // namespace postern::client
