// What goes to standard output beside the file: each line, and never at the cost of the log.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <future>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include "unit/audit_log_fixture.hpp"

namespace postern::audit {
namespace {

/// While it lives, the program's log goes here, and not to standard output.
class KeptLog {
public:
    KeptLog() {
        auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(told_);
        spdlog::set_default_logger(std::make_shared<spdlog::logger>("", std::move(sink)));
    }
    ~KeptLog() { spdlog::set_default_logger(before_); }
    KeptLog(const KeptLog&) = delete;
    KeptLog& operator=(const KeptLog&) = delete;

    /// As the first line about it says; 0 without one.
    std::size_t lost_copies() const {
        constexpr std::string_view kLine = "event=audit.copies_lost lines=";
        const std::string told = told_.str();
        const auto at = told.find(kLine);
        return at == std::string::npos ? 0 : std::stoul(told.substr(at + kLine.size()));
    }

private:
    std::ostringstream told_;
    const std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
};

/// While it lives, standard output is a pipe that takes nothing until somebody reads.
class StalledStdout {
public:
    StalledStdout() {
        EXPECT_EQ(::pipe2(ends_, O_CLOEXEC), 0);
        ::fflush(stdout);
        kept_ = ::dup(STDOUT_FILENO);
        ::fcntl(ends_[1], F_SETFL, O_NONBLOCK);
        std::string block(4096, '.');
        while (::write(ends_[1], block.data(), block.size()) > 0) {
            filled_ += block.size();
        }
        ::fcntl(ends_[1], F_SETFL, 0);
        ::dup2(ends_[1], STDOUT_FILENO);
    }
    ~StalledStdout() {
        give_back();
        if (reader_.joinable()) {
            reader_.join();
        }
        ::close(ends_[0]);
    }
    StalledStdout(const StalledStdout&) = delete;
    StalledStdout& operator=(const StalledStdout&) = delete;

    void start_reading() {
        reader_ = std::thread([this] {
            std::string block(65536, '\0');
            for (ssize_t got = 0; (got = ::read(ends_[0], block.data(), block.size())) > 0;) {
                read_.append(block, 0, static_cast<std::size_t>(got));
            }
        });
    }
    /// Everything that was written until standard output was given back.
    std::string all() {
        give_back();
        reader_.join();
        return read_.substr(filled_);
    }

private:
    void give_back() {
        if (kept_ < 0) {
            return;
        }
        ::dup2(kept_, STDOUT_FILENO);
        ::close(kept_);
        ::close(ends_[1]);
        kept_ = -1;
    }

    int ends_[2] = {-1, -1};
    int kept_ = -1;
    std::size_t filled_ = 0;
    std::string read_;
    std::thread reader_;
};

TEST_F(AuditLog, DoesNotWaitForACopyThatNobodyTakes) {
    options.copies = {"stdout"};
    options.durability = Durability::sync;
    options.checkpoint_after = 20ms;
    bool is_appended = true;
    bool is_signed = false;
    std::string copied;
    {
        StalledStdout out;
        auto log = open();
        // The second finds the first one's copy stuck.
        for (int i = 0; i < 2; ++i) {
            auto appended = std::async(std::launch::async, [&] { return log->append(record("alice")); });
            is_appended = is_appended && appended.wait_for(5s) == std::future_status::ready;
            if (!is_appended) {
                out.start_reading();
                break;
            }
        }
        for (int i = 0; i < 500 && is_appended && !is_signed; ++i) {
            std::this_thread::sleep_for(10ms);
            is_signed = head().sequence >= 5;
        }
        if (is_appended) {
            out.start_reading();
        }
        log.reset();
        copied = out.all();
    }
    EXPECT_TRUE(is_appended);
    EXPECT_TRUE(is_signed);
    EXPECT_EQ(copied, *read_file(options.file));
}

TEST_F(AuditLog, DropsCopiesThatNobodyTakesAndTellsHowMany) {
    options.copies = {"stdout"};
    const KeptLog log_lines;
    std::string copied;
    {
        StalledStdout out;
        auto log = open();
        for (int i = 0; i < 12000; ++i) {
            (void)log->append(record("alice"));
        }
        out.start_reading();
        log.reset();
        copied = out.all();
    }
    const std::size_t lost = log_lines.lost_copies();
    EXPECT_GT(lost, 1000U);
    EXPECT_EQ(lost + static_cast<std::size_t>(std::count(copied.begin(), copied.end(), '\n')),
              lines().size());
    expect_whole();
}

TEST_F(AuditLog, ClosesWithinSecondsWithACopyThatNobodyTakes) {
    options.copies = {"stdout"};
    const KeptLog log_lines;
    std::future_status closed{};
    {
        StalledStdout out;
        auto log = open();
        (void)log->append(record("alice"));
        auto closing = std::async(std::launch::async, [&] { log.reset(); });
        closed = closing.wait_for(5s);
        out.start_reading();
        closing.wait();
    }
    EXPECT_EQ(closed, std::future_status::ready);
    expect_whole();
    EXPECT_EQ(log_lines.lost_copies(), lines().size());
}

TEST_F(AuditLog, CopiesEachLineToStdout) {
    options.copies = {"stdout"};
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    const int kept = ::dup(STDOUT_FILENO);
    ::dup2(pipe_ends[1], STDOUT_FILENO);
    {
        const auto log = open();
        EXPECT_TRUE(log->append(record("alice")).has_value());
    }
    ::dup2(kept, STDOUT_FILENO);
    ::close(kept);
    ::close(pipe_ends[1]);
    std::string copied(65536, '\0');
    copied.resize(static_cast<std::size_t>(::read(pipe_ends[0], copied.data(), copied.size())));
    ::close(pipe_ends[0]);
    EXPECT_EQ(copied, *read_file(options.file));
}

TEST_F(AuditLog, RefusesAnUnknownCopyTarget) {
    options.copies = {"syslog"};
    const auto log = Log::open(options, system_clock());
    ASSERT_FALSE(log.has_value());
    EXPECT_EQ(log.error().code, Code::config_invalid);
}

}  // namespace
}  // namespace postern::audit
