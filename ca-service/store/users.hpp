// People who may log in, and the groups that their certificates name.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "ca-service/store/database.hpp"

namespace postern::ca::store {

struct User {
    std::string name{};
    /// A PHC string; empty for a user whom no password lets in.
    std::string password_hash{};
    bool is_disabled = false;
    SystemTime created_at{};
    SystemTime password_changed_at{};
    /// The names of the user's groups, sorted.
    std::vector<std::string> groups{};
};

struct Group {
    std::string name{};
    std::vector<std::string> members{};
};

Result<std::optional<User>> find_user(Database& database, const std::string& name);
Result<std::vector<User>> list_users(Database& database);
/// Adds a user with its groups. Call it inside a write transaction. Fails with Code::already_exists, or with
/// Code::limit_reached as add_to_group() does.
Result<void> add_user(Database& database, const User& user);
/// Fails with Code::not_found when there is no such user.
Result<void> set_password_hash(Database& database, const std::string& name, const std::string& hash,
                               SystemTime now);
/// Replaces the hash only while it is still `old_hash`: a rehash must not undo a change of password.
Result<void> replace_password_hash(Database& database, const std::string& name, const std::string& old_hash,
                                   const std::string& new_hash);
/// Fails with Code::not_found when there is no such user.
Result<void> set_disabled(Database& database, const std::string& name, bool is_disabled);

/// Returns false when the user was in the group already. Fails with Code::limit_reached where no certificate
/// would hold all groups of the user (pki::kMostGroups).
Result<bool> add_to_group(Database& database, const std::string& user, const std::string& group);
/// Returns false when the user was not in the group.
Result<bool> remove_from_group(Database& database, const std::string& user, const std::string& group);
Result<std::vector<Group>> list_groups(Database& database);

}  // namespace postern::ca::store
