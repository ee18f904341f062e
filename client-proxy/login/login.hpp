// A login as one immutable object: the certificate, the key, and the TLS contexts, which are created once and
// not for each connection. A renewal creates a new object; a session keeps the one with which it began.
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

/// The times that the CA service named for a login certificate; a value is missing when it named none.
struct LoginTimes {
    /// The time from which the CA wants the certificate renewed.
    std::optional<SystemTime> renew_after;
    /// The end of the login session, which no certificate of it outlasts.
    std::optional<SystemTime> session_expires;
};

/// Immutable, and therefore thread-safe.
class Login {
public:
    /// Errors: Code::config_invalid when there is no certificate or the key does not belong to it; failures
    /// of setting up TLS.
    static Result<std::shared_ptr<const Login>> make(net::TlsCredentials credentials,
                                                     const pki::TrustBundle& server_ca,
                                                     std::string trust_domain, Catalogue catalogue,
                                                     const LoginTimes& times = {});
    /// Reads the login from the files of the profile. Errors: Code::unauthenticated when nobody is logged in;
    /// Code::unavailable when the key's keyring or token is not available.
    static Result<std::shared_ptr<const Login>> load(const ProfileFolder& folder);

    const pki::Certificate& certificate() const noexcept { return credentials_.chain.front(); }
    const net::TlsCredentials& credentials() const noexcept { return credentials_; }
    /// No value when the certificate is not a login certificate, which can only be true of a file that a
    /// person named.
    const std::optional<pki::LoginIdentity>& identity() const noexcept { return identity_; }
    /// The login name, or else the certificate's common name.
    std::string user() const;
    const std::string& trust_domain() const noexcept { return trust_domain_; }
    const Catalogue& catalogue() const noexcept { return catalogue_; }
    const pki::TrustBundle& server_ca() const noexcept { return server_ca_; }
    /// The TLS contexts: TLS 1.3 for gateways, and at least TLS 1.2 for PostgreSQL inside the tunnel. The
    /// latter offers P-256 first, because an X25519 key share costs a whole round trip with PostgreSQL's
    /// defaults.
    const net::TlsContext& gateway_tls() const noexcept { return gateway_tls_; }
    const net::TlsContext& server_tls() const noexcept { return server_tls_; }

    /// The time from which the login is renewed: what the CA named, else two thirds of the certificate's
    /// life.
    SystemTime renew_after() const noexcept { return renew_after_; }
    SystemTime not_after() const noexcept { return not_after_; }
    /// Whether a renewal cannot last longer, because the certificate ends with its login session. False when
    /// the CA has not named the end of the session.
    bool ends_with_session() const noexcept;
    /// Whether so little time is left that a handshake may not complete.
    bool is_used_up(SystemTime now) const;
    /// Whether the certificate is in the first tenth of its life.
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
