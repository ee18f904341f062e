// A login as it is held: on the disk, or in memory in the place of what is there, while the disk takes
// nothing.
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

/// A renewed login that the disk did not take.
struct UnkeptLogin {
    Profile profile;
    LoginAnswer answer;
    std::optional<Trust> trust;
    /// Fingerprint of the certificate on the disk in whose place it comes. While that is still there, this
    /// one is the profile's login.
    std::string replaces;
    Failure why;
};
struct HeldLogin {
    LoginPtr login;
    /// Null when it is on the disk.
    std::shared_ptr<const UnkeptLogin> unkept;
};

/// With what is held in the place of the disk's; null when nobody is logged in, or the files are damaged.
LoginPtr newest_login(const ProfileFolder& folder, const HeldLogin& held);

/// Writes it to the disk; the caller holds the folder's lock.
Result<void> keep(const ProfileFolder& folder, const UnkeptLogin& login);
/// Tries the disk again. Nothing is written when somebody else has put another login there meanwhile.
Result<void> keep_unkept(const ProfileFolder& folder, const UnkeptLogin& unkept);

/// What people are told while it is on no disk.
Refusal unkept_refusal(const Failure& why);

/// When the file was written; the same while it is not there.
std::filesystem::file_time_type write_time(const std::filesystem::path& path);

}  // namespace postern::client
