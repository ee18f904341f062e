#include "audit/chain_verifier.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/hex.hpp"
#include "base/json.hpp"

namespace postern::audit {

namespace {

/// The number of recent records that are remembered, so that an inserted copy of one can be recognised.
constexpr std::size_t kRing = 4096;
/// A valid signature vouches for all checkpoints before it. Therefore only one of so many checkpoints is
/// verified, and the others only when it fails.
constexpr std::size_t kUncheckedCheckpoints = 256;

std::size_t differing_digits(std::string_view a, std::string_view b) {
    std::size_t count = a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
        count += a[i] != b[i] ? 1 : 0;
    }
    return count;
}

std::string records(std::uint64_t first, std::uint64_t last) {
    return first == last ? fmt::format("record {} is missing", first)
                         : fmt::format("records {} to {} ({}) are missing", first, last, last - first + 1);
}

/// Returns the log's id from the first record of a file; empty if there is none.
std::string log_id_of(std::string_view line) {
    const auto json = parse_json(line, kAnyDepth);
    const nlohmann::json::json_pointer place("/postern/audit/log_id");
    return json.is_object() && json.contains(place) && json.at(place).is_string()
               ? json.at(place).get<std::string>()
               : std::string();
}

}  // namespace

std::string_view name(FaultKind kind) noexcept {
    switch (kind) {
        case FaultKind::malformed:
            return "malformed";
        case FaultKind::changed:
            return "changed";
        case FaultKind::missing:
            return "missing";
        case FaultKind::out_of_order:
            return "out_of_order";
        case FaultKind::inserted:
            return "inserted";
        case FaultKind::bad_signature:
            return "bad_signature";
        case FaultKind::another_key:
            return "another_key";
        case FaultKind::cut_off:
            return "cut_off";
        case FaultKind::torn:
            return "torn";
    }
    return "malformed";
}

ChainVerifier::ChainVerifier(KeyRing keys) : keys_(std::move(keys)), ring_(kRing) {}

void ChainVerifier::expect_head(Head head) {
    head_ = std::move(head);
}

void ChainVerifier::begin_file(std::string name, bool is_closed) {
    files_.push_back(std::move(name));
    is_closed_ = is_closed;
    line_number_ = 0;
}

bool ChainVerifier::add(std::string_view line) {
    ++line_number_;
    if (is_settled()) {
        return false;
    }
    next_.place = {files_.size() - 1, line_number_};
    if (line.find('\0') != std::string_view::npos && !blank_ && !suspect_) {
        // A line with zero bytes is a torn write if no line follows it.
        blank_ = next_.place;
        return true;
    }
    const auto link = parse_link(line);
    if (!link || blank_) {
        if (suspect_) {
            judge(nullptr);
        } else if (is_last_line_whole()) {
            fail(FaultKind::malformed, blank_.value_or(next_.place),
                 blank_ ? "there are zeros in it" : link.error().detail);
        }
        return false;
    }
    next_.sequence = link->sequence;
    next_.previous.assign(link->previous);
    next_.text.assign(line);
    next_.is_checkpoint = link->action == kCheckpointAction;
    const pki::Sha256 hash = pki::sha256(line);
    next_.hash = to_hex(hash);
    if (suspect_) {
        judge(&next_);
        return false;
    }
    if (!current_ || fits(next_, *current_)) {
        ring_[next_.sequence % kRing] = {hash, next_.place};
        accept(next_, *link);
        return !is_settled();
    }
    suspect_ = next_;
    return true;
}

bool ChainVerifier::add_unfinished(std::uint64_t bytes) {
    ++line_number_;
    if (is_settled()) {
        return false;
    }
    const Place place{files_.size() - 1, line_number_};
    if (suspect_) {
        judge(nullptr);
    } else if (is_closed_ || blank_) {
        if (is_last_line_whole()) {
            fail(FaultKind::cut_off, blank_.value_or(place), "the file ends in the middle of a line");
        }
    } else {
        torn_ =
            Fault{FaultKind::torn, files_.back(), line_number_,
                  fmt::format("a torn write: {} bytes without an end, as a crash or a power cut leaves them",
                              bytes)};
    }
    return false;
}

bool ChainVerifier::add_oversized() {
    ++line_number_;
    if (!is_settled() && suspect_) {
        judge(nullptr);
    } else if (!is_settled() && is_last_line_whole()) {
        fail(FaultKind::malformed, {files_.size() - 1, line_number_},
             fmt::format("longer than {} bytes, which no record is", kLongestReadLine));
    }
    return false;
}

void ChainVerifier::end_file() {
    if (is_settled() || suspect_ || !is_closed_) {
        return;
    }
    const bool is_closing = current_ && current_->place.file == files_.size() - 1 &&
                            current_->is_checkpoint && last_reason_ == kRotationReason;
    if (!is_closing && is_last_line_whole()) {
        fail(FaultKind::cut_off, {files_.size() - 1, line_number_},
             "the file was closed, but does not end in the checkpoint that closed it: records behind this "
             "line are missing");
    }
}

void ChainVerifier::finish() {
    if (!is_settled() && suspect_) {
        judge(nullptr);
    }
    if (is_settled()) {
        return;
    }
    if (blank_) {
        torn_ = Fault{FaultKind::torn, files_[blank_->file], blank_->line,
                      "a torn write: a line with zeros in it, as a power cut leaves them"};
    }
    if (!is_last_line_whole()) {
        return;
    }
    const std::uint64_t last = summary_.last_sequence;
    check_signatures();
    if (!is_settled() && head_ && head_->sequence > last) {
        const Place end = current_ ? current_->place : Place{0, 0};
        fail(FaultKind::cut_off, end,
             fmt::format("the log ends behind this line (record {}), but its signed head names record {}: {}",
                         last, head_->sequence, records(last + 1, head_->sequence)));
    }
    if (!is_settled() && torn_) {
        fault_ = std::move(torn_);
    }
}

bool ChainVerifier::fits(const Line& line, const Line& on) const {
    return line.sequence == on.sequence + 1 && line.previous == on.hash;
}

void ChainVerifier::accept(Line& line, const Link& link) {
    if (line.place.line == 1) {
        check_first_of_file(line, link);
    }
    if (head_ && head_->sequence == line.sequence && head_->hash != line.hash) {
        fail(FaultKind::changed, line.place, "this is not the record that the signed head vouches for");
    }
    if (is_settled()) {
        return;
    }
    ++summary_.records;
    ++summary_.unsigned_records;
    summary_.last_sequence = line.sequence;
    summary_.is_last_a_checkpoint = line.is_checkpoint;
    summary_.last_time.assign(link.time);
    if (line.is_checkpoint) {
        accept_checkpoint(line, link);
    }
    summary_.last_hash = line.hash;
    if (!current_) {
        current_ = line;
    } else {
        std::swap(*current_, line);
    }
}

void ChainVerifier::check_first_of_file(const Line& line, const Link& link) {
    const bool is_first_of_log =
        link.action == kStartedAction && line.sequence == 1 && line.previous == kNoPredecessor;
    const bool is_continuation = link.action == kRotatedAction && line.sequence > 1;
    if (!is_first_of_log && !is_continuation) {
        fail(FaultKind::missing, line.place,
             fmt::format("a file begins with record 1 of its log, or with the one that continues an older "
                         "file; this is "
                         "record {} ({})",
                         line.sequence, link.action));
        return;
    }
    const std::string log_id = log_id_of(line.text);
    if (summary_.log_id.empty()) {
        summary_.log_id = log_id;
        summary_.first_sequence = line.sequence;
    } else if (log_id != summary_.log_id) {
        fail(FaultKind::inserted, line.place, "this file belongs to another log");
    }
    if (head_ && head_->log_id != summary_.log_id) {
        fail(FaultKind::inserted, line.place, "the signed head belongs to another log");
    }
}

void ChainVerifier::accept_checkpoint(const Line& line, const Link& link) {
    auto checkpoint = parse_checkpoint(line.text, link);
    if (!checkpoint) {
        fail(FaultKind::malformed, line.place, checkpoint.error().detail);
        return;
    }
    if (checkpoint->log_id != summary_.log_id) {
        fail(FaultKind::inserted, line.place, "this checkpoint belongs to another log");
        return;
    }
    ++summary_.checkpoints;
    summary_.unsigned_records = 0;
    summary_.last_checkpoint_line = line.place.line;
    last_reason_ = checkpoint->reason;
    auto& signers = summary_.signed_by;
    if (std::find(signers.begin(), signers.end(), checkpoint->key_fingerprint) == signers.end()) {
        // A new key begins here. A later signature does not vouch for those of the old key, so they are
        // verified now.
        check_signatures();
        signers.push_back(checkpoint->key_fingerprint);
    }
    unchecked_.push_back({std::move(*checkpoint), line.place});
    if (unchecked_.size() >= kUncheckedCheckpoints) {
        check_signatures();
    }
}

void ChainVerifier::check_signatures() {
    if (keys_.is_empty() || unchecked_.empty()) {
        unchecked_.clear();
        return;
    }
    if (!check_signature(unchecked_.back().checkpoint, keys_)) {
        const auto bad = std::find_if(
            unchecked_.begin(), unchecked_.end(),
            [this](const Unchecked& unchecked) { return !check_signature(unchecked.checkpoint, keys_); });
        const auto why = check_signature(bad->checkpoint, keys_);
        const Place place = bad->place;
        if (why.error().code == Code::unknown_issuer) {
            fault_ = Fault{FaultKind::another_key, files_[place.file], place.line, why.error().detail};
            unchecked_.clear();
            return;
        }
        fault_ =
            Fault{FaultKind::bad_signature, files_[place.file], place.line,
                  fmt::format(
                      "{}: this checkpoint, or records between it and the checkpoint before, were written by "
                      "someone without the key",
                      why.error().detail)};
    }
    unchecked_.clear();
}

void ChainVerifier::judge(const Line* next) {
    const Line& bad = *suspect_;
    const Line& before = *current_;
    if (!is_last_line_whole()) {
        return;
    }
    if (next != nullptr && fits(*next, before)) {
        if (bad.sequence > before.sequence) {
            fail(FaultKind::out_of_order, bad.place,
                 fmt::format("record {} stands where record {} belongs", bad.sequence, before.sequence + 1));
        } else {
            fail(FaultKind::inserted, bad.place,
                 fmt::format("a line was put in behind record {}", before.sequence));
        }
        return;
    }
    if (judge_insertion(next)) {
        return;
    }
    if (bad.sequence == before.sequence + 1) {
        judge_changed(next);
    } else {
        judge_gap(next);
    }
}

bool ChainVerifier::judge_insertion(const Line* next) {
    const Line& bad = *suspect_;
    if (bad.sequence == 0 || bad.sequence > current_->sequence) {
        return false;
    }
    const Remembered* same = remembered(bad.sequence);
    if (same != nullptr && to_hex(same->hash) == bad.hash) {
        fail(FaultKind::inserted, bad.place, fmt::format("a copy of line {}", same->place.line));
        return true;
    }
    // If `bad` continues record `bad.sequence - 1`, it is the line that the log wrote, and the lines between
    // the two were inserted.
    const Remembered* predecessor = remembered(bad.sequence - 1);
    const bool is_own = predecessor != nullptr && to_hex(predecessor->hash) == bad.previous;
    const bool is_followed = next == nullptr || fits(*next, bad);
    if (is_own && is_followed && same != nullptr) {
        fail(
            FaultKind::inserted, same->place,
            fmt::format("lines were put in between record {} and record {}", bad.sequence - 1, bad.sequence));
        return true;
    }
    return false;
}

void ChainVerifier::judge_changed(const Line* next) {
    const Line& bad = *suspect_;
    const Line& before = *current_;
    const auto link = parse_link(bad.text);
    const auto checkpoint = bad.is_checkpoint ? parse_checkpoint(bad.text, *link) : Failure{};
    const bool is_signed = checkpoint.has_value() && check_signature(*checkpoint, keys_).has_value();
    const bool is_vouched_for = next != nullptr && fits(*next, bad);
    // The hashes of two different lines differ in nearly all digits. If only some differ, the hash itself was
    // edited.
    const bool is_near = differing_digits(bad.previous, before.hash) <= 40;
    if (!is_signed && !is_vouched_for && is_near) {
        fail(FaultKind::changed, bad.place, "the hash that it names of the record before it was edited");
        return;
    }
    fail(FaultKind::changed, before.place,
         fmt::format("record {} is not the one whose hash line {} holds", before.sequence, bad.place.line));
}

void ChainVerifier::judge_gap(const Line* next) {
    const Line& bad = *suspect_;
    const Line& before = *current_;
    if (bad.previous == before.hash) {
        fail(FaultKind::changed, bad.place,
             fmt::format("it bears number {} where {} belongs", bad.sequence, before.sequence + 1));
    } else if (bad.sequence <= before.sequence) {
        fail(FaultKind::out_of_order, bad.place,
             fmt::format("record {} stands behind record {}", bad.sequence, before.sequence));
    } else if (next != nullptr && next->sequence == before.sequence + 1) {
        fail(FaultKind::out_of_order, bad.place,
             fmt::format("record {} stands where record {} belongs", bad.sequence, before.sequence + 1));
    } else if (bad.place.file != before.place.file) {
        fail(FaultKind::cut_off, before.place,
             fmt::format("behind this line {}; the next file goes on with record {}",
                         records(before.sequence + 1, bad.sequence - 1), bad.sequence));
    } else {
        fail(FaultKind::missing, bad.place,
             fmt::format("before this line {}", records(before.sequence + 1, bad.sequence - 1)));
    }
}

const ChainVerifier::Remembered* ChainVerifier::remembered(std::uint64_t sequence) const {
    if (!current_ || sequence == 0 || sequence > current_->sequence || sequence < summary_.first_sequence ||
        current_->sequence - sequence >= kRing) {
        return nullptr;
    }
    return &ring_[sequence % kRing];
}

bool ChainVerifier::is_last_line_whole() {
    if (!current_ || nlohmann::json::accept(current_->text)) {
        return true;
    }
    fail(FaultKind::malformed, current_->place, "it is not JSON");
    return false;
}

void ChainVerifier::fail(FaultKind kind, Place place, std::string message) {
    // A checkpoint with an invalid signature is at an earlier line than this fault, and the first fault
    // counts.
    check_signatures();
    if (!fault_) {
        fault_ =
            Fault{kind, files_.empty() ? std::string() : files_[place.file], place.line, std::move(message)};
    }
}

}  // namespace postern::audit
