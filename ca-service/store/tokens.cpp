#include "ca-service/store/tokens.hpp"

#include <nlohmann/json.hpp>
#include <soci/soci.h>

#include "base/json.hpp"
#include "pki/digest.hpp"

namespace postern::ca::store {

namespace {

struct TokenRow {
    EnrolmentToken token;
    std::string kind;
    std::string more;
    std::string names;
    long long created_at = 0;
    long long expires_at = 0;
    long long used_at = 0;

    EnrolmentToken take() const {
        EnrolmentToken out = token;
        out.kind = kind == "service" ? pki::ServerKind::service : pki::ServerKind::gateway;
        out.more_services = parse_json(more).get<std::vector<std::string>>();
        out.dns_names = parse_json(names).get<std::vector<std::string>>();
        out.created_at = from_stored(created_at);
        out.expires_at = from_stored(expires_at);
        if (used_at != 0) {
            out.used_at = from_stored(used_at);
        }
        return out;
    }
};

Result<EnrolmentToken> look_up(soci::session& sql, const std::string& hash) {
    TokenRow row;
    row.token.hash = hash;
    sql << "SELECT kind, name, more_services, dns_names, created_at, expires_at, used_at "
           "FROM enrolment_tokens WHERE hash = :hash",
        soci::use(hash), soci::into(row.kind), soci::into(row.token.name), soci::into(row.more),
        soci::into(row.names), soci::into(row.created_at), soci::into(row.expires_at),
        soci::into(row.used_at);
    if (!sql.got_data()) {
        return Failure{Code::unauthenticated, "no such enrolment token"};
    }
    return row.take();
}

Failure no_longer_good(const EnrolmentToken& token, SystemTime now) {
    return Failure{Code::unauthenticated, std::string("the enrolment token for ") + token.name +
                                              (token.expires_at <= now ? " has expired" : " was used already")};
}

}  // namespace

std::vector<std::string> EnrolmentToken::names() const {
    std::vector<std::string> all{name};
    all.insert(all.end(), more_services.begin(), more_services.end());
    return all;
}

std::string_view kind_name(pki::ServerKind kind) noexcept {
    return kind == pki::ServerKind::service ? "service" : "gateway";
}

std::string token_hash(const Secret& token) {
    return pki::sha256_hex(token.reveal());
}

Result<void> add_token(Database& database, const EnrolmentToken& token) {
    return guarded("cannot store the token", [&]() -> Result<void> {
        const std::string kind(kind_name(token.kind));
        const std::string more = json_text(nlohmann::json(token.more_services));
        const std::string names = json_text(nlohmann::json(token.dns_names));
        const long long created_at = to_stored(token.created_at);
        const long long expires_at = to_stored(token.expires_at);
        database.session()
            << "INSERT INTO enrolment_tokens (hash, kind, name, more_services, dns_names, created_at, "
               "expires_at) VALUES (:hash, :kind, :name, :more, :names, :created, :expires)",
            soci::use(token.hash), soci::use(kind), soci::use(token.name), soci::use(more), soci::use(names),
            soci::use(created_at), soci::use(expires_at);
        return {};
    });
}

Result<EnrolmentToken> redeem_token(Database& database, const Secret& token, SystemTime now) {
    return guarded("cannot redeem the token", [&]() -> Result<EnrolmentToken> {
        soci::session& sql = database.session();
        const std::string hash = token_hash(token);
        const long long stored_now = to_stored(now);
        soci::statement use_up = (sql.prepare << "UPDATE enrolment_tokens SET used_at = :now "
                                                 "WHERE hash = :hash AND used_at = 0 AND expires_at > :now2",
                                  soci::use(stored_now), soci::use(hash), soci::use(stored_now));
        use_up.execute(true);
        const bool is_mine = use_up.get_affected_rows() == 1;
        auto found = look_up(sql, hash);
        if (found && !is_mine) {
            return no_longer_good(*found, now);
        }
        return found;
    });
}

Result<void> withdraw_token(Database& database, const std::string& hash) {
    return guarded("cannot withdraw the token", [&]() -> Result<void> {
        soci::statement remove =
            (database.session().prepare << "DELETE FROM enrolment_tokens WHERE hash = :hash AND used_at = 0",
             soci::use(hash));
        remove.execute(true);
        if (remove.get_affected_rows() != 1) {
            return Failure{Code::not_found, "it was used or withdrawn already"};
        }
        return {};
    });
}

Result<void> check_token(Database& database, const Secret& token, SystemTime now) {
    return guarded("cannot look the token up", [&]() -> Result<void> {
        const auto found = look_up(database.session(), token_hash(token));
        if (!found) {
            return found.error();
        }
        if (found->used_at || found->expires_at <= now) {
            return no_longer_good(*found, now);
        }
        return {};
    });
}

Result<std::vector<EnrolmentToken>> list_tokens(Database& database) {
    return guarded("cannot list the tokens", [&]() -> Result<std::vector<EnrolmentToken>> {
        std::vector<EnrolmentToken> found;
        TokenRow row;
        soci::statement rows =
            (database.session().prepare << "SELECT hash, kind, name, more_services, dns_names, created_at, "
                                           "expires_at, used_at FROM enrolment_tokens "
                                           "ORDER BY created_at DESC, hash",
             soci::into(row.token.hash), soci::into(row.kind), soci::into(row.token.name),
             soci::into(row.more), soci::into(row.names), soci::into(row.created_at),
             soci::into(row.expires_at), soci::into(row.used_at));
        rows.execute();
        while (rows.fetch()) {
            found.push_back(row.take());
        }
        return found;
    });
}

Result<long long> forget_tokens(Database& database, SystemTime before) {
    return execute(database, "cannot tidy the tokens",
                   "DELETE FROM enrolment_tokens WHERE expires_at < :before", before);
}

Result<long long> withdraw_tokens(Database& database, SystemTime now) {
    return execute(database, "cannot withdraw the tokens",
                   "UPDATE enrolment_tokens SET used_at = :now WHERE used_at = 0", now);
}

}  // namespace postern::ca::store
