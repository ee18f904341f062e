// postern-audit as a person runs it, and a log for it to read.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "audit/log.hpp"
#include "audit/log_path.hpp"
#include "audit/tool.hpp"

namespace postern::audit {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

struct Outcome {
    int exit_code;
    std::string out;
    std::string err;
};

inline Outcome run(std::vector<std::string> arguments) {
    std::vector<const char*> argv{"postern-audit"};
    for (const auto& argument : arguments) {
        argv.push_back(argument.c_str());
    }
    std::FILE* const streams[2] = {std::tmpfile(), std::tmpfile()};
    Outcome outcome{run_tool(static_cast<int>(argv.size()), argv.data(), streams[0], streams[1]), "", ""};
    std::string* const targets[2] = {&outcome.out, &outcome.err};
    for (int i = 0; i < 2; ++i) {
        std::rewind(streams[i]);
        char block[4096];
        for (std::size_t got = 0; (got = std::fread(block, 1, sizeof block, streams[i])) > 0;) {
            targets[i]->append(block, got);
        }
        std::fclose(streams[i]);
    }
    return outcome;
}

class AuditTool : public ::testing::Test {
protected:
    AuditTool() {
        std::string form = (fs::temp_directory_path() / "postern-audit-tool.XXXXXX").string();
        folder = ::mkdtemp(form.data());
        log = (folder / "audit.jsonl").string();
        options.file = log;
        options.key_file = folder / "audit.key";
        options.program = "test";
        options.checkpoint_after = 1h;
        write(20);
    }
    ~AuditTool() override { fs::remove_all(folder); }

    void write(int records) {
        SystemTime now(1'795'350'896'000'000us);
        const auto opened = Log::open(options, [&now] { return now += 1s; });
        ASSERT_TRUE(opened.has_value()) << opened.error().detail;
        for (int i = 0; i < records; ++i) {
            Record record;
            record.action = i % 2 == 0 ? "connection.accepted" : "connection.rejected";
            record.is_success = i % 2 == 0;
            if (!record.is_success) {
                record.reason = Code::policy_denied;
            }
            record.user = i % 4 == 0 ? "alice" : "bob";
            record.service = "orders-db";
            record.source_ip = "192.0.2.1";
            record.source_port = 50000;
            record.session_id = "session-" + std::to_string(i);
            record.message = "refused \x1b[31mred";
            ASSERT_TRUE((*opened)->append(record).has_value());
        }
    }
    std::vector<std::string> lines() const {
        std::ifstream in(log);
        std::vector<std::string> all;
        for (std::string line; std::getline(in, line);) {
            all.push_back(line);
        }
        return all;
    }
    void put(const std::vector<std::string>& all, const std::string& file) const {
        std::ofstream out(file, std::ios::trunc);
        for (const auto& line : all) {
            out << line << '\n';
        }
    }

    fs::path folder;
    std::string log;
    LogOptions options;
};

class RotatedLog : public AuditTool {
protected:
    RotatedLog() {
        options.sharing = Sharing::shared;  // rotates at once
        options.rotate_bytes = 8000;
        write(60);
    }
};

}  // namespace postern::audit
