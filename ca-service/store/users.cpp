#include "ca-service/store/users.hpp"

#include <fmt/format.h>
#include <soci/soci.h>

#include "pki/issuer.hpp"

namespace postern::ca::store {

namespace {

Failure no_such_user(const std::string& name) {
    return Failure{Code::not_found, fmt::format("there is no user {}", name)};
}

std::vector<std::string> groups_of(soci::session& sql, const std::string& user) {
    std::vector<std::string> groups;
    std::string group;
    soci::statement rows =
        (sql.prepare << "SELECT group_name FROM user_groups WHERE user_name = :user ORDER BY group_name",
         soci::use(user), soci::into(group));
    rows.execute();
    while (rows.fetch()) {
        groups.push_back(group);
    }
    return groups;
}

/// Runs an UPDATE, INSERT or DELETE whose uses are bound. Returns how many rows it changed.
long long execute_counted(soci::statement& statement) {
    statement.execute(true);
    return statement.get_affected_rows();
}

}  // namespace

Result<std::optional<User>> find_user(Database& database, const std::string& name) {
    return guarded("cannot read a user", [&]() -> Result<std::optional<User>> {
        soci::session& sql = database.session();
        User user;
        int is_disabled = 0;
        long long created_at = 0;
        long long password_changed_at = 0;
        sql << "SELECT name, password_hash, is_disabled, created_at, password_changed_at FROM users WHERE "
               "name = :name",
            soci::use(name), soci::into(user.name), soci::into(user.password_hash), soci::into(is_disabled),
            soci::into(created_at), soci::into(password_changed_at);
        if (!sql.got_data()) {
            return std::optional<User>();
        }
        user.is_disabled = is_disabled != 0;
        user.created_at = from_stored(created_at);
        user.password_changed_at = from_stored(password_changed_at);
        user.groups = groups_of(sql, name);
        return std::optional<User>(std::move(user));
    });
}

Result<std::vector<User>> list_users(Database& database) {
    auto transaction = Transaction::read(database);
    if (!transaction) {
        return transaction.error();
    }
    return guarded("cannot list the users", [&]() -> Result<std::vector<User>> {
        soci::session& sql = database.session();
        std::vector<std::string> names;
        {
            std::string name;
            soci::statement rows = (sql.prepare << "SELECT name FROM users ORDER BY name", soci::into(name));
            rows.execute();
            while (rows.fetch()) {
                names.push_back(name);
            }
        }
        std::vector<User> users;
        for (const std::string& name : names) {
            auto user = find_user(database, name);
            if (!user) {
                return user.error();
            }
            if (user->has_value()) {
                users.push_back(std::move(**user));
            }
        }
        return users;
    });
}

Result<void> add_user(Database& database, const User& user) {
    auto added = guarded("cannot add the user", [&]() -> Result<void> {
        const int is_disabled = user.is_disabled ? 1 : 0;
        const long long created_at = to_stored(user.created_at);
        const long long password_changed_at = to_stored(user.password_changed_at);
        database.session()
            << "INSERT INTO users (name, password_hash, is_disabled, created_at, password_changed_at) "
               "VALUES (:name, :hash, :disabled, :created, :changed)",
            soci::use(user.name), soci::use(user.password_hash), soci::use(is_disabled),
            soci::use(created_at), soci::use(password_changed_at);
        return {};
    });
    if (!added) {
        return added;
    }
    for (const std::string& group : user.groups) {
        if (auto joined = add_to_group(database, user.name, group); !joined) {
            return joined.error();
        }
    }
    return {};
}

Result<void> set_password_hash(Database& database, const std::string& name, const std::string& hash,
                               SystemTime now) {
    return guarded("cannot change the password", [&]() -> Result<void> {
        const long long changed_at = to_stored(now);
        soci::statement update =
            (database.session().prepare << "UPDATE users SET password_hash = :hash, password_changed_at = "
                                           ":changed WHERE name = :name",
             soci::use(hash), soci::use(changed_at), soci::use(name));
        if (execute_counted(update) == 0) {
            return no_such_user(name);
        }
        return {};
    });
}

Result<void> replace_password_hash(Database& database, const std::string& name, const std::string& old_hash,
                                   const std::string& new_hash) {
    return guarded("cannot renew a password's hash", [&]() -> Result<void> {
        database.session()
            << "UPDATE users SET password_hash = :new WHERE name = :name AND password_hash = :old",
            soci::use(new_hash), soci::use(name), soci::use(old_hash);
        return {};
    });
}

Result<void> set_disabled(Database& database, const std::string& name, bool is_disabled) {
    return guarded("cannot change the user", [&]() -> Result<void> {
        const int value = is_disabled ? 1 : 0;
        soci::statement update =
            (database.session().prepare << "UPDATE users SET is_disabled = :value WHERE name = :name",
             soci::use(value), soci::use(name));
        if (execute_counted(update) == 0) {
            return no_such_user(name);
        }
        return {};
    });
}

Result<bool> add_to_group(Database& database, const std::string& user, const std::string& group) {
    return guarded("cannot change the group", [&]() -> Result<bool> {
        long long others = 0;
        database.session()
            << "SELECT COUNT(*) FROM user_groups WHERE user_name = :user AND group_name <> :group",
            soci::use(user), soci::use(group), soci::into(others);
        if (others >= static_cast<long long>(pki::kMostGroups)) {
            return Failure{Code::limit_reached,
                           fmt::format("{} is in {} groups, and a certificate holds no more", user, others)};
        }
        soci::statement insert =
            (database.session().prepare
                 << "INSERT INTO user_groups (user_name, group_name) VALUES (:user, :group) "
                    "ON CONFLICT (user_name, group_name) DO NOTHING",
             soci::use(user), soci::use(group));
        return execute_counted(insert) > 0;
    });
}

Result<bool> remove_from_group(Database& database, const std::string& user, const std::string& group) {
    return guarded("cannot change the group", [&]() -> Result<bool> {
        soci::statement remove =
            (database.session().prepare
                 << "DELETE FROM user_groups WHERE user_name = :user AND group_name = :group",
             soci::use(user), soci::use(group));
        return execute_counted(remove) > 0;
    });
}

Result<std::vector<Group>> list_groups(Database& database) {
    return guarded("cannot list the groups", [&]() -> Result<std::vector<Group>> {
        std::vector<Group> groups;
        std::string group;
        std::string user;
        soci::statement rows =
            (database.session().prepare
                 << "SELECT group_name, user_name FROM user_groups ORDER BY group_name, user_name",
             soci::into(group), soci::into(user));
        rows.execute();
        while (rows.fetch()) {
            if (groups.empty() || groups.back().name != group) {
                groups.push_back(Group{group, {}});
            }
            groups.back().members.push_back(user);
        }
        return groups;
    });
}

}  // namespace postern::ca::store
