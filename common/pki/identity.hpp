// Who or what a verified certificate says its bearer is. The one place that reads names out of certificates
// for a decision.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "pki/certificate.hpp"

namespace postern::pki {

/// A person, by a login certificate: CN, one O per group, SAN URI spiffe://<trust-domain>/user/<name>.
struct LoginIdentity {
    std::string name;
    std::vector<std::string> groups;
    std::string session_id;
    std::string serial;
    std::string fingerprint;
    SystemTime not_before;
    SystemTime not_after;
    std::string trust_domain;

    bool is_in(std::string_view group) const;
};

/// Reads a login certificate. The chain has been verified; this refuses (Code::malformed_certificate) one
/// whose CN and SPIFFE URI disagree, that has several of either, or that lacks a session. Nothing here checks
/// times.
Result<LoginIdentity> login_identity(const Certificate& certificate);

/// What a server is: the kinds of spiffe://<trust-domain>/<kind>/<name>.
enum class ServerKind { ca, gateway, service };

/// The URI for a server, for example spiffe://example.org/gateway/gw1.
std::string server_uri(std::string_view trust_domain, ServerKind kind, std::string_view name);
std::string user_uri(std::string_view trust_domain, std::string_view name);

/// Whether the verified server certificate bears a SPIFFE URI of that kind in that trust domain and, when
/// `name` is not empty, of that name. A PostgreSQL server may be several services; every URI of its
/// certificate is then one of these. Code::wrong_server_identity otherwise.
Result<void> check_server_identity(const Certificate& certificate, std::string_view trust_domain,
                                   ServerKind kind, std::string_view name);

/// The DNS name that proves a service to a program with TLS of its own: the CA puts it into the certificate
/// of that service and into no other. "orders-db" is "orders-db.service.example.org"; of a name that DNS
/// cannot tell from others (capitals) or cannot hold, a part of its SHA-256 stands in its place, below
/// "service-id.example.org". Empty when the trust domain leaves no room for it.
std::string service_host(std::string_view trust_domain, std::string_view service);
/// Whether service_host() of some service of the trust domain is, or may be, that DNS name, in whatever case.
bool is_service_host(std::string_view trust_domain, std::string_view dns_name);

/// A login name: 1 to 63 bytes (PostgreSQL's NAMEDATALEN), letters, digits and ._-@+, first a letter, digit
/// or _.
bool is_login_name(std::string_view text) noexcept;
/// A group's, service's or gateway's name: the same without @ and +.
bool is_resource_name(std::string_view text) noexcept;
/// A trust domain: lower-case DNS form (SPIFFE ID, section 2.1), at most 255 bytes.
bool is_trust_domain(std::string_view text) noexcept;

}  // namespace postern::pki
