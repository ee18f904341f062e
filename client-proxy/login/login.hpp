// A login as one immutable whole: certificate, key, and the TLS settings that are made of them once, not for
// each connection. What renews it publishes a new one; a session keeps the one that it began with.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "client-proxy/config/catalogue.hpp"
#include "client-proxy/config/profile.hpp"
#include "net/tls_context.hpp"
#include "pki/identity.hpp"
#include "pki/trust_bundle.hpp"

namespace postern::client {

/// What the CA service said of a login certificate; nothing where it said none.
struct LoginTimes {
    /// When it wants it renewed.
    std::optional<SystemTime> renew_after;
    /// When the login session ends, past which no certificate of it lasts.
    std::optional<SystemTime> session_expires;
};

class Login {
public:
    /// Code::config_invalid when the key is not that of the certificate.
    static Result<std::shared_ptr<const Login>> make(net::TlsCredentials credentials,
                                                     const pki::TrustBundle& server_ca,
                                                     std::string trust_domain, Catalogue catalogue,
                                                     const LoginTimes& times = {});
    /// From the profile's files. Code::unauthenticated when nobody is logged in.
    static Result<std::shared_ptr<const Login>> load(const ProfileFolder& folder);

    const pki::Certificate& certificate() const noexcept { return credentials_.chain.front(); }
    const net::TlsCredentials& credentials() const noexcept { return credentials_; }
    /// Nothing when the certificate is not a login certificate (which only one handed in by name can be).
    const std::optional<pki::LoginIdentity>& identity() const noexcept { return identity_; }
    /// The login name, or what stands in its place.
    std::string user() const;
    const std::string& trust_domain() const noexcept { return trust_domain_; }
    const Catalogue& catalogue() const noexcept { return catalogue_; }
    const pki::TrustBundle& server_ca() const noexcept { return server_ca_; }
    /// TLS 1.3 with gateways; and with PostgreSQL inside the tunnel (1.2 at least, P-256 first: an X25519
    /// share costs PostgreSQL's default a whole round trip).
    const net::TlsContext& gateway_tls() const noexcept { return gateway_tls_; }
    const net::TlsContext& server_tls() const noexcept { return server_tls_; }

    /// When the CA wants it renewed: two thirds into its life.
    SystemTime renew_after() const noexcept { return renew_after_; }
    SystemTime not_after() const noexcept { return not_after_; }
    /// Whether a renewal gives no more: it lasts as long as its session. Not where the CA has not said when
    /// that ends.
    bool ends_with_session() const noexcept;
    /// Whether too little of it is left for a handshake to be sure to come through.
    bool is_used_up(SystemTime now) const;
    /// Whether it was made just now: within a tenth of its life.
    bool is_new(SystemTime now) const;

private:
    Login(net::TlsCredentials credentials, pki::TrustBundle server_ca, std::string trust_domain,
          Catalogue catalogue, const LoginTimes& times, net::TlsContext gateway_tls,
          net::TlsContext server_tls);

    net::TlsCredentials credentials_;
    std::optional<pki::LoginIdentity> identity_;
    pki::TrustBundle server_ca_;
    std::string trust_domain_;
    Catalogue catalogue_;
    net::TlsContext gateway_tls_;
    net::TlsContext server_tls_;
    SystemTime not_before_;
    SystemTime not_after_;
    SystemTime renew_after_;
    std::optional<SystemTime> session_expires_;
};

using LoginPtr = std::shared_ptr<const Login>;

}  // namespace postern::client
