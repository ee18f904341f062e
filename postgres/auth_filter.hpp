// Stands in the stream from server to client. While the session starts it takes SCRAM-SHA-256-PLUS out of
// AuthenticationSASL (a client on a plain local leg aborts when it sees the offer, RFC 5802 section 6) and
// notes BackendKeyData; it changes nothing else, ever. Afterwards it only counts lengths, so that its owner
// knows whether a message of the owner's own would stand between two of the server's.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "postgres/wire.hpp"

namespace postern::postgres {

class AuthFilter {
public:
    /// The bytes to send on for the bytes that came; they lie in `chunk` or in the filter and stay valid
    /// until the next call. Some may be held back until their message can be judged. Fails when nothing is
    /// left of AuthenticationSASL (Code::unavailable: the server insists on channel binding) or when it is
    /// larger than any real one (Code::request_too_large).
    Result<Bytes> pass(Bytes chunk);

    bool is_startup_over() const noexcept { return phase_ != Phase::starting; }
    /// Whether what was sent on ends between two messages. Never again true once the stream does not read as
    /// messages.
    bool is_at_boundary() const noexcept;
    /// BackendKeyData's process id and secret; empty until it has come.
    const std::string& backend_key() const noexcept { return key_; }

private:
    enum class Phase { starting, tracking, opaque };

    void collect(std::string_view& rest);
    Result<void> judge_held();
    Result<void> release_sasl();
    void release_held(std::uint64_t body_left);
    void stream_body(std::string_view& rest);
    void finish_message();
    void track(std::string_view rest);

    Phase phase_ = Phase::starting;
    char type_ = 0;
    /// Bytes of the current message that are still to come and pass as they are.
    std::uint64_t left_ = 0;
    /// starting: the beginning of a message, not sent on yet, up to `wanted_` bytes. tracking: a header, sent
    /// on already.
    std::string held_;
    std::size_t wanted_ = kHeaderBytes;
    bool takes_key_ = false;
    std::string coming_key_;
    std::string key_;
    std::string out_;
};

}  // namespace postern::postgres
