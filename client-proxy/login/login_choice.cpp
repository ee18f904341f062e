#include "client-proxy/login/login_choice.hpp"

#include <utility>

#include <fmt/format.h>

#include "net/plain_stream.hpp"
#include "pki/chain.hpp"
#include "pki/identity.hpp"

namespace postern::client {

namespace {

Refusal bad_file(const Failure& failure, std::string_view hint) {
    return {Code::config_invalid, failure.detail, std::string(hint), {}};
}

Outcome<std::vector<GatewayEntry>> parse_gateways(const std::vector<std::string>& texts) {
    std::vector<GatewayEntry> gateways;
    for (const auto& text : texts) {
        const auto equals = text.find('=');
        GatewayEntry entry{text.substr(0, equals), equals == text.npos ? "" : text.substr(equals + 1)};
        const auto address = net::parse_address(entry.address);
        const bool is_address = address && address->port != "0" && address->host != "*";
        if (!pki::is_resource_name(entry.name) || !is_address) {
            return Refusal{Code::config_invalid,
                           fmt::format("'{}' is no gateway", text),
                           "A gateway is NAME=HOST:PORT, for example gw1=gw1.example.org:7443",
                           {}};
        }
        gateways.push_back(std::move(entry));
    }
    return gateways;
}

Outcome<LoginPtr> login_of_files(const LoginChoice& choice, const ProfileFolder& folder) {
    if (choice.certificate.empty() || choice.key.empty()) {
        return Refusal{Code::config_invalid,
                       "a certificate and its key are needed",
                       "Give both: --cert FILE --key FILE",
                       {}};
    }
    auto chain = pki::load_certificates(choice.certificate);
    if (!chain) {
        return bad_file(chain.error(), "--cert takes a PEM file: the certificate first, then its issuers.");
    }
    auto key = pki::PrivateKey::load(choice.key);
    if (!key) {
        return bad_file(key.error(), "--key takes a PEM file that only you may read.");
    }
    chain = pki::chain_of_key(*key, *chain);
    if (!chain) {
        return bad_file(with_context(choice.certificate, chain.error()),
                        "Check that the certificate and the key belong together.");
    }
    auto server_ca = pki::TrustBundle::load(
        choice.server_ca.empty() ? folder.server_ca() : std::filesystem::path(choice.server_ca));
    if (!server_ca) {
        return bad_file(server_ca.error(), "Log in once (postern login), or give --server-ca FILE.");
    }
    const auto profile = folder.load();
    const std::string trust_domain = !choice.trust_domain.empty() ? choice.trust_domain
                                     : profile                    ? profile->trust_domain
                                                                  : std::string();
    if (trust_domain.empty()) {
        return Refusal{Code::config_invalid,
                       "the trust domain is not known",
                       "Log in once (postern login), or give --trust-domain NAME.",
                       {}};
    }
    Catalogue catalogue = profile ? profile->catalogue : Catalogue();
    if (!choice.gateways.empty()) {
        auto gateways = parse_gateways(choice.gateways);
        if (!gateways) {
            return gateways.error();
        }
        catalogue.gateways = *std::move(gateways);
    }
    net::TlsCredentials credentials{*std::move(key), *std::move(chain)};
    auto login = Login::make(std::move(credentials), *server_ca, trust_domain, std::move(catalogue));
    if (!login) {
        return bad_file(login.error(), "Check that the two files belong together.");
    }
    return *std::move(login);
}

}  // namespace

Outcome<std::shared_ptr<LoginSource>> open_login(const LoginChoice& choice, const ProfileFolder& folder) {
    auto login = login_of_files(choice, folder);
    if (!login) {
        return login.error();
    }
    return std::shared_ptr<LoginSource>(std::make_shared<FixedLogin>(*std::move(login)));
}

}  // namespace postern::client
