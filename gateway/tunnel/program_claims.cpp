#include "gateway/tunnel/program_claims.hpp"

#include <charconv>

#include "base/hex.hpp"

namespace postern::gateway {

namespace {

constexpr std::size_t kMostPathBytes = 256;

// The number behind `key`, which goes from `rest`.
bool take_number(std::string_view& rest, std::string_view key, std::uint32_t& into) {
    if (!rest.starts_with(key)) {
        return false;
    }
    rest.remove_prefix(key.size());
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), into);
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    return error == std::errc();
}

Result<std::string> percent_decoded(std::string_view text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            decoded.push_back(text[i]);
            continue;
        }
        const auto byte = from_hex(text.substr(i + 1, 2));
        if (!byte || byte->size() != 1) {
            return Failure{Code::malformed_request, "Postern-Client-Program holds a bad escape"};
        }
        decoded.push_back(static_cast<char>(byte->front()));
        i += 2;
    }
    return decoded;
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
    auto path = percent_decoded(rest);
    if (!path) {
        return path.error();
    }
    if (path->size() > kMostPathBytes) {
        return malformed;
    }
    claims.path = *std::move(path);
    return claims;
}

}  // namespace postern::gateway
