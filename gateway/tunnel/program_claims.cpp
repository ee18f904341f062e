#include "gateway/tunnel/program_claims.hpp"

#include <charconv>

#include "http/percent_encoding.hpp"

namespace postern::gateway {

namespace {

constexpr std::size_t kMostPathBytes = 256;

/// Reads the number after `key`, and removes both from `rest`.
bool take_number(std::string_view& rest, std::string_view key, std::uint32_t& into) {
    if (!rest.starts_with(key)) {
        return false;
    }
    rest.remove_prefix(key.size());
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), into);
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    return error == std::errc();
}

}  // namespace

nlohmann::json ProgramClaims::to_json() const {
    nlohmann::json claims = nlohmann::json::object();
    if (is_probe) {
        claims["purpose"] = "probe";
    }
    if (pid == 0 && path.empty()) {
        return claims;
    }
    nlohmann::json process = {{"pid", pid}, {"real_user", {{"id", std::to_string(uid)}}}};
    if (!path.empty()) {
        process["executable"] = path;
    }
    claims["process"] = std::move(process);
    return claims;
}

Result<ProgramClaims> parse_program_claims(std::string_view field) {
    const Failure malformed{Code::malformed_request, "Postern-Client-Program is not pid=, uid=, program="};
    constexpr std::string_view kProgram = ", program=";
    ProgramClaims claims;
    std::string_view rest = field;
    if (!take_number(rest, "pid=", claims.pid) || !take_number(rest, ", uid=", claims.uid) ||
        !rest.starts_with(kProgram)) {
        return malformed;
    }
    rest.remove_prefix(kProgram.size());
    auto path = http::percent_decoded(rest);
    if (!path) {
        return Failure{Code::malformed_request, "Postern-Client-Program holds a bad escape"};
    }
    if (path->size() > kMostPathBytes) {
        return malformed;
    }
    claims.path = *std::move(path);
    return claims;
}

}  // namespace postern::gateway
