#include "audit/log.hpp"

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "audit/copies.hpp"
#include "audit/log_file.hpp"
#include "base/file.hpp"

namespace postern::audit {

namespace asio = boost::asio;
using std::chrono::steady_clock;

namespace {

/// How long a shared log waits for the other writers' appends.
constexpr std::chrono::seconds kLockPatience{5};
/// Records that never cease are signed at least each so many times `checkpoint_after`.
constexpr int kLongestUnsigned = 10;

using Done = std::function<void(Result<void>)>;

}  // namespace

/// `mutex` guards everything but `copies_`, which the thread alone touches. The thread syncs, stores heads,
/// signs when records went quiet, rotates, makes copies, and appends for coroutines that must not wait for
/// another process.
struct Log::State {
    State(LogOptions options_in, WriterLock lock_in, LogFile file_in, Copies copies_in)
        : options(std::move(options_in)),
          writer_lock(std::move(lock_in)),
          file(std::move(file_in)),
          copies(std::move(copies_in)) {}

    struct Waiter {
        std::uint64_t sequence;
        Done done;
    };
    struct Job {
        Record record;
        Done done;
    };

    bool is_shared() const noexcept { return options.sharing == Sharing::shared; }

    Result<void> append_locked(const Record& record);
    Result<void> append_exclusive(const Record& record);
    Result<void> append_shared(const Record& record);
    Result<void> append_then(const Record& record, Done done);
    void note_lines();
    void run();
    steady_clock::time_point next_checkpoint() const;
    bool has_work() const;
    void settle(std::unique_lock<std::mutex>& guard);
    void sign_quiet(std::unique_lock<std::mutex>& guard);
    void finish(std::unique_lock<std::mutex>& guard, std::vector<Waiter> waiters, const Result<void>& result);

    const LogOptions options;
    std::mutex mutex;
    std::condition_variable wake;
    WriterLock writer_lock;
    LogFile file;
    Copies copies;
    std::deque<Job> jobs;
    std::deque<std::string> uncopied;
    std::uint64_t lost_copies = 0;
    std::vector<Waiter> waiters;
    steady_clock::time_point first_unsigned{};
    steady_clock::time_point last_append{};
    /// A disk that failed to sync may have lost what it was given: nothing is trusted to it any more.
    std::optional<Failure> broken;
    bool is_failing = false;
    bool is_stopping = false;
    std::thread thread;
};

Result<std::unique_ptr<Log>> Log::open(LogOptions options, Clock clock) {
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
    const auto patience = is_shared ? std::chrono::milliseconds(kLockPatience) : std::chrono::milliseconds(0);
    if (auto acquired = lock->acquire(patience, options.program); !acquired) {
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
    {
        const std::lock_guard guard(state_->mutex);
        state_->is_stopping = true;
    }
    state_->wake.notify_all();
    state_->thread.join();
}

Result<void> Log::append(const Record& record) {
    if (state_->options.durability == Durability::write) {
        const std::lock_guard guard(state_->mutex);
        return state_->append_locked(record);
    }
    std::mutex mutex;
    std::condition_variable is_done;
    std::optional<Result<void>> result;
    const auto written = state_->append_then(record, [&](const Result<void>& synced) {
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

asio::awaitable<Result<void>> Log::async_append(Record record) {
    State* state = state_.get();
    if (!state->is_shared() && state->options.durability == Durability::write) {
        co_return append(record);
    }
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
            const std::lock_guard guard(state->mutex);
            state->jobs.push_back({std::move(moved), std::move(done)});
            state->wake.notify_one();
            return;
        }
        const auto written = state->append_then(moved, done);
        if (!written) {
            done(written);
        }
    };
    auto waiting = asio::async_initiate<const asio::use_awaitable_t<>, void(Result<void>)>(
        std::move(initiate), asio::use_awaitable, std::move(record));
    auto result = co_await std::move(waiting);
    co_return result;
}

Result<void> Log::reopen() {
    const std::lock_guard guard(state_->mutex);
    if (state_->is_shared()) {
        // Each append looks for itself whether the file is still the one at its path.
        return {};
    }
    return state_->file.reopen();
}

Result<void> Log::State::append_locked(const Record& record) {
    if (broken) {
        return *broken;
    }
    auto result = is_shared() ? append_shared(record) : append_exclusive(record);
    if (result.has_error() != is_failing) {
        is_failing = result.has_error();
        if (is_failing) {
            spdlog::error("event=audit.unavailable reason={}", result.error().detail);
        } else {
            spdlog::info("event=audit.available_again");
        }
    }
    return result;
}

Result<void> Log::State::append_exclusive(const Record& record) {
    if (auto appended = file.append(record); !appended) {
        return appended;
    }
    note_lines();
    if ((file.sequence() + 1) % options.records_per_checkpoint == 0) {
        // The record stands; a checkpoint that cannot be written now is made up for later.
        if (file.checkpoint("interval")) {
            note_lines();
        }
        wake.notify_one();
    }
    if (file.is_due_for_rotation()) {
        wake.notify_one();
    }
    return {};
}

Result<void> Log::State::append_shared(const Record& record) {
    if (auto acquired = writer_lock.acquire(kLockPatience, options.program); !acquired) {
        return acquired;
    }
    auto result = file.refresh();
    if (result) {
        result = file.append(record);
    }
    if (result) {
        note_lines();
        bool is_settled = true;
        if ((file.sequence() + 1) % options.records_per_checkpoint == 0 && file.checkpoint("interval")) {
            note_lines();
            is_settled = file.settle().has_value();
        }
        if (file.is_due_for_rotation() && is_settled) {
            if (const auto rotated = file.rotate(); !rotated) {
                spdlog::error("event=audit.rotate reason={}", rotated.error().detail);
            }
        }
    }
    writer_lock.release();
    return result;
}

/// Appends now; `done` is called from the thread once the record is on the disk. When this fails, `done` is
/// not called.
Result<void> Log::State::append_then(const Record& record, Done done) {
    const std::lock_guard guard(mutex);
    if (auto appended = append_locked(record); !appended) {
        return appended;
    }
    waiters.push_back({file.sequence(), std::move(done)});
    wake.notify_one();
    return {};
}

void Log::State::note_lines() {
    last_append = steady_clock::now();
    if (file.unsigned_records() <= 1) {
        first_unsigned = last_append;
        wake.notify_one();
    }
    constexpr std::size_t kMostUncopied = 10000;
    for (std::string& line : file.take_written()) {
        if (uncopied.size() < kMostUncopied) {
            uncopied.push_back(std::move(line));
            wake.notify_one();
        } else {
            ++lost_copies;
        }
    }
}

steady_clock::time_point Log::State::next_checkpoint() const {
    if (file.unsigned_records() == 0 || broken) {
        return steady_clock::time_point::max();
    }
    return std::min(last_append + options.checkpoint_after,
                    first_unsigned + kLongestUnsigned * options.checkpoint_after);
}

bool Log::State::has_work() const {
    return is_stopping || !jobs.empty() || !uncopied.empty() || !waiters.empty() ||
           file.has_unsettled_head() || (!is_shared() && file.is_due_for_rotation() && !broken);
}

void Log::State::run() {
    std::unique_lock guard(mutex);
    while (true) {
        while (!has_work() && steady_clock::now() < next_checkpoint()) {
            const auto deadline = next_checkpoint();
            if (deadline == steady_clock::time_point::max()) {
                wake.wait(guard);
            } else {
                wake.wait_until(guard, deadline);
            }
        }
        while (!jobs.empty()) {
            Job job = std::move(jobs.front());
            jobs.pop_front();
            const auto appended = append_locked(job.record);
            if (appended && options.durability == Durability::sync) {
                waiters.push_back({file.sequence(), std::move(job.done)});
            } else {
                finish(guard, {{0, std::move(job.done)}}, appended);
            }
        }
        if (!waiters.empty() || file.has_unsettled_head()) {
            settle(guard);
        }
        if (!uncopied.empty()) {
            std::deque<std::string> lines = std::exchange(uncopied, {});
            const std::uint64_t lost = std::exchange(lost_copies, 0);
            guard.unlock();
            copies.write(lines, lost);
            guard.lock();
        }
        if (!is_shared() && file.is_due_for_rotation() && !broken) {
            const auto rotated = file.rotate();
            if (rotated) {
                note_lines();
            } else {
                spdlog::error("event=audit.rotate reason={}", rotated.error().detail);
                wake.wait_for(guard, options.checkpoint_after);
            }
        }
        const bool is_last_round = is_stopping && jobs.empty() && waiters.empty();
        if (steady_clock::now() >= next_checkpoint() ||
            (is_last_round && file.unsigned_records() > 0 && !broken)) {
            sign_quiet(guard);
        }
        if (is_last_round && jobs.empty() && waiters.empty() && uncopied.empty()) {
            return;
        }
    }
}

void Log::State::settle(std::unique_lock<std::mutex>& guard) {
    std::vector<Waiter> served = std::exchange(waiters, {});
    auto settlement = file.begin_settlement();
    Result<void> result = settlement ? Result<void>() : Result<void>(settlement.error());
    if (settlement) {
        guard.unlock();
        result = file.end_settlement(*settlement);
        guard.lock();
    }
    if (!result) {
        spdlog::critical("event=audit.broken reason={}", result.error().detail);
        broken = result.error();
    }
    finish(guard, std::move(served), result);
}

/// Signs what is not signed yet. A disk that is full now is tried again after another such time.
void Log::State::sign_quiet(std::unique_lock<std::mutex>& guard) {
    Result<void> result;
    if (is_shared()) {
        result = writer_lock.acquire(kLockPatience, options.program);
        if (result) {
            result = file.refresh();
            if (result && file.unsigned_records() > 0) {
                result = file.checkpoint("quiet");
                if (result) {
                    note_lines();
                    result = file.settle();
                }
            }
            writer_lock.release();
        }
    } else {
        result = file.checkpoint(is_stopping ? "close" : "quiet");
        if (result) {
            note_lines();
            settle(guard);
        }
    }
    if (!result) {
        spdlog::error("event=audit.checkpoint reason={}", result.error().detail);
        last_append = steady_clock::now();
        first_unsigned = last_append;
    }
}

void Log::State::finish(std::unique_lock<std::mutex>& guard, std::vector<Waiter> served,
                        const Result<void>& result) {
    guard.unlock();
    for (const Waiter& waiter : served) {
        waiter.done(result);
    }
    guard.lock();
}

Result<pki::PrivateKey> load_or_make_key(const std::filesystem::path& path) {
    auto loaded = pki::PrivateKey::load(path);
    if (loaded || loaded.error().code != Code::not_found) {
        return loaded;
    }
    auto key = pki::PrivateKey::generate_ed25519();
    if (!key) {
        return key;
    }
    const auto pem = key->public_pem();
    if (!pem) {
        return pem.error();
    }
    if (auto saved = key->save(path); !saved) {
        return saved.error();
    }
    if (auto written = write_file(path.string() + ".pub", *pem, 0644); !written) {
        return written.error();
    }
    return key;
}

}  // namespace postern::audit
