#include "client-proxy/login/ca_client.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/file_batch.hpp"
#include "base/json.hpp"
#include "ca_api/trust_set.hpp"
#include "client-proxy/refusal/ca_clock.hpp"
#include "pki/csr.hpp"
#include "pki/identity.hpp"
#include "pki/openssl.hpp"

namespace postern::client {

namespace {

Failure senseless(std::string_view what) {
    return {Code::malformed_request, fmt::format("the CA's answer: {}", what)};
}

constexpr std::size_t kMostMethods = 16;
constexpr std::size_t kMostFields = 16;

}  // namespace

Result<std::vector<LoginMethod>> login_methods_from_json(std::string_view text) {
    const auto json = parse_json(text);
    try {
        std::vector<LoginMethod> methods;
        for (const auto& item : json.at("methods")) {
            LoginMethod method;
            method.id = item.at("id").get<std::string>();
            method.title = item.value("title", method.id);
            method.kind = item.value("kind", std::string("form"));
            for (const auto& field : item.value("fields", nlohmann::json::array())) {
                const std::string named = field.at("name").get<std::string>();
                method.fields.push_back({named, field.value("label", named),
                                         field.value("kind", std::string("text")),
                                         field.value("required", true)});
            }
            if (!pki::is_resource_name(method.id) || method.fields.size() > kMostFields ||
                methods.size() == kMostMethods) {
                return senseless("a login method");
            }
            methods.push_back(std::move(method));
        }
        return methods;
    } catch (const nlohmann::json::exception& error) {
        return senseless(error.what());
    }
}

Result<LoginAnswer> login_answer_from_json(std::string_view text) {
    const auto json = parse_json(text);
    if (!json.is_object()) {
        return senseless("no JSON object");
    }
    try {
        LoginAnswer answer;
        auto chain = pki::certificates_from_pem(json.at("certificate").get<std::string>());
        if (!chain) {
            return chain.error();
        }
        answer.chain = *std::move(chain);
        answer.user = json.at("user").get<std::string>();
        answer.groups = json.at("groups").get<std::vector<std::string>>();
        answer.trust_domain = json.at("trust_domain").get<std::string>();
        const auto& session = json.at("session");
        answer.session_id = session.at("id").get<std::string>();
        auto expires = parse_time(session.at("expires").get<std::string>());
        if (!expires) {
            return senseless("session.expires is no time");
        }
        answer.session_expires = *expires;
        const auto renew_after = parse_time(json.at("renew_after").get<std::string>());
        if (!renew_after) {
            return senseless("renew_after is no time");
        }
        answer.renew_after = *renew_after;
        auto catalogue = catalogue_from_json(json.at("catalogue"));
        if (!catalogue) {
            return catalogue.error();
        }
        answer.catalogue = *std::move(catalogue);
        return answer;
    } catch (const nlohmann::json::exception& error) {
        return senseless(error.what());
    }
}

Outcome<CaClient> CaClient::make(std::string url, pki::TrustBundle server_ca, std::string trust_domain,
                                 std::optional<net::TlsCredentials> credentials) {
    if (auto wrong = CaRoute::misconfigured()) {
        return *std::move(wrong);
    }
    const CaRoute route(url);
    http::ClientOptions options;
    options.dial = route.dial();
    options.url = url;
    options.server_ca = std::move(server_ca);
    options.trust_domain = std::move(trust_domain);
    auto key = credentials ? std::optional(credentials->key) : std::nullopt;
    options.credentials = std::move(credentials);
    auto client = http::Client::make(std::move(options));
    if (!client) {
        return Refusal{Code::config_invalid,
                       client.error().detail,
                       "The address looks like https://ca.example.org:7444",
                       {}};
    }
    return CaClient(*std::move(client), std::move(url), route, std::move(key));
}

Outcome<ca_api::ClaimedTrust> claimed_trust(const std::string& url) {
    if (auto wrong = CaRoute::misconfigured()) {
        return *std::move(wrong);
    }
    const CaRoute route(url);
    http::ClientOptions options;
    options.dial = route.dial();
    options.url = url;
    auto claimed = ca_api::ask_for_trust(std::move(options));
    if (claimed) {
        return *std::move(claimed);
    }
    if (claimed.error().code == Code::config_invalid) {
        return Refusal{Code::config_invalid,
                       claimed.error().detail,
                       "The address looks like https://ca.example.org:7444",
                       {}};
    }
    auto on_the_way = route.refusal();
    const bool is_own = claimed.error().code == Code::out_of_resources;
    return on_the_way && !is_own ? *std::move(on_the_way) : ca_refusal(claimed.error(), url);
}

Outcome<CaClient> CaClient::make_pinned(const std::string& url, const ca_api::Fingerprint& pin) {
    auto claimed = claimed_trust(url);
    if (!claimed) {
        return claimed.error();
    }
    auto vouched = ca_api::trust_set(claimed->server_ca, pin, system_clock()());
    if (!vouched && vouched.error().code == Code::unknown_issuer) {
        return Refusal{
            Code::unknown_issuer,
            fmt::format("the server at {} is not the CA service with the fingerprint {}", url, pin.text()),
            "Compare with what `postern-ca fingerprint` prints on the CA's host. If it differs, somebody may "
            "be in between.",
            {}};
    }
    if (!vouched) {
        return ca_refusal(vouched.error(), url);
    }
    return make(url, *std::move(vouched), claimed->trust_domain, std::nullopt);
}

Outcome<std::string> CaClient::body_of(Result<http::ClientAnswer> answer) const {
    if (!answer) {
        auto on_the_way = route_.refusal();
        const bool is_own = answer.error().code == Code::out_of_resources;
        if (on_the_way && !is_own) {
            return *std::move(on_the_way);
        }
        return client_.was_certificate_refused() ? ca_verdict(answer.error(), url_)
                                                 : ca_refusal(answer.error(), url_);
    }
    if (answer->date) {
        ca_clock().learn(*answer->date);
    }
    if (answer->problem) {
        return refusal_of(*answer->problem);
    }
    if (answer->status >= 300) {
        return ca_refusal(senseless(fmt::format("status {}", answer->status)), url_);
    }
    return std::move(answer->body);
}

Outcome<LoginAnswer> CaClient::login_answer(Result<http::ClientAnswer> answer,
                                            const pki::PrivateKey& key) const {
    auto body = body_of(std::move(answer));
    if (!body) {
        return body.error();
    }
    auto read = login_answer_from_json(*body);
    if (!read) {
        return ca_refusal(read.error(), url_);
    }
    const pki::ErrorQueueScope errors;
    if (X509_check_private_key(read->chain.front().get(), key.get()) != 1) {
        return Refusal{Code::internal,
                       "the CA service issued a certificate for another key",
                       "Tell the administrator.",
                       {}};
    }
    return *std::move(read);
}

Outcome<std::vector<LoginMethod>> CaClient::login_methods() {
    auto body = body_of(client_.get("/v1/login-methods"));
    if (!body) {
        return body.error();
    }
    auto read = login_methods_from_json(*body);
    if (!read) {
        return ca_refusal(read.error(), url_);
    }
    return *std::move(read);
}

Outcome<LoginAnswer> CaClient::login(std::string_view method,
                                     const std::vector<std::pair<std::string, Secret>>& fields,
                                     const pki::PrivateKey& key) {
    const auto csr = pki::make_csr_pem(key, "login");
    if (!csr) {
        return local_refusal(csr.error());
    }
    nlohmann::json request = {{"csr", *csr}};
    for (const auto& [field, entered] : fields) {
        request[field] = entered.reveal();
    }
    std::string text = json_text(request);
    const std::string path =
        method == "password" ? std::string("/v1/login") : fmt::format("/v1/login/{}", method);
    auto answer = client_.post_json(path, text);
    explicit_bzero(text.data(), text.size());
    for (auto& member : request) {
        auto& copy = member.get_ref<std::string&>();
        explicit_bzero(copy.data(), copy.size());
    }
    return login_answer(std::move(answer), key);
}

Outcome<LoginAnswer> CaClient::renew() {
    if (!key_) {
        return Refusal{
            Code::no_certificate, "a renewal needs the login certificate", "Run: postern login", {}};
    }
    const auto csr = pki::make_csr_pem(*key_, "renewal");
    if (!csr) {
        return local_refusal(csr.error());
    }
    const nlohmann::json request = {{"csr", *csr}};
    return login_answer(client_.post_json("/v1/renew", json_text(request)), *key_);
}

Outcome<void> CaClient::logout() {
    auto body = body_of(client_.post_json("/v1/logout", "{}"));
    if (!body) {
        return body.error();
    }
    return {};
}

Outcome<Trust> CaClient::trust() {
    auto body = body_of(client_.get("/v1/trust"));
    if (!body) {
        return body.error();
    }
    auto read = ca_api::trust_from_json(*body);
    if (!read) {
        return ca_refusal(read.error(), url_);
    }
    return *std::move(read);
}

Result<void> keep_trust(const ProfileFolder& folder, const Profile& profile, const Trust& trust) {
    FileBatch batch;
    for (const auto& [path, content] : {std::pair{folder.server_ca(), trust.server_ca.pem()},
                                        std::pair{folder.user_ca(), trust.user_ca.pem()},
                                        std::pair{folder.path() / "profile.json", to_json_text(profile)}}) {
        if (auto added = batch.add(path, content, 0600); !added) {
            return added;
        }
    }
    return batch.put();
}

Result<void> keep_login(const ProfileFolder& folder, const Profile& profile, const LoginAnswer& answer,
                        const Trust* trust, const Secret* key_pem) {
    struct File {
        std::filesystem::path path;
        std::string content;
    };
    std::vector<File> files;
    if (trust != nullptr) {
        files.push_back({folder.server_ca(), trust->server_ca.pem()});
        files.push_back({folder.user_ca(), trust->user_ca.pem()});
    }
    files.push_back({folder.path() / "profile.json", to_json_text(profile)});
    files.push_back({folder.login_certificate(), pki::to_pem(answer.chain)});
    FileBatch batch;
    // The key comes first, because a certificate without its key is not a login.
    if (key_pem != nullptr) {
        if (auto added = batch.add(folder.login_key(), key_pem->reveal(), 0600); !added) {
            return added;
        }
    }
    for (const File& file : files) {
        if (auto added = batch.add(file.path, file.content, 0600); !added) {
            return added;
        }
    }
    return batch.put();
}

Profile updated(Profile profile, const LoginAnswer& answer) {
    profile.trust_domain = answer.trust_domain;
    profile.user = answer.user;
    profile.groups = answer.groups;
    profile.session_id = answer.session_id;
    profile.session_expires = answer.session_expires;
    profile.renew_after = answer.renew_after;
    profile.catalogue = answer.catalogue;
    return profile;
}

}  // namespace postern::client
