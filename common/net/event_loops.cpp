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

std::size_t usable_cores() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) != 0) {
        return 1;
    }
    return static_cast<std::size_t>(std::max(1, CPU_COUNT(&set)));
}

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
        // Sockets of a loop are touched by its thread alone, so that their locks go; posting from elsewhere
        // stays safe.
        loops_.push_back(std::make_unique<asio::io_context>(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO));
        work_.push_back(asio::make_work_guard(*loops_.back()));
        // What a loop needs of the system is taken here, and not with its first connection, for which there may be nothing left.
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
