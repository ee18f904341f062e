// A TLS connection to a gateway and the requests over it: a CONNECT, which makes this ByteStream the tunnel,
// or a GET. Only what the gateway's certificate proves is trusted: that it is this gateway of this trust
// domain.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "client-proxy/config/catalogue.hpp"
#include "client-proxy/login/login.hpp"
#include "client-proxy/refusal/refusal.hpp"
#include "net/ack_monitor.hpp"
#include "net/byte_stream.hpp"
#include "net/deadline.hpp"
#include "net/tls_stream.hpp"

namespace postern::client {

/// What the gateway's audit record says about the caller. These are claims.
struct CallerClaims {
    /// The claims about the local program, in the format of LocalProgram::claims(); may be empty.
    std::string program = {};
    /// The connection is Postern's own check whether the service answers.
    bool is_probe = false;
};

/// What a CONNECT asks for.
struct TunnelOrder {
    std::string service;
    /// The gateway is to send PostgreSQL's SSLRequest before it forwards the first byte.
    bool starts_postgres_tls = false;
    /// The gateway's id of the live connection whose backend this tunnel must reach; empty for any backend of
    /// the service.
    std::string cancel_of;
    CallerClaims claims;
    /// First bytes for the backend, which are sent with the CONNECT. When the answer is lost, the request may
    /// be repeated over another connection although the backend has received them, so they may contain only
    /// what can safely be sent twice.
    std::string first_bytes;
    /// Called when the CONNECT is sent; returns bytes for the backend that are sent with it and must be sent
    /// at most once. It may be null. See may_have_passed_on().
    std::function<std::string()> once;
};

/// The answer to a CONNECT that was accepted.
struct Admittance {
    std::string connection_id;
    /// The number of bytes of `TunnelOrder::once` that were sent with the CONNECT.
    std::size_t said_once = 0;
};

/// Used on the thread of its executor. One request at a time; a connection makes either one tunnel or one
/// GET.
class GatewayConnection final : public net::ByteStream {
public:
    /// Connects, does the handshake and checks the gateway's identity, until `deadline`. Errors:
    /// gateway_refusal().
    static boost::asio::awaitable<Outcome<std::unique_ptr<GatewayConnection>>> open(GatewayEntry gateway,
                                                                                    LoginPtr login,
                                                                                    net::Deadline deadline);

    /// Sends the CONNECT. After success this stream is the tunnel. Errors: the gateway's refusal, its verdict
    /// on the certificate, or unanswered_refusal().
    boost::asio::awaitable<Outcome<Admittance>> connect(TunnelOrder order, std::chrono::milliseconds timeout);
    /// Sends a GET and returns the body of a 200. Errors: the gateway's refusal, or its verdict on the
    /// certificate.
    boost::asio::awaitable<Outcome<std::string>> get(std::string path, std::chrono::milliseconds timeout);

    const std::string& gateway() const noexcept { return gateway_.name; }
    /// Whether nothing has arrived unasked. A warm connection that has ended or was refused is not quiet.
    bool is_quiet() noexcept;
    /// Marks the connection as one that stood unused. A dead network path shows only when it is used, so its
    /// answers are then expected sooner.
    void note_warm() noexcept { is_warm_ = true; }
    /// The time since the peer (the gateway's machine, or the proxy in between) last acknowledged or sent
    /// something.
    std::chrono::milliseconds since_heard() noexcept { return tls_.socket().since_heard(); }
    /// Whether a byte of an answer has arrived.
    bool has_heard() const noexcept { return has_heard_; }
    /// Whether bytes that must be sent at most once may have reached the backend although the CONNECT failed.
    /// This is so when the connection was lost before its answer was complete. A gateway that answers with a
    /// refusal, or closes the connection in order, has forwarded nothing.
    bool may_have_passed_on() const noexcept { return may_have_passed_on_; }

    /// Ends a tunnel as lost when the gateway's machine has not acknowledged sent bytes for a minute. It is
    /// called every few seconds.
    void end_if_silent(std::chrono::steady_clock::time_point now) noexcept;

    void when_readable(net::ReadyListenerPtr listener) override;
    Result<std::optional<std::size_t>> try_read(net::Buffer into) override;
    void when_writable(net::ReadyListenerPtr listener) override { tls_.when_writable(std::move(listener)); }
    Result<std::size_t> try_write(net::Bytes bytes) override { return tls_.try_write(bytes); }
    boost::asio::awaitable<Result<void>> shutdown_send() override;
    void wake() noexcept override { tls_.wake(); }
    void cancel() noexcept override {
        tls_.cancel();
        tell_cancelled();
    }
    void close() noexcept override {
        tls_.close();
        tell_cancelled();
    }
    boost::asio::any_io_executor executor() override { return tls_.executor(); }

private:
    struct Answer {
        unsigned status = 0;
        std::string connection_id;
        std::string body;
    };

    GatewayConnection(GatewayEntry gateway, LoginPtr login, net::TlsStream tls);
    boost::asio::awaitable<Outcome<Answer>> ask(std::string request, bool opens_tunnel,
                                                std::chrono::milliseconds timeout);
    boost::asio::awaitable<Result<Answer>> read_answer(bool opens_tunnel);
    boost::asio::awaitable<Result<void>> read_more();
    Refusal verdict(Failure failure) const;
    Refusal refusal_in(const Answer& answer) const;

    GatewayEntry gateway_;
    LoginPtr login_;
    net::TlsStream tls_;
    /// Bytes that were read after an answer and are not used yet.
    std::string rest_;
    bool has_heard_ = false;
    bool has_ended_in_order_ = false;
    bool may_have_passed_on_ = false;
    bool is_warm_ = false;
    net::AckMonitor answers_;
};

/// A tunnel, and the gateway that accepted it.
struct Tunnel {
    std::unique_ptr<GatewayConnection> stream;
    std::string connection_id;
    GatewayEntry gateway;
    /// See Admittance::said_once.
    std::size_t said_once = 0;
};

}  // namespace postern::client
