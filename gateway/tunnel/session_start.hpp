// Watches how a PostgreSQL session begins, as far as this is visible when its content is encrypted. The
// client has a limited time until the server has answered its start-up packet, and the server has a limited
// time for its first byte after the client has sent one. From then on PostgreSQL's own authentication_timeout
// ends the session if nobody authenticates.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>

#include <boost/asio/any_io_executor.hpp>

#include "base/result.hpp"
#include "net/deadline_timer.hpp"
#include "net/relay.hpp"

namespace postern::gateway {

/// How far a session has come, judged by the order in which the two sides send and by the client's first
/// bytes. Pure.
///
/// After a ClientHello or a request for encryption, the start-up packet comes with the client's second turn
/// at the earliest; otherwise it comes with the first turn. The session counts as begun with the server's
/// answer to that packet, which may already ask for a password that a person has to type.
class SessionProgress {
public:
    void client_said(net::Bytes bytes);
    void server_said();
    bool has_client_spoken() const noexcept { return turns_ > 0; }
    bool has_begun() const noexcept { return has_begun_; }

private:
    std::size_t turns_ = 0;
    std::size_t turns_before_answer_ = 1;
    bool is_clients_turn_ = true;
    bool has_begun_ = false;
};

/// The time limits of SessionStart.
struct StartTimeouts {
    /// From the construction of SessionStart until the session has begun.
    std::chrono::milliseconds client;
    /// From the client's first byte to the server's first byte.
    std::chrono::milliseconds server;
};

/// Watches one session with timers. To be used on one thread; it must outlive the relay that uses its
/// filters.
class SessionStart {
public:
    struct Hooks {
        /// Called when a time limit has passed, at most once for each: with Code::timed_out for the client's
        /// and Code::backend_timed_out for the server's.
        std::function<void(Code)> give_up;
        /// Called once when the session has begun.
        std::function<void()> on_begun;
    };

    SessionStart(const boost::asio::any_io_executor& executor, StartTimeouts timeout, Hooks hooks);

    /// Says that bytes of the client were forwarded. from_client() calls it for the bytes of the relay; the
    /// caller does so for bytes before the relay.
    void client_said(net::Bytes bytes);
    /// The filters for the two directions of the relay. They change no bytes.
    net::RelayFilter* from_client() noexcept { return &from_client_; }
    net::RelayFilter* from_backend() noexcept { return &from_backend_; }

private:
    struct FromClient final : net::RelayFilter {
        explicit FromClient(SessionStart& owner_) : owner(owner_) {}
        Result<net::Bytes> pass(net::Buffer chunk) override;
        SessionStart& owner;
    };
    struct FromBackend final : net::RelayFilter {
        explicit FromBackend(SessionStart& owner_) : owner(owner_) {}
        Result<net::Bytes> pass(net::Buffer chunk) override;
        SessionStart& owner;
    };
    void server_said();

    boost::asio::any_io_executor executor_;
    StartTimeouts timeout_;
    Hooks hooks_;
    SessionProgress progress_;
    std::optional<net::DeadlineTimer> clients_;
    std::optional<net::DeadlineTimer> servers_;
    bool has_server_spoken_ = false;
    FromClient from_client_{*this};
    FromBackend from_backend_{*this};
};

}  // namespace postern::gateway
