#include "ca-service/worker_pool.hpp"

#include <exception>
#include <optional>
#include <utility>

#include <spdlog/spdlog.h>

namespace postern::ca {

Result<std::unique_ptr<WorkerPool>> WorkerPool::start(const std::filesystem::path& store_file,
                                                      std::size_t threads, std::size_t queue_limit,
                                                      const store::Database::NewestRecorded& newest) {
    std::unique_ptr<WorkerPool> pool(new WorkerPool(queue_limit));
    for (std::size_t i = 0; i < threads; ++i) {
        auto database = store::Database::open(store_file);
        if (!database) {
            return database.error();
        }
        database->set_newest_recorded(newest);
        pool->databases_.push_back(std::move(*database));
    }
    for (store::Database& database : pool->databases_) {
        pool->threads_.emplace_back([raw = pool.get(), &database] { raw->work_on(database); });
    }
    return pool;
}

WorkerPool::~WorkerPool() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) {
        thread.join();
    }
}

void WorkerPool::post(const Turn& turn, Job job, std::function<void()> on_displaced) {
    std::optional<Waiting> displaced;
    {
        Waiting waiting{std::move(job), std::move(on_displaced)};
        const std::lock_guard lock(mutex_);
        if (is_stopping_) {
            displaced = std::move(waiting);
        } else {
            displaced = queue_.push(turn, std::move(waiting));
        }
    }
    wake_.notify_one();
    if (displaced && displaced->on_displaced) {
        displaced->on_displaced();
    }
}

void WorkerPool::work_on(store::Database& database) {
    while (true) {
        Job job;
        {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [this] { return is_stopping_ || !queue_.empty(); });
            if (queue_.empty()) {
                return;
            }
            job = std::move(queue_.pop()->job);
        }
        try {
            job(database);
        } catch (...) {
            // This logs the exception. A bug ends one job, not the thread.
            failure_of_exception_in_flight();
        }
    }
}

Failure failure_of_exception_in_flight() {
    try {
        throw;
    } catch (const std::exception& error) {
        spdlog::error("event=worker.exception what=\"{}\"", error.what());
        return Failure{Code::internal, error.what()};
    }
}

}  // namespace postern::ca
