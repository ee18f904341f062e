// Filters the stream from a PostgreSQL server to its client. During start-up it removes SCRAM-SHA-256-PLUS
// from AuthenticationSASL, because a client on a plain local connection aborts when it sees that offer (RFC
// 5802, section 6), and it remembers BackendKeyData. It changes nothing else. After start-up it only tracks
// message lengths, so that its owner knows whether a message of its own can be inserted between two of the
// server's.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "postgres/wire.hpp"

namespace postern::postgres {

/// Pure: it does no I/O. Not thread-safe.
class AuthFilter {
public:
    /// Takes the bytes that came from the server and returns those to forward. The returned bytes lie in
    /// `chunk` or in the filter and stay valid until the next call. Some bytes may be held back until their
    /// message can be judged. Fails with Code::unavailable when AuthenticationSASL offers no mechanism but
    /// the one that is removed (the server requires channel binding), and with Code::request_too_large when
    /// that message is larger than any real one.
    Result<Bytes> pass(Bytes chunk);

    bool is_startup_over() const noexcept { return phase_ != Phase::starting; }
    /// Returns whether the forwarded bytes end between two messages. Once the stream cannot be parsed as
    /// messages, this stays false.
    bool is_at_boundary() const noexcept;
    /// The process id and the secret of BackendKeyData; empty until that message has come.
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
    /// The number of bytes of the current message that are still to come and are forwarded unchanged.
    std::uint64_t left_ = 0;
    /// In the phase `starting`: the beginning of a message, up to `wanted_` bytes, that is not forwarded yet.
    /// In `tracking`: a part of a header, which is forwarded already.
    std::string held_;
    std::size_t wanted_ = kHeaderBytes;
    bool takes_key_ = false;
    std::string coming_key_;
    std::string key_;
    std::string out_;
};

}  // namespace postern::postgres
