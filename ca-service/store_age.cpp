#include "ca-service/store_age.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "ca-service/change_log.hpp"
#include "ca-service/store/certificates.hpp"
#include "ca-service/store/changes.hpp"
#include "ca-service/store/sessions.hpp"
#include "ca-service/store/tokens.hpp"
#include "ca-service/store/users.hpp"
#include "pki/identity.hpp"
#include "pki/validity.hpp"

namespace postern::ca {

namespace {

/// Turns Code::not_found into a success: the log may name a user whom the store does not have, and that is no
/// failure.
Result<void> ignore_missing(const Result<void>& done) {
    return !done && done.error().code == Code::not_found ? Result<void>() : done;
}

/// Returns the reason that a CRL gives for event.reason.
pki::RevocationReason reason_of(const std::string& name_of_code) {
    if (name_of_code == name(Code::user_disabled)) {
        return pki::RevocationReason::privilege_withdrawn;
    }
    return name_of_code == name(Code::session_ended) ? pki::RevocationReason::cessation_of_operation
                                                     : pki::RevocationReason::unspecified;
}

/// Applies one record after the other to a store that has not seen them. Works inside the caller's
/// transaction.
class Replay {
public:
    Replay(store::Database& database, const Config& config)
        : database_(database),
          session_lifetime_(config.session_lifetime),
          trust_domain_(config.trust_domain) {}

    Result<void> apply(const LoggedChange& change) {
        using Handler = Result<void> (Replay::*)(const LoggedChange&);
        static constexpr std::array<std::pair<std::string_view, Handler>, 11> kHandlers{{
            {"login.succeeded", &Replay::open_session},
            {"certificate.issued", &Replay::add_certificate},
            {"certificate.renewed", &Replay::add_certificate},
            {"certificate.revoked", &Replay::revoke},
            {"session.ended", &Replay::end_session},
            {"admin.user_added", &Replay::add_user},
            {"admin.user_disabled", &Replay::disable_user},
            {"admin.user_enabled", &Replay::enable_user},
            {"admin.password_changed", &Replay::withdraw_password},
            {"admin.group_member_added", &Replay::change_group},
            {"admin.group_member_removed", &Replay::change_group},
        }};
        for (const auto& [action, handler] : kHandlers) {
            if (action == change.action) {
                return (this->*handler)(change);
            }
        }
        return {};
    }

    /// Revokes what the users got who were added after the backup: it could not be renewed.
    Result<void> finish(SystemTime now) {
        for (const std::string& user : added_) {
            const auto sessions = store::sessions_with_live_certificates(database_, user, now);
            if (!sessions) {
                return sessions.error();
            }
            for (const store::Session& session : *sessions) {
                if (auto taken = take_back(session.id, {now, pki::RevocationReason::privilege_withdrawn});
                    !taken) {
                    return taken;
                }
            }
        }
        const auto list = [](const std::set<std::string>& names) {
            return std::vector<std::string>(names.begin(), names.end());
        };
        done_.added = list(added_);
        done_.disabled = list(disabled_);
        done_.enabled = list(enabled_);
        done_.without_password = list(without_password_);
        return {};
    }
    CarriedOver& done() { return done_; }

private:
    Result<bool> is_known(const std::string& user) {
        const auto found = store::find_user(database_, user);
        if (!found) {
            return found.error();
        }
        return found->has_value();
    }

    Result<void> add_user(const LoggedChange& change) {
        const auto known = is_known(change.user);
        if (!known || *known) {
            return known ? Result<void>() : known.error();
        }
        store::User user;
        user.name = change.user;
        user.is_disabled = true;
        user.created_at = change.time;
        user.password_changed_at = change.time;
        user.groups = change.groups;
        if (auto stored = store::add_user(database_, user); !stored) {
            return stored;
        }
        added_.insert(change.user);
        return {};
    }

    Result<void> ensure_session(const LoggedChange& change) {
        const auto known = store::find_session(database_, change.session_id);
        if (!known || *known) {
            return known ? Result<void>() : known.error();
        }
        store::Session session;
        session.id = change.session_id;
        session.user = change.user;
        session.created_at = change.time;
        session.expires_at =
            std::max(change.time + session_lifetime_, change.not_after.value_or(SystemTime()));
        if (auto stored = store::add_session(database_, session); !stored) {
            return stored;
        }
        ++done_.sessions;
        return {};
    }

    Result<void> open_session(const LoggedChange& change) {
        const auto known = is_known(change.user);
        return known && *known && !change.session_id.empty() ? ensure_session(change)
                                                             : (known ? Result<void>() : known.error());
    }

    Result<void> add_certificate(const LoggedChange& change) {
        if (change.server) {
            return add_server_certificate(change, *change.server);
        }
        if (change.serial.empty() || change.session_id.empty() || !change.not_after) {
            return {};
        }
        const auto known = store::find_certificate(database_, change.serial);
        if (!known || *known) {
            return known ? Result<void>() : known.error();
        }
        const auto user = is_known(change.user);
        if (!user) {
            return user.error();
        }
        if (!*user) {
            // The log does not say how this user was added.
            if (auto added = add_user(change); !added) {
                return added;
            }
        }
        if (auto session = ensure_session(change); !session) {
            return session;
        }
        store::IssuedCertificate certificate;
        certificate.serial = change.serial;
        certificate.user = change.user;
        certificate.session_id = change.session_id;
        certificate.not_before = change.time;
        certificate.not_after = *change.not_after;
        certificate.issued_at = change.time;
        ++done_.certificates;
        return store::add_certificate(database_, certificate);
    }

    /// Adds the certificate by which the CA lists a server's services.
    Result<void> add_server_certificate(const LoggedChange& change, const LoggedServer& server) {
        if (change.serial.empty() || !change.not_after) {
            return {};
        }
        store::ServerCertificate certificate;
        certificate.serial = change.serial;
        certificate.kind = server.kind;
        certificate.name = server.name;
        certificate.more_services = server.more_services;
        certificate.not_after = *change.not_after;
        certificate.issued_at = change.time;
        for (const std::string& name : server.names) {
            if (!pki::is_service_host(trust_domain_, name)) {
                certificate.dns_names.push_back(name);
            }
        }
        const auto added = store::add_server_certificate(database_, certificate);
        if (!added) {
            return added.error().code == Code::already_exists ? Result<void>() : added;
        }
        ++done_.certificates;
        return {};
    }

    Result<void> take_back(const std::string& session, store::Revocation revocation) {
        const auto revoked = store::revoke_session(database_, session, revocation);
        if (!revoked) {
            return revoked.error();
        }
        done_.revocations += revoked->size();
        const auto ended = store::end_session(database_, session, revocation.at);
        return ended ? Result<void>() : ended.error();
    }
    Result<void> revoke(const LoggedChange& change) {
        return take_back(change.session_id, {change.time, reason_of(change.reason)});
    }
    Result<void> end_session(const LoggedChange& change) {
        return take_back(change.session_id, {change.time, reason_of(change.reason)});
    }

    Result<void> disable_user(const LoggedChange& change) {
        disabled_.insert(change.user);
        enabled_.erase(change.user);
        return ignore_missing(store::set_disabled(database_, change.user, true));
    }
    Result<void> enable_user(const LoggedChange& change) {
        if (added_.contains(change.user)) {
            return {};
        }
        enabled_.insert(change.user);
        disabled_.erase(change.user);
        return ignore_missing(store::set_disabled(database_, change.user, false));
    }
    Result<void> withdraw_password(const LoggedChange& change) {
        // No password fits an empty hash.
        without_password_.insert(change.user);
        return ignore_missing(store::set_password_hash(database_, change.user, "", change.time));
    }
    Result<void> change_group(const LoggedChange& change) {
        const auto known = is_known(change.user);
        if (!known || !*known || change.groups.size() != 1) {
            return known ? Result<void>() : known.error();
        }
        const auto changed = change.action == "admin.group_member_added"
                                 ? store::add_to_group(database_, change.user, change.groups.front())
                                 : store::remove_from_group(database_, change.user, change.groups.front());
        if (!changed) {
            return changed.error();
        }
        done_.group_changes += *changed ? 1 : 0;
        return {};
    }

    store::Database& database_;
    const std::chrono::milliseconds session_lifetime_;
    const std::string trust_domain_;
    CarriedOver done_;
    std::set<std::string> added_;
    std::set<std::string> disabled_;
    std::set<std::string> enabled_;
    std::set<std::string> without_password_;
};

audit::Record record_of(const Actor& actor, const StoreAge& age, const CarriedOver& done) {
    audit::Record record =
        record_of(actor, age.is_restored() ? "admin.store_restored" : "admin.store_caught_up");
    record.message = fmt::format(
        "The store was at change {}, this log at {}: what the log tells was carried over to the store.",
        age.in_store, *age.in_log);
    record.extra["postern"]["carried_over"] = to_json(done);
    return record;
}

}  // namespace

nlohmann::json to_json(const CarriedOver& done) {
    return {{"certificates", done.certificates},
            {"revocations", done.revocations},
            {"sessions", done.sessions},
            {"disabled", done.disabled},
            {"enabled", done.enabled},
            {"without_password", done.without_password},
            {"added", done.added},
            {"group_changes", done.group_changes},
            {"tokens_withdrawn", done.tokens},
            {"is_whole", done.is_whole}};
}

Result<StoreAge> compare_with_log(store::Database& database, const std::filesystem::path& log) {
    StoreAge age;
    const auto read = [&]() -> Result<void> {
        // The log is read first: what is committed after that is in the store.
        const auto newest = newest_logged_change(log);
        if (!newest) {
            return newest.error();
        }
        const auto counter = store::change_counter(database);
        if (!counter) {
            return counter.error();
        }
        age = StoreAge{*counter, *newest};
        return {};
    };
    if (auto done = read(); !done) {
        return done.error();
    }
    if (!age.is_unfinished() && !age.is_restored()) {
        return age;
    }
    // Another process may be between the record and the commit. While the lock is held, none is.
    auto transaction = store::Transaction::write(database);
    if (!transaction) {
        return transaction.error();
    }
    if (auto done = read(); !done) {
        return done.error();
    }
    return age;
}

Result<std::optional<CarriedOver>> catch_up(store::Database& database, audit::Log& log, const Config& config,
                                            const Actor& actor, const Clock& clock, bool even_if_incomplete) {
    auto transaction = store::Transaction::write(database);
    if (!transaction) {
        return transaction.error();
    }
    const auto counter = store::change_counter(database);
    if (!counter) {
        return counter.error();
    }
    const SystemTime now = clock();
    const SystemTime oldest =
        now - std::max<SystemTime::duration>(config.session_lifetime, pki::kLongestExpiryGrace) -
        store::kClockSlack;
    const auto missing = logged_changes(config.audit_file, *counter, oldest);
    if (!missing) {
        return missing.error();
    }
    if (missing->newest <= *counter) {
        return std::optional<CarriedOver>();
    }
    if (!missing->is_whole && !even_if_incomplete) {
        return Failure{
            Code::not_found,
            fmt::format("the store is at change {}, and the audit log at {} does not go back that far",
                        *counter, config.audit_file.string())};
    }
    const StoreAge age{*counter, missing->newest};
    Replay replay(database, config);
    for (const LoggedChange& change : missing->changes) {
        if (auto applied = replay.apply(change); !applied) {
            return with_context(fmt::format("change {} ({})", change.number, change.action), applied.error());
        }
    }
    if (auto finished = replay.finish(now); !finished) {
        return finished.error();
    }
    CarriedOver& done = replay.done();
    done.is_whole = missing->is_whole;
    if (age.is_restored()) {
        const auto tokens = store::withdraw_tokens(database, now);
        if (!tokens) {
            return tokens.error();
        }
        done.tokens = static_cast<std::size_t>(*tokens);
    }
    if (auto set = store::set_change_counter(database, missing->newest); !set) {
        return set.error();
    }
    audit::Record record = record_of(actor, age, done);
    if (auto stamped = begin_change(database, {&record, 1}); !stamped) {
        return stamped.error();
    }
    if (auto written = log.append(record); !written) {
        return written.error();
    }
    if (auto committed = transaction->commit(); !committed) {
        return committed.error();
    }
    return std::optional<CarriedOver>(std::move(done));
}

std::string told(const StoreAge& age) {
    return fmt::format(
        "the store is older than the audit log (change {} of {}): it was put back from a backup, and "
        "has forgotten revocations and whatever else was done since",
        age.in_store, age.in_log.value_or(0));
}

}  // namespace postern::ca
