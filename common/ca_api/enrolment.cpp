#include "ca_api/enrolment.hpp"

#include <string.h>

#include <cstdlib>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/secret_line.hpp"
#include "base/shown_text.hpp"
#include "ca_api/first_contact.hpp"
#include "pki/csr.hpp"
#include "pki/openssl.hpp"

namespace postern::ca_api {

namespace {

Failure refused(const http::ClientAnswer& answer) {
    if (answer.problem) {
        return {answer.problem->code, shown(fmt::format("{} {}", answer.problem->title, answer.problem->hint))};
    }
    return {Code::unavailable, fmt::format("the CA service answered with HTTP status {}", answer.status)};
}

Result<http::ClientAnswer> post(http::Client& client, const Secret& token, const std::string& csr) {
    nlohmann::json request{{"token", std::string(token.reveal())}, {"csr", csr}};
    std::string text = json_text(request);
    auto answer = client.post_json("/v1/enroll", text);
    explicit_bzero(text.data(), text.size());
    auto& copy = request["token"].get_ref<std::string&>();
    explicit_bzero(copy.data(), copy.size());
    return answer;
}

Result<Enrolled> read(const std::string& body, const pki::PrivateKey& key) {
    auto trust = trust_from_json(body);
    if (!trust) {
        return trust.error();
    }
    const auto json = parse_json(body);
    const auto found = json.find("certificate");
    auto chain = found != json.end() && found->is_string()
                     ? pki::certificates_from_pem(found->get<std::string>())
                     : Result<std::vector<pki::Certificate>>(Failure{Code::malformed_request, {}});
    if (!chain) {
        return Failure{Code::malformed_request, "the CA's answer holds no certificate"};
    }
    const pki::ErrorQueueScope errors;
    if (X509_check_private_key(chain->front().get(), key.get()) != 1) {
        return Failure{Code::malformed_request, "the CA's certificate is for another key"};
    }
    return Enrolled{std::move(trust->trust_domain), *std::move(chain), std::move(trust->user_ca),
                    std::move(trust->server_ca)};
}

}  // namespace

Result<Enrolled> enroll(http::Client& client, const Secret& token, const pki::PrivateKey& key) {
    const auto csr = pki::make_csr_pem(key, "postern");
    if (!csr) {
        return csr.error();
    }
    const auto answer = post(client, token, *csr);
    if (!answer) {
        return answer.error();
    }
    if (answer->status != 200) {
        return refused(*answer);
    }
    return read(answer->body, key);
}

Result<Secret> read_token(const std::optional<std::string>& given, const std::filesystem::path& file) {
    if (given) {
        return secret_of(Secret(std::string_view(*given)), SecretKind::token, "--token");
    }
    const char* const in_environment = std::getenv("POSTERN_TOKEN");
    if (file.empty() && in_environment != nullptr) {
        return secret_of(Secret(std::string_view(in_environment)), SecretKind::token, "POSTERN_TOKEN");
    }
    return read_secret(file, "Token: ", SecretKind::token);
}

}  // namespace postern::ca_api
