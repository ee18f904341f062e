// Threads for work that blocks: argon2 and the store. Each thread owns a connection to the store. The queue
// is bounded and fair (FairQueue). A job that finds no place in it is refused at once, so that event loops
// never wait.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/result.hpp"
#include "ca-service/fair_queue.hpp"
#include "ca-service/store/database.hpp"

namespace postern::ca {

/// The detail of the failure when a job found no place in the queue.
inline constexpr std::string_view kQueueIsFull = "the worker queue is full";

/// Runs jobs on its threads. Thread-safe.
class WorkerPool {
public:
    using Job = std::function<void(store::Database&)>;

    /// Opens the store once for each thread and starts the threads. Fails as store::Database::open() does.
    /// `newest` goes to Database::set_newest_recorded().
    static Result<std::unique_ptr<WorkerPool>> start(const std::filesystem::path& store_file,
                                                     std::size_t threads, std::size_t queue_limit,
                                                     const store::Database::NewestRecorded& newest = {});
    /// Runs the jobs that are queued, then joins the threads.
    ~WorkerPool();
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    /// Queues `job`. An exception that it throws is logged. `on_displaced` is called in its place, now or
    /// later and on any thread, when the job finds no place in the queue or loses it to a job that is to be
    /// served before it.
    void post(const Turn& turn, Job job, std::function<void()> on_displaced);

    /// Runs `work` on a worker and resumes on the caller's own executor. Fails with Code::unavailable when
    /// the job finds no place in the queue or loses it, and with Code::internal when `work` throws. `T` is
    /// the type of the value in the Result of `work`.
    template <class T>
    boost::asio::awaitable<Result<T>> run(Turn turn, std::function<Result<T>(store::Database&)> work);

private:
    struct Waiting {
        Job job;
        std::function<void()> on_displaced;
    };

    explicit WorkerPool(std::size_t queue_limit) : queue_(queue_limit) {}
    void work_on(store::Database& database);

    std::mutex mutex_;
    std::condition_variable wake_;
    FairQueue<Waiting> queue_;
    bool is_stopping_ = false;
    std::vector<store::Database> databases_;
    std::vector<std::thread> threads_;
};

/// Logs the exception that is being handled and returns it as Code::internal, so that a bug ends one request.
/// Call it in a catch block. An exception that is no std::exception is thrown on.
Failure failure_of_exception_in_flight();

template <class T>
boost::asio::awaitable<Result<T>> WorkerPool::run(Turn turn,
                                                  std::function<Result<T>(store::Database&)> work) {
    namespace asio = boost::asio;
    const auto executor = co_await asio::this_coro::executor;
    auto result = std::make_shared<Result<T>>(Failure{Code::unavailable, std::string(kQueueIsFull)});
    auto initiate = [this, executor, result, turn = std::move(turn),
                     work = std::move(work)](auto handler) mutable {
        // std::function wants copyable jobs, and a completion handler is move-only.
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        // Outstanding work keeps the loop running until the answer is back.
        auto guard = std::make_shared<asio::executor_work_guard<asio::any_io_executor>>(executor);
        auto finish = [executor, shared, guard] {
            asio::post(executor, [shared, guard] { std::move (*shared)(); });
        };
        Job job = [result, work = std::move(work), finish](store::Database& database) {
            try {
                *result = work(database);
            } catch (...) {
                *result = failure_of_exception_in_flight();
            }
            finish();
        };
        post(turn, std::move(job), finish);
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(std::move(initiate),
                                                                         asio::use_awaitable);
    co_return std::move(*result);
}

}  // namespace postern::ca
