// The settings of TLS connections: TLS 1.3 only (but see MinimumTls), no session resumption, mutual
// authentication. A context without trust roots can only be made by the one function whose name says so.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "pki/certificate.hpp"
#include "pki/key.hpp"
#include "pki/openssl.hpp"
#include "pki/trust_bundle.hpp"

namespace postern::net {

/// A private key and its certificate chain.
struct TlsCredentials {
    pki::PrivateKey key;
    /// Leaf first. A self-signed root in it is not sent.
    std::vector<pki::Certificate> chain;
};

/// What a server requires of a client's certificate.
enum class ClientCertificate {
    required,
    /// The handshake also succeeds without a certificate, or with an expired one whose signatures are valid;
    /// the caller checks TlsStream::peer(). Only for the CA service's own listener (login, and renewal after
    /// the desktop slept).
    optional_and_maybe_expired,
};

/// Checks the names of a server whose chain was verified: whether it is the intended server. Called on the
/// connection's thread.
using ServerCheck = std::function<Result<void>(const pki::Certificate& leaf)>;

/// The lowest TLS version that is accepted. v1_2 is only for PostgreSQL inside the tunnel, whose server may
/// not support a later one.
enum class MinimumTls { v1_2, v1_3 };

/// The settings of a set of connections. Immutable; connections and threads share it (as they may an
/// SSL_CTX).
class TlsContext {
public:
    /// A server that accepts ALPN http/1.1 only. Client chains are verified against `user_ca` for clientAuth.
    /// With `server_ca`, servers that connect with their own certificate (serverAuth) are recognised as well
    /// and reported in TlsPeer::server_certificate, never as a user. Fails with Code::config_invalid.
    static Result<TlsContext> server(const TlsCredentials& own, const pki::TrustBundle& user_ca,
                                     ClientCertificate client, const pki::TrustBundle* server_ca = nullptr);
    /// A client that verifies servers against `server_ca` for serverAuth; the caller must check the server's
    /// names (TlsStream::peer()). `alpn` is "http/1.1" for gateways and empty inside the tunnel. `groups` is
    /// a list for SSL_CTX_set1_groups_list(). Fails with Code::config_invalid.
    static Result<TlsContext> client(const std::optional<TlsCredentials>& own,
                                     const pki::TrustBundle& server_ca, const std::string& alpn,
                                     const char* groups = "X25519:P-256",
                                     MinimumTls minimum = MinimumTls::v1_3);
    /// A client with ALPN http/1.1 that also calls `check` within the handshake, before the server learns the
    /// client's identity. If the check fails, its failure is that of the handshake. Fails with
    /// Code::config_invalid.
    static Result<TlsContext> client(const std::optional<TlsCredentials>& own,
                                     const pki::TrustBundle& server_ca, ServerCheck check);
    /// A client that accepts any server certificate and presents none. Only for the first contact with a CA
    /// service, whose answer is verified by a fingerprint. ALPN http/1.1.
    static Result<TlsContext> unverified_first_contact();

    SSL_CTX* get() const noexcept { return context_.get(); }

private:
    explicit TlsContext(std::shared_ptr<SSL_CTX> context) : context_(std::move(context)) {}
    std::shared_ptr<SSL_CTX> context_;
};

/// The outcome of verifying the peer's chain. It is kept beside the SSL object while the handshake runs.
struct TlsVerdict {
    /// The leaf that the peer presented, whether verified or not.
    std::optional<pki::Certificate> presented;
    /// The X509_V_ERR_* of a chain that was refused.
    int error = X509_V_OK;
    /// The failure of the ServerCheck, for a chain that was verified.
    std::optional<Failure> other_server;
    /// Whether the leaf has expired and the context accepted it nevertheless.
    bool is_expired_leaf = false;
    /// Whether the peer of a server's context is itself a server.
    bool is_server = false;
};

/// Attaches a verdict to an SSL object of a TlsContext. The verdict must outlive the SSL object.
void attach_verdict(SSL* ssl, TlsVerdict& verdict);

}  // namespace postern::net
