// The program's log, kept for a test to look at.
#pragma once

#include <memory>
#include <sstream>
#include <string>
#include <utility>

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

namespace postern::test {

/// What is logged while it lives, at the level that is the default. To be made before the threads that log,
/// and to be asked, and to go, after them.
class KeptLog {
public:
    KeptLog() {
        auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(told_, true);
        spdlog::set_default_logger(std::make_shared<spdlog::logger>("", std::move(sink)));
    }
    ~KeptLog() { spdlog::set_default_logger(before_); }
    KeptLog(const KeptLog&) = delete;
    KeptLog& operator=(const KeptLog&) = delete;

    std::string told() const { return told_.str(); }

private:
    std::ostringstream told_;
    std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
};

}  // namespace postern::test
