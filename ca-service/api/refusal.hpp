// What the CA service says when it refuses. A person reads the cause and the next step; the audit log says
// who was refused what.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>

#include "base/result.hpp"
#include "ca-service/audit_trail.hpp"
#include "ca-service/refusal_records.hpp"
#include "http/server.hpp"
#include "pki/certificate.hpp"

namespace postern::ca::api {

/// What the client asked for. It is needed because the same Code reads differently for each.
enum class RequestKind { login, renewal, enrolment, other };

/// A request that is refused, and what its answer and its record need.
struct Refusal {
    RequestKind asked = RequestKind::other;
    Failure failure{};
    /// For a login, the name that was given, which need not be a login name.
    std::string claimed_user{};
    /// For a login, whether the password was judged, which takes its time.
    bool was_judged = false;
    std::optional<std::chrono::milliseconds> retry_after{};
    /// The method that the path has instead; where it is set, the status is 405 (RFC 9110, section 15.5.6).
    std::string_view allowed_method{};
};
/// Called by boost::system::result when the value of a refused result is taken.
[[noreturn]] void throw_exception_from_error(const Refusal& refused, const boost::source_location& where);

/// Records the refusal, or counts it as RefusalRecords does, and makes the answer. The handshake has verified
/// `presented` except for its end. If the record cannot be written, the answer is Code::audit_unavailable.
boost::asio::awaitable<http::Response> refuse(RefusalRecords& records, Actor actor,
                                              std::optional<pki::Certificate> presented, Refusal refused);

/// Returns the bearer of the certificate, in whose budget refuse() counts.
audit::Bearer bearer_of(const pki::Certificate& presented);
/// Writes to `record` what a certificate of the user CA says of itself. `is_proven` says whether the peer has
/// proven its key; otherwise the name is only claimed.
void name_certificate(audit::Record& record, const pki::Certificate& presented, bool is_proven);

/// The detail of the failure while the store is one that was restored from a backup.
inline constexpr std::string_view kStoreIsRestored = "the store was put back from a backup";

/// Makes the problem body of a refusal and logs the refusal. What is this service's own fault is logged as an
/// error, a bounded number of times a minute. All else is logged at debug level only, since strangers can
/// cause it without end (the audit log has what counts). `retry_after` becomes the Retry-After field (RFC
/// 9110, section 10.2.3).
http::Response refusal(RequestKind asked, const Failure& failure, const std::string& connection_id,
                       std::optional<std::chrono::milliseconds> retry_after = std::nullopt);

}  // namespace postern::ca::api
