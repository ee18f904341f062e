// One-time enrolment tokens: each says what one server will be called, and is worth one certificate. Stored
// as hashes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "ca-service/store/database.hpp"
#include "pki/identity.hpp"

namespace postern::ca::store {

struct EnrolmentToken {
    /// Lower-case hex SHA-256 of the token.
    std::string hash{};
    /// gateway or service.
    pki::ServerKind kind = pki::ServerKind::gateway;
    std::string name{};
    /// The further services that the same PostgreSQL server is.
    std::vector<std::string> more_services{};
    std::vector<std::string> dns_names{};
    SystemTime created_at{};
    SystemTime expires_at{};
    std::optional<SystemTime> used_at{};

    /// `name` and `more_services`.
    std::vector<std::string> names() const;
};

/// "gateway" or "service", as the store and the commands write them.
std::string_view kind_name(pki::ServerKind kind) noexcept;

/// What the store keeps of a token.
std::string token_hash(const Secret& token);

Result<void> add_token(Database& database, const EnrolmentToken& token);
/// Marks the token used and returns it. Code::unauthenticated when there is none such, or it was used or has
/// expired. Of several at once exactly one succeeds. Call inside a write transaction: only its commit uses
/// the token up.
Result<EnrolmentToken> redeem_token(Database& database, const Secret& token, SystemTime now);
/// Takes back a token that nobody has used. Code::not_found when there is none such (any more).
Result<void> withdraw_token(Database& database, const std::string& hash);
/// The same refusals from one look-up, which takes no lock: before anything that costs more is done for a
/// stranger. It is no promise: only redeem_token() uses a token up.
Result<void> check_token(Database& database, const Secret& token, SystemTime now);
/// Newest first.
Result<std::vector<EnrolmentToken>> list_tokens(Database& database);
Result<long long> forget_tokens(Database& database, SystemTime before);

/// No token that was made counts any more. Returns how many could have been redeemed.
Result<long long> withdraw_tokens(Database& database, SystemTime now);

}  // namespace postern::ca::store
