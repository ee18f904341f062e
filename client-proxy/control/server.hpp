// The agent's control socket. It admits only processes of the same user, splits the stream into requests,
// passes them to the methods, and notifies subscribers of changes. It refuses clients, lines and concurrent
// requests beyond their limits, and closes a client that does not read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include <boost/asio/awaitable.hpp>

#include "client-proxy/control/json_rpc.hpp"
#include "net/event_loops.hpp"
#include "net/listener.hpp"

namespace postern::client::control {

using ClientId = std::uint64_t;
using Reply = std::variant<nlohmann::json, Error>;
/// The error reply for a refusal. `reason`, when it is not empty, replaces the refusal's own.
Reply refusal_reply(const Refusal& refusal, std::string_view reason = {});

/// The implementation of the requests. It is called on the server's loop.
class Methods {
public:
    virtual ~Methods() = default;
    /// Executes a request. It may throw BadParameter, which is answered with ErrorCode::invalid_parameters.
    /// The client may be gone before it returns.
    virtual boost::asio::awaitable<Reply> call(ClientId client, std::string method,
                                               nlohmann::json params) = 0;
    /// Called once when the connection of the client has ended.
    virtual void gone(ClientId client) = 0;
};

struct ServerBounds {
    /// Each program that `postern run` or `psql` started is one client.
    std::size_t clients = 1024;
    /// The most requests of one client that are executed at the same time.
    std::size_t requests_at_once = 16;
    /// The most bytes that wait to be sent to one client. A client that exceeds this is closed.
    std::size_t unread_bytes = 1024 * 1024;
};

class Server {
public:
    /// `loops` has one loop, on which everything here runs. `loops` and `methods` outlive the server.
    Server(net::EventLoops& loops, Methods& methods, ServerBounds bounds = {});
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// Accepts clients from `listener`, which replaces the previous one; clients of that one stay connected.
    /// It may be called before the loop starts, and later only on the loop.
    void serve(net::Listener listener);

    // The functions below are called on the loop only.
    void subscribe(ClientId client);
    /// Sends a notification to all subscribers.
    void publish(std::string_view method, const nlohmann::json& params);
    std::size_t clients() const noexcept { return clients_.size(); }
    std::size_t subscribers() const noexcept;
    /// Whether bytes still wait to be written to a client.
    bool has_unsent() const noexcept;
    bool has(ClientId client) const { return clients_.count(client) > 0; }

private:
    struct Client;
    using ClientPtr = std::shared_ptr<Client>;

    void accept(net::PlainStream stream);
    boost::asio::awaitable<void> read(ClientPtr client);
    boost::asio::awaitable<void> write(ClientPtr client);
    boost::asio::awaitable<void> answer(ClientPtr client, Request request);
    bool take(const ClientPtr& client, const std::string& line);
    void send(const ClientPtr& client, std::string line);
    void leave(const ClientPtr& client);

    net::EventLoops& loops_;
    Methods& methods_;
    const ServerBounds bounds_;
    ClientId last_id_ = 0;
    std::map<ClientId, ClientPtr> clients_;
    std::unique_ptr<net::Listener> listener_;
};

}  // namespace postern::client::control
