// Every certificate that was issued, and which of them are revoked. The revocation counter grows with each
// revocation, so that a running service sees what another process revoked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "ca-service/store/database.hpp"
#include "pki/crl.hpp"
#include "pki/issuer.hpp"

namespace postern::ca::store {

/// How long after its end a certificate still counts as one that can be presented, because the clocks of
/// other machines may be behind.
inline constexpr std::chrono::minutes kClockSlack{5};
/// Returns the time before which a certificate must have ended so that no tunnel anywhere can live by it: a
/// gateway may carry it on for a grace (pki::kLongestExpiryGrace) and for the slack of its clock.
SystemTime lived_by_since(SystemTime now) noexcept;

struct Revocation {
    SystemTime at{};
    pki::RevocationReason reason = pki::RevocationReason::unspecified;
};

/// A login certificate as the store remembers it.
struct IssuedCertificate {
    std::string serial{};
    std::string user{};
    std::string session_id{};
    SystemTime not_before{};
    SystemTime not_after{};
    SystemTime issued_at{};
    std::optional<Revocation> revocation{};
};

struct ServerCertificate {
    std::string serial{};
    /// "gateway" or "service".
    std::string kind{};
    std::string name{};
    /// The further services that the same PostgreSQL server is.
    std::vector<std::string> more_services{};
    std::vector<std::string> dns_names{};
    SystemTime not_after{};
    SystemTime issued_at{};

    /// Returns `name`, then `more_services`.
    std::vector<std::string> names() const;
};

struct CertificateFilter {
    /// Empty for the certificates of all users.
    std::string user{};
    /// Where set, only certificates that are neither expired at this time nor revoked.
    std::optional<SystemTime> live_at{};
};

Result<void> add_certificate(Database& database, const IssuedCertificate& certificate);
Result<std::optional<IssuedCertificate>> find_certificate(Database& database, const std::string& serial);
/// Returns the certificates, the newest first.
Result<std::vector<IssuedCertificate>> list_certificates(Database& database, const CertificateFilter& filter);

/// How many certificates the session, and the user in all sessions, were issued after `since` and up to
/// `now`.
struct CertificatesIssued {
    std::size_t to_session = 0;
    std::size_t to_user = 0;
};
Result<CertificatesIssued> certificates_issued(Database& database, const std::string& user,
                                               const std::string& session_id, SystemTime since,
                                               SystemTime now);

/// Revokes the session's certificates that are not revoked yet, expired ones too as long as a tunnel may live
/// by them. Returns what is to be recorded: those that have not expired (plus slack), or else the one that
/// expired last. Call it inside a write transaction.
Result<std::vector<IssuedCertificate>> revoke_session(Database& database, const std::string& session_id,
                                                      Revocation revocation);

/// Returns what a CRL signed at `now` must hold: each revoked certificate until no tunnel can live by it any
/// more.
Result<std::vector<pki::RevokedSerial>> revoked_serials(Database& database, SystemTime now);
/// Returns what was revoked after the revocation counter had the value `counter`.
Result<std::vector<pki::RevokedSerial>> serials_revoked_since(Database& database, std::uint64_t counter);
/// Returns a counter that grows with every revocation, in whichever process.
Result<std::uint64_t> revocation_counter(Database& database);
/// The number of the next list, and what it covers. Gateways order lists by their numbers alone, so the
/// number is greater than each one before, also when the store was restored from an older copy and when the
/// clock went back.
struct CrlTurn {
    std::uint64_t number = 0;
    /// The revocation counter up to which the list holds all revocations.
    std::uint64_t revocations = 0;
    /// The list before it: its number (0 where the next list cannot be a delta to it), the revocation counter
    /// that it covered, and when it was made.
    std::uint64_t last_number = 0;
    std::uint64_t last_revocations = 0;
    SystemTime last_update{};
};
/// Numbers the next list. Call it inside a write transaction.
Result<CrlTurn> next_crl(Database& database, SystemTime now);

Result<void> add_server_certificate(Database& database, const ServerCertificate& certificate);
Result<std::vector<ServerCertificate>> list_server_certificates(Database& database);
/// A service, and how long it is certified.
struct CertifiedService {
    std::string name{};
    /// When the service's certificate ends; of several certificates, the last end.
    SystemTime until{};
};
/// Returns the services with a certificate that has not ended at `now`, sorted by name.
Result<std::vector<CertifiedService>> certified_services(Database& database, SystemTime now);

/// Removes login certificates that ended before `before`. Returns how many.
Result<long long> forget_certificates(Database& database, SystemTime before);

}  // namespace postern::ca::store
