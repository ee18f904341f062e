// What a Log works with, and the threads that do what a loop must not wait for: syncs, heads, signatures when
// records went quiet, and rotation; and appends that wait for another process.
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

/// How long a shared log waits for the other writers' appends; and how long while that has just been in vain,
/// so that records behind each other do not each wait anew for one that holds the log for good.
inline constexpr std::chrono::seconds kLockTimeout{5};
inline constexpr std::chrono::milliseconds kLockTimeoutInVain{50};
/// How long a rotation that was asked for may take: it waits for the disk.
inline constexpr std::chrono::seconds kRotationTimeout{30};

using Done = std::function<void(Result<void>)>;

/// `mutex` guards everything, and is held while a shared log waits for other processes: no loop takes it
/// then.
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
    /// Of a signature.
    std::chrono::steady_clock::time_point last_attempt{};
    /// A disk that failed to sync may have lost what it was given: nothing is trusted to it any more.
    std::optional<Failure> broken;
    /// Written under the mutex, read without it.
    std::atomic<bool> is_failing = false;
    Outage rotation_outage;
    bool is_stopping = false;
    /// Somebody waits for a rotation, and what became of it.
    bool wants_rotation = false;
    std::optional<Result<void>> rotation;
    std::condition_variable has_rotated;
    std::thread thread;
    /// Of a shared log: one thread, on which append_job() waits for other processes. Not guarded.
    std::optional<boost::asio::thread_pool> appender;
};

}  // namespace postern::audit
