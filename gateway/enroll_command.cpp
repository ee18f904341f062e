#include "gateway/enroll_command.hpp"

#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/file_batch.hpp"
#include "base/hex.hpp"
#include "gateway/settings.hpp"
#include "http/client.hpp"
#include "pki/certificate.hpp"
#include "pki/csr.hpp"
#include "pki/identity.hpp"
#include "pki/key.hpp"
#include "pki/trust_bundle.hpp"

namespace postern::gateway {

namespace {

constexpr std::string_view kSha256 = "sha256:";

/// What the CA service hands out, as it hands it out.
struct Papers {
    std::string trust_domain;
    std::string certificate;
    std::string user_ca;
    std::string server_ca;
};

Failure answer_failure(std::string_view what, const http::ClientAnswer& answer) {
    if (answer.problem) {
        return Failure{answer.problem->code,
                       fmt::format("{}: {} {}", what, answer.problem->title, answer.problem->hint)};
    }
    return Failure{Code::unavailable, fmt::format("{}: the CA service answered {}", what, answer.status)};
}

/// One string of a JSON object; Code::malformed_request when it is not there.
Result<std::string> text_of(const nlohmann::json& document, const char* key) {
    const auto found = document.find(key);
    if (found == document.end() || !found->is_string()) {
        return Failure{Code::malformed_request, fmt::format("the CA service's answer has no \"{}\"", key)};
    }
    return found->get<std::string>();
}

Result<nlohmann::json> object_of(const std::string& body) {
    auto document = nlohmann::json::parse(body, nullptr, false);
    if (!document.is_object()) {
        return Failure{Code::malformed_request, "the CA service's answer is not a JSON object"};
    }
    return Result<nlohmann::json>(boost::system::in_place_value, std::move(document));
}

/// The hexadecimal digits of "sha256:<hex>", in lower case.
Result<std::string> pin_of(std::string_view fingerprint) {
    const bool has_form = fingerprint.starts_with(kSha256);
    const auto bytes = from_hex(has_form ? fingerprint.substr(kSha256.size()) : std::string_view());
    if (!has_form || !bytes || bytes->size() != 32) {
        return Failure{
            Code::config_invalid,
            "--fingerprint must be sha256:<64 hexadecimal digits>, as postern-ca fingerprint prints it"};
    }
    return to_hex(*bytes);
}

/// Of a bundle that anybody may have sent: the one root that the fingerprint names, and the intermediates,
/// which prove nothing by themselves.
Result<pki::TrustBundle> pinned_bundle(std::string_view pem, std::string_view fingerprint) {
    auto certificates = pki::certificates_from_pem(pem);
    if (!certificates) {
        return certificates.error();
    }
    std::vector<pki::Certificate> kept;
    bool has_root = false;
    for (const pki::Certificate& certificate : *certificates) {
        const bool is_pinned = certificate.fingerprint() == fingerprint;
        has_root = has_root || is_pinned;
        if (is_pinned || certificate.subject() != certificate.issuer()) {
            kept.push_back(certificate);
        }
    }
    if (!has_root) {
        return Failure{Code::wrong_server_identity,
                       "the CA service's root certificate does not have the given fingerprint"};
    }
    return pki::TrustBundle::from_pem(pki::to_pem(kept));
}

/// Asks the CA service for its trust bundle before there is anything to verify it with, and believes the
/// fingerprint.
Result<http::Client> pinned_client(const std::string& url, std::string_view fingerprint) {
    http::ClientOptions options;
    options.url = url;
    auto stranger = http::Client::make(options);
    if (!stranger) {
        return stranger.error();
    }
    auto answer = stranger->get("/v1/trust");
    if (!answer) {
        return answer.error();
    }
    if (answer->status != 200) {
        return answer_failure("asking for the trust bundles", *answer);
    }
    auto document = object_of(answer->body);
    if (!document) {
        return document.error();
    }
    auto pem = text_of(*document, "server_ca");
    if (!pem) {
        return pem.error();
    }
    auto trust_domain = text_of(*document, "trust_domain");
    if (!trust_domain) {
        return trust_domain.error();
    }
    auto bundle = pinned_bundle(*pem, fingerprint);
    if (!bundle) {
        return bundle.error();
    }
    options.server_ca = std::move(*bundle);
    options.trust_domain = std::move(*trust_domain);
    return http::Client::make(std::move(options));
}

Result<Papers> redeem(http::Client& client, const pki::PrivateKey& key, const Secret& token,
                      const std::string& name) {
    auto csr = pki::make_csr_pem(key, name);
    if (!csr) {
        return csr.error();
    }
    const nlohmann::json request{{"token", std::string(token.reveal())}, {"csr", *csr}};
    auto answer = client.post_json("/v1/enroll", request.dump());
    if (!answer) {
        return answer.error();
    }
    if (answer->status != 200) {
        return answer_failure("redeeming the token", *answer);
    }
    auto document = object_of(answer->body);
    if (!document) {
        return document.error();
    }
    Papers papers;
    const std::pair<const char*, std::string*> fields[] = {{"trust_domain", &papers.trust_domain},
                                                           {"certificate", &papers.certificate},
                                                           {"user_ca", &papers.user_ca},
                                                           {"server_ca", &papers.server_ca}};
    for (const auto& [field, into] : fields) {
        auto text = text_of(*document, field);
        if (!text) {
            return text.error();
        }
        *into = std::move(*text);
    }
    return papers;
}

/// What comes must be usable before it replaces anything.
Result<void> check(const Papers& papers, const Settings& settings) {
    if (papers.trust_domain != settings.trust_domain) {
        return Failure{Code::config_invalid,
                       fmt::format("the CA service is of the trust domain {}, [ca] trust_domain is {}",
                                   papers.trust_domain, settings.trust_domain)};
    }
    auto chain = pki::certificates_from_pem(papers.certificate);
    if (!chain) {
        return chain.error();
    }
    if (auto named = pki::check_server_identity(chain->front(), settings.trust_domain,
                                                pki::ServerKind::gateway, settings.name);
        !named) {
        return Failure{Code::config_invalid,
                       fmt::format("the token is not for the gateway '{}' of [gateway] name", settings.name)};
    }
    for (const std::string* bundle : {&papers.user_ca, &papers.server_ca}) {
        if (auto trusted = pki::TrustBundle::from_pem(*bundle); !trusted) {
            return trusted.error();
        }
    }
    return {};
}

/// Fails before the token is used up when the files could not be written.
Result<void> check_files(const Settings& settings) {
    for (const auto& path : {settings.key, settings.certificate, settings.user_ca, settings.server_ca}) {
        if (path.has_parent_path()) {
            if (auto made = create_directory(path.parent_path(), 0750); !made) {
                return made;
            }
        }
        if (auto good = FileBatch::check(path); !good) {
            return good;
        }
    }
    return {};
}

Result<void> write(const Papers& papers, const pki::PrivateKey& key, const Settings& settings) {
    const auto key_pem = key.to_pem();
    if (!key_pem) {
        return key_pem.error();
    }
    FileBatch batch;
    if (auto added = batch.add(settings.key, key_pem->reveal(), 0600); !added) {
        return added;
    }
    const std::pair<const std::filesystem::path*, const std::string*> files[] = {
        {&settings.certificate, &papers.certificate},
        {&settings.user_ca, &papers.user_ca},
        {&settings.server_ca, &papers.server_ca}};
    for (const auto& [path, content] : files) {
        if (auto added = batch.add(*path, *content, 0644); !added) {
            return added;
        }
    }
    return batch.put();
}

}  // namespace

Result<void> enroll(const Enrolment& enrolment) {
    auto settings = Settings::load(enrolment.config);
    if (!settings) {
        return settings.error();
    }
    if (auto checked = check_files(*settings); !checked) {
        return with_context("the token is still good", checked.error());
    }
    auto pin = pin_of(enrolment.fingerprint);
    if (!pin) {
        return pin.error();
    }
    auto client = pinned_client(enrolment.ca_url.empty() ? settings->ca_url : enrolment.ca_url, *pin);
    if (!client) {
        return client.error();
    }
    auto key = pki::PrivateKey::generate_p256();
    if (!key) {
        return key.error();
    }
    auto papers = redeem(*client, *key, enrolment.token, settings->name);
    if (!papers) {
        return papers.error();
    }
    if (auto good = check(*papers, *settings); !good) {
        return good;
    }
    return write(*papers, *key, *settings);
}

}  // namespace postern::gateway
