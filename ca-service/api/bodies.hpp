// The JSON that clients send and get. Pure: reads a stranger's bytes, knows no store and no clock.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "ca-service/ca.hpp"
#include "ca-service/issuance.hpp"
#include "pki/certificate.hpp"

namespace postern::ca::api {

struct LoginBody {
    /// As it was typed; need not be a login name.
    std::string username;
    Secret password;
    std::string csr;
};

struct EnrolmentBody {
    Secret token;
    std::string csr;
};

/// Code::malformed_request with what is missing or wrong. Members that nobody knows are ignored, so that
/// newer clients work. `body` is wiped: it holds a password or a token.
Result<LoginBody> parse_login(std::string&& body);
Result<EnrolmentBody> parse_enrolment(std::string&& body);
/// The CSR of a renewal.
Result<std::string> parse_renewal(std::string_view body);

std::string login_answer(const Ca& ca, const LoginGrant& grant);
std::string enrolment_answer(const Ca& ca, const pki::Certificate& certificate);
std::string trust_answer(const Ca& ca);

}  // namespace postern::ca::api
