// One TLS connection to a gateway, and what may be asked over it: a tunnel (CONNECT), or a GET. As a
// ByteStream it is the tunnel. Nothing is believed of a gateway but what its certificate proves: that it is
// this gateway of this trust domain.
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
#include "net/tls_stream.hpp"

namespace postern::client {

/// What is said of who asks, for the record.
struct CallerClaims {
    /// What the local program says of itself; may be empty.
    std::string program = {};
    /// It is postern's own look whether the service answers.
    bool is_probe = false;
};

/// What a CONNECT asks for.
struct TunnelOrder {
    std::string service;
    /// The gateway is to send PostgreSQL's SSLRequest before it forwards the first byte.
    bool starts_postgres_tls = false;
    /// The gateway's id of the live connection to whose very backend this one must go; empty: to the
    /// service's.
    std::string cancel_of;
    CallerClaims claims;
    /// First bytes for the backend; they travel with the CONNECT. It may be asked again over another
    /// connection when its answer is lost, and the backend has got them then: only what it may be told twice.
    std::string first_bytes;
    /// Asked as the CONNECT leaves, for what the backend is to be told once at most and travels with it; may
    /// be null. See may_have_passed_on().
    std::function<std::string()> once;
};

/// A tunnel that was let in.
struct Admittance {
    std::string connection_id;
    /// How much of what is said once has gone with the CONNECT.
    std::size_t said_once = 0;
};

class GatewayConnection final : public net::ByteStream {
public:
    /// Dials, does the handshake and checks who answers. `timeout` covers all of it.
    static boost::asio::awaitable<Outcome<std::unique_ptr<GatewayConnection>>> open(
        GatewayEntry gateway, LoginPtr login, std::chrono::milliseconds timeout);

    /// Makes this stream the tunnel.
    boost::asio::awaitable<Outcome<Admittance>> connect(TunnelOrder order, std::chrono::milliseconds timeout);
    /// The body of a 200.
    boost::asio::awaitable<Outcome<std::string>> get(std::string path, std::chrono::milliseconds timeout);

    const std::string& gateway() const noexcept { return gateway_.name; }
    /// Whether nothing has come that nobody asked for: a connection that was kept warm and has ended, or was
    /// refused, is not quiet.
    bool is_quiet() noexcept;
    /// It has stood unused: that its path has died shows when it is asked, and soon then.
    void note_warm() noexcept { is_warm_ = true; }
    /// Since the gateway's machine, or the proxy's before it, has last confirmed or said something.
    std::chrono::milliseconds since_heard() noexcept { return tls_.socket().since_heard(); }
    /// Whether a byte of an answer has come.
    bool has_heard() const noexcept { return has_heard_; }
    /// Whether a CONNECT that failed had something with it that is said once at most, and the backend may
    /// have got that: the connection was lost before its answer was whole. A gateway that answers with a
    /// refusal, or ends the connection in order instead, has passed nothing on.
    bool may_have_passed_on() const noexcept { return may_have_passed_on_; }

    /// Of a tunnel, every few seconds: one whose gateway's machine has left what was sent unanswered for a
    /// minute ends as lost.
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
    /// Read from the gateway, not yet used: what came behind an answer.
    std::string rest_;
    bool has_heard_ = false;
    bool has_ended_in_order_ = false;
    bool may_have_passed_on_ = false;
    bool is_warm_ = false;
    net::AckMonitor answers_;
};

/// A gateway that lets the tunnel in, and the tunnel.
struct Tunnel {
    std::unique_ptr<GatewayConnection> stream;
    std::string connection_id;
    GatewayEntry gateway;
    /// See Admittance.
    std::size_t said_once = 0;
};

}  // namespace postern::client
