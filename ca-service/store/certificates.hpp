// Every certificate that was issued, and which of them are revoked. The revocation counter grows with each
// change, so that a running service sees what another process revoked.
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

/// For how long after its end a certificate still counts as one that somebody may present: other machines'
/// clocks.
inline constexpr std::chrono::minutes kClockSlack{5};
/// What has ended after that may still carry a tunnel somewhere: by a gateway's grace (pki::kLongestExpiryGrace), and
/// by the slack of its clock.
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

    /// `name` and `more_services`.
    std::vector<std::string> names() const;
};

struct CertificateFilter {
    /// Empty: of everybody.
    std::string user{};
    /// Only those that can still be presented at this time.
    std::optional<SystemTime> live_at{};
};

Result<void> add_certificate(Database& database, const IssuedCertificate& certificate);
Result<std::optional<IssuedCertificate>> find_certificate(Database& database, const std::string& serial);
/// Newest first.
Result<std::vector<IssuedCertificate>> list_certificates(Database& database, const CertificateFilter& filter);

/// How many certificates the session, and the user in all sessions, were given after `since` and up to `now`.
struct CertificatesIssued {
    std::size_t to_session = 0;
    std::size_t to_user = 0;
};
Result<CertificatesIssued> certificates_issued(Database& database, const std::string& user,
                                               const std::string& session_id, SystemTime since,
                                               SystemTime now);

/// Revokes the session's certificates that are not, also those that have expired, as long as a tunnel may live by
/// them. Returns, to be told of, those that have not expired (plus slack), or else the last one that has. Call inside
/// a write transaction.
Result<std::vector<IssuedCertificate>> revoke_session(Database& database, const std::string& session_id,
                                                      Revocation revocation);

/// What a CRL signed at `now` must hold: what is revoked, until no tunnel can live by it any more.
Result<std::vector<pki::RevokedSerial>> revoked_serials(Database& database, SystemTime now);
/// What was revoked after the revocation counter had that value.
Result<std::vector<pki::RevokedSerial>> serials_revoked_since(Database& database, std::uint64_t counter);
/// Grows with every revocation, in whichever process.
Result<std::uint64_t> revocation_counter(Database& database);
/// The next list's place among all: its number is greater than each one before, also those of a store that
/// was restored from an older copy, and also when the clock went back: by it alone gateways order lists.
struct CrlTurn {
    std::uint64_t number = 0;
    /// What the revocation counter says: the list answers to all of it.
    std::uint64_t revocations = 0;
    /// The list before it: its number (0 where there was none that it leads on from), the counter that it answered to, and when it
    /// was made.
    std::uint64_t last_number = 0;
    std::uint64_t last_revocations = 0;
    SystemTime last_update{};
};
/// Call inside a write transaction.
Result<CrlTurn> next_crl(Database& database, SystemTime now);

Result<void> add_server_certificate(Database& database, const ServerCertificate& certificate);
Result<std::vector<ServerCertificate>> list_server_certificates(Database& database);
struct CertifiedService {
    std::string name{};
    /// When its certificate ends; of several the last.
    SystemTime until{};
};
/// Services with a certificate that has not ended at `now`, by name.
Result<std::vector<CertifiedService>> certified_services(Database& database, SystemTime now);

/// Removes login certificates that ended before `before`.
Result<long long> forget_certificates(Database& database, SystemTime before);

}  // namespace postern::ca::store
