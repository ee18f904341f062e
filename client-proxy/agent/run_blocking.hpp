// Work that blocks (the CA service, files), done on a thread of its own while a coroutine waits.
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

/// Not to be called from more coroutines than there may be jobs waiting: whoever calls has the bound. The
/// work may outlive the coroutine.
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
        // To this coroutine's own thread, so that it cannot come before the wait.
        asio::post(executor, [state] { state->done.cancel(); });
    });
    co_await state->done.async_wait(net::kAwait);
    co_return std::move(*state->result);
}

}  // namespace postern::client
