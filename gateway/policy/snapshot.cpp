#include "gateway/policy/snapshot.hpp"

#include <utility>

#include <fmt/format.h>

#include "pki/certificate.hpp"
#include "pki/chain.hpp"
#include "pki/identity.hpp"
#include "pki/key.hpp"
#include "pki/validity.hpp"

namespace postern::gateway {

namespace {

constexpr std::chrono::hours kSoon{24 * 7};

}  // namespace

std::vector<std::string> Snapshot::warnings(SystemTime now) const {
    std::vector<std::string> found;
    const pki::Certificate& own = chain.front();
    if (own.not_after() < now + kSoon) {
        found.push_back(fmt::format("{}: the gateway's certificate {} {}", settings.certificate.string(),
                                    pki::is_over(own.not_after(), now) ? "expired at" : "expires at",
                                    format_time(own.not_after())));
    } else {
        const std::vector<pki::Certificate> others(chain.begin() + 1, chain.end());
        if (auto trusted = server_ca.verify(own, others, pki::Purpose::server_auth, now); !trusted) {
            found.push_back(fmt::format("{}: {} does not vouch for it ({})", settings.certificate.string(),
                                        settings.server_ca.string(), trusted.error().detail));
        }
    }
    if (auto named =
            pki::check_server_identity(own, settings.trust_domain, pki::ServerKind::gateway, settings.name);
        !named) {
        found.push_back(
            fmt::format("{}: the certificate does not say {}; clients will refuse this gateway",
                        settings.certificate.string(),
                        pki::server_uri(settings.trust_domain, pki::ServerKind::gateway, settings.name)));
    }
    for (const net::Address& address : settings.listen) {
        if (!address.is_unix && address.port == "0") {
            found.push_back(fmt::format(
                "{}: with port 0 each start listens on another port, which the log tells: for tests", address.text()));
        }
    }
    for (const Service& service : settings.policy.services()) {
        if (!settings.policy.is_open_to_anyone(service.name)) {
            found.push_back(fmt::format("no rule opens the service '{}': everybody is denied", service.name));
        }
    }
    return found;
}

Result<std::shared_ptr<const Snapshot>> Snapshot::load(const std::filesystem::path& file) {
    auto settings = Settings::load(file);
    return settings ? make(std::move(*settings)) : settings.error();
}

Result<std::shared_ptr<const Snapshot>> Snapshot::make(Settings settings) {
    auto chain = pki::load_certificates(settings.certificate);
    if (!chain) {
        return with_context("[tls] certificate", chain.error());
    }
    auto key = pki::PrivateKey::load(settings.key);
    if (!key) {
        return with_context("[tls] key", key.error());
    }
    chain = pki::chain_of_key(*key, *chain);
    if (!chain) {
        const std::string where = fmt::format("[tls] certificate: {} (its key: {})",
                                              settings.certificate.string(), settings.key.string());
        return with_context(where, Failure{Code::config_invalid, chain.error().detail});
    }
    auto user_ca = pki::TrustBundle::load(settings.user_ca);
    if (!user_ca) {
        return with_context("[tls] user_ca", user_ca.error());
    }
    auto server_ca = pki::TrustBundle::load(settings.server_ca);
    if (!server_ca) {
        return with_context("[ca] server_ca", server_ca.error());
    }
    const net::TlsCredentials own{*key, *chain};
    auto tls = net::TlsContext::server(own, *user_ca, net::ClientCertificate::required);
    if (!tls) {
        return with_context("[tls]", tls.error());
    }
    return std::make_shared<const Snapshot>(Snapshot{std::move(settings), std::move(*tls),
                                                     std::move(*user_ca), std::move(*server_ca),
                                                     std::move(*chain), std::move(*key)});
}

}  // namespace postern::gateway
