// A listening socket that is bound once and accepts on every event loop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/event_loops.hpp"
#include "net/plain_stream.hpp"

namespace postern::net {

/// A bound, listening socket (TCP with SO_REUSEADDR, or a Unix socket of mode 0600; backlog 4096). The
/// destructor calls stop(). Not thread-safe.
class Listener {
public:
    /// Binds and listens. Fails with Code::already_exists when the port or the path is taken, and with
    /// Code::io_failed otherwise.
    static Result<Listener> bind(const Address& address);
    /// Takes ownership of a listening socket that systemd or a parent process opened.
    static Listener adopt(int fd);
    Listener(Listener&&) noexcept;
    Listener& operator=(Listener&&) noexcept;
    ~Listener();

    /// The port that the socket is bound to, also if 0 was asked for; 0 for a Unix socket.
    unsigned short port() const;

    /// Receives an accepted connection, on the thread of the loop that accepted it and that the connection
    /// belongs to.
    using Serve =
        std::function<void(boost::asio::io_context& loop, std::size_t loop_index, PlainStream stream)>;
    /// Accepts on every loop and calls `serve` for each connection. When file descriptors or memory are
    /// exhausted, it pauses for 100 ms instead of spinning, and logs the first pause and the end of the
    /// pauses. Call it once. `loops` must outlive the Listener.
    void accept_on(EventLoops& loops, Serve serve);
    /// Closes the listening socket on every loop. Connections that were accepted are not affected.
    void stop();

private:
    struct State;
    struct AcceptLoop;
    explicit Listener(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
};

}  // namespace postern::net
