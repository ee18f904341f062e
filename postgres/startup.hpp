// Reads what a PostgreSQL client sends first: SSLRequest and GSSENCRequest, which are both answered with 'N',
// and then a StartupMessage or a CancelRequest
// (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP). Anything else is
// refused, after its first byte where that is enough. Bytes that follow a request for encryption before its
// answer are refused, too (CVE-2021-23222). It buffers at most one packet of PostgreSQL's own limit, and what
// one read brought after it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "postgres/wire.hpp"

namespace postern::postgres {

/// PostgreSQL's MAX_STARTUP_PACKET_LENGTH: the most bytes that may follow the length field.
inline constexpr std::size_t kMostStartupBytes = 10'000;

/// A StartupMessage that names a user.
struct StartupMessage {
    /// The protocol version, 0x00030000 for 3.0. The minor version is negotiated by the server.
    std::uint32_t version = 0;
    std::vector<std::pair<std::string, std::string>> parameters;
    /// The packet as it came, to be forwarded.
    std::string raw;

    /// The value of a parameter, as a view into this message.
    std::optional<std::string_view> find(std::string_view parameter) const;
    /// Never empty.
    std::string_view user() const { return *find("user"); }
    /// The database as PostgreSQL determines it: the user's name when the parameter is absent or empty.
    std::string_view database() const;
};

/// A CancelRequest.
struct CancelRequest {
    /// The process id and the secret, in the form of AuthFilter::backend_key().
    std::string key;
    std::string raw;
};

/// The packet is not complete yet. The caller reads more and feeds it.
struct NeedMore {};
/// The caller writes 'N' before it reads anything else, and then feeds more.
struct AnswerNo {};

/// The protocol that the peer seems to speak, in which it can be given a reason.
enum class Language { postgres, tls, http, unknown };

/// The peer is refused. The caller sends a rejection_message() in the peer's protocol and closes the
/// connection.
struct StartupRefusal {
    Code code = Code::malformed_request;
    /// The reason in PostgreSQL's style: lower case, no full stop.
    std::string message;
    std::string hint;
    Language language = Language::postgres;
};

/// The refusal of bytes that a caller finds in its socket while its answer to a request for encryption is not
/// sent yet.
StartupRefusal stuffed_bytes();

/// The result of StartupReader::feed().
using StartupOutcome = std::variant<NeedMore, AnswerNo, StartupMessage, CancelRequest, StartupRefusal>;

/// Pure: it does no I/O. Not thread-safe.
class StartupReader {
public:
    /// Takes the bytes of one read. After it has returned a StartupMessage, a CancelRequest or a
    /// StartupRefusal it must not be called again.
    StartupOutcome feed(Bytes bytes);

    /// Returns the bytes that came after the StartupMessage, to be forwarded after it. A client may send
    /// ahead, for example a password that it knows will be asked for.
    std::string take_rest();

    /// Returns whether nothing is buffered: nothing has come yet, or only requests for encryption that were
    /// answered.
    bool is_between_packets() const noexcept { return buffer_.empty(); }

private:
    StartupOutcome answer_no(bool& seen);

    std::string buffer_;
    bool ssl_seen_ = false;
    bool gss_seen_ = false;
};

}  // namespace postern::postgres
