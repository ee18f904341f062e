// Watches how a PostgreSQL session begins, as far as can be seen where its content is encrypted: a client
// that was let in has so much time for its first byte and until the server has answered its start-up packet,
// and a server that was spoken to so much for its first byte. A session that has come so far ends by
// PostgreSQL's own authentication_timeout if nobody proves who they are.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>

#include <boost/asio/any_io_executor.hpp>

#include "base/result.hpp"
#include "net/deadline.hpp"
#include "net/relay.hpp"

namespace postern::gateway {

/// How far a session has come, by who has spoken and what the client spoke first. Pure.
///
/// Behind a ClientHello, or a request for encryption, the start-up packet comes at the earliest with the
/// client's second turn, and else with its first one. The server's answer to it is the beginning: a password
/// may be asked for by then, for which a person is waited for.
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

struct StartTimeouts {
    /// From now to the beginning.
    std::chrono::milliseconds client;
    /// From the client's first byte to the server's.
    std::chrono::milliseconds server;
};

/// To be used on one thread.
class SessionStart {
public:
    struct Hooks {
        /// Code::timed_out for the client, Code::backend_timed_out for the server; at most once.
        std::function<void(Code)> give_up;
        std::function<void()> on_begun;
    };

    SessionStart(const boost::asio::any_io_executor& executor, StartTimeouts timeout, Hooks hooks);

    /// The client's bytes were forwarded (also by the relay's own filter).
    void client_said(net::Bytes bytes);
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
    std::optional<net::Deadline> clients_;
    std::optional<net::Deadline> servers_;
    bool has_server_spoken_ = false;
    FromClient from_client_{*this};
    FromBackend from_backend_{*this};
};

}  // namespace postern::gateway
