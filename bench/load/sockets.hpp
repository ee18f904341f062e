// Non-blocking sockets on the loopback interface and an epoll loop, on which the load generator is built. An
// unexpected failure of a system call ends the program, because a measurement with a gap is not valid.
#pragma once

#include <sys/epoll.h>
#include <time.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace postern::bench {

using Clock = std::chrono::steady_clock;

/// The most bytes that one call of receive() or transmit() is used for.
inline constexpr std::size_t kBlock = 256 * 1024;

/// Prints `what`, followed by the text of errno when errno is not 0, and exits with status 1.
[[noreturn]] void die(const std::string& what);

/// Returns a listening socket on 127.0.0.1; with `port` 0 the kernel chooses the port. The caller owns the
/// descriptor.
int listen_on(unsigned short port);
/// The local port of a socket.
unsigned short port_of(int fd);
/// Accepts one connection, or returns -1 when none is waiting. The caller owns the descriptor.
int accept_from(int listening);
/// Begins to connect to 127.0.0.1 without waiting. The caller owns the descriptor.
int begin_connect(unsigned short port);

/// The result of one recv(2) or send(2) on a non-blocking socket.
struct Moved {
    std::size_t bytes = 0;
    bool would_block = false;
    /// The peer has sent FIN or a reset.
    bool has_ended = false;
};
/// Calls recv(2) once.
Moved receive(int fd, void* into, std::size_t size);
/// Calls send(2) once, without SIGPIPE.
Moved transmit(int fd, const void* bytes, std::size_t size);

/// An epoll loop that calls a socket's handler whenever the socket is ready. To be used on one thread.
class Poller {
public:
    using Handler = std::function<void(std::uint32_t events)>;

    Poller();
    ~Poller();
    Poller(const Poller&) = delete;
    Poller& operator=(const Poller&) = delete;

    /// Adds a socket, which the caller keeps open until remove().
    void add(int fd, std::uint32_t events, Handler handler);
    /// Changes the epoll events that the socket waits for.
    void change(int fd, std::uint32_t events);
    /// Replaces the socket's handler.
    void replace(int fd, Handler handler);
    /// Removes the socket and closes it.
    void remove(int fd);
    /// Waits once, for at most `milliseconds` (-1 for no limit), and calls the handlers of the sockets that
    /// are ready.
    void poll(int milliseconds);
    /// As poll(), but waits until `end` at the latest, to the microsecond.
    void poll_until(Clock::time_point end);

private:
    void wait(const timespec* timeout);

    int epoll_;
    /// The handlers, indexed by descriptor. A handler may remove itself and add others.
    std::vector<Handler> handlers_;
};

/// Returns the quantile `part` (0.5 is the median) and sorts `values` in place; 0 when there are none.
double quantile(std::vector<double>& values, double part);
double seconds_since(Clock::time_point start);

/// The first byte of a connection to the backend says what the connection is for. For uploads and downloads
/// it is followed by the length in bytes, as eight bytes in little-endian order.
inline constexpr char kEcho = 'E';
inline constexpr char kUpload = 'U';
inline constexpr char kDownload = 'D';
/// The size of the order of an upload or a download.
inline constexpr std::size_t kOrderBytes = 9;
/// The bytes that begin a connection of this kind; `length` is ignored for kEcho.
std::string order(char kind, std::uint64_t length);

}  // namespace postern::bench
