// Listening sockets: bound once, accepted from on every loop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/event_loops.hpp"
#include "net/plain_stream.hpp"

namespace postern::net {

/// A bound, listening socket (TCP, SO_REUSEADDR, backlog 4096; or Unix, mode 0600).
class Listener {
public:
    /// Code::already_exists when the port is taken, Code::io_failed otherwise.
    static Result<Listener> bind(const Address& address);
    /// Takes over a socket that systemd or a parent process opened.
    static Listener adopt(int fd);
    Listener(Listener&&) noexcept;
    Listener& operator=(Listener&&) noexcept;
    ~Listener();

    /// The port in force (for port 0), 0 for a Unix socket.
    unsigned short port() const;

    /// Accepts on every loop; each connection stays on the loop that accepted it, where `serve` is called. At
    /// EMFILE and the like it pauses 100 ms instead of spinning, and logs the first pause and the end of
    /// them. Call once.
    using Serve =
        std::function<void(boost::asio::io_context& loop, std::size_t loop_index, PlainStream stream)>;
    void accept_on(EventLoops& loops, Serve serve);
    /// Closes the listening socket on every loop; connections that were accepted stay.
    void stop();

private:
    struct State;
    struct AcceptLoop;
    explicit Listener(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
};

}  // namespace postern::net
