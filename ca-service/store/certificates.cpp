#include "ca-service/store/certificates.hpp"

#include <algorithm>
#include <map>

#include <nlohmann/json.hpp>
#include <soci/soci.h>

#include "base/json.hpp"
#include "pki/validity.hpp"

namespace postern::ca::store {

namespace {

/// The columns of a login certificate, bound for a SELECT.
struct CertificateRow {
    IssuedCertificate certificate;
    long long not_before = 0;
    long long not_after = 0;
    long long issued_at = 0;
    long long revoked_at = 0;
    int reason = 0;

    IssuedCertificate take() const {
        IssuedCertificate out = certificate;
        out.not_before = from_stored(not_before);
        out.not_after = from_stored(not_after);
        out.issued_at = from_stored(issued_at);
        if (revoked_at != 0) {
            out.revocation = Revocation{from_stored(revoked_at), static_cast<pki::RevocationReason>(reason)};
        }
        return out;
    }
};

constexpr const char* kSelect =
    "SELECT serial, user_name, session_id, not_before, not_after, issued_at, revoked_at, revocation_reason "
    "FROM certificates ";

/// `condition` has exactly one text parameter and one number parameter, in that order.
std::vector<IssuedCertificate> select(soci::session& sql, const std::string& condition,
                                      const std::string& text, long long number) {
    CertificateRow row;
    soci::statement rows =
        (sql.prepare << kSelect + condition, soci::use(text), soci::use(number),
         soci::into(row.certificate.serial), soci::into(row.certificate.user),
         soci::into(row.certificate.session_id), soci::into(row.not_before), soci::into(row.not_after),
         soci::into(row.issued_at), soci::into(row.revoked_at), soci::into(row.reason));
    std::vector<IssuedCertificate> found;
    rows.execute();
    while (rows.fetch()) {
        found.push_back(row.take());
    }
    return found;
}

}  // namespace

SystemTime lived_by_since(SystemTime now) noexcept {
    return now - kClockSlack - pki::kLongestExpiryGrace;
}

Result<void> add_certificate(Database& database, const IssuedCertificate& certificate) {
    return guarded("cannot store the certificate", [&]() -> Result<void> {
        const long long not_before = to_stored(certificate.not_before);
        const long long not_after = to_stored(certificate.not_after);
        const long long issued_at = to_stored(certificate.issued_at);
        database.session()
            << "INSERT INTO certificates (serial, user_name, session_id, not_before, not_after, issued_at) "
               "VALUES (:serial, :user, :session, :not_before, :not_after, :issued)",
            soci::use(certificate.serial), soci::use(certificate.user), soci::use(certificate.session_id),
            soci::use(not_before), soci::use(not_after), soci::use(issued_at);
        return {};
    });
}

Result<std::optional<IssuedCertificate>> find_certificate(Database& database, const std::string& serial) {
    return guarded("cannot read a certificate", [&]() -> Result<std::optional<IssuedCertificate>> {
        auto found = select(database.session(), "WHERE serial = :serial AND issued_at >= :least", serial, 0);
        if (found.empty()) {
            return std::optional<IssuedCertificate>();
        }
        return std::optional<IssuedCertificate>(std::move(found.front()));
    });
}

Result<std::vector<IssuedCertificate>> list_certificates(Database& database,
                                                         const CertificateFilter& filter) {
    return guarded("cannot list the certificates", [&]() -> Result<std::vector<IssuedCertificate>> {
        const long long ended_before = filter.live_at ? to_stored(*filter.live_at) : 0;
        std::string condition = filter.user.empty() ? "WHERE :user = '' " : "WHERE user_name = :user ";
        condition += "AND not_after > :limit ";
        if (filter.live_at) {
            condition += "AND revoked_at = 0 ";
        }
        return select(database.session(), condition + "ORDER BY issued_at DESC, serial", filter.user,
                      ended_before);
    });
}

Result<CertificatesIssued> certificates_issued(Database& database, const std::string& user,
                                               const std::string& session_id, SystemTime since,
                                               SystemTime now) {
    return guarded("cannot count certificates", [&]() -> Result<CertificatesIssued> {
        const long long after = to_stored(since);
        const long long until = to_stored(now);
        long long to_session = 0;
        long long to_user = 0;
        database.session()
            << "SELECT COUNT(CASE WHEN session_id = :session THEN 1 END), COUNT(*) FROM certificates "
               "WHERE user_name = :user AND issued_at > :after AND issued_at <= :until",
            soci::use(session_id), soci::use(user), soci::use(after), soci::use(until),
            soci::into(to_session), soci::into(to_user);
        return CertificatesIssued{static_cast<std::size_t>(to_session), static_cast<std::size_t>(to_user)};
    });
}

Result<std::vector<IssuedCertificate>> revoke_session(Database& database, const std::string& session_id,
                                                      Revocation revocation) {
    return guarded("cannot revoke", [&]() -> Result<std::vector<IssuedCertificate>> {
        soci::session& sql = database.session();
        const long long ended_before = to_stored(revocation.at - kClockSlack);
        const long long lived_by_until = to_stored(lived_by_since(revocation.at));
        const std::string condition = "WHERE session_id = :session AND not_after > :limit AND revoked_at = 0 ";
        auto told = select(sql, condition, session_id, ended_before);
        if (told.empty()) {
            told = select(sql, condition + "ORDER BY not_after DESC, serial LIMIT 1", session_id, lived_by_until);
        }
        const long long revoked_at = to_stored(revocation.at);
        const int reason = static_cast<int>(revocation.reason);
        soci::statement update =
            (sql.prepare << "UPDATE certificates SET revoked_at = :at, revocation_reason = :reason, "
                            "revocation_number = (SELECT value + 1 FROM counters WHERE name = 'revocations') "
                            "WHERE session_id = :session AND not_after > :limit AND revoked_at = 0",
             soci::use(revoked_at), soci::use(reason), soci::use(session_id), soci::use(lived_by_until));
        update.execute(true);
        if (update.get_affected_rows() > 0) {
            sql << "UPDATE counters SET value = value + 1 WHERE name = 'revocations'";
        }
        for (IssuedCertificate& certificate : told) {
            certificate.revocation = revocation;
        }
        return told;
    });
}

Result<std::vector<pki::RevokedSerial>> revoked_serials(Database& database, SystemTime now) {
    return guarded("cannot read the revocations", [&]() -> Result<std::vector<pki::RevokedSerial>> {
        std::vector<pki::RevokedSerial> revoked;
        const long long limit = to_stored(lived_by_since(now));
        std::string serial;
        long long revoked_at = 0;
        int reason = 0;
        soci::statement rows =
            (database.session().prepare << "SELECT serial, revoked_at, revocation_reason FROM certificates "
                                           "WHERE revoked_at <> 0 AND not_after > :limit",
             soci::use(limit), soci::into(serial), soci::into(revoked_at), soci::into(reason));
        rows.execute();
        while (rows.fetch()) {
            revoked.push_back({serial, from_stored(revoked_at), static_cast<pki::RevocationReason>(reason)});
        }
        return revoked;
    });
}

Result<std::vector<pki::RevokedSerial>> serials_revoked_since(Database& database, std::uint64_t counter) {
    return guarded("cannot read the revocations", [&]() -> Result<std::vector<pki::RevokedSerial>> {
        std::vector<pki::RevokedSerial> revoked;
        const auto since = static_cast<long long>(counter);
        std::string serial;
        long long revoked_at = 0;
        int reason = 0;
        soci::statement rows =
            (database.session().prepare << "SELECT serial, revoked_at, revocation_reason FROM certificates "
                                           "WHERE revocation_number <> 0 AND revocation_number > :since",
             soci::use(since), soci::into(serial), soci::into(revoked_at), soci::into(reason));
        rows.execute();
        while (rows.fetch()) {
            revoked.push_back({serial, from_stored(revoked_at), static_cast<pki::RevocationReason>(reason)});
        }
        return revoked;
    });
}

Result<std::uint64_t> revocation_counter(Database& database) {
    return guarded("cannot read the revocation counter", [&]() -> Result<std::uint64_t> {
        long long value = 0;
        database.session() << "SELECT value FROM counters WHERE name = 'revocations'", soci::into(value);
        return static_cast<std::uint64_t>(value);
    });
}

Result<CrlTurn> next_crl(Database& database, SystemTime now) {
    return guarded("cannot number the CRL", [&]() -> Result<CrlTurn> {
        soci::session& sql = database.session();
        const auto read = [&](const std::string& counter) {
            long long value = 0;
            sql << "SELECT value FROM counters WHERE name = :name", soci::use(counter), soci::into(value);
            return value;
        };
        const auto write = [&](const std::string& counter, long long value) {
            sql << "UPDATE counters SET value = :next WHERE name = :name", soci::use(value),
                soci::use(counter);
        };
        const long long last_number = read("crl_number");
        // A store that an older program wrote does not say what was revoked since the last list, so no list
        // leads on from that one.
        const long long last_revocations = read("crl_revocations");
        const bool leads_on = last_revocations >= 0;
        const long long last_update = read("crl_this_update");
        const long long revocations = read("revocations");
        // The number is at least the seconds since 1970: a store restored from a backup would otherwise
        // repeat numbers that gateways have seen, and they would keep the older list.
        const long long floor = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
        const long long number = std::max(last_number + 1, floor);
        write("crl_number", number);
        write("crl_revocations", revocations);
        write("crl_this_update", to_stored(now));
        return CrlTurn{static_cast<std::uint64_t>(number), static_cast<std::uint64_t>(revocations),
                       static_cast<std::uint64_t>(leads_on ? last_number : 0),
                       static_cast<std::uint64_t>(leads_on ? last_revocations : 0), from_stored(last_update)};
    });
}

std::vector<std::string> ServerCertificate::names() const {
    std::vector<std::string> all{name};
    all.insert(all.end(), more_services.begin(), more_services.end());
    return all;
}

Result<void> add_server_certificate(Database& database, const ServerCertificate& certificate) {
    return guarded("cannot store the certificate", [&]() -> Result<void> {
        const std::string names = json_text(nlohmann::json(certificate.dns_names));
        const std::string more = json_text(nlohmann::json(certificate.more_services));
        const long long not_after = to_stored(certificate.not_after);
        const long long issued_at = to_stored(certificate.issued_at);
        database.session()
            << "INSERT INTO server_certificates (serial, kind, name, more_services, dns_names, not_after, "
               "issued_at) VALUES (:serial, :kind, :name, :more, :names, :not_after, :issued)",
            soci::use(certificate.serial), soci::use(certificate.kind), soci::use(certificate.name),
            soci::use(more), soci::use(names), soci::use(not_after), soci::use(issued_at);
        return {};
    });
}

Result<std::vector<ServerCertificate>> list_server_certificates(Database& database) {
    return guarded("cannot list the server certificates", [&]() -> Result<std::vector<ServerCertificate>> {
        std::vector<ServerCertificate> found;
        ServerCertificate certificate;
        std::string more;
        std::string names;
        long long not_after = 0;
        long long issued_at = 0;
        soci::statement rows =
            (database.session().prepare << "SELECT serial, kind, name, more_services, dns_names, not_after, "
                                           "issued_at FROM server_certificates "
                                           "ORDER BY issued_at DESC, serial",
             soci::into(certificate.serial), soci::into(certificate.kind), soci::into(certificate.name),
             soci::into(more), soci::into(names), soci::into(not_after), soci::into(issued_at));
        rows.execute();
        while (rows.fetch()) {
            certificate.more_services = parse_json(more).get<std::vector<std::string>>();
            certificate.dns_names = parse_json(names).get<std::vector<std::string>>();
            certificate.not_after = from_stored(not_after);
            certificate.issued_at = from_stored(issued_at);
            found.push_back(certificate);
        }
        return found;
    });
}

Result<std::vector<CertifiedService>> certified_services(Database& database, SystemTime now) {
    return guarded("cannot read the services", [&]() -> Result<std::vector<CertifiedService>> {
        ServerCertificate certificate;
        std::string more;
        const long long ended_before = to_stored(now);
        long long until = 0;
        soci::statement rows =
            (database.session().prepare << "SELECT name, more_services, not_after FROM server_certificates "
                                           "WHERE kind = 'service' AND not_after > :now",
             soci::use(ended_before), soci::into(certificate.name), soci::into(more), soci::into(until));
        std::map<std::string, SystemTime> last;
        rows.execute();
        while (rows.fetch()) {
            certificate.more_services = parse_json(more).get<std::vector<std::string>>();
            for (const std::string& name : certificate.names()) {
                last[name] = std::max(last[name], from_stored(until));
            }
        }
        std::vector<CertifiedService> found;
        for (const auto& [name, end] : last) {
            found.push_back({name, end});
        }
        return found;
    });
}

Result<long long> forget_certificates(Database& database, SystemTime before) {
    return execute(database, "cannot tidy the certificates",
                   "DELETE FROM certificates WHERE not_after < :before", before);
}

}  // namespace postern::ca::store
