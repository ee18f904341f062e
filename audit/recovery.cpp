#include "audit/recovery.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "audit/chain_reading.hpp"
#include "audit/log_folder.hpp"
#include "base/file.hpp"

namespace postern::audit {

namespace fs = std::filesystem;

namespace {

ChainEnd end_of(const ChainVerifier::Summary& summary, std::uint64_t size) {
    ChainEnd end;
    end.log_id = summary.log_id;
    end.size = size;
    end.sequence = summary.last_sequence;
    end.first_sequence = summary.first_sequence;
    end.unsigned_records = summary.unsigned_records;
    end.hash = summary.last_hash;
    return end;
}

}  // namespace

Failure unavailable(const fs::path& file, std::string_view what) {
    return Failure{Code::audit_unavailable, fmt::format("{}: {}", file.string(), what)};
}

Result<ChainEnd> find_chain_end(const fs::path& file, const KeyRing& keys, const Head& head) {
    auto reader = LogLineReader::open(file);
    if (!reader) {
        return unavailable(file, reader.error().detail);
    }
    ChainVerifier verifier(keys);
    verifier.expect_head(head);
    verifier.begin_file(file.filename().string(), false);
    const auto extent = read_chain(*reader, verifier);
    if (!extent) {
        return unavailable(file, extent.error().detail);
    }
    verifier.finish();
    const auto& fault = verifier.fault();
    // Without a complete line, the record that the head names must be in the file before this one.
    const bool is_empty = fault && fault->kind == FaultKind::cut_off && verifier.summary().records == 0;
    const bool is_torn =
        fault && (fault->kind == FaultKind::torn || (is_empty && extent->has_unfinished_line));
    if (fault && !is_torn && !is_empty) {
        return unavailable(
            file, fmt::format(
                      "tampered with at line {}: {}; keep it as evidence, move it and what stands beside it "
                      "aside and start again",
                      fault->line, fault->message));
    }
    ChainEnd end = end_of(verifier.summary(), reader->offset());
    if (is_torn) {
        end.torn_at = extent->last_line;
    }
    return end;
}

Result<ChainEnd> find_end_of_closed(const fs::path& file, const KeyRing& keys) {
    auto reader = LogLineReader::open(file);
    if (!reader) {
        return Failure{Code::audit_unavailable, reader.error().detail};
    }
    ChainVerifier verifier(keys);
    verifier.begin_file(file.filename().string(), true);
    if (const auto read = read_chain(*reader, verifier); !read) {
        return unavailable(file, read.error().detail);
    }
    verifier.end_file();
    verifier.finish();
    if (const auto& fault = verifier.fault()) {
        return unavailable(file, fmt::format("tampered with at line {}: {}", fault->line, fault->message));
    }
    return end_of(verifier.summary(), reader->offset());
}

Result<std::string> keep_torn_aside(const fs::path& file, int fd, std::uint64_t offset) {
    struct stat info {};
    if (::fstat(fd, &info) != 0) {
        return unavailable(file, std::strerror(errno));
    }
    // A torn write is short. Zeros that a power cut left may be many and need not be kept.
    std::string bytes(
        std::min<std::size_t>(static_cast<std::size_t>(info.st_size) - offset, kLongestReadLine), '\0');
    if (::pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)) !=
        static_cast<ssize_t>(bytes.size())) {
        return unavailable(file, "its torn last line cannot be read");
    }
    fs::path aside;
    std::error_code error;
    int number = 1;
    do {
        aside = file.string() + fmt::format(".torn-{}", number++);
    } while (fs::exists(aside, error));
    if (auto written = write_file(aside, bytes, kLogMode); !written) {
        return unavailable(file, written.error().detail);
    }
    if (::ftruncate(fd, static_cast<off_t>(offset)) != 0) {
        return unavailable(file,
                           fmt::format("its torn last line cannot be cut off: {}", std::strerror(errno)));
    }
    spdlog::warn("event=audit.recovered file={} kept_as={} bytes={}", file.string(), aside.string(),
                 bytes.size());
    return aside.filename().string();
}

}  // namespace postern::audit
