// Reads from a verified certificate whom it identifies. Every decision that depends on the names in a
// certificate uses these functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "pki/certificate.hpp"

namespace postern::pki {

/// A person as a login certificate identifies them: CN, one O for each group, and the SAN URI
/// spiffe://<trust-domain>/user/<name>.
struct LoginIdentity {
    std::string name;
    std::vector<std::string> groups;
    std::string session_id;
    /// Lower-case hex, as from Certificate::serial().
    std::string serial;
    /// Lower-case hex, as from Certificate::fingerprint().
    std::string fingerprint;
    SystemTime not_before;
    SystemTime not_after;
    std::string trust_domain;

    bool is_in(std::string_view group) const;
};

/// Reads a login certificate whose chain has been verified. Fails with Code::malformed_certificate when the
/// CN and the SPIFFE URI name different users, when there is more than one of either, or when the login
/// session is missing. Does not check the validity period.
Result<LoginIdentity> login_identity(const Certificate& certificate);

/// The kind of a server: the <kind> of spiffe://<trust-domain>/<kind>/<name>.
enum class ServerKind { ca, gateway, service };

/// The SPIFFE URI of a server, for example spiffe://example.org/gateway/gw1.
std::string server_uri(std::string_view trust_domain, ServerKind kind, std::string_view name);
/// The SPIFFE URI of a person, for example spiffe://example.org/user/alice.
std::string user_uri(std::string_view trust_domain, std::string_view name);

/// Checks that a verified server certificate contains a SPIFFE URI of this kind and trust domain and, when
/// `name` is not empty, of this name. A PostgreSQL server may be several services, so that its certificate
/// may contain several URIs, all of this kind. Fails with Code::wrong_server_identity.
Result<void> check_server_identity(const Certificate& certificate, std::string_view trust_domain,
                                   ServerKind kind, std::string_view name);

/// The DNS name by which a program with TLS of its own verifies a service: the CA issues it only in the
/// certificate of that service. For "orders-db" it is "orders-db.service.example.org". If DNS cannot
/// represent the name or would not distinguish it from others (capital letters), it is a part of the name's
/// SHA-256 digest below "service-id.example.org". Empty when it would be too long for DNS.
std::string service_host(std::string_view trust_domain, std::string_view service);
/// Whether the DNS name is, or may be, service_host() of some service of the trust domain, regardless of
/// case.
bool is_service_host(std::string_view trust_domain, std::string_view dns_name);

/// Whether the text is a login name: 1 to 63 bytes (below PostgreSQL's NAMEDATALEN), letters, digits and
/// ._-@+, beginning with a letter, a digit or _.
bool is_login_name(std::string_view text) noexcept;
/// Whether the text is the name of a group, a service or a gateway: as a login name, but without @ and +.
bool is_resource_name(std::string_view text) noexcept;
/// Whether the text is a trust domain: a lower-case DNS name (SPIFFE ID, section 2.1) of at most 255 bytes.
bool is_trust_domain(std::string_view text) noexcept;

}  // namespace postern::pki
