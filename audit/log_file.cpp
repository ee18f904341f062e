#include "audit/log_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "audit/log_folder.hpp"
#include "audit/log_path.hpp"
#include "base/connection_id.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "pki/digest.hpp"

namespace postern::audit {

namespace fs = std::filesystem;

namespace {

std::string host_name() {
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data())
                                                            : std::string("localhost");
}

}  // namespace

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
    return audit::unavailable(options_.file, what);
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
    return {};
}

Result<void> LogFile::attach() {
    // From now on the content of the disk counts, including a partial line.
    has_partial_line_ = false;
    file_ = nullptr;
    auto place = find_place(options_.file, keys_, {log_id_, sequence_});
    if (!place) {
        return place.error();
    }
    auto gone_on = go_on(std::move(*place));
    if (!gone_on) {
        // The file must not be written to; without it, the next refresh() attaches again.
        file_ = nullptr;
    }
    return gone_on;
}

Result<void> LogFile::go_on(LogPlace place) {
    file_ = std::move(place.file);
    if (!place.end) {
        if (auto begun = begin_log(); !begun) {
            return begun;
        }
    } else if (place.is_in_file) {
        take(std::move(*place.end));
    } else {
        log_id_ = std::move(place.end->log_id);
        sequence_ = place.end->sequence;
        hash_ = std::move(place.end->hash);
        previous_file_ = std::move(place.elder);
        if (auto created = create(); !created) {
            return created;
        }
    }
    return place.kept_as.empty() ? Result<void>() : append_recovered(place.kept_as);
}

void LogFile::take(ChainEnd end) {
    size_ = end.size;
    sequence_ = end.sequence;
    first_sequence_ = end.first_sequence;
    unsigned_records_ = end.unsigned_records;
    hash_ = std::move(end.hash);
    log_id_ = std::move(end.log_id);
    needs_first_record_ = false;
}

Result<void> LogFile::begin_log() {
    log_id_ = new_connection_id();
    sequence_ = 0;
    hash_ = kNoPredecessor;
    checkpoint_sequence_ = 0;
    checkpoint_hash_ = kNoPredecessor;
    checkpoint_time_ = format_time(clock_());
    // The head is written before the first file. So a log without a head has lost it.
    const auto head = format_head({log_id_, 0, hash_, checkpoint_time_, "", ""}, signer_);
    if (!head) {
        return head.error();
    }
    if (auto written = write_file(head_path(options_.file), *head, kLogMode); !written) {
        return unavailable(written.error().detail);
    }
    previous_file_.clear();
    if (auto created = create(); !created) {
        return created.error();
    }
    if (auto written = write_checkpoint("start"); !written) {
        return written.error();
    }
    return settle();
}

Result<void> LogFile::create() {
    if (!file_) {
        file_ = open_for_append(options_.file, O_CREAT | O_EXCL);
        if (!file_) {
            return unavailable(fmt::format("cannot create it: {}", std::strerror(errno)));
        }
        ::fchmod(file_->get(), kLogMode);
    }
    size_ = 0;
    needs_first_record_ = true;
    if (auto synced = sync_folder_of(options_.file); !synced) {
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

Result<void> LogFile::append_recovered(const std::string& kept_as) {
    Record record;
    record.action = kRecoveredAction;
    record.message = "a torn last line was cut off and kept aside; a crash or a power cut leaves one";
    record.extra["postern"]["audit"]["torn_file"] = kept_as;
    return write_record(record);
}

Result<void> LogFile::check_unchanged() {
    struct stat info {};
    if (!file_ || ::fstat(file_->get(), &info) != 0) {
        return unavailable("it is not open");
    }
    if (info.st_nlink == 0) {
        return unavailable("it was removed while it was being written");
    }
    if (has_partial_line_) {
        if (::ftruncate(file_->get(), static_cast<off_t>(size_)) != 0) {
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
        const ssize_t written = ::write(file_->get(), rest.data(), rest.size());
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            const int error = errno;
            has_partial_line_ =
                rest.size() < text.size() && ::ftruncate(file_->get(), static_cast<off_t>(size_)) != 0;
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

Result<void> LogFile::append(const Record& record) {
    if (!file_ || needs_first_record_) {
        // A rotation could not create the new file or sync its folder; it may succeed now.
        if (auto created = create(); !created) {
            return created;
        }
    }
    return write_record(record);
}

Result<void> LogFile::checkpoint(std::string_view reason) {
    if (!file_ || needs_first_record_) {
        return unavailable("it has no first record yet");
    }
    return write_checkpoint(reason);
}

Result<void> LogFile::try_again() {
    if (!file_ || needs_first_record_) {
        if (auto created = create(); !created) {
            return created;
        }
    }
    return write_checkpoint("quiet");
}

LogFile::Settlement LogFile::begin_settlement() {
    Settlement settlement{file_, {}};
    if (has_unsettled_head_) {
        auto head =
            format_head({log_id_, checkpoint_sequence_, checkpoint_hash_, checkpoint_time_, "", ""}, signer_);
        has_unsettled_head_ = false;
        if (head) {
            settlement.head = std::move(*head);
        } else {
            spdlog::warn("event=audit.head file={} reason={}", options_.file.string(),
                         quoted(head.error().detail, 512));
        }
    }
    return settlement;
}

Result<void> LogFile::end_settlement(const Settlement& settlement) const {
    // Without a file there is nothing to sync: the last one was synced before it was rotated.
    if (settlement.file && ::fdatasync(settlement.file->get()) != 0) {
        return unavailable(fmt::format("cannot sync: {}", std::strerror(errno)));
    }
    if (!settlement.head.empty()) {
        const fs::path path = head_path(options_.file);
        if (auto written = write_file(path, settlement.head, kLogMode); !written) {
            // The head stays older than the log, which is safe; the next checkpoint tries again.
            spdlog::warn("event=audit.head file={} reason={}", path.string(),
                         quoted(written.error().detail, 512));
        }
    }
    return {};
}

Result<void> LogFile::settle() {
    return end_settlement(begin_settlement());
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
    file_ = nullptr;
    previous_file_ = elder.filename().string();
    return create();
}

Result<void> LogFile::reopen() {
    struct stat at_path {};
    struct stat ours {};
    const bool is_there = ::stat(options_.file.c_str(), &at_path) == 0;
    if (!file_ || ::fstat(file_->get(), &ours) != 0) {
        return unavailable("it is not open");
    }
    if (is_there && at_path.st_ino == ours.st_ino && at_path.st_dev == ours.st_dev) {
        return {};
    }
    if (is_there && at_path.st_size != 0) {
        return unavailable("another file was put in its place");
    }
    // The next file is opened before this one is ended. If it could not be opened, there would be no file to
    // continue in.
    auto next = is_there ? open_for_append(options_.file, 0) : nullptr;
    if (is_there && !next) {
        return unavailable(fmt::format("cannot open the file in its place: {}", std::strerror(errno)));
    }
    if (auto written = checkpoint(kRotationReason); !written) {
        return written;
    }
    if (auto settled = settle(); !settled) {
        return settled;
    }
    std::error_code error;
    previous_file_ =
        fs::read_symlink(fmt::format("/proc/self/fd/{}", file_->get()), error).filename().string();
    file_ = std::move(next);
    return create();
}

Result<void> LogFile::refresh() {
    struct stat at_path {};
    struct stat ours {};
    const bool is_there = ::stat(options_.file.c_str(), &at_path) == 0;
    const bool is_open = file_ && ::fstat(file_->get(), &ours) == 0;
    // If this process left a partial line, another one may have cut it off and continued, so that only the
    // disk shows what is to be cut off now.
    if (has_partial_line_ || !is_there || !is_open || at_path.st_ino != ours.st_ino ||
        at_path.st_dev != ours.st_dev || static_cast<std::uint64_t>(at_path.st_size) < size_) {
        return attach();
    }
    if (static_cast<std::uint64_t>(at_path.st_size) == size_) {
        return {};
    }
    auto reader = LogLineReader::open(options_.file, size_);
    if (!reader) {
        return unavailable(reader.error().detail);
    }
    while (true) {
        const LogLineReader::Item item = reader->next();
        if (item == LogLineReader::Item::end) {
            return {};
        }
        if (item == LogLineReader::Item::unfinished) {
            const auto kept = keep_torn_aside(options_.file, file_->get(), reader->line_offset());
            return kept ? append_recovered(*kept) : Result<void>(kept.error());
        }
        const auto link = item == LogLineReader::Item::line ? parse_link(reader->line()) : Failure{};
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
