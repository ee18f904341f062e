// POST /v1/enroll: a one-time token for a server's certificate.
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

struct Enrolled {
    std::string trust_domain;
    /// The server's certificate and what stands above it.
    std::vector<pki::Certificate> chain;
    pki::TrustBundle user_ca;
    pki::TrustBundle server_ca;
};

/// Redeems the token for a certificate of `key`. `client` verifies its server. A refusal keeps the CA's code
/// and words: Code::unauthenticated for a token that is unknown, used up or too old. Code::malformed_request
/// when the answer lacks something, or is for another key. Blocking.
Result<Enrolled> enroll(http::Client& client, const Secret& token, const pki::PrivateKey& key);

/// The token, as each program that enrols takes it: what was given on the command line, or the file that was named
/// there, counts before POSTERN_TOKEN in the environment, which may hold another one's; else it is read from standard
/// input, or asked for. Fails as read_secret() does.
Result<Secret> read_token(const std::optional<std::string>& given, const std::filesystem::path& file);
/// What to do where it fails.
inline constexpr const char* kTokenHint =
    "postern-ca token create, on the CA machine, prints one; pipe it in, or name its file with --token-file";

}  // namespace postern::ca_api
