// POST /v1/enroll: exchanges a one-time token for a server's certificate.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "http/client.hpp"
#include "pki/certificate.hpp"
#include "pki/key.hpp"
#include "pki/trust_bundle.hpp"

namespace postern::ca_api {

/// The CA service's answer to an enrolment.
struct Enrolled {
    std::string trust_domain;
    /// The server's certificate and its issuers, leaf first.
    std::vector<pki::Certificate> chain;
    pki::TrustBundle user_ca;
    pki::TrustBundle server_ca;
};

/// Exchanges the token for a certificate of `key`. `client` must verify its server. A refusal keeps the CA
/// service's code and words: Code::unauthenticated for a token that is unknown, used or expired. Fails with
/// Code::malformed_request when the answer is incomplete or is for another key, and otherwise as http::Client
/// does. Blocks.
Result<Enrolled> enroll(http::Client& client, const Secret& token, const pki::PrivateKey& key);

/// Obtains the token in the way that is common to all programs which enrol. A token or a file named on the
/// command line takes precedence over POSTERN_TOKEN in the environment, which may hold a token for another
/// server. Without any of these it is read from standard input, or asked for on a terminal. Fails as
/// read_secret() does.
Result<Secret> read_token(const std::optional<std::string>& given, const std::filesystem::path& file);
/// The hint for a person when read_token() fails.
inline constexpr const char* kTokenHint =
    "postern-ca token create, on the CA machine, prints one; pipe it in, or name its file with --token-file";

}  // namespace postern::ca_api
