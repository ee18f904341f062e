// The settings of TLS connections: TLS 1.3 only, no session resumption, mutual authentication. A context
// without trust roots cannot be built, but by the one way that says so.
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

struct TlsCredentials {
    pki::PrivateKey key;
    /// Leaf first. The root is not sent.
    std::vector<pki::Certificate> chain;
};

enum class ClientCertificate {
    required,
    /// The handshake goes on without one, or with an expired one whose signatures are right; the caller reads
    /// TlsStream::peer() and decides. Only for the CA's own listener (login, and renewal after sleep).
    optional_and_maybe_expired,
};

/// Whether a server whose chain is good is the one that is meant: its names. On the connection's thread.
using ServerCheck = std::function<Result<void>(const pki::Certificate& leaf)>;

/// v1_2 only for PostgreSQL inside the tunnel, whose server may know no later one.
enum class MinimumTls { v1_2, v1_3 };

/// Immutable, shared between connections and threads (SSL_CTX is).
class TlsContext {
public:
    /// ALPN http/1.1 only. Client chains are verified against `user_ca` for clientAuth. With `server_ca`,
    /// servers that call with their own certificate (serverAuth) are known, too, and never taken for people:
    /// TlsPeer::server_certificate.
    static Result<TlsContext> server(const TlsCredentials& own, const pki::TrustBundle& user_ca,
                                     ClientCertificate client, const pki::TrustBundle* server_ca = nullptr);
    /// Servers are verified against `server_ca` for serverAuth; names are the caller's to check
    /// (TlsStream::peer()). `alpn` is "http/1.1" for gateways, empty inside the tunnel. `groups` as
    /// SSL_CTX_set1_groups_list takes them.
    static Result<TlsContext> client(const std::optional<TlsCredentials>& own,
                                     const pki::TrustBundle& server_ca, const std::string& alpn,
                                     const char* groups = "X25519:P-256",
                                     MinimumTls minimum = MinimumTls::v1_3);
    /// The same with ALPN http/1.1, for servers that `check` takes within the handshake, before they learn
    /// who asks; its failure is that of the handshake.
    static Result<TlsContext> client(const std::optional<TlsCredentials>& own,
                                     const pki::TrustBundle& server_ca, ServerCheck check);
    /// Takes any server whatever its certificate, and tells none who asks: for the first contact with a CA
    /// service, whose answer is believed by a fingerprint, and for nothing else. ALPN http/1.1.
    static Result<TlsContext> unverified_first_contact();

    SSL_CTX* get() const noexcept { return context_.get(); }

private:
    explicit TlsContext(std::shared_ptr<SSL_CTX> context) : context_(std::move(context)) {}
    std::shared_ptr<SSL_CTX> context_;
};

/// What verifying the peer's chain found, kept beside an SSL while its handshake runs.
struct TlsVerdict {
    /// What the peer presented, verified or not.
    std::optional<pki::Certificate> presented;
    /// X509_V_ERR_* of a chain that was refused.
    int error = X509_V_OK;
    /// Of the ServerCheck, on a chain that is good.
    std::optional<Failure> other_server;
    bool is_expired_leaf = false;
    /// The peer of a server's context is a server itself.
    bool is_server = false;
};

/// Ties a verdict to an SSL of a TlsContext; it must outlive the SSL.
void attach_verdict(SSL* ssl, TlsVerdict& verdict);

}  // namespace postern::net
