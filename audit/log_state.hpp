// The state of a Log, and its threads. They do the work that must not block an event loop: syncs, heads,
// signatures after a pause, rotation, and appends that wait for another process.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include "audit/copies.hpp"
#include "audit/log.hpp"
#include "audit/log_file.hpp"
#include "audit/writer_lock.hpp"
#include "base/outage.hpp"

namespace postern::audit {

/// How long a shared log waits for the appends of other processes, and how long while the last attempt was in
/// vain, so that the records of a series do not each wait for a process that never releases the log.
inline constexpr std::chrono::seconds kLockTimeout{5};
inline constexpr std::chrono::milliseconds kLockTimeoutInVain{50};
/// How long a requested rotation may take, which waits for the disk.
inline constexpr std::chrono::seconds kRotationTimeout{30};

/// Called once with the result of an append.
using Done = std::function<void(Result<void>)>;

/// `mutex` guards everything unless a member says otherwise. It is also held while a shared log waits for
/// other processes; therefore no event loop locks the mutex of a shared log.
struct Log::State {
    State(LogOptions options_in, WriterLock lock_in, LogFile file_in, Copies copies_in)
        : options(std::move(options_in)),
          writer_lock(std::move(lock_in)),
          file(std::move(file_in)),
          copies(std::move(copies_in)) {
        if (is_shared()) {
            appender.emplace(1);
        }
    }

    /// An append whose record is written and waits for the sync.
    struct Waiter {
        std::uint64_t sequence;
        Done done;
    };

    bool is_shared() const noexcept { return options.sharing == Sharing::shared; }

    Result<void> append_locked(std::span<const Record> records);
    void note_outcome(const Result<void>& result);
    Result<void> append_exclusive(const Record& record);
    Result<void> append_shared(std::span<const Record> records);
    Result<void> append_then(std::span<const Record> records, Done done);
    Result<void> rotate_shared();
    Result<void> rotate_on_thread(std::unique_lock<std::mutex>& guard);
    void rotate_now();
    void append_job(const Record& record, Done done);
    void tell_of_rotation(const Result<void>& rotated);
    void note_lines();
    void run();
    std::chrono::steady_clock::time_point next_checkpoint() const;
    bool has_work() const;
    void settle(std::unique_lock<std::mutex>& guard);
    void sign_quiet(std::unique_lock<std::mutex>& guard);
    void finish(std::unique_lock<std::mutex>& guard, const std::vector<Waiter>& waiters,
                const Result<void>& result);

    const LogOptions options;
    std::mutex mutex;
    std::condition_variable wake;
    WriterLock writer_lock;
    LogFile file;
    Copies copies;
    std::vector<Waiter> waiters;
    std::chrono::steady_clock::time_point first_unsigned{};
    std::chrono::steady_clock::time_point last_append{};
    /// When a signature was last attempted.
    std::chrono::steady_clock::time_point last_attempt{};
    /// Set after a failed fdatasync(2), since when nothing is written any more: the disk may have lost what
    /// it was given.
    std::optional<Failure> broken;
    /// Written with the mutex locked, read without it.
    std::atomic<bool> is_failing = false;
    Outage rotation_outage;
    bool is_stopping = false;
    /// Set while a thread waits for a rotation; `rotation` is then its result.
    bool wants_rotation = false;
    std::optional<Result<void>> rotation;
    std::condition_variable has_rotated;
    std::thread thread;
    /// For a shared log: the one thread on which append_job() waits for other processes. The mutex does not
    /// guard it.
    std::optional<boost::asio::thread_pool> appender;
};

}  // namespace postern::audit
