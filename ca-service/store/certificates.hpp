// Every certificate that was issued, and which of them are revoked. The revocation counter grows with each
// change, so that a running service sees what another process revoked.
#pragma once

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
    std::vector<std::string> dns_names{};
    SystemTime not_after{};
    SystemTime issued_at{};
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

/// Revokes what is not revoked and not yet past its end (plus slack), and returns it. Call inside a write
/// transaction.
Result<std::vector<IssuedCertificate>> revoke_session(Database& database, const std::string& session_id,
                                                      Revocation revocation);

/// What a CRL signed at `now` must hold: revoked, and not past its end by more than the slack.
Result<std::vector<pki::RevokedSerial>> revoked_serials(Database& database, SystemTime now);
/// Grows with every revocation, in whichever process.
Result<std::uint64_t> revocation_counter(Database& database);
/// A CRL number greater than each one before, also those of a store that was restored from an older copy.
/// Call inside a write transaction.
Result<std::uint64_t> next_crl_number(Database& database, SystemTime now);

Result<void> add_server_certificate(Database& database, const ServerCertificate& certificate);
Result<std::vector<ServerCertificate>> list_server_certificates(Database& database);

/// Removes login certificates that ended before `before`.
Result<long long> forget_certificates(Database& database, SystemTime before);

}  // namespace postern::ca::store
