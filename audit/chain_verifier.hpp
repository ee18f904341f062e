// Verifies the lines of a log and, when they are not intact, names the first bad line and the reason. This
// file is pure: it takes lines, returns a verdict and knows no files.
//
// It can prove that everything up to the last signed checkpoint is as the program wrote it. Lines after that
// checkpoint are protected by the hash chain alone, which anybody who can write the file can compute anew.
// The signed head (the newest checkpoint, in a file beside the log) shows when lines or a checkpoint were cut
// off at the end. An old log that was restored together with the head of the same time is not detected: for
// that, compare the last sequence number with a copy that is kept elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/chain.hpp"
#include "pki/digest.hpp"

namespace postern::audit {

/// What is wrong with a log.
enum class FaultKind {
    /// The line is no record of a log.
    malformed,
    /// The content is not what the chain or a signature vouches for.
    changed,
    /// Records are missing before the line.
    missing,
    /// The record stands at another place than its sequence number says.
    out_of_order,
    /// The line or the file does not belong there.
    inserted,
    /// The signature of a checkpoint is not valid.
    bad_signature,
    /// A checkpoint is signed with a key that is not in the ring. What that means depends on who chose the
    /// keys of the ring.
    another_key,
    /// Records are missing at the end of a file or of the log.
    cut_off,
    /// The last line is incomplete, as a crash or a power cut leaves it.
    torn
};
std::string_view name(FaultKind kind) noexcept;

/// The first bad line.
struct Fault {
    FaultKind kind = FaultKind::malformed;
    std::string file;
    /// Line numbers begin with 1. For `cut_off` it is the last line that is present, or 0 when there is none.
    std::uint64_t line = 0;
    std::string message;
};

/// Verifies the lines of a log's files, which are given in order, in constant memory. Not thread-safe.
class ChainVerifier {
public:
    /// With an empty ring, signatures are not checked.
    explicit ChainVerifier(KeyRing keys);

    /// Requires the log to reach as far as `head`, whose signature the caller has verified.
    void expect_head(Head head);
    /// Begins the next file. `is_closed` means that the log went on in a newer file, so that this one must
    /// end in a signed checkpoint that says so.
    void begin_file(std::string name, bool is_closed);
    /// Adds a line without its newline. Returns false once the verdict is settled and further lines cannot
    /// change it.
    bool add(std::string_view line);
    /// Says that `bytes` bytes follow the last newline of the file. Returns false, because no line can follow
    /// them.
    bool add_unfinished(std::uint64_t bytes);
    /// Adds a line that is longer than kLongestReadLine, which is a fault. Returns false.
    bool add_oversized();
    void end_file();
    /// Ends the verification after the last file. It decides what could only be judged with further lines,
    /// and checks the signatures that are still unchecked.
    void finish();

    /// The first fault that was found. It is final only after finish() or once add() has returned false.
    const std::optional<Fault>& fault() const noexcept { return fault_; }

    /// Counts and positions of the lines up to the first fault.
    struct Summary {
        std::uint64_t records = 0;
        std::uint64_t checkpoints = 0;
        std::uint64_t first_sequence = 0;
        std::uint64_t last_sequence = 0;
        /// kNoPredecessor before the first line.
        std::string last_hash{kNoPredecessor};
        bool is_last_a_checkpoint = false;
        std::string last_time;
        std::string log_id;
        /// Records after the last checkpoint.
        std::uint64_t unsigned_records = 0;
        std::uint64_t last_checkpoint_line = 0;
        /// Fingerprints of the keys that signed checkpoints.
        std::vector<std::string> signed_by;
    };
    const Summary& summary() const noexcept { return summary_; }

private:
    struct Place {
        std::size_t file = 0;
        std::uint64_t line = 0;
    };
    struct Line {
        std::uint64_t sequence = 0;
        std::string previous;
        std::string hash;
        std::string text;
        Place place;
        bool is_checkpoint = false;
    };
    struct Remembered {
        pki::Sha256 hash;
        Place place;
    };
    struct Unchecked {
        Checkpoint checkpoint;
        Place place;
    };

    bool is_settled() const noexcept { return fault_.has_value(); }
    void accept(Line& line, const Link& link);
    void check_first_of_file(const Line& line, const Link& link);
    void accept_checkpoint(const Line& line, const Link& link);
    void check_signatures();
    bool fits(const Line& line, const Line& on) const;
    /// Decides what is wrong with `suspect_`. `next` is the line after it, or null when there is none.
    void judge(const Line* next);
    bool judge_insertion(const Line* next);
    void judge_changed(const Line* next);
    void judge_gap(const Line* next);
    const Remembered* remembered(std::uint64_t sequence) const;
    bool is_last_line_whole();
    void fail(FaultKind kind, Place place, std::string message);

    KeyRing keys_;
    std::optional<Head> head_;
    std::vector<std::string> files_;
    bool is_closed_ = false;
    std::uint64_t line_number_ = 0;
    std::string last_reason_;

    /// The last line that fits the chain, and the line after it when that does not fit.
    std::optional<Line> current_;
    std::optional<Line> suspect_;
    Line next_;
    std::optional<Place> blank_;
    std::vector<Remembered> ring_;
    std::vector<Unchecked> unchecked_;
    std::optional<Fault> torn_;
    std::optional<Fault> fault_;
    Summary summary_;
};

}  // namespace postern::audit
