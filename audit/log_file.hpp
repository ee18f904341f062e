// Opens, recovers, appends to, signs and rotates the files of a log. Not thread-safe; Log is.
//
// After a crash at any moment there is at most one torn last line, which the next open() cuts off and keeps
// aside, and a head that may be older than the durable lines but never newer, because it is written only
// after its checkpoint was synced.
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

/// The file that a log is being written to. Functions that return a Result may block, and fail with
/// Code::audit_unavailable.
class LogFile {
public:
    /// Opens the log or begins it. The caller must hold the WriterLock, here and for every function that
    /// writes.
    static Result<LogFile> open(const LogOptions& options, Clock clock, Signer signer);

    Result<void> append(const Record& record);
    Result<void> checkpoint(std::string_view reason);
    /// Tries to write a checkpoint after a record could not be written, on a new file when there is none.
    Result<void> try_again();
    /// Calls fdatasync(2) and then, if there is a checkpoint that the head does not name yet, writes the
    /// head.
    Result<void> settle();
    /// Ends this file with a checkpoint, renames it after the time and its first sequence number, and begins
    /// the next file.
    Result<void> rotate();
    /// Continues in a new file after another program has renamed this one.
    Result<void> reopen();
    /// Reads the lines that other processes have appended since the last call (Sharing::shared).
    Result<void> refresh();

    /// The two halves of settle(), for a thread that syncs while others append: begin_settlement() needs the
    /// lock, end_settlement() does not.
    struct Settlement {
        /// Shared with the LogFile, so that taking it cannot fail. The last owner closes it.
        std::shared_ptr<const UniqueFd> file;
        std::string head;
    };
    Settlement begin_settlement();
    Result<void> end_settlement(const Settlement& settlement) const;

    std::uint64_t sequence() const noexcept { return sequence_; }
    std::uint64_t unsigned_records() const noexcept { return unsigned_records_; }
    bool has_unsettled_head() const noexcept { return has_unsettled_head_; }
    bool is_due_for_rotation() const noexcept { return size_ >= options_.rotate_bytes; }
    /// Whether the file holds more than the record that every file begins with.
    bool has_records_of_its_own() const noexcept { return sequence_ > first_sequence_; }
    void set_rotate_bytes(std::uint64_t bytes) noexcept { options_.rotate_bytes = bytes; }
    /// Returns the lines that were written since the last call, for copies. They are collected only when the
    /// options ask for copies.
    std::vector<std::string> take_written() { return std::exchange(written_, {}); }

private:
    LogFile(const LogOptions& options, Clock clock, Signer signer);

    Result<void> publish_key();
    /// Finds the end of the chain on disk and the file to continue in. When it fails, `file_` is null.
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

    /// Null when a rotation has closed the last file and the next one does not exist yet.
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
    /// True while the file holds, after `size_`, part of a line that could not be removed.
    bool has_partial_line_ = false;
};

}  // namespace postern::audit
