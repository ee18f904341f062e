// TLS without a socket: owns the SSL object, reports what it knows of the peer, and turns OpenSSL's outcomes
// into Steps and Codes. Bytes pass through a Wire. TlsStream and NestedTlsStream use it.
#pragma once

#include <optional>
#include <string>

#include "net/byte_stream.hpp"
#include "net/tls_context.hpp"
#include "net/tls_peer.hpp"
#include "pki/openssl.hpp"

namespace postern::net {

/// The transport of TLS records. Its functions never wait.
class Wire {
public:
    virtual ~Wire() = default;
    /// Reads bytes; empty when it would have to wait, 0 at the end.
    virtual Result<std::optional<std::size_t>> read(Buffer into) = 0;
    /// Writes bytes and returns how many were accepted. `more_follows` says that more bytes come immediately,
    /// so that the wire may delay these and send both together.
    virtual Result<std::size_t> write(Bytes bytes, bool more_follows) = 0;
};

/// The Code for an SSL_R_* reason from OpenSSL's error queue; nothing for reasons that only say "failed".
std::optional<Code> code_of_tls_reason(int reason) noexcept;

/// One TLS connection as a state machine. Not thread-safe.
class TlsEngine {
public:
    /// What the wire must be before the call can continue.
    enum class Need { nothing, readable, writable };
    /// What a call has done, and what to wait for before calling again if it was not enough.
    struct Step {
        Need need = Need::nothing;
        std::size_t bytes = 0;
    };

    /// `server_name` is sent as SNI by a client unless it is empty or an IP address. `wire` must outlive the
    /// engine. Throws std::runtime_error when OpenSSL has no memory.
    TlsEngine(TlsContext context, TlsRole role, const std::string& server_name, Wire& wire);
    TlsEngine(const TlsEngine&) = delete;
    TlsEngine& operator=(const TlsEngine&) = delete;

    /// Advances the handshake. It is complete when nothing is needed.
    Result<Step> handshake();
    /// Reads decrypted bytes that are available now; it does not read until the wire is empty. If `bytes` is
    /// 0 and nothing is needed, the peer has sent close_notify.
    Result<Step> read(Buffer into);
    /// Encrypts and writes some of the bytes. If something was needed, call again with the same bytes.
    Result<Step> write(Bytes bytes);
    /// Sends close_notify.
    Result<Step> shut_down();
    /// Whether read() would return something without reading from the wire. May decrypt a record to find out.
    Result<bool> has_readable();

    /// What the peer proved, once the handshake is complete.
    TlsPeer peer() const;
    /// The SSL object, still owned. Not for reading or writing.
    SSL* native() const noexcept { return ssl_.get(); }
    /// The leaf that the peer presented, whether verified or not.
    std::optional<pki::Certificate> presented() const { return verdict_.presented; }
    /// Whether the peer has sent any byte.
    bool has_heard() const noexcept { return first_count_ > 0; }

private:
    static const BIO_METHOD* wire_method();
    static int bio_read(BIO* bio, char* into, std::size_t size, std::size_t* got);
    static int bio_write(BIO* bio, const char* bytes, std::size_t size, std::size_t* sent);
    static long bio_control(BIO* bio, int command, long number, void* pointer);

    void begin();
    Result<Step> outcome(int returned);
    Failure explain(int ssl_error);
    Code code_of_queue() const;
    Code code_of_bad_certificate_alert() const;
    Failure fail(Failure failure);

    TlsContext context_;
    TlsRole role_;
    Wire& wire_;
    TlsVerdict verdict_;
    pki::SslPtr ssl_;
    /// The first failure, which every later call returns again.
    std::optional<Failure> failure_;
    /// The first failure of writing, which every later write returns. Bytes that the peer sent before can
    /// still be read.
    std::optional<Failure> write_failure_;
    std::optional<Failure> wire_failure_;
    bool wire_ended_ = false;
    /// The reads from the wire that the current call may still do: a peer that never stops sending must not
    /// occupy the loop.
    int reads_left_ = 0;
    /// The first two bytes that arrived, to distinguish TLS from other protocols.
    unsigned char first_[2] = {0, 0};
    std::size_t first_count_ = 0;
    bool is_established_ = false;
    /// Whether close_notify was sent, after which nothing may be sent. If the peer goes on sending, OpenSSL
    /// would still answer its KeyUpdate, on a socket that is shut down.
    bool has_said_goodbye_ = false;
    /// Whether the current call writes one record of several.
    bool more_follows_ = false;
};

}  // namespace postern::net
