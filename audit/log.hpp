// The audit log of one program. It appends records to the hash chain, durably, before the action that they
// record is allowed to happen.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "audit/record.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "pki/key.hpp"

namespace postern::audit {

/// When an append counts as done: after write(2), so that the record survives a crash of the program, or
/// after fdatasync(2), so that it survives a power cut. Records that are appended at the same time share one
/// sync.
enum class Durability { write, sync };

/// Who may write the log at the same time.
enum class Sharing {
    /// This process alone writes the file and holds its lock as long as the log is open. Another process that
    /// opens the log is refused.
    exclusive,
    /// Several processes append in turn (the CA service and its administration commands). The lock is held
    /// only during an append.
    shared,
};

/// The default size in bytes at which a file is closed and a new one begins, and the bounds of the setting.
inline constexpr std::uint64_t kRotateBytes = 256ULL << 20;
inline constexpr std::uint64_t kLeastRotateBytes = 64ULL << 10;
inline constexpr std::uint64_t kMostRotateBytes = 1ULL << 40;

/// How to open a log.
struct LogOptions {
    std::filesystem::path file;
    /// The file of the Ed25519 key that signs checkpoints; load_or_make_key() creates it.
    std::filesystem::path key_file;
    Durability durability = Durability::write;
    Sharing sharing = Sharing::exclusive;
    std::uint64_t rotate_bytes = kRotateBytes;
    std::uint64_t records_per_checkpoint = 1000;
    /// Records are signed once no other record has followed them for this long. Without such a pause they are
    /// signed after ten times as long.
    std::chrono::milliseconds checkpoint_after{1000};
    /// Further targets of each line: "stdout" or "journald".
    std::vector<std::string> copies;
    /// The program's name in the records.
    std::string program;
};

/// An open audit log. Thread-safe. While its disk is full or missing, every append fails with
/// Code::audit_unavailable, so that callers refuse what they cannot record. The log recovers by itself once
/// the disk can be written again; only after a failed fdatasync(2) it does not, because the disk may have
/// lost what it was given.
class Log {
public:
    /// Opens or creates the file (mode 0640) and finds the end of the chain. A torn last line is cut off and
    /// kept beside the log as `.torn-<n>`; a log that was tampered with is not opened
    /// (Code::audit_unavailable with the line). A new log begins with a checkpoint. Blocking.
    static Result<std::unique_ptr<Log>> open(LogOptions options, Clock clock);
    /// Finishes pending appends and writes a last checkpoint. Event loops whose coroutines append must have
    /// stopped before, and must outlive the log, because the completions are posted to them.
    ~Log();

    /// Appends one record and blocks until it counts as done, so it is for threads that may block. Fails with
    /// Code::audit_unavailable.
    Result<void> append(const Record& record);
    /// Appends the records in order, with one lock and one sync for all. When it fails, some of the first
    /// records may have been written.
    Result<void> append(std::span<const Record> records);
    /// Appends from an event loop, which it blocks no longer than one write(2). With Durability::sync a
    /// thread of the log syncs, and with Sharing::shared another one waits for the other processes; the
    /// coroutine continues on its own executor when its record counts as done. Fails with
    /// Code::audit_unavailable.
    boost::asio::awaitable<Result<void>> async_append(Record record);
    /// Reopens the file after another program has renamed it (SIGHUP). Blocking. Fails with
    /// Code::audit_unavailable.
    Result<void> reopen();
    /// Closes the file now, as if it had grown to rotate_bytes, and continues in a new one. Does nothing when
    /// the file holds no record besides its first. Blocking. Fails with Code::audit_unavailable.
    Result<void> rotate();
    /// Sets the size in bytes at which a file is closed, from the next append on.
    void set_rotate_bytes(std::uint64_t bytes);
    /// Returns whether the last record could be written. After a failure the log tries every second to write
    /// a checkpoint, so that this becomes true again by itself. Never blocks.
    bool is_available() const noexcept;

private:
    struct State;
    explicit Log(std::unique_ptr<State> state);
    boost::asio::awaitable<Result<void>> append_elsewhere(Record record);
    std::unique_ptr<State> state_;
};

/// Loads the Ed25519 key in `path`. When there is none, creates it (mode 0600), with its public half in
/// `<path>.pub` (mode 0644).
Result<pki::PrivateKey> load_or_make_key(const std::filesystem::path& path);

}  // namespace postern::audit
