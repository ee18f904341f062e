#include "audit/log_state.hpp"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

#include "base/log.hpp"

namespace postern::audit {

using std::chrono::steady_clock;

namespace {

/// Without a pause in the records, they are signed after `checkpoint_after` times this number.
constexpr int kLongestUnsigned = 10;
constexpr std::chrono::seconds kTryAgainAfter{1};

}  // namespace

Result<void> Log::State::append_locked(std::span<const Record> records) {
    if (broken) {
        return *broken;
    }
    Result<void> result;
    if (is_shared()) {
        result = append_shared(records);
    } else {
        for (std::size_t i = 0; i < records.size() && result; ++i) {
            result = append_exclusive(records[i]);
        }
    }
    note_outcome(result);
    return result;
}

void Log::State::note_outcome(const Result<void>& result) {
    if (result.has_value() != is_failing) {
        return;
    }
    is_failing = !result;
    if (is_failing) {
        spdlog::error("event=audit.unavailable reason={}", quoted(result.error().detail, 512));
        wake.notify_one();
    } else {
        spdlog::info("event=audit.available_again");
    }
}

void Log::State::tell_of_rotation(const Result<void>& rotated) {
    // The rotation is tried again with each record, so a series of failures is logged once.
    if (!rotated && rotation_outage.fails(steady_clock::now())) {
        spdlog::error("event=audit.rotate reason={}", quoted(rotated.error().detail, 512));
    } else if (const auto failures = rotated ? rotation_outage.works(steady_clock::now()) : std::nullopt) {
        spdlog::info("event=audit.rotated_again failures={}", *failures);
    }
}

Result<void> Log::State::append_exclusive(const Record& record) {
    if (auto appended = file.append(record); !appended) {
        return appended;
    }
    note_lines();
    if ((file.sequence() + 1) % options.records_per_checkpoint == 0) {
        // The record is written. If the checkpoint cannot be written now, a later one replaces it.
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

Result<void> Log::State::append_shared(std::span<const Record> records) {
    const auto timeout = is_failing ? kLockTimeoutInVain : std::chrono::milliseconds(kLockTimeout);
    if (auto acquired = writer_lock.acquire(timeout, options.program); !acquired) {
        return acquired;
    }
    auto result = file.refresh();
    for (std::size_t i = 0; i < records.size() && result; ++i) {
        result = file.append(records[i]);
        if (!result) {
            break;
        }
        note_lines();
        bool is_settled = true;
        if ((file.sequence() + 1) % options.records_per_checkpoint == 0 && file.checkpoint("interval")) {
            note_lines();
            is_settled = file.settle().has_value();
        }
        if (file.is_due_for_rotation() && is_settled) {
            tell_of_rotation(file.rotate());
        }
    }
    writer_lock.release();
    return result;
}

Result<void> Log::State::rotate_shared() {
    if (broken) {
        return *broken;
    }
    if (auto acquired = writer_lock.acquire(kLockTimeout, options.program); !acquired) {
        return acquired;
    }
    auto rotated = file.refresh();
    if (rotated && file.has_records_of_its_own()) {
        rotated = file.rotate();
        if (rotated) {
            note_lines();
        }
    }
    writer_lock.release();
    return rotated;
}

/// Has the log's thread rotate, which also writes heads: the head that it is writing must not replace a newer
/// one.
Result<void> Log::State::rotate_on_thread(std::unique_lock<std::mutex>& guard) {
    rotation.reset();
    wants_rotation = true;
    wake.notify_one();
    if (!has_rotated.wait_for(guard, kRotationTimeout, [this] { return rotation.has_value(); })) {
        return Failure{Code::audit_unavailable, "the disk did not take the rotation in time"};
    }
    return *rotation;
}

/// Rotates an exclusive log, on the log's thread, when it is due or was requested.
void Log::State::rotate_now() {
    const bool is_needed = file.is_due_for_rotation() || file.has_records_of_its_own();
    const auto rotated = broken ? Result<void>(*broken) : is_needed ? file.rotate() : Result<void>();
    tell_of_rotation(rotated);
    if (rotated && is_needed) {
        note_lines();
    }
    if (std::exchange(wants_rotation, false)) {
        rotation = rotated;
        has_rotated.notify_all();
    }
}

/// Appends now; the log's thread calls `done` when the records are synced. `done` is not called when this
/// function fails.
Result<void> Log::State::append_then(std::span<const Record> records, Done done) {
    const std::lock_guard guard(mutex);
    if (auto appended = append_locked(records); !appended) {
        return appended;
    }
    waiters.push_back({file.sequence(), std::move(done)});
    wake.notify_one();
    return {};
}

/// Appends on the appender's thread. `done` is called there, or by the log's thread once the record is
/// synced.
void Log::State::append_job(const Record& record, Done done) {
    Result<void> appended;
    {
        const std::lock_guard guard(mutex);
        appended = append_locked(std::span(&record, 1));
        if (appended && options.durability == Durability::sync) {
            waiters.push_back({file.sequence(), std::move(done)});
            wake.notify_one();
            return;
        }
    }
    done(appended);
}

void Log::State::note_lines() {
    last_append = steady_clock::now();
    if (file.unsigned_records() <= 1) {
        first_unsigned = last_append;
        wake.notify_one();
    }
    copies.add(file.take_written());
}

steady_clock::time_point Log::State::next_checkpoint() const {
    if (broken) {
        return steady_clock::time_point::max();
    }
    if (is_failing) {
        // The log must try by itself: while it is known to be unavailable, load balancers may direct all
        // clients to other gateways, so that no append comes.
        return last_attempt + kTryAgainAfter;
    }
    if (file.unsigned_records() == 0) {
        return steady_clock::time_point::max();
    }
    return std::min(last_append + options.checkpoint_after,
                    first_unsigned + kLongestUnsigned * options.checkpoint_after);
}

bool Log::State::has_work() const {
    return is_stopping || wants_rotation || !waiters.empty() || file.has_unsettled_head() ||
           (!is_shared() && file.is_due_for_rotation() && !broken);
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
        if (!waiters.empty() || file.has_unsettled_head()) {
            settle(guard);
        }
        if (wants_rotation || (!is_shared() && file.is_due_for_rotation() && !broken)) {
            rotate_now();
            if (file.is_due_for_rotation()) {
                wake.wait_for(guard, options.checkpoint_after);
            }
        }
        const bool is_last_round = is_stopping && waiters.empty();
        if (steady_clock::now() >= next_checkpoint() ||
            (is_last_round && file.unsigned_records() > 0 && !broken)) {
            last_attempt = steady_clock::now();
            sign_quiet(guard);
        }
        if (is_last_round && waiters.empty()) {
            return;
        }
    }
}

void Log::State::settle(std::unique_lock<std::mutex>& guard) {
    std::vector<Waiter> served = std::exchange(waiters, {});
    const LogFile::Settlement settlement = file.begin_settlement();
    guard.unlock();
    const Result<void> result = file.end_settlement(settlement);
    guard.lock();
    if (!result) {
        spdlog::critical("event=audit.broken reason={}", quoted(result.error().detail, 512));
        broken = result.error();
        is_failing = true;
    }
    finish(guard, served, result);
}

/// Signs the records that are not signed yet. When that fails, it is tried again after the same time.
void Log::State::sign_quiet(std::unique_lock<std::mutex>& guard) {
    Result<void> result;
    if (is_shared()) {
        // The mutex is locked during this, so an attempt that is likely to fail must not delay appends for
        // long.
        result = writer_lock.acquire(
            is_failing ? kLockTimeoutInVain : std::chrono::milliseconds(kLockTimeout), options.program);
        if (result) {
            result = file.refresh();
            if (result && (file.unsigned_records() > 0 || is_failing)) {
                result = is_failing ? file.try_again() : file.checkpoint("quiet");
                if (result) {
                    note_lines();
                    result = file.settle();
                }
            }
            writer_lock.release();
        }
    } else {
        if (is_failing && !is_stopping) {
            result = file.try_again();
        } else {
            result = file.checkpoint(is_stopping ? "close" : "quiet");
        }
        if (result) {
            note_lines();
            settle(guard);
        }
    }
    if (!result) {
        if (!is_failing) {
            spdlog::error("event=audit.checkpoint reason={}", quoted(result.error().detail, 512));
        }
        last_append = steady_clock::now();
        first_unsigned = last_append;
        last_attempt = last_append;
        return;
    }
    if (!broken) {
        note_outcome(result);
    }
}

void Log::State::finish(std::unique_lock<std::mutex>& guard, const std::vector<Waiter>& served,
                        const Result<void>& result) {
    guard.unlock();
    for (const Waiter& waiter : served) {
        waiter.done(result);
    }
    guard.lock();
}

}  // namespace postern::audit
