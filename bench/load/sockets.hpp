// Non-blocking sockets on the loopback, and an epoll loop: all that the load generator stands on. Any system
// call that fails ends the program: a measurement with a hole in it is none.
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

/// What one call moves at most.
inline constexpr std::size_t kBlock = 256 * 1024;

/// Prints `what`, and errno's text when it is set, and exits with 1.
[[noreturn]] void die(const std::string& what);

/// A listening socket on 127.0.0.1. `port` 0 chooses.
int listen_on(unsigned short port);
unsigned short port_of(int fd);
/// Accepts one; -1 when none waits.
int accept_from(int listening);
/// Begins to connect to 127.0.0.1.
int begin_connect(unsigned short port);

/// What recv and send say of a non-blocking socket.
struct Moved {
    std::size_t bytes = 0;
    bool would_block = false;
    /// FIN or reset.
    bool has_ended = false;
};
Moved receive(int fd, void* into, std::size_t size);
Moved transmit(int fd, const void* bytes, std::size_t size);

/// Calls the handler that was added with a socket whenever it is ready.
class Poller {
public:
    using Handler = std::function<void(std::uint32_t events)>;

    Poller();
    ~Poller();
    Poller(const Poller&) = delete;
    Poller& operator=(const Poller&) = delete;

    void add(int fd, std::uint32_t events, Handler handler);
    void change(int fd, std::uint32_t events);
    void replace(int fd, Handler handler);
    /// Also closes it.
    void remove(int fd);
    /// One round; waits at most `milliseconds` (-1: for ever).
    void poll(int milliseconds);
    /// One round; waits until that moment at the latest, to the microsecond.
    void poll_until(Clock::time_point end);

private:
    void wait(const timespec* timeout);

    int epoll_;
    /// By descriptor. A handler may remove itself and add others.
    std::vector<Handler> handlers_;
};

/// Sorted in place. `part` is 0.5 for the median.
double quantile(std::vector<double>& values, double part);
double seconds_since(Clock::time_point start);

/// The protocol with the backend: the first byte says what a connection is for; for uploads and downloads
/// eight bytes follow, the length, little end first.
inline constexpr char kEcho = 'E';
inline constexpr char kUpload = 'U';
inline constexpr char kDownload = 'D';
inline constexpr std::size_t kOrderBytes = 9;
std::string order(char kind, std::uint64_t length);

}  // namespace postern::bench
