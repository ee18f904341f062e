// One-time enrolment tokens. Each says what one server will be called, and is good for one certificate. They
// are stored as hashes.
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
    /// Either gateway or service.
    pki::ServerKind kind = pki::ServerKind::gateway;
    std::string name{};
    /// The further services that the same PostgreSQL server is.
    std::vector<std::string> more_services{};
    std::vector<std::string> dns_names{};
    SystemTime created_at{};
    SystemTime expires_at{};
    std::optional<SystemTime> used_at{};

    /// Returns `name`, then `more_services`.
    std::vector<std::string> names() const;
};

/// Returns "gateway" or "service", as the store and the commands write them.
std::string_view kind_name(pki::ServerKind kind) noexcept;

/// Returns what the store keeps of a token.
std::string token_hash(const Secret& token);

Result<void> add_token(Database& database, const EnrolmentToken& token);
/// Marks the token used and returns it. Fails with Code::unauthenticated when there is no such token, or when
/// it was used or has expired. Of several calls at once exactly one succeeds. Call it inside a write
/// transaction: only its commit uses the token up.
Result<EnrolmentToken> redeem_token(Database& database, const Secret& token, SystemTime now);
/// Withdraws a token that nobody has used. Fails with Code::not_found when there is none such (any more).
Result<void> withdraw_token(Database& database, const std::string& hash);
/// Fails as redeem_token() does, after one look-up that takes no lock. It is called before anything that
/// costs more is done for a stranger. It is no promise: only redeem_token() uses a token up.
Result<void> check_token(Database& database, const Secret& token, SystemTime now);
/// Returns the tokens, the newest first.
Result<std::vector<EnrolmentToken>> list_tokens(Database& database);
/// Removes tokens that expired before `before`. Returns how many.
Result<long long> forget_tokens(Database& database, SystemTime before);

/// Marks every token used that is not, so that none counts any more. Returns how many those were, expired
/// ones among them.
Result<long long> withdraw_tokens(Database& database, SystemTime now);

}  // namespace postern::ca::store
