// Runs blocking work (requests to the CA service, files) on a thread pool while a coroutine waits.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>

#include "net/await.hpp"

namespace postern::client {

/// Runs `work` on `pool` and returns its result on the coroutine's own executor. The queue of the pool is not
/// bounded, so the caller bounds the number of coroutines that call this. `work` may outlive the coroutine.
template <class T>
boost::asio::awaitable<T> run_blocking(boost::asio::thread_pool& pool, std::function<T()> work) {
    namespace asio = boost::asio;
    struct State {
        explicit State(const asio::any_io_executor& executor)
            : done(executor, asio::steady_timer::time_point::max()) {}
        asio::steady_timer done;
        std::optional<T> result;
    };
    const auto executor = co_await asio::this_coro::executor;
    const auto state = std::make_shared<State>(executor);
    asio::post(pool, [state, executor, work = std::move(work)] {
        state->result = work();
        // The wait is cancelled on the coroutine's own thread, so that this cannot happen before the wait
        // begins.
        asio::post(executor, [state] { state->done.cancel(); });
    });
    co_await state->done.async_wait(net::kAwait);
    co_return std::move(*state->result);
}

}  // namespace postern::client
