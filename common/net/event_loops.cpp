#include "net/event_loops.hpp"

#include <sched.h>

#include <algorithm>
#include <exception>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/steady_timer.hpp>
#include <spdlog/spdlog.h>

#include "base/log.hpp"

namespace postern::net {

namespace {

/// The number of cores that this process may run on, at least 1.
std::size_t usable_cores() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) != 0) {
        return 1;
    }
    return static_cast<std::size_t>(std::max(1, CPU_COUNT(&set)));
}

/// Runs the loop until it is stopped, also after exceptions, which are logged.
void run(asio::io_context& loop) {
    for (;;) {
        try {
            loop.run();
            return;
        } catch (const std::exception& error) {
            spdlog::error("event=loop.exception error={}", quoted(error.what()));
        }
    }
}

}  // namespace

EventLoops::EventLoops(std::size_t count) {
    const std::size_t loops = count == 0 ? usable_cores() : count;
    for (std::size_t i = 0; i < loops; ++i) {
        // A loop's sockets are used by its thread only, so that they need no locks; posting from other
        // threads is still safe.
        loops_.push_back(std::make_unique<asio::io_context>(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO));
        work_.push_back(asio::make_work_guard(*loops_.back()));
        // Creating a timer makes the loop take its file descriptors now. With the first connection there
        // might be none left.
        const asio::steady_timer first(*loops_.back());
    }
}

EventLoops::~EventLoops() {
    stop();
}

void EventLoops::start() {
    for (auto& loop : loops_) {
        threads_.emplace_back([&context = *loop] { run(context); });
    }
}

void EventLoops::stop() {
    for (auto& loop : loops_) {
        loop->stop();
    }
    for (auto& thread : threads_) {
        thread.join();
    }
    threads_.clear();
}

void spawn(asio::io_context& loop, const char* what, asio::awaitable<void> session) {
    asio::co_spawn(loop, std::move(session), [what](const std::exception_ptr& exception) {
        if (!exception) {
            return;
        }
        try {
            std::rethrow_exception(exception);
        } catch (const std::exception& error) {
            spdlog::error("event=session.exception session={} error={}", what, quoted(error.what()));
        }
    });
}

}  // namespace postern::net
