// A log of its own for each case, and what stands on the disk of it.
#pragma once

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "audit/chain_verifier.hpp"
#include "audit/log.hpp"
#include "audit/log_path.hpp"
#include "base/file.hpp"

namespace postern::audit {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class AuditLog : public ::testing::Test {
protected:
    AuditLog() {
        std::string form = (fs::temp_directory_path() / "postern-audit.XXXXXX").string();
        folder = ::mkdtemp(form.data());
        options.file = folder / "audit.jsonl";
        options.key_file = folder / "audit.key";
        options.program = "test";
        // No checkpoint comes by itself but where a test asks for it.
        options.checkpoint_after = 1h;
    }
    ~AuditLog() override { fs::remove_all(folder); }

    std::unique_ptr<Log> open() {
        auto log = Log::open(options, system_clock());
        EXPECT_TRUE(log.has_value()) << (log ? "" : log.error().detail);
        return log ? std::move(*log) : nullptr;
    }
    std::string open_failure() {
        const auto log = Log::open(options, system_clock());
        EXPECT_FALSE(log.has_value());
        EXPECT_EQ(log ? Code::internal : log.error().code, Code::audit_unavailable);
        return log ? "" : log.error().detail;
    }

    static Record record(const std::string& user) {
        Record made;
        made.action = "connection.accepted";
        made.user = user;
        return made;
    }

    std::vector<std::string> lines(const fs::path& file) const {
        std::ifstream in(file);
        std::vector<std::string> all;
        for (std::string line; std::getline(in, line);) {
            all.push_back(line);
        }
        return all;
    }
    std::vector<std::string> lines() const { return lines(options.file); }
    /// Lines that hold the text. Of three letters every signature may hold them by chance: take five.
    std::size_t count(std::string_view text) const {
        std::size_t found = 0;
        for (const auto& line : lines()) {
            found += line.find(text) != std::string::npos ? 1 : 0;
        }
        return found;
    }
    void write(const std::vector<std::string>& all) const {
        std::ofstream out(options.file, std::ios::trunc);
        for (const auto& line : all) {
            out << line << '\n';
        }
    }
    void append_raw(std::string_view text) const { std::ofstream(options.file, std::ios::app) << text; }

    /// All files of the log, oldest first, against its head.
    std::optional<Fault> verify() {
        KeyRing keys;
        EXPECT_TRUE(keys.add_pem(*read_file(public_key_path(options.file))).has_value());
        ChainVerifier verifier(std::move(keys));
        verifier.expect_head(*parse_head(*read_file(head_path(options.file))));
        auto files = rotated_files(options.file);
        files.push_back(options.file);
        for (const auto& file : files) {
            verifier.begin_file(file.filename().string(), is_rotated(file));
            auto reader = LogLineReader::open(file);
            for (bool is_going_on = reader.has_value(); is_going_on;) {
                switch (reader->next()) {
                    case LogLineReader::Item::line:
                        verifier.add(reader->line());
                        break;
                    case LogLineReader::Item::unfinished:
                        verifier.add_unfinished(reader->unfinished_bytes());
                        is_going_on = false;
                        break;
                    default:
                        is_going_on = false;
                }
            }
            verifier.end_file();
        }
        verifier.finish();
        summary = verifier.summary();
        return verifier.fault();
    }
    void expect_whole() {
        const auto fault = verify();
        EXPECT_FALSE(fault.has_value()) << fault->file << ":" << fault->line << ": " << fault->message;
    }
    /// The log then has an older file, and is closed.
    void rotate_once() {
        const auto bytes = std::exchange(options.rotate_bytes, 4000);
        {
            const auto log = open();
            for (int i = 0; i < 1000 && rotated_files(options.file).empty(); ++i) {
                ASSERT_TRUE(log->append(record("alice")).has_value());
                std::this_thread::yield();
            }
        }
        options.rotate_bytes = bytes;
        ASSERT_FALSE(rotated_files(options.file).empty());
    }
    Head head() const { return *parse_head(*read_file(head_path(options.file))); }

    fs::path folder;
    LogOptions options;
    ChainVerifier::Summary summary;
    boost::asio::io_context loop;
};

}  // namespace postern::audit
