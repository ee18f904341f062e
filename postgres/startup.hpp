// What a client says first: SSLRequest and GSSENCRequest (both answered 'N'), then a StartupMessage or a
// CancelRequest. Refuses what is none of these, after its first byte where that is enough, and bytes stuffed
// behind a request for encryption before its answer (CVE-2021-23222). Holds at most one packet of
// PostgreSQL's own limit.
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

/// PostgreSQL's MAX_STARTUP_PACKET_LENGTH: what may follow the length field.
inline constexpr std::size_t kMostStartupBytes = 10'000;

struct StartupMessage {
    /// 0x00030000 for 3.0; the minor version is for the server to negotiate.
    std::uint32_t version = 0;
    std::vector<std::pair<std::string, std::string>> parameters;
    /// The packet as it came, to be forwarded.
    std::string raw;

    std::optional<std::string_view> find(std::string_view parameter) const;
    /// Never empty.
    std::string_view user() const { return *find("user"); }
    /// As PostgreSQL takes it: the user's name when absent.
    std::string_view database() const;
};

struct CancelRequest {
    /// Process id and secret, as BackendKeyData had them: AuthFilter::backend_key().
    std::string key;
    std::string raw;
};

/// Feed more.
struct NeedMore {};
/// Write 'N', then feed more. To be written before anything else is read.
struct AnswerNo {};

/// What the peer seems to speak, and so can be told something in.
enum class Language { postgres, tls, http, unknown };

/// Not to be let in. Close, after a rejection_message() in the peer's language.
struct StartupRefusal {
    Code code = Code::malformed_request;
    /// As PostgreSQL writes its own: lower case, no full stop.
    std::string message;
    std::string hint;
    Language language = Language::postgres;
};

/// For a caller that sees bytes in its socket while the answer to an encryption request is still unsent.
StartupRefusal stuffed_bytes();

using StartupOutcome = std::variant<NeedMore, AnswerNo, StartupMessage, CancelRequest, StartupRefusal>;

class StartupReader {
public:
    /// Takes the bytes that a read returned. After a StartupMessage, a CancelRequest or a StartupRefusal
    /// nothing more may be fed.
    StartupOutcome feed(Bytes bytes);

    /// Bytes that came behind the StartupMessage. A client may send ahead (a password that it knows will be
    /// asked for): they are to be forwarded behind it.
    std::string take_rest();

    /// Whether nothing has come yet, or only whole requests that were answered.
    bool is_between_packets() const noexcept { return buffer_.empty(); }

private:
    StartupOutcome answer_no(bool& seen);

    std::string buffer_;
    bool ssl_seen_ = false;
    bool gss_seen_ = false;
};

}  // namespace postern::postgres
