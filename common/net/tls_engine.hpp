// TLS without a socket: the SSL*, what it has to say about its peer, and OpenSSL's outcomes as Steps and
// Codes. Bytes come and go through a Wire. TlsStream and NestedTlsStream drive it.
#pragma once

#include <optional>
#include <string>

#include "net/byte_stream.hpp"
#include "net/tls_context.hpp"
#include "net/tls_peer.hpp"
#include "pki/openssl.hpp"

namespace postern::net {

/// What TLS records travel on. Neither call waits.
class Wire {
public:
    virtual ~Wire() = default;
    /// Nothing when it would have to wait.
    virtual Result<std::optional<std::size_t>> read(Buffer into) = 0;
    /// How much it took. `more_follows`: at once, so that the wire may wait for it and send both together.
    virtual Result<std::size_t> write(Bytes bytes, bool more_follows) = 0;
};

/// The Code that an SSL_R_* reason of OpenSSL's error queue stands for; nothing for those that only say
/// "failed".
std::optional<Code> code_of_tls_reason(int reason) noexcept;

class TlsEngine {
public:
    enum class Need { nothing, readable, writable };
    /// What has been done, and what to wait for before the next call when it was not enough.
    struct Step {
        Need need = Need::nothing;
        std::size_t bytes = 0;
    };

    /// `wire` must outlive the engine.
    TlsEngine(TlsContext context, TlsRole role, const std::string& server_name, Wire& wire);
    TlsEngine(const TlsEngine&) = delete;
    TlsEngine& operator=(const TlsEngine&) = delete;

    Result<Step> handshake();
    /// `bytes` 0 with nothing needed is the peer's close_notify. Reads what is at hand, not until the wire
    /// runs dry.
    Result<Step> read(Buffer into);
    /// Takes some of the bytes. After a need, call again with the same bytes.
    Result<Step> write(Bytes bytes);
    /// Sends close_notify.
    Result<Step> shut_down();
    /// Whether read() has something to tell without the wire. May decrypt a record to find out.
    Result<bool> has_readable();

    TlsPeer peer() const;
    SSL* native() const noexcept { return ssl_.get(); }
    std::optional<pki::Certificate> presented() const { return verdict_.presented; }
    /// Whether the peer has said a byte.
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
    /// Told again by every call after the first that failed.
    std::optional<Failure> failure_;
    /// The same, of those that write. What the peer had sent before is still read.
    std::optional<Failure> write_failure_;
    std::optional<Failure> wire_failure_;
    bool wire_ended_ = false;
    /// Reads of the wire left to the present call: a peer that never stops sending must not keep the loop to
    /// itself.
    int reads_left_ = 0;
    /// The first two bytes that came, to tell TLS from anything else.
    unsigned char first_[2] = {0, 0};
    std::size_t first_count_ = 0;
    bool is_established_ = false;
    /// close_notify is sent, and nothing may follow it. OpenSSL would still answer a KeyUpdate of the peer,
    /// which goes on sending, on a socket that is shut down.
    bool has_said_goodbye_ = false;
    /// The present call writes one record of several.
    bool more_follows_ = false;
};

}  // namespace postern::net
