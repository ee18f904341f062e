#include "audit/verification.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "audit/chain_reading.hpp"
#include "audit/log_path.hpp"
#include "base/file.hpp"
#include "base/json.hpp"

namespace postern::audit {

namespace fs = std::filesystem;

namespace {

/// What the first line of a file says about its place in the log; empty if it cannot be read.
struct Beginning {
    std::string log_id;
    std::uint64_t sequence = 0;
};

Beginning beginning_of(const fs::path& file) {
    Beginning beginning;
    auto reader = LogLineReader::open(file);
    if (!reader || reader->next() != LogLineReader::Item::line) {
        return beginning;
    }
    if (const auto link = parse_link(reader->line())) {
        beginning.sequence = link->sequence;
    }
    const auto json = parse_json(reader->line(), kAnyDepth);
    const nlohmann::json::json_pointer place("/postern/audit/log_id");
    if (json.is_object() && json.contains(place) && json.at(place).is_string()) {
        beginning.log_id = json.at(place).get<std::string>();
    }
    return beginning;
}

/// The files of one log, oldest first. The last one is the live file, unless only rotated ones are given.
struct LogFiles {
    fs::path log;
    std::vector<fs::path> files;
};

/// A set of files that holds each file once, by whatever paths it is named.
class FileSet {
public:
    void add(const fs::path& file) {
        struct stat info {};
        const std::string identity = ::stat(file.c_str(), &info) == 0
                                         ? fmt::format("{}:{}", info.st_dev, info.st_ino)
                                         : file.string();
        if (known_.insert(identity).second) {
            files_.push_back(file);
        }
    }
    std::vector<fs::path>& files() noexcept { return files_; }

private:
    std::vector<fs::path> files_;
    std::set<std::string> known_;
};

/// Groups files into logs. Rotated files and the live file belong together by their names; files with other
/// names belong together by the log's id in their first line.
std::vector<LogFiles> group(const VerifyOptions& options, const std::vector<fs::path>& named) {
    std::map<std::string, FileSet> groups;
    for (const fs::path& file : named) {
        const fs::path live = live_path(file);
        const bool has_family =
            is_rotated(file) || !rotated_files(file).empty() || fs::exists(head_path(file));
        const std::string log_id = has_family ? std::string() : beginning_of(file).log_id;
        FileSet& found = groups[log_id.empty() ? live.string() : log_id];
        if (!options.is_alone && !is_rotated(file)) {
            for (const fs::path& elder : rotated_files(file)) {
                found.add(elder);
            }
        }
        found.add(file);
    }
    std::vector<LogFiles> logs;
    for (auto& [name, found] : groups) {
        std::vector<fs::path>& files = found.files();
        std::stable_sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
            if (is_rotated(a) != is_rotated(b)) {
                return is_rotated(a);
            }
            return !is_rotated(a) && beginning_of(a).sequence < beginning_of(b).sequence;
        });
        // Rotated files sort by the sequence number in their names.
        const auto first_live = std::find_if_not(files.begin(), files.end(), is_rotated);
        std::sort(files.begin(), first_live, [](const fs::path& a, const fs::path& b) {
            return rotated_sequence(a) < rotated_sequence(b);
        });
        logs.push_back({live_path(files.back()), files});
    }
    return logs;
}

Result<KeyRing> load_keys(const VerifyOptions& options, const fs::path& log) {
    KeyRing keys;
    std::vector<fs::path> files = options.keys;
    if (files.empty()) {
        files.push_back(public_key_path(log));
        std::error_code error;
        if (!fs::exists(files.front(), error)) {
            return Failure{Code::config_invalid,
                           fmt::format("there is no public key to verify {} with ({} is absent)",
                                       log.string(), files.front().string())};
        }
    }
    for (const fs::path& file : files) {
        const auto pem = read_file(file);
        if (!pem) {
            return pem.error();
        }
        if (auto added = keys.add_pem(*pem); !added) {
            return with_context(file.string(), added.error());
        }
    }
    return keys;
}

/// Reads an unfinished last line again for a short time. A line that is being written gets its end; a torn
/// line does not.
LogLineReader::Item wait_for_end(LogLineReader& reader) {
    LogLineReader::Item item = LogLineReader::Item::unfinished;
    for (int i = 0; i < 10 && item == LogLineReader::Item::unfinished; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        item = reader.next();
    }
    return item;
}

struct Counter {
    std::uint64_t done = 0;
    std::uint64_t all = 0;
    std::uint64_t told = 0;
};

Result<void> read(const fs::path& file, bool is_closed, ChainVerifier& verifier, const Progress& progress,
                  Counter& counter) {
    auto reader = LogLineReader::open(file);
    if (!reader) {
        return reader.error();
    }
    ChainReading reading;
    if (!is_closed) {
        reading.look_again = wait_for_end;
    }
    if (progress) {
        reading.progress = [&](std::uint64_t offset) {
            constexpr std::uint64_t kTellEach = 8 << 20;
            if (counter.done + offset - counter.told > kTellEach) {
                counter.told = counter.done + offset;
                progress(counter.told, std::max(counter.all, counter.told));
            }
        };
    }
    verifier.begin_file(file.string(), is_closed);
    if (const auto done = read_chain(*reader, verifier, reading); !done) {
        return with_context(file.string(), done.error());
    }
    counter.done += reader->offset();
    verifier.end_file();
    return {};
}

/// Loads the head. A head that cannot be used is returned as a fault at the end of the log, because anybody
/// who cuts lines off would also remove it.
std::optional<Fault> head_fault(const VerifyOptions& options, const LogFiles& log, const KeyRing& keys,
                                std::optional<Head>& head) {
    const fs::path path = head_path(log.log);
    const auto content = read_file(path);
    if (!content && content.error().code == Code::not_found) {
        if (options.is_headless) {
            return std::nullopt;
        }
        return Fault{FaultKind::cut_off, path.string(), 0,
                     "the log's signed head is not there, so that nobody can tell whether records were cut "
                     "off at the end; "
                     "copy it together with the log, or say --no-head"};
    }
    auto parsed = content ? parse_head(*content) : Result<Head>(content.error());
    if (!parsed) {
        return Fault{FaultKind::malformed, path.string(), 1, parsed.error().detail};
    }
    if (const auto checked = check_signature(*parsed, keys); !checked) {
        const bool is_other = checked.error().code == Code::unknown_issuer;
        return Fault{is_other ? FaultKind::another_key : FaultKind::bad_signature, path.string(), 1,
                     checked.error().detail};
    }
    head = std::move(*parsed);
    return std::nullopt;
}

/// Decides what a signature by an unknown key means. If a person named the keys, the log may be another one.
/// The key beside the log must have signed it, so then the signature is bad.
void judge_key(const VerifyOptions& options, const KeyRing& keys, std::optional<Fault>& fault) {
    if (!fault || fault->kind != FaultKind::another_key) {
        return;
    }
    if (options.keys.empty()) {
        fault->kind = FaultKind::bad_signature;
        fault->message +=
            ": this checkpoint, or records between it and the checkpoint before, were written by someone "
            "without the key";
        return;
    }
    fault->message += fmt::format(
        ", and not with the one that was given (sha256:{}): this is the log of another program, the key was "
        "renewed, or "
        "somebody without the key wrote it anew",
        fmt::join(keys.fingerprints(), ", sha256:"));
}

Result<Verdict> verify_log(const VerifyOptions& options, const LogFiles& log, const Progress& progress) {
    const auto keys = load_keys(options, log.log);
    if (!keys) {
        return keys.error();
    }
    Verdict verdict;
    verdict.log = log.log;
    verdict.files = log.files;
    verdict.trusted_keys = keys->fingerprints();
    verdict.has_given_keys = !options.keys.empty();
    ChainVerifier verifier(*keys);
    // The head is read first: a log that is being written can only have advanced since.
    std::optional<Fault> bad_head;
    if (!is_rotated(log.files.back())) {
        std::optional<Head> head;
        bad_head = head_fault(options, log, *keys, head);
        verdict.has_head = head.has_value();
        if (head) {
            verifier.expect_head(std::move(*head));
        }
    }
    Counter counter;
    for (const fs::path& file : log.files) {
        std::error_code error;
        counter.all += fs::file_size(file, error);
    }
    for (const fs::path& file : log.files) {
        const bool is_closed = is_rotated(file) || file != log.files.back();
        if (auto done = read(file, is_closed, verifier, progress, counter); !done) {
            const bool is_gone =
                done.error().code == Code::not_found && file == log.files.back() && verdict.has_head;
            if (!is_gone) {
                return done.error();
            }
        }
        if (verifier.fault()) {
            break;
        }
    }
    verifier.finish();
    verdict.fault = verifier.fault();
    verdict.summary = verifier.summary();
    verdict.bytes = counter.done;
    if (!verdict.fault || verdict.is_torn()) {
        if (bad_head) {
            verdict.fault = std::move(bad_head);
        } else if (verdict.summary.last_sequence < options.at_least) {
            verdict.fault = Fault{FaultKind::cut_off, log.files.back().string(), 0,
                                  fmt::format("the log ends with record {}, before record {}",
                                              verdict.summary.last_sequence, options.at_least)};
        }
    }
    judge_key(options, *keys, verdict.fault);
    verdict.at_least = options.at_least;
    return verdict;
}

}  // namespace

Result<std::vector<Verdict>> verify(const VerifyOptions& options, const Progress& progress) {
    std::vector<fs::path> named = options.files;
    if (options.folder) {
        std::error_code error;
        for (fs::directory_iterator entry(*options.folder, error), end; !error && entry != end;
             entry.increment(error)) {
            const fs::path& path = entry->path();
            if (is_rotated(path)) {
                named.push_back(path);
            } else if (path.extension() == ".head") {
                named.push_back(path.parent_path() / path.stem());
            }
        }
        if (error) {
            return Failure{Code::not_found, fmt::format("{}: {}", options.folder->string(), error.message())};
        }
    }
    if (named.empty()) {
        return Failure{Code::not_found, "there is no audit log to verify"};
    }
    for (const fs::path& file : named) {
        std::error_code error;
        if (!fs::exists(file, error) && !fs::exists(head_path(file), error)) {
            return Failure{Code::not_found, fmt::format("{}: there is no such file", file.string())};
        }
    }
    std::vector<Verdict> verdicts;
    for (const LogFiles& log : group(options, named)) {
        auto verdict = verify_log(options, log, progress);
        // A rotation during the verification looks like missing records, so it is repeated with the files
        // that exist now.
        for (int i = 0; i < 3 && verdict && verdict->fault && !options.is_alone; ++i) {
            const std::vector<LogFiles> now = group(options, {log.files.back()});
            if (now.size() != 1 || now.front().files.size() <= verdict->files.size()) {
                break;
            }
            verdict = verify_log(options, now.front(), progress);
        }
        if (!verdict) {
            return verdict.error();
        }
        verdicts.push_back(std::move(*verdict));
    }
    return verdicts;
}

}  // namespace postern::audit
