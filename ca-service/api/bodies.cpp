#include "ca-service/api/bodies.hpp"

#include <string.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.hpp"

namespace postern::ca::api {

namespace {

using Json = nlohmann::json;

/// Moves the member's text out of the object.
Result<std::string> take_text(Json& object, const char* member) {
    if (!object.is_object()) {
        return Failure{Code::malformed_request, "the body is no JSON object"};
    }
    const auto found = object.find(member);
    if (found == object.end() || !found->is_string()) {
        return Failure{Code::malformed_request, fmt::format("the body lacks the text \"{}\"", member)};
    }
    return std::move(found->get_ref<std::string&>());
}

/// Wipes a body that holds a secret at the end of its scope.
class Wiper {
public:
    explicit Wiper(std::string& text) : text_(text) {}
    ~Wiper() { ::explicit_bzero(text_.data(), text_.size()); }
    Wiper(const Wiper&) = delete;
    Wiper& operator=(const Wiper&) = delete;

private:
    std::string& text_;
};

}  // namespace

Result<LoginBody> parse_login(std::string&& body) {
    const Wiper wiper(body);
    Json object = parse_json(body);
    auto password = take_text(object, "password");
    if (!password) {
        return password.error();
    }
    LoginBody parsed;
    parsed.password = Secret(std::move(*password));
    auto username = take_text(object, "username");
    if (!username) {
        return username.error();
    }
    auto csr = take_text(object, "csr");
    if (!csr) {
        return csr.error();
    }
    parsed.username = std::move(*username);
    parsed.csr = std::move(*csr);
    return parsed;
}

Result<EnrolmentBody> parse_enrolment(std::string&& body) {
    const Wiper wiper(body);
    Json object = parse_json(body);
    auto token = take_text(object, "token");
    if (!token) {
        return token.error();
    }
    EnrolmentBody parsed;
    parsed.token = Secret(std::move(*token));
    auto csr = take_text(object, "csr");
    if (!csr) {
        return csr.error();
    }
    parsed.csr = std::move(*csr);
    return parsed;
}

Result<std::string> parse_renewal(std::string_view body) {
    Json object = parse_json(body);
    return take_text(object, "csr");
}

std::string login_answer(const Ca& ca, const LoginGrant& grant) {
    const auto config = ca.settings.get();
    Json gateways = Json::array();
    for (const CatalogueGateway& gateway : config->gateways) {
        gateways.push_back({{"name", gateway.name}, {"address", gateway.address}});
    }
    Json services = Json::array();
    for (const auto& [service, certified_until, is_in_config] : grant.services) {
        services.push_back({{"name", service.name},
                            {"server_name", service.server_name ? Json(*service.server_name) : Json()},
                            {"user_map", service.has_user_map},
                            {"protocol", service.is_postgres ? "postgres" : "tcp"},
                            {"mode", service.is_passed_through ? "passthrough" : "end_to_end"}});
    }
    const Json answer{
        {"certificate", grant.certificate.pem() + ca.authority.users().chain().front().pem()},
        {"not_after", format_time(grant.certificate.not_after())},
        {"renew_after", format_time(grant.renew_after)},
        {"session", {{"id", grant.session.id}, {"expires", format_time(grant.session.expires_at)}}},
        {"user", grant.user.name},
        {"groups", grant.user.groups},
        {"trust_domain", config->trust_domain},
        // The catalogue is complete: what is not listed does not exist, whatever a gateway says.
        {"catalogue",
         {{"gateways", std::move(gateways)}, {"services", std::move(services)}, {"complete", true}}},
    };
    return json_text(answer);
}

std::string enrolment_answer(const Ca& ca, const pki::Certificate& certificate) {
    const Json answer{
        {"certificate", certificate.pem() + ca.authority.servers().chain().front().pem()},
        {"trust_domain", ca.settings.get()->trust_domain},
        {"user_ca", ca.authority.user_bundle().pem()},
        {"server_ca", ca.authority.server_bundle().pem()},
    };
    return json_text(answer);
}

std::string trust_answer(const Ca& ca) {
    const Json answer{
        {"trust_domain", ca.settings.get()->trust_domain},
        {"user_ca", ca.authority.user_bundle().pem()},
        {"server_ca", ca.authority.server_bundle().pem()},
    };
    return json_text(answer);
}

}  // namespace postern::ca::api
