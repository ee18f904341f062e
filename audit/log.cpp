#include "audit/log.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "audit/log_folder.hpp"
#include "audit/log_state.hpp"

namespace postern::audit {

namespace asio = boost::asio;

Result<std::unique_ptr<Log>> Log::open(LogOptions options, Clock clock) {
    for (const std::filesystem::path& file : {options.file, options.key_file}) {
        if (auto checked = check_folder_of(file); !checked) {
            return checked.error();
        }
    }
    auto key = load_or_make_key(options.key_file);
    if (!key) {
        return key.error();
    }
    auto signer = Signer::make(std::move(*key));
    if (!signer) {
        return signer.error();
    }
    auto copies = Copies::make(options.copies, options.program);
    if (!copies) {
        return copies.error();
    }
    auto lock = WriterLock::open(options.file);
    if (!lock) {
        return lock.error();
    }
    const bool is_shared = options.sharing == Sharing::shared;
    const auto timeout = is_shared ? std::chrono::milliseconds(kLockTimeout) : std::chrono::milliseconds(0);
    if (auto acquired = lock->acquire(timeout, options.program); !acquired) {
        return acquired.error();
    }
    auto file = LogFile::open(options, std::move(clock), std::move(*signer));
    if (!file) {
        return file.error();
    }
    if (is_shared) {
        lock->release();
    }
    auto state =
        std::make_unique<State>(std::move(options), std::move(*lock), std::move(*file), std::move(*copies));
    State* running = state.get();
    running->note_lines();
    running->thread = std::thread([running] { running->run(); });
    return std::unique_ptr<Log>(new Log(std::move(state)));
}

Log::Log(std::unique_ptr<State> state) : state_(std::move(state)) {}

Log::~Log() {
    if (state_->appender) {
        state_->appender->join();
    }
    {
        const std::lock_guard guard(state_->mutex);
        state_->is_stopping = true;
    }
    state_->wake.notify_all();
    state_->thread.join();
}

Result<void> Log::append(const Record& record) {
    return append(std::span(&record, 1));
}

Result<void> Log::append(std::span<const Record> records) {
    if (records.empty()) {
        return {};
    }
    if (state_->options.durability == Durability::write) {
        const std::lock_guard guard(state_->mutex);
        return state_->append_locked(records);
    }
    std::mutex mutex;
    std::condition_variable is_done;
    std::optional<Result<void>> result;
    auto written = state_->append_then(records, [&](const Result<void>& synced) {
        const std::lock_guard guard(mutex);
        result = synced;
        is_done.notify_one();
    });
    if (!written) {
        return written;
    }
    std::unique_lock guard(mutex);
    is_done.wait(guard, [&] { return result.has_value(); });
    return *result;
}

namespace {

asio::awaitable<Result<void>> known(Result<void> result) {
    co_return result;
}

}  // namespace

asio::awaitable<Result<void>> Log::async_append(Record record) {
    // In the usual case the append is already done here. It is returned without a coroutine frame that would
    // hold a record.
    if (!state_->is_shared() && state_->options.durability == Durability::write) {
        return known(append(record));
    }
    return append_elsewhere(std::move(record));
}

asio::awaitable<Result<void>> Log::append_elsewhere(Record record) {
    State* state = state_.get();
    auto initiate = [state](auto handler, Record moved) {
        using Handler = std::decay_t<decltype(handler)>;
        const auto executor = asio::get_associated_executor(handler);
        auto work = asio::make_work_guard(executor);
        auto shared_handler = std::make_shared<Handler>(std::move(handler));
        auto shared_work = std::make_shared<decltype(work)>(std::move(work));
        Done done = [executor, shared_handler, shared_work](Result<void> result) {
            asio::post(executor, [shared_handler, shared_work, result = std::move(result)]() mutable {
                shared_work->reset();
                std::move (*shared_handler)(std::move(result));
            });
        };
        if (state->is_shared()) {
            asio::post(*state->appender,
                       [state, record = std::move(moved), done = std::move(done)]() mutable {
                           state->append_job(record, std::move(done));
                       });
            return;
        }
        const auto written = state->append_then(std::span(&moved, 1), done);
        if (!written) {
            done(written);
        }
    };
    auto waiting = asio::async_initiate<const asio::use_awaitable_t<>, void(Result<void>)>(
        std::move(initiate), asio::use_awaitable, std::move(record));
    auto result = co_await std::move(waiting);
    co_return result;
}

bool Log::is_available() const noexcept {
    return !state_->is_failing;
}

Result<void> Log::reopen() {
    const std::lock_guard guard(state_->mutex);
    if (state_->is_shared()) {
        // Each append checks by itself whether the open file is still the one at its path.
        return {};
    }
    return state_->file.reopen();
}

Result<void> Log::rotate() {
    std::unique_lock guard(state_->mutex);
    return state_->is_shared() ? state_->rotate_shared() : state_->rotate_on_thread(guard);
}

void Log::set_rotate_bytes(std::uint64_t bytes) {
    const std::lock_guard guard(state_->mutex);
    state_->file.set_rotate_bytes(bytes);
}

}  // namespace postern::audit
