#include "client-proxy/login/login.hpp"

#include <algorithm>

#include "client-proxy/login/login_key.hpp"
#include "pki/openssl.hpp"

namespace postern::client {

namespace {

constexpr auto kHandshakeSpan = std::chrono::seconds(5);

}  // namespace

Login::Login(net::TlsCredentials credentials, pki::TrustBundle server_ca, std::string trust_domain,
             Catalogue catalogue, const LoginTimes& times, net::TlsContext gateway_tls,
             net::TlsContext server_tls)
    : credentials_(std::move(credentials)),
      server_ca_(std::move(server_ca)),
      trust_domain_(std::move(trust_domain)),
      catalogue_(std::move(catalogue)),
      gateway_tls_(std::move(gateway_tls)),
      server_tls_(std::move(server_tls)),
      not_before_(certificate().not_before()),
      not_after_(certificate().not_after()),
      renew_after_(times.renew_after.value_or(not_before_ + (not_after_ - not_before_) * 2 / 3)),
      session_expires_(times.session_expires) {
    if (auto identity = pki::login_identity(certificate())) {
        identity_ = *std::move(identity);
    }
}

Result<LoginPtr> Login::make(net::TlsCredentials credentials, const pki::TrustBundle& server_ca,
                             std::string trust_domain, Catalogue catalogue, const LoginTimes& times) {
    if (credentials.chain.empty()) {
        return Failure{Code::config_invalid, "there is no certificate"};
    }
    if (X509_check_private_key(credentials.chain.front().get(), credentials.key.get()) != 1) {
        auto failure = pki::openssl_failure(Code::config_invalid, "the key is not that of the certificate");
        return failure;
    }
    auto gateway_tls = net::TlsContext::client(credentials, server_ca, "http/1.1");
    if (!gateway_tls) {
        return gateway_tls.error();
    }
    auto server_tls =
        net::TlsContext::client(credentials, server_ca, "", "P-256:X25519", net::MinimumTls::v1_2);
    if (!server_tls) {
        return server_tls.error();
    }
    return LoginPtr(new Login(std::move(credentials), server_ca, std::move(trust_domain),
                              std::move(catalogue), times, *std::move(gateway_tls), *std::move(server_tls)));
}

Result<LoginPtr> Login::load(const ProfileFolder& folder) {
    const auto logged_out = [](Failure failure) {
        return failure.code == Code::not_found ? Failure{Code::unauthenticated, "nobody is logged in"}
                                               : failure;
    };
    auto profile = folder.load();
    if (!profile) {
        return logged_out(profile.error());
    }
    auto chain = pki::load_certificates(folder.login_certificate());
    if (!chain) {
        return logged_out(chain.error());
    }
    auto key = load_login_key(folder);
    if (!key) {
        return logged_out(key.error());
    }
    auto server_ca = pki::TrustBundle::load(folder.server_ca());
    if (!server_ca) {
        return logged_out(server_ca.error());
    }
    net::TlsCredentials credentials{*std::move(key), *std::move(chain)};
    return make(std::move(credentials), *server_ca, std::move(profile->trust_domain),
                std::move(profile->catalogue), {profile->renew_after, profile->session_expires});
}

std::string Login::user() const {
    return identity_ ? identity_->name : certificate().common_name();
}

/// The second is added because a certificate's times are whole seconds.
bool Login::ends_with_session() const noexcept {
    return session_expires_ && not_after_ + std::chrono::seconds(1) > *session_expires_;
}

/// A certificate that lives only for seconds needs a margin shorter than kHandshakeSpan: a third of the time
/// that is left for its renewal.
bool Login::is_used_up(SystemTime now) const {
    const auto span = std::min<SystemTime::duration>(kHandshakeSpan, (not_after_ - renew_after_) / 3);
    return now + span >= not_after_;
}

bool Login::is_new(SystemTime now) const {
    return now < not_before_ + (not_after_ - not_before_) / 10;
}

}  // namespace postern::client
