// The JSON that clients send and get. The functions are pure: they read a stranger's bytes and know no store
// and no clock.
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
    /// The name as it was typed, which need not be a login name.
    std::string username;
    Secret password;
    std::string csr;
};

struct EnrolmentBody {
    Secret token;
    std::string csr;
};

/// Reads the body of a request. Fails with Code::malformed_request and what is missing or wrong as detail.
/// Unknown members are ignored, so that newer clients work. `body` is wiped, since it holds a password or a
/// token.
Result<LoginBody> parse_login(std::string&& body);
Result<EnrolmentBody> parse_enrolment(std::string&& body);
/// Returns the CSR of a renewal. Fails with Code::malformed_request.
Result<std::string> parse_renewal(std::string_view body);

std::string login_answer(const Ca& ca, const LoginGrant& grant);
std::string enrolment_answer(const Ca& ca, const pki::Certificate& certificate);
std::string trust_answer(const Ca& ca);

}  // namespace postern::ca::api
