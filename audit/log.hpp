// The audit log of one program: appends records to the hash chain, durably, before the thing they tell of is
// let happen.
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

/// When an append counts as done: after write(2), which a crash of the program survives, or after
/// fdatasync(2), which a power cut survives (records of one moment share one sync).
enum class Durability { write, sync };

enum class Sharing {
    /// This process alone writes the file and holds its lock while it lives; a second opener is refused.
    exclusive,
    /// Several processes append in turn (the CA service and its admin commands): the lock is held for one
    /// append.
    shared,
};

/// A file that has grown so far is closed, unless something else is said; and what may be said.
inline constexpr std::uint64_t kRotateBytes = 256ULL << 20;
inline constexpr std::uint64_t kLeastRotateBytes = 64ULL << 10;
inline constexpr std::uint64_t kMostRotateBytes = 1ULL << 40;

struct LogOptions {
    std::filesystem::path file;
    /// Signs checkpoints; made by `load_or_make_key`.
    std::filesystem::path key_file;
    Durability durability = Durability::write;
    Sharing sharing = Sharing::exclusive;
    std::uint64_t rotate_bytes = kRotateBytes;
    std::uint64_t records_per_checkpoint = 1000;
    /// Records that are followed by no other for so long are signed as well; without pause, after ten times
    /// that.
    std::chrono::milliseconds checkpoint_after{1000};
    /// Where each line goes as well: "stdout" or "journald".
    std::vector<std::string> copies;
    std::string program;
};

/// Thread-safe. A log whose disk is full or gone fails every append with Code::audit_unavailable, so that
/// callers refuse, and recovers when the disk does.
class Log {
public:
    /// Opens or creates (0640) the file, finds the chain's end, and tells a torn last line (cut off and kept
    /// beside the log as
    /// `.torn-<n>`) from tampering (Code::audit_unavailable with the line). Starts with a checkpoint when it
    /// made the key.
    static Result<std::unique_ptr<Log>> open(LogOptions options, Clock clock);
    /// Ends what is under way and writes a last checkpoint. Loops whose coroutines append must have stopped
    /// by then, and must outlive the log: their coroutines' ends are posted to them.
    ~Log();

    /// Blocking; for programs' own threads and Durability::write.
    Result<void> append(const Record& record);
    /// One after the other, with one lock and one sync for all. Where it fails, the first of them may stand.
    Result<void> append(std::span<const Record> records);
    /// For event loops: does not block the loop longer than a write(2); with Durability::sync a thread of the
    /// log syncs, and the coroutine goes on, on its own executor, when its record is on the disk.
    boost::asio::awaitable<Result<void>> async_append(Record record);
    /// Reopens the file after an outside rotation (SIGHUP).
    Result<void> reopen();
    /// Closes the file now, as when it has grown to rotate_bytes, and goes on in a new one. Blocking; does
    /// nothing to a file without a record of its own. Code::audit_unavailable.
    Result<void> rotate();
    /// From the next append on.
    void set_rotate_bytes(std::uint64_t bytes);
    /// Whether the last record was taken. A log that did not take one is tried again each second with a
    /// checkpoint, so that this becomes true again by itself. Never waits.
    bool is_available() const noexcept;

private:
    struct State;
    explicit Log(std::unique_ptr<State> state);
    boost::asio::awaitable<Result<void>> append_elsewhere(Record record);
    std::unique_ptr<State> state_;
};

/// The Ed25519 key in `path`; made there (0600) with its public half in `<path>.pub` (0644) when absent.
Result<pki::PrivateKey> load_or_make_key(const std::filesystem::path& path);

}  // namespace postern::audit
