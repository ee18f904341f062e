#include "net/tls_context.hpp"

#include <stdexcept>
#include <utility>

#include <openssl/err.h>

#include "base/clock.hpp"
#include "net/tls_algorithms.hpp"
#include "net/verified_chains.hpp"
#include "pki/leaf.hpp"

namespace postern::net {

namespace {

constexpr int kMaxDepth = 4;
constexpr long kMaxCertificateBytes = 32 * 1024;
constexpr unsigned char kAlpnHttp[] = "\x08http/1.1";
constexpr const char* kHttp = "http/1.1";
constexpr const char* kClientGroups = "X25519:P-256";
constexpr const char* kTls13Suites =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* kTls12Ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

/// An SSL_CTX and the data of its verification callback. Connections hold it as a shared_ptr<SSL_CTX>.
struct Settings {
    pki::SslCtxPtr context;
    pki::Purpose purpose = pki::Purpose::client_auth;
    bool lets_expired_leaf_pass = false;
    /// The roots of a context never change, so that a chain once verified stays verified.
    mutable VerifiedChains verified;
    /// The trust roots of servers that may connect to a server.
    std::optional<pki::TrustBundle> servers;
    ServerCheck check_server;
    bool takes_any_server = false;
};

int verdict_index() {
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

/// The verdict of the connection whose chain is being verified; null if none was attached.
TlsVerdict* verdict_of(X509_STORE_CTX* store) {
    auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    return ssl == nullptr ? nullptr : static_cast<TlsVerdict*>(SSL_get_ex_data(ssl, verdict_index()));
}

/// An X509_STORE_CTX verify callback that accepts an expired leaf.
int let_expired_leaf_pass(int is_ok, X509_STORE_CTX* store) {
    if (is_ok == 1) {
        return 1;
    }
    if (X509_STORE_CTX_get_error(store) != X509_V_ERR_CERT_HAS_EXPIRED ||
        X509_STORE_CTX_get_error_depth(store) != 0) {
        return 0;
    }
    verdict_of(store)->is_expired_leaf = true;
    return 1;
}

/// The X509_V_ERR_* for which OpenSSL sends the alert that describes `error` best.
int error_for_alert(int error) {
    switch (pki::code_of_verify_error(error)) {
        case Code::unknown_issuer:
        case Code::self_signed:
            return X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
        case Code::wrong_purpose:
            return X509_V_ERR_INVALID_PURPOSE;
        default:
            return error;
    }
}

/// Parses the certificates again, because handshake_algorithms() does not decode their public keys. Empty
/// when that fails.
VerifiedChains::Presented read_with_keys(const STACK_OF(X509) * presented) {
    VerifiedChains::Presented read;
    for (int i = 0; i < sk_X509_num(presented); ++i) {
        unsigned char* der = nullptr;
        const int size = i2d_X509(sk_X509_value(presented, i), &der);
        const unsigned char* at = der;
        X509* made = X509_new_ex(certificate_algorithms(), nullptr);
        // d2i_X509 frees `made` when it fails.
        if (size > 0 && made != nullptr) {
            d2i_X509(&made, &at, size);
        }
        const pki::X509Ptr certificate(made);
        OPENSSL_free(der);
        if (certificate == nullptr) {
            return {};
        }
        read.push_back(pki::Certificate::from_x509(certificate.get()));
    }
    return read;
}

/// Replaces the certificates that OpenSSL parsed for this connection by `same`, which are equal byte for
/// byte. These have their public keys, and connections with the same chain share them, which saves a third of
/// the memory of an idle connection.
void hold(X509_STORE_CTX* store, const VerifiedChains::Presented& same) {
    // OpenSSL keeps this list with the session.
    STACK_OF(X509)* const presented = X509_STORE_CTX_get0_untrusted(store);
    for (std::size_t i = 0; i < same.size(); ++i) {
        X509* const copy = sk_X509_value(presented, static_cast<int>(i));
        X509_up_ref(same[i].get());
        sk_X509_set(presented, static_cast<int>(i), same[i].get());
        X509_free(copy);
    }
    X509_STORE_CTX_set_cert(store, same.front().get());
}

/// Whether the chain is that of a server, verified against the roots of servers.
bool is_server_chain(const Settings& settings, const VerifiedChains::Presented& chain) {
    if (!settings.servers) {
        return false;
    }
    const VerifiedChains::Presented others(chain.begin() + 1, chain.end());
    const Result<void> verified =
        settings.servers->verify(chain.front(), others, pki::Purpose::server_auth, system_clock()());
    return verified.has_value();
}

/// Sets the error and returns the callback's value for "refused".
int refuse_chain(X509_STORE_CTX* store, int error) {
    X509_STORE_CTX_set_error(store, error);
    return 0;
}

/// Completes the verification of a valid chain: checks whether the server is the intended one.
int accept_chain(const Settings& settings, X509_STORE_CTX* store, TlsVerdict& verdict) {
    const Result<void> is_meant =
        settings.check_server ? settings.check_server(*verdict.presented) : Result<void>();
    if (!is_meant) {
        verdict.other_server = is_meant.error();
        verdict.error = X509_V_ERR_HOSTNAME_MISMATCH;
        return refuse_chain(store, verdict.error);
    }
    X509_STORE_CTX_set_error(store, verdict.is_expired_leaf ? X509_V_ERR_CERT_HAS_EXPIRED : X509_V_OK);
    return 1;
}

/// Verifies the peer's chain in place of OpenSSL (SSL_CTX_set_cert_verify_callback).
int verify_chain(X509_STORE_CTX* store, void* argument) {
    const auto& settings = *static_cast<const Settings*>(argument);
    TlsVerdict* verdict = verdict_of(store);
    const STACK_OF(X509)* const presented = X509_STORE_CTX_get0_untrusted(store);
    X509* const leaf = X509_STORE_CTX_get0_cert(store);
    VerifiedChains::Key key{};
    if (verdict == nullptr || leaf == nullptr || sk_X509_value(presented, 0) != leaf ||
        !VerifiedChains::key_of(leaf, presented, key)) {
        return refuse_chain(store, X509_V_ERR_UNSPECIFIED);
    }
    if (const auto known = settings.verified.find(key, system_clock()())) {
        hold(store, *known);
        verdict->presented = known->front();
        return accept_chain(settings, store, *verdict);
    }
    VerifiedChains::Presented chain = read_with_keys(presented);
    if (chain.empty()) {
        return refuse_chain(store, X509_V_ERR_OUT_OF_MEM);
    }
    hold(store, chain);
    verdict->presented = chain.front();
    if (settings.takes_any_server) {
        return accept_chain(settings, store, *verdict);
    }
    if (settings.lets_expired_leaf_pass) {
        X509_STORE_CTX_set_verify_cb(store, &let_expired_leaf_pass);
    }
    const bool is_verified = X509_verify_cert(store) == 1;
    if (is_verified && pki::check_leaf(chain.front(), settings.purpose)) {
        if (!verdict->is_expired_leaf) {
            settings.verified.add(key, X509_STORE_CTX_get0_chain(store), std::move(chain));
        }
        return accept_chain(settings, store, *verdict);
    }
    if (is_server_chain(settings, chain)) {
        verdict->is_server = true;
        verdict->is_expired_leaf = false;
        ERR_clear_error();
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    const int error = is_verified ? X509_V_ERR_INVALID_PURPOSE : X509_STORE_CTX_get_error(store);
    verdict->error = error == X509_V_OK ? X509_V_ERR_UNSPECIFIED : error;
    return refuse_chain(store, error_for_alert(verdict->error));
}

/// The ALPN callback of servers: refuses clients that do not offer http/1.1.
int select_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                unsigned in_size, void*) {
    unsigned char* chosen = nullptr;
    const int outcome =
        SSL_select_next_proto(&chosen, out_size, kAlpnHttp, sizeof kAlpnHttp - 1, in, in_size);
    *out = chosen;
    return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

Failure failed(std::string_view what) {
    return pki::openssl_failure(Code::config_invalid, what);
}

/// The settings that all contexts share. If `trusted` is null, there are no roots and no chain verifies.
Result<std::shared_ptr<Settings>> make_settings(const SSL_METHOD* method, const pki::TrustBundle* trusted,
                                                MinimumTls minimum, const char* groups) {
    ERR_clear_error();
    auto settings = std::make_shared<Settings>();
    settings->context.reset(SSL_CTX_new_ex(handshake_algorithms(), nullptr, method));
    SSL_CTX* context = settings->context.get();
    if (context == nullptr) {
        return failed("making a TLS context");
    }
    const int version = minimum == MinimumTls::v1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
    if (SSL_CTX_set_min_proto_version(context, version) != 1 ||
        SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(context, kTls13Suites) != 1 ||
        SSL_CTX_set_cipher_list(context, kTls12Ciphers) != 1 ||
        SSL_CTX_set1_groups_list(context, groups) != 1) {
        return failed("setting TLS versions, ciphers and groups");
    }
    // No resumption of any kind, because a session would outlive the certificate it was made with.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    if (SSL_CTX_set_num_tickets(context, 0) != 1) {
        return failed("switching tickets off");
    }
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_clear_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_verify_depth(context, kMaxDepth);
    SSL_CTX_set_max_cert_list(context, kMaxCertificateBytes);
    if (trusted != nullptr && SSL_CTX_set1_verify_cert_store(context, trusted->store()) != 1) {
        return failed("setting the trust roots");
    }
    SSL_CTX_set_cert_verify_callback(context, &verify_chain, settings.get());
    return settings;
}

bool is_self_signed(const pki::Certificate& certificate) {
    return (X509_get_extension_flags(certificate.get()) & EXFLAG_SS) != 0;
}

Result<void> use_credentials(SSL_CTX* context, const TlsCredentials& own) {
    if (own.chain.empty()) {
        return Failure{Code::config_invalid, "no certificate for TLS"};
    }
    if (SSL_CTX_use_certificate(context, own.chain.front().get()) != 1 ||
        SSL_CTX_use_PrivateKey(context, own.key.get()) != 1) {
        return failed("using a certificate and its key");
    }
    if (SSL_CTX_check_private_key(context) != 1) {
        return failed("the key does not fit the certificate");
    }
    for (std::size_t i = 1; i < own.chain.size(); ++i) {
        if (is_self_signed(own.chain[i])) {
            continue;
        }
        if (SSL_CTX_add1_chain_cert(context, own.chain[i].get()) != 1) {
            return failed("using a certificate chain");
        }
    }
    return Result<void>();
}

/// Adds the names of the roots that client certificates may chain to, for the CertificateRequest.
Result<void> name_client_roots(SSL_CTX* context, const pki::TrustBundle& user_ca) {
    for (const pki::Certificate& certificate : user_ca.certificates()) {
        if (!is_self_signed(certificate)) {
            continue;
        }
        if (SSL_CTX_add_client_CA(context, certificate.get()) != 1) {
            return failed("naming the client roots");
        }
    }
    return Result<void>();
}

Result<std::shared_ptr<Settings>> make_client_settings(const std::optional<TlsCredentials>& own,
                                                       const pki::TrustBundle* server_ca,
                                                       const std::string& alpn, const char* groups,
                                                       MinimumTls minimum) {
    Result<std::shared_ptr<Settings>> made = make_settings(TLS_client_method(), server_ca, minimum, groups);
    if (!made) {
        return made.error();
    }
    std::shared_ptr<Settings> settings = std::move(made.value());
    SSL_CTX* context = settings->context.get();
    settings->purpose = pki::Purpose::server_auth;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    if (own) {
        const Result<void> used = use_credentials(context, *own);
        if (!used) {
            return used.error();
        }
    }
    if (!alpn.empty()) {
        if (alpn.size() > 255) {
            return Failure{Code::config_invalid, "an ALPN name is at most 255 bytes"};
        }
        const std::string wire = static_cast<char>(alpn.size()) + alpn;
        if (SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(wire.data()),
                                    static_cast<unsigned>(wire.size())) != 0) {
            return failed("setting ALPN");
        }
    }
    return settings;
}

/// A pointer to the SSL_CTX that keeps the Settings alive.
std::shared_ptr<SSL_CTX> share(std::shared_ptr<Settings> settings) {
    SSL_CTX* context = settings->context.get();
    return std::shared_ptr<SSL_CTX>(std::move(settings), context);
}

}  // namespace

Result<TlsContext> TlsContext::server(const TlsCredentials& own, const pki::TrustBundle& user_ca,
                                      ClientCertificate client, const pki::TrustBundle* server_ca) {
    Result<std::shared_ptr<Settings>> made =
        make_settings(TLS_server_method(), &user_ca, MinimumTls::v1_3, "X25519:P-256:P-384");
    if (!made) {
        return made.error();
    }
    std::shared_ptr<Settings> settings = std::move(made.value());
    SSL_CTX* context = settings->context.get();
    Result<void> outcome = use_credentials(context, own);
    if (outcome.has_value()) {
        outcome = name_client_roots(context, user_ca);
    }
    if (!outcome) {
        return outcome.error();
    }
    settings->purpose = pki::Purpose::client_auth;
    if (server_ca != nullptr) {
        settings->servers = *server_ca;
    }
    settings->lets_expired_leaf_pass = client == ClientCertificate::optional_and_maybe_expired;
    const int required = client == ClientCertificate::required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | required, nullptr);
    SSL_CTX_set_alpn_select_cb(context, &select_alpn, nullptr);
    return TlsContext(share(std::move(settings)));
}

Result<TlsContext> TlsContext::client(const std::optional<TlsCredentials>& own,
                                      const pki::TrustBundle& server_ca, const std::string& alpn,
                                      const char* groups, MinimumTls minimum) {
    Result<std::shared_ptr<Settings>> made = make_client_settings(own, &server_ca, alpn, groups, minimum);
    if (!made) {
        return made.error();
    }
    return TlsContext(share(std::move(made.value())));
}

Result<TlsContext> TlsContext::client(const std::optional<TlsCredentials>& own,
                                      const pki::TrustBundle& server_ca, ServerCheck check) {
    Result<std::shared_ptr<Settings>> made =
        make_client_settings(own, &server_ca, kHttp, kClientGroups, MinimumTls::v1_3);
    if (!made) {
        return made.error();
    }
    made.value()->check_server = std::move(check);
    return TlsContext(share(std::move(made.value())));
}

Result<TlsContext> TlsContext::unverified_first_contact() {
    Result<std::shared_ptr<Settings>> made =
        make_client_settings(std::nullopt, nullptr, kHttp, kClientGroups, MinimumTls::v1_3);
    if (!made) {
        return made.error();
    }
    made.value()->takes_any_server = true;
    return TlsContext(share(std::move(made.value())));
}

void attach_verdict(SSL* ssl, TlsVerdict& verdict) {
    if (SSL_set_ex_data(ssl, verdict_index(), &verdict) != 1) {
        throw std::runtime_error("SSL_set_ex_data failed");
    }
}

}  // namespace postern::net
