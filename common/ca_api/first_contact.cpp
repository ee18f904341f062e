#include "ca_api/first_contact.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "ca_api/trust_set.hpp"
#include "pki/identity.hpp"

namespace postern::ca_api {

namespace {

/// The failure for an invalid answer. `what` is a fixed text: nothing that an unauthenticated server sent is
/// shown.
Failure senseless(std::string_view what) {
    return {Code::malformed_request, fmt::format("not the answer of a CA service: {}", what)};
}

/// The string member `name`; empty if there is none.
std::string member(const nlohmann::json& object, const char* name) {
    const auto found = object.is_object() ? object.find(name) : object.end();
    const bool is_text = object.is_object() && found != object.end() && found->is_string();
    return is_text ? found->get<std::string>() : std::string();
}

}  // namespace

Result<Trust> trust_from_json(std::string_view text) {
    const auto json = parse_json(text);
    auto user_ca = pki::TrustBundle::from_pem(member(json, "user_ca"));
    auto server_ca = pki::TrustBundle::from_pem(member(json, "server_ca"));
    std::string trust_domain = member(json, "trust_domain");
    if (!user_ca || !server_ca || !pki::is_trust_domain(trust_domain)) {
        return senseless("user_ca, server_ca or trust_domain is missing");
    }
    return Trust{std::move(trust_domain), *std::move(user_ca), *std::move(server_ca)};
}

Result<ClaimedTrust> claimed_trust_from_json(std::string_view text) {
    const auto json = parse_json(text);
    auto server_ca = pki::certificates_from_pem(member(json, "server_ca"));
    std::string trust_domain = member(json, "trust_domain");
    if (!server_ca || !pki::is_trust_domain(trust_domain)) {
        return senseless("server_ca or trust_domain is missing");
    }
    return ClaimedTrust{std::move(trust_domain), *std::move(server_ca)};
}

Result<ClaimedTrust> ask_for_trust(http::ClientOptions options) {
    options.longest_answer = std::min(options.longest_answer, kLongestTrust);
    auto stranger = http::Client::make(std::move(options));
    if (!stranger) {
        return stranger.error();
    }
    const auto answer = stranger->get("/v1/trust");
    if (!answer) {
        return answer.error();
    }
    if (answer->status >= 500) {
        return Failure{Code::unavailable, fmt::format("it answered with HTTP status {}", answer->status)};
    }
    if (answer->status != 200) {
        return senseless(fmt::format("HTTP status {}", answer->status));
    }
    return claimed_trust_from_json(answer->body);
}

Result<http::ClientOptions> pinned(http::ClientOptions options, const ClaimedTrust& claimed,
                                   const Fingerprint& pin, SystemTime now) {
    auto vouched = trust_set(claimed.server_ca, pin, now);
    if (!vouched) {
        return vouched.error();
    }
    options.server_ca = *std::move(vouched);
    options.trust_domain = claimed.trust_domain;
    return options;
}

Result<http::Client> first_contact(const http::ClientOptions& options, const Fingerprint& pin,
                                   SystemTime now) {
    const auto claimed = ask_for_trust(options);
    if (!claimed) {
        return claimed.error();
    }
    auto verifying = pinned(options, *claimed, pin, now);
    if (!verifying) {
        return verifying.error();
    }
    return http::Client::make(*std::move(verifying));
}

}  // namespace postern::ca_api
