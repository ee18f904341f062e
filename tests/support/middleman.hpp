// A man in the middle between a machine and its CA service at first contact. He has what everybody has, the
// CA's root, and an authority of his own beside it. He counts what he is sent.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "http/https_service.hpp"
#include "net/event_loops.hpp"
#include "net/listener.hpp"
#include "net/tls_context.hpp"
#include "pki/certificate_builder.hpp"
#include "pki/csr.hpp"
#include "pki/identity.hpp"
#include "support/odd_certificates.hpp"

namespace postern::test {

class Middleman {
public:
    /// `bait` is the right root. `own` is an authority that should not be believed, and `shown` are the
    /// certificates that he sends beside the bait so that it is.
    Middleman(const pki::Certificate& bait, const pki::KeyAndCertificate& own,
              const std::vector<pki::Certificate>& shown)
        : own_(own), user_ca_(make_authority("Middleman's users", system_clock()())) {
        std::vector<pki::Certificate> all = shown;
        all.push_back(bait);
        trust_ = {{"trust_domain", "example.org"},
                  {"server_ca", pki::to_pem(all)},
                  {"user_ca", user_ca_.bundle.pem()}};
        OddProfile server = server_profile(pki::server_uri("example.org", pki::ServerKind::ca, "localhost"));
        const auto leaf = mint(server, own_).value();
        const net::TlsCredentials credentials{leaf.key, {leaf.certificate, own_.certificate}};
        auto tls = net::TlsContext::server(credentials, user_ca_.bundle,
                                           net::ClientCertificate::optional_and_maybe_expired);
        const http::HttpsService::Handler handler = [this](http::Request request, http::ClientInfo) {
            return answer(this, std::move(request));
        };
        loops_.start();
        auto listener = net::Listener::bind(net::Address{"127.0.0.1", "0", false});
        service_ = std::make_unique<http::HttpsService>(loops_, std::move(*listener), std::move(tls.value()),
                                                        http::HttpsLimits{}, handler, nullptr);
    }
    ~Middleman() {
        service_.reset();
        loops_.stop();
    }
    Middleman(const Middleman&) = delete;
    Middleman& operator=(const Middleman&) = delete;

    std::string url() const { return "https://localhost:" + std::to_string(service_->port()); }
    /// How often he was asked which CAs to trust, which everybody may ask, and how often he was sent a token
    /// or a password.
    int asked() const { return asked_; }
    int secrets() const { return secrets_; }

private:
    static OddProfile server_profile(const std::string& uri) {
        OddProfile profile;
        profile.common_name = "server";
        profile.uris = {uri};
        profile.names = {"localhost", "127.0.0.1"};
        profile.not_before = system_clock()() - std::chrono::minutes(1);
        profile.not_after = system_clock()() + std::chrono::hours(1);
        profile.usage = Usage::server_auth;
        return profile;
    }
    static boost::asio::awaitable<http::Response> answer(Middleman* self, http::Request request) {
        const std::string path(request.target());
        if (path == "/v1/trust") {
            ++self->asked_;
            http::Response response = http::json_response(200, self->trust_.dump());
            co_return response;
        }
        ++self->secrets_;
        nlohmann::json body = self->trust_;
        body["certificate"] = self->certificate_for(request.body());
        http::Response response = http::json_response(200, json_text(body));
        co_return response;
    }
    /// Enrols whoever sends a token: issues a certificate for the key of the CSR.
    std::string certificate_for(const std::string& body) const {
        const auto json = parse_json(body);
        const auto key = pki::public_key_from_csr(json.value("csr", std::string()));
        if (!key) {
            return {};
        }
        pki::CertificateBuilder builder;
        builder.subject(NID_commonName, "gw1")
            .validity(system_clock()() - std::chrono::minutes(1), system_clock()() + std::chrono::hours(1))
            .public_key(key->get())
            .issued_by(own_.certificate)
            .subject_key_identifier()
            .basic_constraints(false)
            .key_usage({0})
            .extended_key_usage(NID_server_auth)
            .alternative_names({pki::server_uri("example.org", pki::ServerKind::gateway, "gw1")},
                               {"localhost"});
        return builder.sign(own_.key).value().pem() + own_.certificate.pem();
    }

    pki::KeyAndCertificate own_;
    Authority user_ca_;
    nlohmann::json trust_;
    std::atomic<int> asked_ = 0;
    std::atomic<int> secrets_ = 0;
    net::EventLoops loops_{1};
    std::unique_ptr<http::HttpsService> service_;
};

/// A way in which a middleman's authority tries to pass for one that the root vouches for.
struct Disguise {
    const char* name;
    pki::KeyAndCertificate own;
    std::vector<pki::Certificate> shown;
};
inline std::vector<Disguise> disguises(const pki::Certificate& root, const pki::Certificate& issuing) {
    const SystemTime now = system_clock()();
    std::vector<Disguise> all;
    const auto add = [&](const char* name, pki::KeyAndCertificate own) {
        std::vector<pki::Certificate> shown{own.certificate};
        all.push_back({name, std::move(own), std::move(shown)});
    };
    const OddName plain{"Evil Intermediate CA"};
    add("as himself", make_misspelt_root(plain, plain, now).value());
    add("in another case", make_misspelt_root(plain, {"evil intermediate ca"}, now).value());
    add("with more blanks", make_misspelt_root(plain, {" Evil  Intermediate   CA "}, now).value());
    add("in another string type",
        make_misspelt_root(plain, {"Evil Intermediate CA", V_ASN1_PRINTABLESTRING}, now).value());
    add("under the root's name", make_impostor(root, now).value());
    add("under the issuing authority's name", make_impostor(issuing, now).value());
    return all;
}

}  // namespace postern::test
