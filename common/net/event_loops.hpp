// One io_context for each core, with one thread each. What begins on a loop stays on it until it ends;
// nothing on the hot path is shared between loops.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

namespace postern::net {

namespace asio = boost::asio;

/// Owns the loops and their threads. start(), stop() and the destructor belong to one thread outside the
/// loops.
class EventLoops {
public:
    /// Creates `count` loops; 0 means one for each core that this process may run on.
    explicit EventLoops(std::size_t count);
    /// Stops the loops and joins their threads.
    ~EventLoops();
    EventLoops(const EventLoops&) = delete;
    EventLoops& operator=(const EventLoops&) = delete;

    std::size_t size() const noexcept { return loops_.size(); }
    asio::io_context& at(std::size_t index) noexcept { return *loops_[index]; }

    /// Starts the threads. Each runs until stop().
    void start();
    /// Stops the loops and joins their threads. Handlers that have not run are destroyed with the loops.
    void stop();

private:
    std::vector<std::unique_ptr<asio::io_context>> loops_;
    std::vector<asio::executor_work_guard<asio::io_context::executor_type>> work_;
    std::vector<std::thread> threads_;
};

/// Runs the coroutine on the loop. An exception that leaves it is a bug in one session: it is logged with the
/// name `what`, and the process goes on.
void spawn(asio::io_context& loop, const char* what, asio::awaitable<void> session);

}  // namespace postern::net
