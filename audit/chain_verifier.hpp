// Says whether the lines of a log are whole, and if not, which line is the first bad one and why. Pure: lines
// in, a verdict out; knows no files.
//
// What it can prove: everything up to the last signed checkpoint is as the program wrote it. Lines behind it
// are held by the chain alone, which whoever can write the file can compute anew; the signed head (the
// highest checkpoint, kept beside the log) tells when lines, or a checkpoint, were cut off at the end.
// Whoever puts back an old log together with the old head of that moment is not found: compare the last
// sequence number with a copy elsewhere.
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

/// `another_key`: signed with a key that nobody named; what that means depends on who named the keys.
enum class FaultKind {
    malformed,
    changed,
    missing,
    out_of_order,
    inserted,
    bad_signature,
    another_key,
    cut_off,
    torn
};
std::string_view name(FaultKind kind) noexcept;

/// The first bad line.
struct Fault {
    FaultKind kind = FaultKind::malformed;
    std::string file;
    /// From 1; for cut_off the last line that is there, 0 if there is none.
    std::uint64_t line = 0;
    std::string message;
};

/// Reads the lines of a log's files in order. Constant memory.
class ChainVerifier {
public:
    /// An empty ring leaves signatures unchecked.
    explicit ChainVerifier(KeyRing keys);

    /// The log must reach as far as this head, whose signature the caller has checked.
    void expect_head(Head head);
    /// `is_closed`: the file was rotated away and must end in a signed checkpoint that says so.
    void begin_file(std::string name, bool is_closed);
    /// A line without its newline. False once the verdict is fixed and more lines cannot change it.
    bool add(std::string_view line);
    /// So many bytes stand behind the last newline of the file.
    bool add_unfinished(std::uint64_t bytes);
    /// A line longer than kLongestReadLine.
    bool add_oversized();
    void end_file();
    /// After the last file: settles what hung on lines that did not come.
    void finish();

    const std::optional<Fault>& fault() const noexcept { return fault_; }

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
        /// Records behind the last checkpoint.
        std::uint64_t unsigned_records = 0;
        std::uint64_t last_checkpoint_line = 0;
        /// Keys that signed checkpoints.
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
    /// Decides what is wrong with `suspect_`, given the line behind it if there is one.
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

    /// The last line that fits the chain, and one behind it that does not.
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
