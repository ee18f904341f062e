// The files of a log while it is written: opens, recovers, appends, checkpoints, rotates. Not thread-safe;
// Log is.
//
// What a crash leaves, at any moment: at most one torn last line, cut off and kept aside by the next open,
// and a head that is behind the durable lines, never ahead of them: a head is stored after its checkpoint was
// synced.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "audit/chain.hpp"
#include "audit/log.hpp"
#include "audit/log_place.hpp"
#include "audit/record.hpp"
#include "audit/recovery.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace postern::audit {

class LogFile {
public:
    /// Needs the writer's lock, as all that writes does.
    static Result<LogFile> open(const LogOptions& options, Clock clock, Signer signer);

    Result<void> append(const Record& record);
    Result<void> checkpoint(std::string_view reason);
    /// Of a log that did not take the last record: a checkpoint, on a new file where there is none.
    Result<void> try_again();
    /// fdatasync(2) and, when there is a checkpoint that it does not name yet, the head.
    Result<void> settle();
    /// Closes this file for good, under its name with time and first sequence number, and begins the next
    /// one.
    Result<void> rotate();
    /// Follows an outside rename of the file.
    Result<void> reopen();
    /// Reads what other processes have appended since (Sharing::shared).
    Result<void> refresh();

    /// The two halves of settle(), for a thread that syncs while others append: the first needs the lock, the
    /// second not.
    struct Settlement {
        /// Shared with the LogFile, so that taking it cannot fail; closed by whoever lets it go last.
        std::shared_ptr<const UniqueFd> file;
        std::string head;
    };
    Settlement begin_settlement();
    Result<void> end_settlement(const Settlement& settlement) const;

    std::uint64_t sequence() const noexcept { return sequence_; }
    std::uint64_t unsigned_records() const noexcept { return unsigned_records_; }
    bool has_unsettled_head() const noexcept { return has_unsettled_head_; }
    bool is_due_for_rotation() const noexcept { return size_ >= options_.rotate_bytes; }
    /// More than the record that every file begins with.
    bool has_records_of_its_own() const noexcept { return sequence_ > first_sequence_; }
    void set_rotate_bytes(std::uint64_t bytes) noexcept { options_.rotate_bytes = bytes; }
    /// The lines written since the last call, for copies; none unless copies are wanted.
    std::vector<std::string> take_written() { return std::exchange(written_, {}); }

private:
    LogFile(const LogOptions& options, Clock clock, Signer signer);

    Result<void> publish_key();
    /// Finds the end of the chain on disk, and the file to go on in; without a file when it fails.
    Result<void> attach();
    Result<void> go_on(LogPlace place);
    void take(ChainEnd end);
    Result<void> begin_log();
    Result<void> create();
    Result<void> write_first_record();
    Result<void> append_recovered(const std::string& kept_as);
    Result<void> check_unchanged();
    Result<void> write_line(const std::string& line);
    Result<void> write_record(const Record& record);
    Result<void> write_checkpoint(std::string_view reason);
    Failure unavailable(std::string_view what) const;

    LogOptions options_;
    Clock clock_;
    Signer signer_;
    KeyRing keys_;
    std::string host_name_;

    /// Null between a rotation and the next file.
    std::shared_ptr<const UniqueFd> file_;
    std::string log_id_;
    std::string previous_file_;
    std::uint64_t size_ = 0;
    std::uint64_t sequence_ = 0;
    std::uint64_t first_sequence_ = 0;
    std::uint64_t unsigned_records_ = 0;
    std::string hash_{kNoPredecessor};
    std::vector<std::string> written_;
    std::string checkpoint_time_;
    std::string checkpoint_hash_;
    std::uint64_t checkpoint_sequence_ = 0;
    bool has_unsettled_head_ = false;
    bool needs_first_record_ = false;
    /// Part of a line that could not be taken back stands behind size_.
    bool has_partial_line_ = false;
};

}  // namespace postern::audit
