// The agent's control socket: lets in processes of the same user alone, cuts the stream into requests, hands
// them to the methods, and tells subscribers what changed. Refuses a client too many, a line too long, too
// many requests at once, and closes whoever does not read.
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
/// `reason` in place of the code's word, where one is given.
Reply refusal_reply(const Refusal& refusal, std::string_view reason = {});

/// What the requests are for. Called on the server's loop.
class Methods {
public:
    virtual ~Methods() = default;
    virtual boost::asio::awaitable<Reply> call(ClientId client, std::string method,
                                               nlohmann::json params) = 0;
    /// The client's connection has ended.
    virtual void gone(ClientId client) = 0;
};

struct ServerBounds {
    /// Each program that `postern run` or `psql` started is one.
    std::size_t clients = 1024;
    std::size_t requests_at_once = 16;
    /// What waits for a client that does not read.
    std::size_t unread_bytes = 1024 * 1024;
};

class Server {
public:
    /// `loops` has one loop, on which everything here happens; it and `methods` outlive the server.
    Server(net::EventLoops& loops, Methods& methods, ServerBounds bounds = {});
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// Before or after the loop starts; then on the loop. In place of the listener before, whose clients
    /// stay.
    void serve(net::Listener listener);

    // On the loop.
    void subscribe(ClientId client);
    void publish(std::string_view method, const nlohmann::json& params);
    std::size_t clients() const noexcept { return clients_.size(); }
    std::size_t subscribers() const noexcept;
    /// Whether something still waits to be written to a client.
    bool has_unsent() const noexcept;
    /// Whether the client is still connected.
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
