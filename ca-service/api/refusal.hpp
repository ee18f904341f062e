// What is said when the CA service refuses: to a person, the cause and the next step; to the audit log, who was
// refused what.
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

/// What was asked for, since the same Code reads differently.
enum class RequestKind { login, renewal, enrolment, other };

/// A request that is refused.
struct Refusal {
    RequestKind asked = RequestKind::other;
    Failure failure{};
    /// Of a login: the name that was given, which need not be one.
    std::string claimed_user{};
    /// Of a login: whether the password was judged, which takes its time.
    bool was_judged = false;
    std::optional<std::chrono::milliseconds> retry_after{};
    /// The path has another method: 405 (RFC 9110, section 15.5.6).
    std::string_view allowed_method{};
};
[[noreturn]] void throw_exception_from_error(const Refusal& refused, const boost::source_location& where);

/// Records the refusal, or counts it as RefusalRecords says, and makes the answer. `presented` has been verified
/// in the handshake, but for its end. Without the record the answer is Code::audit_unavailable.
boost::asio::awaitable<http::Response> refuse(RefusalRecords& records, Actor actor,
                                              std::optional<pki::Certificate> presented, Refusal refused);

/// As refuse() does: who bears that certificate.
audit::Bearer bearer_of(const pki::Certificate& presented);
/// What a certificate of the user CA says of itself. `is_proven`: its key, so that its name is one.
void name_certificate(audit::Record& record, const pki::Certificate& presented, bool is_proven);

/// The detail of the failure while the store is one that was put back from a backup.
inline constexpr std::string_view kStoreIsRestored = "the store was put back from a backup";

/// Makes the problem body of a refusal, and logs it: what is this service's own fault as an error, a bounded
/// number of times a minute; the others for debugging alone, since strangers can cause them without end (the
/// audit log has those that count). `retry_after` becomes the field of that name (RFC 9110,
/// section 10.2.3).
http::Response refusal(RequestKind asked, const Failure& failure, const std::string& connection_id,
                       std::optional<std::chrono::milliseconds> retry_after = std::nullopt);

}  // namespace postern::ca::api
