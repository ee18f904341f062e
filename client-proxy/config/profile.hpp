// The login state on disk, in $XDG_STATE_HOME/postern: the CA, what it said, the login certificate and its
// key. The folder has mode 0700 and is refused when others can read it. Every file is replaced as a whole.
// Several processes share the folder.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "client-proxy/config/catalogue.hpp"

namespace postern::client {

/// The content of profile.json.
struct Profile {
    std::string ca_url;
    /// "sha256:<hex>" of the server CA's root.
    std::string pin;
    std::string trust_domain;
    std::string user;
    std::vector<std::string> groups;
    std::string session_id;
    std::optional<SystemTime> session_expires;
    /// The time from which the CA wants the login certificate renewed.
    std::optional<SystemTime> renew_after;
    Catalogue catalogue;
};

/// Errors: Code::config_invalid when the profile is damaged.
Result<Profile> profile_from_json(std::string_view text);
std::string to_json_text(const Profile& profile);

/// An exclusive lock (flock(2)) on a file of the folder, which other processes wait for. The destructor
/// releases it.
class FolderLock {
public:
    explicit FolderLock(UniqueFd fd) : fd_(std::move(fd)) {}

private:
    UniqueFd fd_;
};

class ProfileFolder {
public:
    /// $XDG_STATE_HOME/postern, ~/.local/state/postern or $STATE_DIRECTORY/postern. Errors:
    /// Code::config_invalid when none of the variables is set.
    static Result<std::filesystem::path> default_path();
    /// Opens the folder, and creates it if it does not exist. Errors: Code::config_invalid when it belongs to
    /// another user or is accessible to others; Code::io_failed.
    static Result<ProfileFolder> open(const std::filesystem::path& path);

    /// Errors: Code::not_found when nobody has logged in yet; Code::config_invalid when the profile is
    /// damaged.
    Result<Profile> load() const;
    /// Errors: Code::io_failed.
    Result<void> save(const Profile& profile) const;

    /// Blocks until no other process holds the lock `name`. Errors: Code::io_failed.
    Result<FolderLock> lock(const char* name) const;
    /// Does not block. Errors: Code::already_exists while another process holds the lock; Code::io_failed.
    Result<FolderLock> try_lock(const char* name) const;

    const std::filesystem::path& path() const noexcept { return path_; }
    std::filesystem::path login_key() const { return path_ / "login.key"; }
    std::filesystem::path login_certificate() const { return path_ / "login.pem"; }
    std::filesystem::path user_ca() const { return path_ / "user-ca.pem"; }
    std::filesystem::path server_ca() const { return path_ / "server-ca.pem"; }
    std::filesystem::path ports() const { return path_ / "ports.json"; }

private:
    explicit ProfileFolder(std::filesystem::path path) : path_(std::move(path)) {}
    Result<UniqueFd> open_lock(const char* name) const;
    std::filesystem::path path_;
};

}  // namespace postern::client
