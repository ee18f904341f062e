#include "client-proxy/login/ca_client.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/file_batch.hpp"
#include "base/hex.hpp"
#include "pki/identity.hpp"

namespace postern::client {

namespace {

Failure senseless(std::string_view what) {
    return {Code::malformed_request, fmt::format("the CA's answer: {}", what)};
}

constexpr std::size_t kMostMethods = 16;
constexpr std::size_t kMostFields = 16;

}  // namespace

bool is_signed_by(const pki::Certificate& certificate, const pki::Certificate& issuer) {
    return X509_check_issued(issuer.get(), certificate.get()) == X509_V_OK &&
           X509_verify(certificate.get(), X509_get0_pubkey(issuer.get())) == 1;
}

Result<std::vector<LoginMethod>> login_methods_from_json(std::string_view text) {
    const auto json = nlohmann::json::parse(text, nullptr, false);
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
    const auto json = nlohmann::json::parse(text, nullptr, false);
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

Result<Trust> trust_from_json(std::string_view text) {
    const auto json = nlohmann::json::parse(text, nullptr, false);
    const auto member = [&](const char* key) {
        return json.is_object() && json.contains(key) && json[key].is_string() ? json[key].get<std::string>()
                                                                               : std::string();
    };
    auto user_ca = pki::TrustBundle::from_pem(member("user_ca"));
    auto server_ca = pki::TrustBundle::from_pem(member("server_ca"));
    if (!user_ca || !server_ca || member("trust_domain").empty()) {
        return senseless("user_ca, server_ca or trust_domain is missing");
    }
    return Trust{member("trust_domain"), *std::move(user_ca), *std::move(server_ca)};
}

Result<std::string> parse_pin(std::string_view text) {
    const Failure bad{Code::malformed_request, "a fingerprint is sha256: and 64 hexadecimal digits"};
    std::string hex;
    constexpr std::string_view kPrefix = "sha256:";
    if (text.size() < kPrefix.size() ||
        !std::equal(kPrefix.begin(), kPrefix.end(), text.begin(),
                    [](char a, char b) { return a == std::tolower(static_cast<unsigned char>(b)); })) {
        return bad;
    }
    for (const char character : text.substr(kPrefix.size())) {
        if (character != ':') {
            hex.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(character))));
        }
    }
    if (hex.size() != 64 || !from_hex(hex)) {
        return bad;
    }
    return std::string(kPrefix) + hex;
}

Result<pki::TrustBundle> vouched_for(const std::vector<pki::Certificate>& server_ca, std::string_view pin) {
    const auto root =
        std::find_if(server_ca.begin(), server_ca.end(), [&](const pki::Certificate& certificate) {
            return "sha256:" + certificate.fingerprint() == pin && is_signed_by(certificate, certificate);
        });
    if (root == server_ca.end()) {
        return Failure{Code::unknown_issuer, "no root of the server CA has the pinned fingerprint"};
    }
    std::vector<pki::Certificate> vouched{*root};
    // Each round takes in what stands directly below something that is vouched for.
    for (std::size_t at = 0; at < vouched.size(); ++at) {
        const pki::Certificate above = vouched[at];
        for (const auto& certificate : server_ca) {
            const bool is_known =
                std::any_of(vouched.begin(), vouched.end(), [&](const pki::Certificate& known) {
                    return known.fingerprint() == certificate.fingerprint();
                });
            if (!is_known && is_signed_by(certificate, above)) {
                vouched.push_back(certificate);
            }
        }
    }
    return pki::TrustBundle::from_pem(pki::to_pem(vouched));
}

Outcome<CaClient> CaClient::make(std::string url, pki::TrustBundle server_ca, std::string trust_domain,
                                 std::optional<net::TlsCredentials> credentials) {
    if (auto wrong = CaRoute::misconfigured()) {
        return *std::move(wrong);
    }
    const CaRoute route;
    http::ClientOptions options;
    options.detour = route.detour();
    options.url = url;
    options.server_ca = std::move(server_ca);
    options.trust_domain = std::move(trust_domain);
    options.credentials = std::move(credentials);
    auto client = http::Client::make(std::move(options));
    if (!client) {
        return Refusal{Code::config_invalid,
                       client.error().detail,
                       "The address looks like https://ca.example.org:7444",
                       {}};
    }
    return CaClient(*std::move(client), std::move(url), route);
}

Outcome<Trust> claimed_trust(const std::string& url) {
    if (auto wrong = CaRoute::misconfigured()) {
        return *std::move(wrong);
    }
    const CaRoute route;
    http::ClientOptions options;
    options.detour = route.detour();
    options.url = url;
    auto stranger = http::Client::make(std::move(options));
    if (!stranger) {
        return Refusal{Code::config_invalid,
                       stranger.error().detail,
                       "The address looks like https://ca.example.org:7444",
                       {}};
    }
    auto answer = stranger->get("/v1/trust");
    if (!answer) {
        auto on_the_way = route.refusal(url);
        return on_the_way ? *std::move(on_the_way) : ca_refusal(answer.error(), url);
    }
    auto claimed = answer->status == 200 ? trust_from_json(answer->body) : senseless("no trust");
    if (!claimed) {
        return ca_refusal(claimed.error(), url);
    }
    return *std::move(claimed);
}

Outcome<CaClient> CaClient::make_pinned(const std::string& url, const std::string& pin) {
    auto claimed = claimed_trust(url);
    if (!claimed) {
        return claimed.error();
    }
    auto vouched = vouched_for(claimed->server_ca.certificates(), pin);
    if (!vouched) {
        return Refusal{
            Code::unknown_issuer,
            fmt::format("the server at {} is not the CA service with the fingerprint {}", url, pin),
            "Compare with what `postern-ca fingerprint` prints on the CA's host. If it differs, somebody may "
            "be "
            "in between.",
            {}};
    }
    return make(url, *std::move(vouched), claimed->trust_domain, std::nullopt);
}

Outcome<std::string> CaClient::body_of(Result<http::ClientAnswer> answer) const {
    if (!answer) {
        auto on_the_way = route_.refusal(url_);
        return on_the_way ? *std::move(on_the_way) : ca_refusal(answer.error(), url_);
    }
    if (answer->problem) {
        return refusal_of(*answer->problem);
    }
    if (answer->status >= 300) {
        return ca_refusal(senseless(fmt::format("status {}", answer->status)), url_);
    }
    return std::move(answer->body);
}

Outcome<LoginAnswer> CaClient::login_answer(Result<http::ClientAnswer> answer) const {
    auto body = body_of(std::move(answer));
    if (!body) {
        return body.error();
    }
    auto read = login_answer_from_json(*body);
    if (!read) {
        return ca_refusal(read.error(), url_);
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
                                     std::string_view csr_pem) {
    nlohmann::json request = {{"csr", csr_pem}};
    for (const auto& [field, entered] : fields) {
        request[field] = entered.reveal();
    }
    std::string text = request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    const std::string path =
        method == "password" ? std::string("/v1/login") : fmt::format("/v1/login/{}", method);
    auto answer = client_.post_json(path, text);
    explicit_bzero(text.data(), text.size());
    for (auto& member : request) {
        auto& copy = member.get_ref<std::string&>();
        explicit_bzero(copy.data(), copy.size());
    }
    return login_answer(std::move(answer));
}

Outcome<LoginAnswer> CaClient::renew(std::string_view csr_pem) {
    const nlohmann::json request = {{"csr", csr_pem}};
    return login_answer(client_.post_json("/v1/renew", request.dump()));
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
    auto read = trust_from_json(*body);
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
    // The key first: a certificate without its key is no login.
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
