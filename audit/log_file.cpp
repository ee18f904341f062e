#include "audit/log_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "audit/chain_verifier.hpp"
#include "audit/log_path.hpp"
#include "base/connection_id.hpp"
#include "base/file.hpp"
#include "pki/digest.hpp"

namespace postern::audit {

namespace fs = std::filesystem;

namespace {

constexpr mode_t kMode = 0640;

std::string host_name() {
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data())
                                                            : std::string("localhost");
}

fs::path folder_of(const fs::path& file) {
    return file.has_parent_path() ? file.parent_path() : fs::path(".");
}

/// What root makes in a service's folder belongs to the service: an admin command must not lock the service
/// out.
void hand_to_folder_owner(const fs::path& file) noexcept {
    struct stat folder {};
    if (::geteuid() == 0 && ::stat(folder_of(file).c_str(), &folder) == 0 && folder.st_uid != 0) {
        if (::lchown(file.c_str(), folder.st_uid, folder.st_gid) != 0) {
            spdlog::warn("event=audit.chown file={} reason={}", file.string(), std::strerror(errno));
        }
    }
}

UniqueFd open_for_append(const fs::path& file, int flags) noexcept {
    return UniqueFd(
        ::open(file.c_str(), O_RDWR | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | flags, kMode));
}

}  // namespace

Result<WriterLock> WriterLock::open(const fs::path& log) {
    const fs::path path = lock_path(log);
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, kMode));
    if (!fd) {
        return Failure{Code::audit_unavailable,
                       fmt::format("cannot open {}: {}", path.string(), std::strerror(errno))};
    }
    hand_to_folder_owner(path);
    return WriterLock(std::move(fd), log);
}

Result<void> WriterLock::acquire(std::chrono::milliseconds patience, std::string_view program) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return Failure{Code::audit_unavailable,
                           fmt::format("cannot lock {}: {}", lock_path(log_).string(), std::strerror(errno))};
        }
        if (std::chrono::steady_clock::now() >= deadline) {
            std::array<char, 128> holder{};
            const ssize_t length = ::pread(fd_.get(), holder.data(), holder.size(), 0);
            return Failure{
                Code::audit_unavailable,
                fmt::format("{} is being written by another process ({})", log_.string(),
                            length > 0 ? std::string_view(holder.data(), static_cast<std::size_t>(length))
                                       : "unknown")};
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    if (patience > std::chrono::milliseconds(0)) {
        return {};
    }
    // Whoever holds it for good leaves its name, for the message above alone; nothing depends on it.
    const std::string holder = fmt::format("{}, pid {}", program, ::getpid());
    if (::ftruncate(fd_.get(), 0) != 0 || ::pwrite(fd_.get(), holder.data(), holder.size(), 0) < 0) {
        spdlog::debug("event=audit.lock file={} reason={}", lock_path(log_).string(), std::strerror(errno));
    }
    return {};
}

void WriterLock::release() noexcept {
    ::flock(fd_.get(), LOCK_UN);
}

LogFile::LogFile(const LogOptions& options, Clock clock, Signer signer)
    : options_(options), clock_(std::move(clock)), signer_(std::move(signer)), host_name_(host_name()) {}

Result<LogFile> LogFile::open(const LogOptions& options, Clock clock, Signer signer) {
    LogFile file(options, std::move(clock), std::move(signer));
    if (auto published = file.publish_key(); !published) {
        return published.error();
    }
    if (auto attached = file.attach(); !attached) {
        return attached.error();
    }
    return file;
}

Failure LogFile::unavailable(std::string_view what) const {
    return Failure{Code::audit_unavailable, fmt::format("{}: {}", options_.file.string(), what)};
}

Result<void> LogFile::publish_key() {
    const fs::path path = public_key_path(options_.file);
    std::string pem;
    if (const auto content = read_file(path)) {
        pem = *content;
        if (!keys_.add_pem(pem)) {
            pem.clear();
        }
    }
    if (keys_.find(signer_.fingerprint) != nullptr) {
        return {};
    }
    const auto own = signer_.key.public_pem();
    if (!own) {
        return own.error();
    }
    if (auto added = keys_.add_pem(*own); !added) {
        return added.error();
    }
    if (auto written = write_file(path, pem + *own, 0644); !written) {
        return unavailable(written.error().detail);
    }
    hand_to_folder_owner(path);
    return {};
}

Result<Head> LogFile::load_head() const {
    const fs::path path = head_path(options_.file);
    const auto content = read_file(path);
    if (!content) {
        return content.error();
    }
    auto head = parse_head(*content);
    if (!head) {
        return with_context(path.string(), head.error());
    }
    if (auto checked = check_signature(*head, keys_); !checked) {
        return with_context(path.string(), checked.error());
    }
    return head;
}

Result<void> LogFile::attach() {
    auto head = load_head();
    const bool has_head = head.has_value();
    if (!has_head && head.error().code != Code::not_found) {
        return unavailable(head.error().detail);
    }
    const Head known = has_head ? *head : Head{"", 0, std::string(kNoPredecessor), "", "", ""};
    const std::vector<fs::path> elders = rotated_files(options_.file);
    fd_ = open_for_append(options_.file, 0);
    if (!fd_ && errno != ENOENT) {
        return unavailable(std::strerror(errno));
    }
    std::string kept_as;
    if (fd_) {
        bool is_torn = false;
        std::uint64_t torn_offset = 0;
        auto scanned = scan(known, is_torn, torn_offset);
        if (scanned && is_torn) {
            auto kept = keep_torn_aside(torn_offset);
            if (!kept) {
                return kept.error();
            }
            kept_as = std::move(*kept);
            scanned = scan(known, is_torn, torn_offset);
        }
        if (!scanned) {
            return scanned.error();
        }
    }
    if (!fd_ || size_ == 0) {
        auto begun = elders.empty() ? Result<void>() : continue_from(elders.back(), known);
        if (elders.empty()) {
            begun = known.sequence == 0
                        ? begin_log()
                        : unavailable(fmt::format(
                              "the file is gone or empty, but {} names record {}; keep what is left as "
                              "evidence, move it all aside and start again",
                              head_path(options_.file).string(), known.sequence));
        }
        if (!begun) {
            return begun.error();
        }
    }
    if (!kept_as.empty()) {
        return append_recovered(kept_as);
    }
    return {};
}

Result<void> LogFile::scan(const Head& head, bool& is_torn, std::uint64_t& torn_offset) {
    auto reader = LineReader::open(options_.file);
    if (!reader) {
        return unavailable(reader.error().detail);
    }
    is_torn = false;
    ChainVerifier verifier(keys_);
    verifier.expect_head(head);
    verifier.begin_file(options_.file.filename().string(), false);
    bool has_unfinished = false;
    bool is_going_on = true;
    while (is_going_on) {
        const LineReader::Item item = reader->next();
        switch (item) {
            case LineReader::Item::line:
                is_going_on = verifier.add(reader->line());
                break;
            case LineReader::Item::unfinished:
                has_unfinished = true;
                is_going_on = verifier.add_unfinished(reader->unfinished_bytes());
                break;
            case LineReader::Item::oversized:
                is_going_on = verifier.add_oversized();
                break;
            case LineReader::Item::end:
                is_going_on = false;
                break;
            case LineReader::Item::failed:
                return unavailable("it cannot be read");
        }
        if (item == LineReader::Item::line || item == LineReader::Item::unfinished) {
            torn_offset = reader->line_offset();
        }
    }
    verifier.finish();
    const auto& summary = verifier.summary();
    const auto& fault = verifier.fault();
    // Without a whole line, the head is to be found in the file before this one.
    const bool is_empty = fault && fault->kind == FaultKind::cut_off && summary.records == 0;
    is_torn = fault && (fault->kind == FaultKind::torn || (is_empty && has_unfinished));
    if (fault && !is_torn && !is_empty) {
        return unavailable(fmt::format(
            "tampered with at line {}: {}; keep it as evidence, move it and what stands beside it "
            "aside and start again",
            fault->line, fault->message));
    }
    size_ = reader->offset();
    sequence_ = summary.last_sequence;
    first_sequence_ = summary.first_sequence;
    unsigned_records_ = summary.unsigned_records;
    hash_ = summary.last_hash;
    log_id_ = summary.log_id;
    needs_first_record_ = false;
    return {};
}

Result<void> LogFile::begin_log() {
    log_id_ = new_connection_id();
    sequence_ = 0;
    hash_ = kNoPredecessor;
    checkpoint_sequence_ = 0;
    checkpoint_hash_ = kNoPredecessor;
    checkpoint_time_ = format_time(clock_());
    // The head comes first: a log without one is one whose head was taken away.
    const auto head = format_head({log_id_, 0, hash_, checkpoint_time_, "", ""}, signer_);
    if (!head) {
        return head.error();
    }
    if (auto written = write_file(head_path(options_.file), *head, kMode); !written) {
        return unavailable(written.error().detail);
    }
    hand_to_folder_owner(head_path(options_.file));
    previous_file_.clear();
    if (auto created = create(); !created) {
        return created.error();
    }
    if (auto written = write_checkpoint("start"); !written) {
        return written.error();
    }
    return settle();
}

Result<void> LogFile::continue_from(const fs::path& elder, const Head& head) {
    auto reader = LineReader::open(elder);
    if (!reader) {
        return unavailable(reader.error().detail);
    }
    ChainVerifier verifier(keys_);
    verifier.begin_file(elder.filename().string(), true);
    bool is_going_on = true;
    while (is_going_on) {
        switch (reader->next()) {
            case LineReader::Item::line:
                is_going_on = verifier.add(reader->line());
                break;
            case LineReader::Item::unfinished:
                is_going_on = verifier.add_unfinished(reader->unfinished_bytes());
                break;
            case LineReader::Item::oversized:
                is_going_on = verifier.add_oversized();
                break;
            case LineReader::Item::end:
            case LineReader::Item::failed:
                is_going_on = false;
                break;
        }
    }
    verifier.end_file();
    verifier.finish();
    if (verifier.fault()) {
        return unavailable(fmt::format("the file before it, {}, was tampered with at line {}: {}",
                                       elder.string(), verifier.fault()->line, verifier.fault()->message));
    }
    const auto& summary = verifier.summary();
    if (head.sequence > summary.last_sequence) {
        return unavailable(fmt::format(
            "the file is gone or empty: {} ends with record {}, but the signed head names record {}",
            elder.string(), summary.last_sequence, head.sequence));
    }
    log_id_ = summary.log_id;
    sequence_ = summary.last_sequence;
    hash_ = summary.last_hash;
    previous_file_ = elder.filename().string();
    return create();
}

Result<void> LogFile::create() {
    if (!fd_) {
        fd_ = open_for_append(options_.file, O_CREAT | O_EXCL);
        if (!fd_) {
            return unavailable(fmt::format("cannot create it: {}", std::strerror(errno)));
        }
        ::fchmod(fd_.get(), kMode);
        hand_to_folder_owner(options_.file);
    }
    size_ = 0;
    needs_first_record_ = true;
    if (auto synced = sync_folder(); !synced) {
        return synced;
    }
    return write_first_record();
}

Result<void> LogFile::write_first_record() {
    Record record;
    auto& audit = record.extra["postern"]["audit"];
    audit["log_id"] = log_id_;
    audit["key"] = signer_.fingerprint;
    if (sequence_ == 0) {
        record.action = kStartedAction;
    } else {
        record.action = kRotatedAction;
        audit["previous_file"] = previous_file_;
    }
    needs_first_record_ = false;
    auto written = write_record(record);
    needs_first_record_ = !written;
    first_sequence_ = sequence_;
    return written;
}

Result<std::string> LogFile::keep_torn_aside(std::uint64_t offset) {
    struct stat info {};
    if (::fstat(fd_.get(), &info) != 0) {
        return unavailable(std::strerror(errno));
    }
    // A torn write is short; zeros that a power cut left may be many and need no keeping.
    std::string bytes(
        std::min<std::size_t>(static_cast<std::size_t>(info.st_size) - offset, kLongestReadLine), '\0');
    if (::pread(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)) !=
        static_cast<ssize_t>(bytes.size())) {
        return unavailable("its torn last line cannot be read");
    }
    fs::path aside;
    std::error_code error;
    int number = 1;
    do {
        aside = options_.file.string() + fmt::format(".torn-{}", number++);
    } while (fs::exists(aside, error));
    if (auto written = write_file(aside, bytes, kMode); !written) {
        return unavailable(written.error().detail);
    }
    hand_to_folder_owner(aside);
    if (::ftruncate(fd_.get(), static_cast<off_t>(offset)) != 0) {
        return unavailable(fmt::format("its torn last line cannot be cut off: {}", std::strerror(errno)));
    }
    spdlog::warn("event=audit.recovered file={} kept_as={} bytes={}", options_.file.string(), aside.string(),
                 bytes.size());
    return aside.filename().string();
}

Result<void> LogFile::append_recovered(const std::string& kept_as) {
    Record record;
    record.action = kRecoveredAction;
    record.message = "a torn last line was cut off and kept aside; a crash or a power cut leaves one";
    record.extra["postern"]["audit"]["torn_file"] = kept_as;
    return write_record(record);
}

Result<void> LogFile::check_unchanged() {
    struct stat info {};
    if (!fd_ || ::fstat(fd_.get(), &info) != 0) {
        return unavailable("it is not open");
    }
    if (info.st_nlink == 0) {
        return unavailable("it was removed while it was being written");
    }
    if (has_partial_line_) {
        if (::ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0) {
            return unavailable(fmt::format("a partial line cannot be cut off: {}", std::strerror(errno)));
        }
        has_partial_line_ = false;
    } else if (static_cast<std::uint64_t>(info.st_size) != size_) {
        return unavailable("something else changed it while it was being written");
    }
    return {};
}

Result<void> LogFile::write_line(const std::string& line) {
    if (auto unchanged = check_unchanged(); !unchanged) {
        return unchanged;
    }
    std::string text;
    text.reserve(line.size() + 1);
    text.append(line).push_back('\n');
    std::string_view rest = text;
    while (!rest.empty()) {
        const ssize_t written = ::write(fd_.get(), rest.data(), rest.size());
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            const int error = errno;
            has_partial_line_ =
                rest.size() < text.size() && ::ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0;
            return unavailable(fmt::format("cannot write: {}", std::strerror(error)));
        }
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
    size_ += text.size();
    hash_ = pki::sha256_hex(line);
    ++sequence_;
    if (!options_.copies.empty()) {
        written_.push_back(line);
    }
    return {};
}

Result<void> LogFile::write_record(const Record& record) {
    const std::string line =
        format_line(record, clock_(), sequence_ + 1, hash_, host_name_, options_.program);
    auto written = write_line(line);
    if (written) {
        ++unsigned_records_;
    }
    return written;
}

Result<void> LogFile::write_checkpoint(std::string_view reason) {
    const SystemTime now = clock_();
    const auto line = format_checkpoint({log_id_, sequence_ + 1, hash_, now, host_name_, options_.program},
                                        reason, signer_);
    if (!line) {
        return line.error();
    }
    auto written = write_line(*line);
    if (written) {
        unsigned_records_ = 0;
        checkpoint_sequence_ = sequence_;
        checkpoint_hash_ = hash_;
        checkpoint_time_ = format_time(now);
        has_unsettled_head_ = true;
    }
    return written;
}

Result<void> LogFile::sync_folder() const {
    const UniqueFd folder(::open(folder_of(options_.file).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder || ::fsync(folder.get()) != 0) {
        return unavailable(fmt::format("cannot sync its folder: {}", std::strerror(errno)));
    }
    return {};
}

Result<void> LogFile::append(const Record& record) {
    if (!fd_) {
        // A rotation could not create the new file; perhaps it can now.
        if (auto created = create(); !created) {
            return created;
        }
    }
    if (needs_first_record_) {
        if (auto first = write_first_record(); !first) {
            return first;
        }
    }
    return write_record(record);
}

Result<void> LogFile::checkpoint(std::string_view reason) {
    if (!fd_ || needs_first_record_) {
        return unavailable("it has no first record yet");
    }
    return write_checkpoint(reason);
}

Result<LogFile::Settlement> LogFile::begin_settlement() {
    Settlement settlement;
    settlement.fd = UniqueFd(::fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0));
    settlement.sequence = sequence_;
    if (!settlement.fd) {
        return unavailable(std::strerror(errno));
    }
    if (has_unsettled_head_) {
        auto head =
            format_head({log_id_, checkpoint_sequence_, checkpoint_hash_, checkpoint_time_, "", ""}, signer_);
        if (!head) {
            return head.error();
        }
        settlement.head = std::move(*head);
        has_unsettled_head_ = false;
    }
    return settlement;
}

Result<void> LogFile::end_settlement(const Settlement& settlement) const {
    if (::fdatasync(settlement.fd.get()) != 0) {
        return unavailable(fmt::format("cannot sync: {}", std::strerror(errno)));
    }
    if (!settlement.head.empty()) {
        const fs::path path = head_path(options_.file);
        if (auto written = write_file(path, settlement.head, kMode); !written) {
            // It stays behind, which is safe; the next checkpoint tries again.
            spdlog::warn("event=audit.head file={} reason={}", path.string(), written.error().detail);
        }
        hand_to_folder_owner(path);
    }
    return {};
}

Result<void> LogFile::settle() {
    const auto settlement = begin_settlement();
    return settlement ? end_settlement(*settlement) : Result<void>(settlement.error());
}

Result<void> LogFile::rotate() {
    if (auto written = checkpoint(kRotationReason); !written) {
        return written;
    }
    if (auto settled = settle(); !settled) {
        return settled;
    }
    const fs::path elder = rotated_path(options_.file, clock_(), first_sequence_);
    std::error_code error;
    if (fs::exists(elder, error)) {
        return unavailable(fmt::format("cannot rotate: {} exists", elder.string()));
    }
    fs::rename(options_.file, elder, error);
    if (error) {
        return unavailable(fmt::format("cannot rotate to {}: {}", elder.string(), error.message()));
    }
    fd_ = UniqueFd();
    previous_file_ = elder.filename().string();
    return create();
}

Result<void> LogFile::reopen() {
    struct stat at_path {};
    struct stat ours {};
    const bool is_there = ::stat(options_.file.c_str(), &at_path) == 0;
    if (!fd_ || ::fstat(fd_.get(), &ours) != 0) {
        return unavailable("it is not open");
    }
    if (is_there && at_path.st_ino == ours.st_ino && at_path.st_dev == ours.st_dev) {
        return {};
    }
    if (is_there && at_path.st_size != 0) {
        return unavailable("another file was put in its place");
    }
    if (auto written = checkpoint(kRotationReason); !written) {
        return written;
    }
    if (auto settled = settle(); !settled) {
        return settled;
    }
    std::error_code error;
    previous_file_ = fs::read_symlink(fmt::format("/proc/self/fd/{}", fd_.get()), error).filename().string();
    fd_ = is_there ? open_for_append(options_.file, 0) : UniqueFd();
    return create();
}

Result<void> LogFile::refresh() {
    struct stat at_path {};
    struct stat ours {};
    const bool is_there = ::stat(options_.file.c_str(), &at_path) == 0;
    const bool is_open = fd_ && ::fstat(fd_.get(), &ours) == 0;
    if (!is_there || !is_open || at_path.st_ino != ours.st_ino || at_path.st_dev != ours.st_dev ||
        static_cast<std::uint64_t>(at_path.st_size) < size_) {
        return attach();
    }
    if (static_cast<std::uint64_t>(at_path.st_size) == size_ || has_partial_line_) {
        return {};
    }
    auto reader = LineReader::open(options_.file, size_);
    if (!reader) {
        return unavailable(reader.error().detail);
    }
    while (true) {
        const LineReader::Item item = reader->next();
        if (item == LineReader::Item::end) {
            return {};
        }
        if (item == LineReader::Item::unfinished) {
            const auto kept = keep_torn_aside(reader->line_offset());
            return kept ? append_recovered(*kept) : Result<void>(kept.error());
        }
        const auto link = item == LineReader::Item::line ? parse_link(reader->line()) : Failure{};
        if (!link || link->sequence != sequence_ + 1 || link->previous != hash_) {
            return unavailable(fmt::format("what follows record {} does not fit the chain", sequence_));
        }
        hash_ = pki::sha256_hex(reader->line());
        sequence_ = link->sequence;
        unsigned_records_ = link->action == kCheckpointAction ? 0 : unsigned_records_ + 1;
        size_ = reader->offset();
    }
}

}  // namespace postern::audit
